/** Programs on pseudo-terminals of their own, driven by expect and python: natively and under Culm they show the same. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const SESSIONS = fileURLToPath(new URL('../../../test/terminal/sessions', import.meta.url));
const CULM = fileURLToPath(new URL('../../../bin/culm', import.meta.url));
const LIMIT_MS = 150_000;
const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
};

interface Outcome {
  readonly status: number | null;
  readonly output: string[];
}

/** In a session without a terminal. */
function outcome(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: SESSIONS,
      env,
      timeout: LIMIT_MS,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('latin1').on('data', (piece: string) => (text += piece));
    child.on('error', reject).on('close', (status) => resolve({ status, output: text.split('\n') }));
  });
}

async function compare(argv: readonly string[]): Promise<void> {
  const [file = '', ...args] = argv;
  const native = await outcome(file, args, ENVIRONMENT);
  assert.equal(native.status, 0, native.output.join('\n'));
  const env = Object.entries(ENVIRONMENT).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  const options = ['run', '--rootfs', '/', '-w', SESSIONS, ...env];
  const culm = await outcome(process.execPath, [CULM, ...options, '--', ...argv], process.env);
  assert.deepEqual(culm, native);
}

const PYTHON: Readonly<Record<string, string>> = {
  'pty.spawn': `
import pty, sys
shown = b''
def read(fd):
    global shown
    data = __import__('os').read(fd, 1024)
    shown += data
    return data
print(pty.spawn(['sh', '-c', 'tty > /dev/null && echo on a terminal; stty size; exit 3'], read))`,
  'pty.fork': `
import os, pty, signal
pid, fd = pty.fork()
if pid == 0:
    os.execvp('sh', ['sh', '-c', 'echo name?; read x; echo "<$x>"; trap "echo caught; exit 4" INT; echo up; while :; do sleep 1; done'])
text = b''
def until(mark):
    global text
    while mark not in text: text += os.read(fd, 100)
until(b'name?'); os.write(fd, b'culm\\n'); until(b'up\\r\\n'); os.write(fd, b'\\x03'); until(b'caught')
try:
    while True: text += os.read(fd, 100)
except OSError as error: print(error.strerror)
print(text, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`,
  'os.openpty': `
import os, termios, tty, fcntl, struct, select
master, slave = os.openpty()
print(os.isatty(master), os.isatty(slave), os.ttyname(slave).startswith('/dev/pts/'))
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('4H', 33, 99, 0, 0))
print(os.get_terminal_size(master), os.get_terminal_size(slave))
before = termios.tcgetattr(slave)
tty.setraw(slave)
print(termios.tcgetattr(slave)[:4], termios.tcgetattr(master)[:4])
os.write(master, b'\\x03\\x04\\r\\n'); print(os.read(slave, 10))
termios.tcsetattr(slave, termios.TCSAFLUSH, before)
print(termios.tcgetattr(slave) == before)
for call in (lambda: os.tcgetpgrp(slave), lambda: os.tcsetpgrp(slave, os.getpgrp()), lambda: open('/dev/tty')):
    try: print(call())
    except OSError as error: print(error.strerror)
poll = select.poll(); poll.register(master); os.close(slave); print([mask for _, mask in poll.poll(0)])`,
  'a shell with a terminal of its own': `
import os, subprocess, fcntl, termios
master, slave = os.openpty()
def take(): os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0)
script = 'set -m; sleep 100 & kill %1; wait %1; echo $?; cat < /dev/tty & until jobs -s | grep -q cat; do :; done; kill %cat; echo $?'
shell = subprocess.Popen(['bash', '-c', script], stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=take)
print(shell.communicate()[0].decode(), shell.returncode)`,
  'the terminal goes': `
import os, pty, signal
reader, writer = os.pipe()
pid, fd = pty.fork()
if pid == 0:
    def told(*_): os.write(writer, b'hung up '); os._exit(7)
    signal.signal(signal.SIGHUP, told)
    os.write(1, b'up')
    while True: signal.pause()
while os.read(fd, 10) == b'': pass
os.close(fd); os.close(writer)
print(os.read(reader, 100), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`,
};

describe('sessions on pseudo-terminals', { concurrency: 2 }, () => {
  for (const name of readdirSync(SESSIONS).filter((file) => file.endsWith('.exp') && file !== 'common.exp'))
    it(`expect: ${name}`, { timeout: 2 * LIMIT_MS }, () => compare(['expect', name]));
  // One program: an interpreter takes its time to start.
  it(`python: ${Object.keys(PYTHON).join(', ')}`, { timeout: 2 * LIMIT_MS }, () =>
    compare(['python3', '-u', '-c', Object.values(PYTHON).join('\n')]),
  );
});
