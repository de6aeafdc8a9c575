/** Children that run in kernels of their own: what their parents see of them, what they share, and what is refused. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CulmError, Sandbox, type ExecOptions, type SandboxOptions } from '../../src/index.js';

const CULM = fileURLToPath(new URL('../../../bin/culm', import.meta.url));
const LIMIT = { timeout: 120_000 };
const ENV = { PATH: '/usr/bin:/bin', HOME: '/work' };
const PYTHON = 'python3 -I -S -c';

/** What a program tells of itself from which kernel it has come: each has pids of its own. */
const FAR = 2048;

interface Made {
  readonly sandbox: Sandbox;
  readonly log: string[];
  run(script: string, options?: ExecOptions): Promise<{ text: string; errors: string; status: number }>;
}

async function make(
  placement: SandboxOptions['placement'],
  more: Partial<SandboxOptions> = {},
): Promise<Made & AsyncDisposable> {
  const log: string[] = [];
  const sandbox = await Sandbox.create({
    rootfs: '/',
    env: ENV,
    mounts: [{ type: 'tmpfs', target: '/work' }, ...(more.mounts ?? [])],
    logLevel: 'warning',
    log: (line) => void log.push(line),
    ...(placement === undefined ? {} : { placement }),
  });
  return {
    sandbox,
    log,
    async run(script, options = {}) {
      const result = await sandbox.exec(['bash', '-c', script], { cwd: '/work', ...options });
      return { text: result.stdoutText, errors: result.stderrText, status: result.status };
    },
    [Symbol.asyncDispose]: () => sandbox.dispose(),
  };
}

/** The same commands where all run in one kernel and where these programs have their own: nothing may differ. */
async function sameAsHere(programs: readonly string[], scripts: readonly string[]): Promise<void> {
  await using here = await make(undefined);
  await using there = await make({ programs });
  for (const script of scripts) {
    const options = { stdin: 'one\ntwo\nthree\n' };
    assert.deepEqual(await there.run(script, options), await here.run(script, options), script);
  }
  assert.deepEqual(there.log, []);
  const { processes, openFiles } = await there.sandbox.statistics();
  assert.deepEqual({ processes, openFiles }, { processes: 0, openFiles: 0 });
}

