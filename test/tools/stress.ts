/** stress-ng over all of /proc and /sys, and readers of every process's files while processes come and go. */
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Sandbox } from '../../src/index.js';

export interface Stressed {
  readonly what: string;
  readonly seconds: number;
  /** What the stressor counts: passes, files read. */
  readonly operations: number;
}

/** Beyond the time itself: a stressor ends when it comes round. */
const GRACE_MS = 120_000;

type Held = Record<string, number>;

async function held(sandbox: Sandbox): Promise<Held> {
  const { processes, threads, openFiles, timers, ipcObjects } = await sandbox.statistics();
  return { processes, threads, openFiles, timers, ipcObjects };
}

/** Nothing has crashed or hung, nothing is left behind, and the sandbox goes on. */
async function assertUnharmed(sandbox: Sandbox, before: Held): Promise<void> {
  for (let tries = 0; tries < 50 && !isDeepStrictEqual(await held(sandbox), before); tries++)
    await setTimeout(100);
  assert.deepEqual(await held(sandbox), before);
  const { stdoutText } = await sandbox.exec(['sh', '-c', 'ls /proc/self/fd | wc -l; echo fine'], {
    timeout: GRACE_MS,
  });
  assert.match(stdoutText, /^\d+\nfine\n$/);
}

/** One of stress-ng's stressors for so long; the seed decides in which order it goes. */
export async function stressNg(
  sandbox: Sandbox,
  stressor: 'procfs' | 'sysfs',
  seconds: number,
  seed: number,
): Promise<Stressed> {
  const before = await held(sandbox);
  const options = `--${stressor} 1 -t ${seconds} --seed ${seed} --metrics-brief`;
  const script = `cd /tmp && exec stress-ng ${options} 2>&1`;
  const argv = ['sh', '-c', script];
  const { status, stdoutText } = await sandbox.exec(argv, { timeout: seconds * 1000 + GRACE_MS });
  assert.equal(status, 0, stdoutText);
  assert.match(stdoutText, /successful run completed/);
  await assertUnharmed(sandbox, before);
  const found = new RegExp(`\\s${stressor}\\s+(\\d+)`).exec(stdoutText)?.[1] ?? '0';
  return { what: `stress-ng --${stressor}`, seconds, operations: Number(found) };
}

/** Reads every file below every /proc/<pid>, threads' too, while processes come and go. */
const HAMMER = `
import os, subprocess, sys, threading, time
end = time.monotonic() + float(sys.argv[1])
files = runs = 0
def come_and_go():
    global runs
    while time.monotonic() < end or runs < 5:
        subprocess.run(['true'])
        runs += 1
threads = [threading.Thread(target=come_and_go) for _ in range(2)]
for thread in threads: thread.start()
def read(path):
    if os.path.islink(path): return os.readlink(path)
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try: return os.read(fd, 1 << 16)
    finally: os.close(fd)
while time.monotonic() < end or files < 200:
    for pid in [name for name in os.listdir('/proc') if name.isdigit()]:
        for top, dirs, names in os.walk('/proc/' + pid):
            for name in names + [d for d in dirs if os.path.islink(os.path.join(top, d))]:
                try: read(os.path.join(top, name))
                except OSError: pass
                files += 1
for thread in threads: thread.join()
print(files, runs)
`;

export async function hammer(sandbox: Sandbox, seconds: number): Promise<Stressed> {
  const before = await held(sandbox);
  const argv = ['python3', '-c', HAMMER, String(seconds)];
  const result = await sandbox.exec(argv, { timeout: seconds * 1000 + GRACE_MS });
  assert.equal(result.status, 0, result.stderrText);
  const [files = 0, runs = 0] = result.stdoutText.split(' ').map(Number);
  assert(files >= 200 && runs >= 5, result.stdoutText);
  await assertUnharmed(sandbox, before);
  return { what: `files read while ${runs} processes came and went`, seconds, operations: files };
}
