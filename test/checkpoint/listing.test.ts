/** A folder in memory of which half has been listed. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Sandbox, type SandboxProcess } from '../../src/index.js';

const SCRIPT = `
import os, sys
for i in range(3000): open(f'/memory/file{i}', 'w').close()
listing = os.scandir('/memory')
got = [next(listing).name for _ in range(5)]
print('READY', flush=True)
sys.stdin.readline()
open('/memory/late', 'w').close()
os.remove('/memory/file2999')
got += [entry.name for entry in listing]
print(len(got), len(set(got)), got[-3:])
`;

async function goOn(program: SandboxProcess | undefined, text = ''): Promise<string> {
  assert.ok(program !== undefined);
  const writer = program.stdin.getWriter();
  await writer.write(new TextEncoder().encode('go\n'));
  for await (const bytes of program.stdout) text += Buffer.from(bytes).toString();
  return text;
}

it('is listed to its end in a fork, without what has been listed already', { timeout: 60_000 }, async () => {
  await using sandbox = await Sandbox.create({
    rootfs: '/',
    mounts: [{ type: 'tmpfs', target: '/memory' }],
    env: { PATH: '/usr/bin:/bin' },
  });
  const program = await sandbox.spawn(['python3', '-I', '-S', '-c', SCRIPT]);
  const reader = program.stdout.getReader();
  assert.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'READY\n');
  reader.releaseLock();
  await using copy = await sandbox.fork();
  const here = await goOn(program);
  assert.match(here, /^2999 2999 \[/);
  assert.equal(await goOn(copy.processes()[0]), here);
});