describe('children in kernels of their own', () => {
  const folder = mkdtempSync(join(tmpdir(), 'culm-placement-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it(
    'are other kernels’ processes, with ids that nobody else gives, and know their parent',
    LIMIT,
    async () => {
      await using made = await make({ programs: ['/usr/bin/python3', '/usr/bin/sort'] });
      const script = `
import os, subprocess
print(os.getppid(), flush=True)
print(subprocess.run(['sh', '-c', 'echo \\$\\$'], capture_output=True).stdout.decode().strip())
print(sorted(int(name) for name in os.listdir('/proc') if name.isdigit()) == [os.getpid()])
`;
      const { text, status } = await made.run(`echo $$; ${PYTHON} "${script}"; echo $?`);
      const [shell, parent, grandchild, alone, result] = text.trim().split('\n');
      assert.equal(parent, shell);
      assert.ok(Number(grandchild) > FAR, grandchild);
      assert.deepEqual([alone, result, status], ['True', '0', 0]);
    },
  );

  it('are waited for, and share pipes, files and standard streams', LIMIT, () =>
    sameAsHere(
      ['/usr/bin/cat', '/usr/bin/sort', '/usr/bin/head', '/usr/bin/python3'],
      [
        'cat; echo $?',
        'seq 3000 | sort -rn | tail -n 2',
        'cat /dev/zero | head -c 5 | od -c; echo ${PIPESTATUS[@]}',
        `exec 3>shared; echo a >&3; ${PYTHON} "import os; os.write(3, b'b\\n')"; echo c >&3; cat <shared; cat nothing`,
        `${PYTHON} "import sys; print('out'); print('err', file=sys.stderr); sys.exit(9)" >all 2>&1; echo $?; cat all`,
        `read -r first; ${PYTHON} "print(input())"; read -r last; echo "$first $last"`,
        `coproc cat; echo through >&\${COPROC[1]}; exec {COPROC[1]}>&-; cat <&\${COPROC[0]}`,
        `(cat; echo gone) < <(${PYTHON} "import time; print('late', flush=True)")`,
      ],
    ),
  );

  it('bring back what they have changed of files in memory', LIMIT, () =>
    sameAsHere(
      ['/usr/bin/python3', '/usr/bin/sort'],
      [
        'mkdir d; echo old >d/changed; echo gone >d/removed; ln -s x d/link; echo 3 >d/n; chmod 600 d/n',
        `${PYTHON} "
import os
os.chdir('d')
print(open('changed').read(), end='')
open('changed', 'w').write('new')
os.remove('removed')
os.remove('link'); os.symlink('y', 'link')
os.makedirs('deep/er'); open('deep/er/file', 'w').write('below')
os.rename('n', 'm'); os.chmod('m', 0o640)
os.mkfifo('fifo')
os.utime('deep', (5, 6))
"`,
        'ls -lR --time-style=+ d | grep -v "^total"; stat -c %Y d/deep; cat d/changed d/m d/deep/er/file; readlink d/link',
        // Above the root's own files, too.
        `${PYTHON} "
import os
open('/etc/culm-made', 'w').write('made')
os.remove('/etc/hostname')
open('/etc/issue', 'a').write('more')
"; cat /etc/culm-made /etc/issue; ls /etc/hostname 2>&1`,
        'seq 9 >numbers; sort -rn -o numbers numbers; tail -n 1 numbers',
      ],
    ),
  );

  it('get signals, stop, go on, and tell their parent so', LIMIT, async () => {
    await using made = await make({ programs: ['/usr/bin/python3'] });
    const script = `
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, '-I', '-S', '-c', '''
import os, signal, sys, time
got = []
signal.signal(signal.SIGTERM, lambda *_: got.append(1))
print('ready', flush=True)
while not got: signal.pause()
print('term', flush=True)
os.kill(os.getppid(), signal.SIGUSR1)
while True: signal.pause()
'''], stdout=subprocess.PIPE)
told = []
signal.signal(signal.SIGUSR1, lambda *_: told.append(1))
print(child.stdout.readline())
child.terminate()
print(child.stdout.readline())
while not told: signal.pause()
os.kill(child.pid, signal.SIGSTOP)
print(os.WIFSTOPPED(os.waitpid(child.pid, os.WUNTRACED)[1]))
os.kill(child.pid, signal.SIGCONT)
print(os.WIFCONTINUED(os.waitpid(child.pid, os.WCONTINUED)[1]))
child.kill()
print(child.wait())
`;
    // The outer one has no parent in the sandbox: it stays.
    const { stdoutText, stderrText } = await made.sandbox.exec(['python3', '-I', '-S', '-c', script]);
    assert.equal(stderrText, '');
    assert.equal(stdoutText, "b'ready\\n'\nb'term\\n'\nTrue\nTrue\n-9\n");
  });

  it('end with the sandbox, whether they have begun or not', LIMIT, async () => {
    const made = await make({ programs: ['*'] });
    const program = await made.sandbox.spawn(['sh', '-c', 'sleep 1000 & sleep 1000 & echo; wait']);
    await program.stdout.getReader().read();
    const ended = assert.rejects(
      program.exit,
      (error) => error instanceof CulmError && error.code === 'disposed',
    );
    await made.sandbox.dispose();
    await ended;
  });

  it('can have children in further kernels: a chain of three', LIMIT, async () => {
    await using made = await make({ programs: ['/usr/bin/env', '/usr/bin/tr'] });
    const script = 'echo chain | env sh -c "cat; echo >chained; echo \\$\\$ | tr -d x; false"; echo $?; ls';
    const { text } = await made.run(script);
    assert.match(text, /^chain\n\d+\n1\nchained\n$/);
  });

  it('are refused by name where they would be torn from what they share', LIMIT, async () => {
    const script = `
import os, socket, select, subprocess
def run(*fds):
    try: return subprocess.run(['/usr/bin/true'], pass_fds=fds).returncode
    except OSError as error: return error.errno
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
server = socket.create_server(('127.0.0.1', 0))
epoll = select.epoll()
print(run(), run(a.fileno()), run(server.fileno()), run(epoll.fileno()))
`;
    const program = ['python3', '-I', '-S', '-c', script];
    await using refuses = await make({ programs: ['/usr/bin/true'] });
    assert.equal((await refuses.sandbox.exec(program)).stdoutText, '0 66 66 66\n');
    const told = refuses.log.join('\n');
    for (const what of [/leads to a socket/, /leads to a TCP connection/, /leads to an epoll set/])
      assert.match(told, what);
    assert.match(told, /\/usr\/bin\/true \(process \d+\) cannot run, not in a kernel of its own: descriptor/);
    await using stays = await make({ programs: ['/usr/bin/true'], otherwise: 'stay' });
    assert.equal((await stays.sandbox.exec(program)).stdoutText, '0 0 0 0\n');
    assert.match(stays.log.join('\n'), /runs here, not in a kernel of its own/);
  });

  it('stand in the way of snapshots and moves, by name', LIMIT, async () => {
    await using made = await make({ programs: ['/usr/bin/sleep'] });
    await using other = await make(undefined);
    const program = await made.sandbox.spawn(['sh', '-c', 'sleep 1000 & echo $!; wait']);
    const { value } = await program.stdout.getReader().read();
    const pid = Buffer.from(value ?? [])
      .toString()
      .trim();
    // It has gone once the shell's other files are not open there any more.
    while ((await made.sandbox.fs.list(`/proc/${pid}/fd`)).length > 0);
    await assert.rejects(
      new Response(made.sandbox.snapshot()).arrayBuffer(),
      new RegExp(`process ${pid} \\(sleep\\) runs in`),
    );
    await assert.rejects(
      made.sandbox.moveProcess(program, { to: other.sandbox, tree: true }),
      new RegExp(`process ${pid} runs in a kernel of its own`),
    );
  });

  it('are asked for by manifests and on the command line', LIMIT, () => {
    const manifest = join(folder, 'manifest');
    writeFileSync(
      manifest,
      `libos.entrypoint = "/bin/sh"
fs.root.uri = "file:/"
culm.root_overlay = true
sgx.file_check_policy = "allow_all_but_log"
loader.env.PATH = "/usr/bin:/bin"
loader.log_level = "none"
loader.argv = ["sh", "-c", "sh -c 'exec head -n 1 /proc/self/stat; true' | cut -d' ' -f1"]
culm.placement.programs = ["/usr/bin/head"]
`,
    );
    const run = (...args: string[]): { pid: number; errors: string } => {
      const { stdout, stderr } = spawnSync(process.execPath, [CULM, 'run', ...args], { encoding: 'utf8' });
      return { pid: Number(stdout), errors: stderr };
    };
    const shell = ['--', 'sh', '-c', "head -n 1 /proc/self/stat | cut -d' ' -f1"];
    for (const args of [
      ['--manifest', manifest],
      ['--rootfs', '/', '--place', '/usr/bin/cut', ...shell],
    ]) {
      const { pid, errors } = run(...args);
      assert.equal(errors, '');
      assert.ok(pid > 0);
    }
    assert.match(readFileSync(manifest, 'utf8'), /placement/);
    assert.match(
      run('--rootfs', '/', '--place', 'cut', ...shell).errors,
      /"placement" must have absolute paths/,
    );
  });
});
