/** Pseudo-files of the embedding application, with the kernel in a worker and in the caller's thread. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CulmError, Sandbox, type PseudoSpec, type SandboxOptions } from '../../src/index.js';

type Thread = NonNullable<SandboxOptions['thread']>;

function create(thread: Thread, pseudo: readonly PseudoSpec[]): ReturnType<typeof Sandbox.create> {
  return Sandbox.create({ rootfs: '/', env: { PATH: '/usr/bin:/bin' }, thread, pseudo });
}

async function run(sandbox: Awaited<ReturnType<typeof create>>, script: string): Promise<string> {
  const { stdoutText, stderrText } = await sandbox.exec(['sh', '-c', script], { timeout: 30_000 });
  return stdoutText + stderrText;
}

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const constant = (path: string): PseudoSpec => ({ type: 'file', path, read: () => 'x' });

for (const thread of ['worker', 'caller'] as const)
  describe(`pseudo-files of the application (${thread})`, () => {
    it('are read, written and listed like others', async () => {
      let level = '3\n';
      await using sandbox = await create(thread, [
        {
          type: 'file',
          path: '/proc/app/level',
          mode: 0o644,
          read: () => level,
          write: (content) => {
            if (decode(content) === 'bad\n') throw Object.assign(new Error('bad'), { code: 'ERANGE' });
            level = decode(content);
          },
        },
        { type: 'link', path: '/proc/app/here', target: 'level' },
        { type: 'file', path: '/sys/class/app/name', read: () => new Uint8Array([104, 105, 10]) },
      ]);
      assert.equal(await run(sandbox, 'cat /proc/app/level /sys/class/app/name'), '3\nhi\n');
      assert.equal(await run(sandbox, 'echo 7 > /proc/app/here && cat /proc/app/here'), '7\n');
      assert.equal(level, '7\n');
      assert.match(
        await run(sandbox, "bash -c 'echo bad > /proc/app/level'"),
        /Numerical result out of range/,
      );
      assert.equal(level, '7\n');
      assert.equal(
        await run(sandbox, 'ls /proc/app; stat -c "%A %s" /proc/app/level'),
        'here\nlevel\n-rw-r--r-- 0\n',
      );
      assert.equal(await run(sandbox, 'stat -c "%A %s" /sys/class/app/name'), '-r--r--r-- 4096\n');
      assert.match(await run(sandbox, 'rm -f /proc/app/level'), /Operation not permitted/);
    });

    it('of a directory come and go', async () => {
      const users = new Map([
        ['ann', '1'],
        ['bob', '2'],
      ]);
      await using sandbox = await create(thread, [
        {
          type: 'directory',
          path: '/proc/users',
          list: () => [...users.keys()],
          read: (name) => `${users.get(name) ?? ''}\n`,
          write: (name, content) => void users.set(name, decode(content).trim()),
        },
      ]);
      assert.equal(await run(sandbox, 'grep . /proc/users/*'), '/proc/users/ann:1\n/proc/users/bob:2\n');
      await run(sandbox, 'echo 5 > /proc/users/bob');
      users.delete('ann');
      assert.equal(await run(sandbox, 'cat /proc/users/bob; ls /proc/users'), '5\nbob\n');
      assert.match(await run(sandbox, 'cat /proc/users/ann'), /No such file/);
    });

    it('can be devices, which are waited for', async () => {
      const queue = ['first\n'];
      let waits = 0;
      let ended = false;
      const next = (): string | null => {
        if (queue.length > 0) return queue.shift() ?? null;
        if (ended) return '';
        waits++;
        return null;
      };
      const written: string[] = [];
      await using sandbox = await create(thread, [
        {
          type: 'device',
          path: '/dev/app/events',
          major: 240,
          minor: 7,
          read: next,
          write: (content) => void written.push(decode(content)),
        },
      ]);
      assert.equal(
        await run(sandbox, 'stat -c "%F %Hr:%Lr %a" /dev/app/events'),
        'character special file 240:7 644\n',
      );
      const reading = run(sandbox, 'cat /dev/app/events');
      while (waits === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      queue.push('second\n');
      ended = true;
      await sandbox.pseudo.notify('/dev/app/events');
      assert.equal(await reading, 'first\nsecond\n');
      await run(sandbox, 'echo out > /dev/app/events');
      assert.deepEqual(written, ['out\n']);
    });

    it('make themselves known to poll', async () => {
      let value = 'old\n';
      await using sandbox = await create(thread, [
        { type: 'file', path: '/proc/watched', read: () => value },
      ]);
      const program =
        'import select\nf=open("/proc/watched")\nprint(f.read(),end="",flush=True)\np=select.poll()\n' +
        'p.register(f,select.POLLPRI)\nprint(p.poll(0),flush=True)\nprint(p.poll()[0][1]&select.POLLPRI)\nf.seek(0)\nprint(f.read())';
      const python = await sandbox.spawn(['python3', '-c', program], { timeout: 30_000 });
      let seen = '';
      for await (const chunk of python.stdout) {
        seen += decode(chunk);
        if (!seen.endsWith('[]\n')) continue;
        value = 'new\n';
        await sandbox.pseudo.notify('/proc/watched');
      }
      assert.equal(seen, 'old\n[]\n2\nnew\n\n');
    });
  });

describe('declared pseudo-files', () => {
  it('are refused where they cannot be', async () => {
    const bad: PseudoSpec[] = [
      constant('/etc/x'),
      constant('/proc/../x'),
      constant('/proc/meminfo'),
      constant('/proc/meminfo/x'),
      { type: 'file', path: '/proc/x' },
      { type: 'device', path: '/proc/x', major: 1, minor: 3, read: () => '' },
      { type: 'device', path: '/dev/x', major: 1, read: () => '' },
    ];
    for (const spec of bad) {
      const refused = (error: unknown) => error instanceof CulmError && error.code === 'option';
      await assert.rejects(create('caller', [spec]), refused, spec.path);
    }
  });

  it('are part of the digest', async () => {
    const digest = async (pseudo: readonly PseudoSpec[]): Promise<string> => {
      await using sandbox = await create('caller', pseudo);
      return sandbox.pseudo.digest();
    };
    const [none, one, again, other] = [
      await digest([]),
      await digest([constant('/proc/x')]),
      await digest([constant('/proc/x')]),
      await digest([constant('/proc/y')]),
    ];
    assert.equal(one, again);
    assert.equal(new Set([none, one, other]).size, 3);
  });
});
