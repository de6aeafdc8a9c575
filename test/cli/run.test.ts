/** `culm run`: its options, its exit statuses, its errors. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const CULM = fileURLToPath(new URL('../../../bin/culm', import.meta.url));
const LIMIT_MS = 60_000;

interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function culm(args: readonly string[], stdin = '', env: NodeJS.ProcessEnv = process.env): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CULM, ...args], { env, timeout: LIMIT_MS });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
    child.on('error', reject).on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

const run = (options: readonly string[], argv: readonly string[], stdin?: string): Promise<Result> =>
  culm(['run', ...options, '--', ...argv], stdin);
const busybox = (options: readonly string[], ...argv: string[]): Promise<Result> =>
  run(['--rootfs', '/', ...options], ['/bin/busybox', ...argv]);

describe('culm run', { concurrency: 2 }, () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'culm-cli-'));
    mkdirSync(join(folder, 'shared'));
    writeFileSync(join(folder, 'shared', 'greeting'), 'hello\n');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('hands on output and exit status', async () => {
    const result = await busybox([], 'sh', '-c', 'echo out; echo err >&2; exit 7');
    assert.deepEqual(result, { status: 7, stdout: 'out\n', stderr: 'err\n' });
  });

  it('reports a signal as 128 + n', async () => {
    assert.equal((await busybox([], 'sh', '-c', 'kill -TERM $$')).status, 143);
  });

  it('gives standard input only with -i', async () => {
    assert.equal((await run(['--rootfs', '/', '-i'], ['/bin/cat'], 'text')).stdout, 'text');
    assert.equal((await run(['--rootfs', '/'], ['/bin/cat'], 'text')).stdout, '');
  });

  it('passes nothing of the host’s environment on', async () => {
    const env = { ...process.env, SECRET: 'hidden', WANTED: 'seen' };
    const args = ['run', '--rootfs', '/', '-e', 'WANTED', '-e', 'A=b', '--', '/usr/bin/env'];
    const { stdout } = await culm(args, '', env);
    const names = stdout
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0]);
    assert.deepEqual(names.sort(), ['A', 'PATH', 'WANTED']);
  });

  it('keeps the guest’s writes away from the root', async () => {
    const path = join(folder, 'written');
    const result = await busybox(
      [],
      'sh',
      '-c',
      `echo x > ${path} && busybox cat ${path}`.replace('busybox cat', 'read l <'),
    );
    assert.equal(result.status, 0, result.stderr);
    assert.equal(existsSync(path), false);
  });

  it('mounts host folders, read-only ones as such', async () => {
    const shared = join(folder, 'shared');
    const wrote = await busybox(['-v', `${shared}:/data`], 'sh', '-c', 'echo new > /data/new');
    assert.deepEqual(wrote, { status: 0, stdout: '', stderr: '' });
    assert.equal(readFileSync(join(shared, 'new'), 'utf8'), 'new\n');
    const refused = await busybox(['-v', `${shared}:/data:ro`], 'sh', '-c', 'echo no > /data/no');
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /Read-only file system/);
    assert.equal(existsSync(join(shared, 'no')), false);
  });

  it('shows nothing of the host without a mount', async () => {
    const result = await run(['-v', '/bin:/bin:ro'], ['/bin/busybox', 'ls', '/']);
    assert.deepEqual(result.stdout.trim().split('\n'), ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp']);
  });

  it('does not let symbolic links or .. leave a mount', async () => {
    const jail = join(folder, 'jail');
    mkdirSync(jail);
    writeFileSync(join(folder, 'outside'), 'secret\n');
    symlinkSync(join(folder, 'outside'), join(jail, 'absolute'));
    symlinkSync('../outside', join(jail, 'relative'));
    symlinkSync('/proc/self/root/../../..' + folder, join(jail, 'proc'));
    for (const path of [
      'absolute',
      'relative',
      '../outside',
      'proc/outside',
      '../../../../' + folder + '/outside',
    ]) {
      const options = ['-v', '/bin:/bin:ro', '-v', `${jail}:/jail`];
      const result = await run(options, ['/bin/busybox', 'cat', `/jail/${path}`]);
      assert.equal(result.stdout, '', path);
      assert.equal(result.status, 1, path);
    }
  });

  it('leaves /sys out and makes files of /etc', async () => {
    const files = await busybox(
      ['--no-sysfs', '--generate-etc', 'passwd', '--hostname', 'box', '--generate-etc', 'hostname'],
      'sh',
      '-c',
      'ls -A /sys; wc -l </etc/passwd; cat /etc/hostname',
    );
    assert.equal(files.stdout, '2\nbox\n');
    assert.match(
      (await busybox(['--generate-etc', 'shadow'], 'true')).stderr,
      /"generatedEtc" can have group, /,
    );
  });

  it('makes the root read-only', async () => {
    const result = await busybox(
      ['--read-only', '--tmpfs', '/tmp:1m'],
      'sh',
      '-c',
      'echo a > /tmp/a; echo b > /b',
    );
    assert.equal(result.status, 1);
    assert.match(result.stderr, /\/b: Read-only file system/);
  });

  it('sets host name, working directory and user', async () => {
    const result = await busybox(
      ['--hostname', 'box', '-w', '/usr/lib', '-u', '1000:100'],
      'sh',
      '-c',
      'pwd; id -u; id -g',
    );
    assert.equal(result.stdout.split('\n')[0], '/usr/lib');
    assert.equal((await busybox(['--hostname', 'box'], 'hostname')).stdout, 'box\n');
    assert.deepEqual(result.stdout.split('\n').slice(1, 3), ['1000', '100']);
  });

  it('shows the processors and the memory that were asked for', async () => {
    assert.equal((await run(['--rootfs', '/', '--cpus', '3'], ['/usr/bin/nproc'])).stdout, '3\n');
    const { stdout } = await busybox(['-m', '256m'], 'grep', 'MemTotal', '/proc/meminfo');
    assert.match(stdout, /MemTotal: +262144 kB/);
  });

  it('ends a program at its time limit', async () => {
    const spinning = await busybox(['--timeout', '0.5'], 'sh', '-c', 'while :; do :; done');
    assert.equal(spinning.status, 137);
    assert.equal((await busybox(['--timeout', '0.5'], 'sleep', '100')).status, 137);
  });

  it('prints system calls as strace does', async () => {
    const log = join(folder, 'trace');
    await busybox(['--strace-output', log], 'cat', '/nonexistent');
    const lines = readFileSync(log, 'utf8').split('\n');
    assert.ok(
      lines.some((line) => /^open(at)?\(.*"\/nonexistent", O_RDONLY.*\) = -1 ENOENT/.test(line)),
      lines.join('\n'),
    );
    assert.ok(lines.some((line) => line.startsWith('exit_group(1)')));
    assert.match((await busybox(['--strace'], 'true')).stderr, /exit_group\(0\)/);
  });

  it('prints statistics', async () => {
    const { stderr } = await busybox(['--stats'], 'true');
    for (const name of ['instructions', 'pageFaults', 'syscalls', 'memoryUsed'])
      assert.match(stderr, new RegExp(`^${name} +[1-9]`, 'm'));
  });

  describe('names the cause of a failure in one line', () => {
    const cases: readonly (readonly [what: string, args: () => string[], status: number, message: RegExp])[] =
      [
        ['no such program', () => ['--rootfs', '/', '--', 'nosuchprogram'], 127, /nosuchprogram: not found/],
        ['no such file', () => ['--rootfs', '/', '--', '/no/such'], 127, /\/no\/such/],
        ['not executable', () => ['--rootfs', '/', '--', '/etc/passwd'], 126, /\/etc\/passwd/],
        ['a folder', () => ['--rootfs', '/', '--', '/etc'], 126, /\/etc/],
        ['no root', () => ['--rootfs', '/nonexistent', '--', 'x'], 125, /\/nonexistent: ENOENT/],
        ['a bad option', () => ['--memory', 'much', '--', 'x'], 125, /"memory" must be a size/],
        [
          'an unknown optimisation',
          () => ['--without', 'flags,nosuch', '--', 'x'],
          125,
          /--without must be one of/,
        ],
        ['an unknown option', () => ['--nosuch', '--', 'x'], 125, /unknown option '--nosuch'/],
        ['a bad volume', () => ['-v', 'nocolon', '--', 'x'], 125, /--volume must be HOST:GUEST/],
        [
          'no such user',
          () => ['--rootfs', '/', '-u', 'nobodyatall', '--', '/bin/true'],
          125,
          /no user "nobodyatall"/,
        ],
        [
          'no such directory',
          () => ['--rootfs', '/', '-w', '/nonexistent', '--', '/bin/true'],
          125,
          /\/nonexistent does not exist/,
        ],
      ];
    for (const [what, args, status, message] of cases)
      it(what, async () => {
        const result = await culm(['run', ...args()]);
        assert.match(result.stderr, message);
        assert.equal(result.stderr.trim().split('\n').length, 1, result.stderr);
        assert.equal(result.status, status);
        assert.equal(result.stdout, '');
      });

    it('files that are no program for this machine', async () => {
      const elf = readFileSync('/bin/true');
      const arm = Buffer.from(elf);
      arm.writeUInt16LE(183, 18);
      const narrow = Buffer.from(elf);
      narrow[4] = 1;
      const lost = Buffer.from(elf);
      lost.write('/lib64/ld-linux-nosuch.so.2', lost.indexOf('/lib64/ld-linux'), 'latin1');
      const files = { text: Buffer.from('no program\n'), arm, narrow, short: elf.subarray(0, 100), lost };
      const expected: Record<keyof typeof files, RegExp> = {
        text: /neither an ELF file nor a script/,
        arm: /AArch64/i,
        narrow: /32-bit/,
        short: /truncated/,
        lost: /interpreter \/lib64\/ld-linux-nosuch/,
      };
      for (const [name, content] of Object.entries(files)) {
        writeFileSync(join(folder, name), content, { mode: 0o755 });
        const result = await run(['--rootfs', '/'], [join(folder, name)]);
        assert.match(result.stderr, expected[name as keyof typeof files], name);
        assert.equal(result.stderr.trim().split('\n').length, 1, result.stderr);
        assert.ok(result.status === 126 || result.status === 127, `${name}: ${result.status}`);
      }
    });
  });
});
