/** The public API, with the kernel in a worker and in the caller's thread. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CulmError, Sandbox, type AppFiles, type SandboxOptions } from '../../src/index.js';

const PATH = '/usr/bin:/bin';

function create(
  thread: 'worker' | 'caller',
  options: SandboxOptions = {},
): ReturnType<typeof Sandbox.create> {
  return Sandbox.create({ rootfs: '/', env: { PATH }, thread, ...options });
}

const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof CulmError && error.code === code;

for (const thread of ['worker', 'caller'] as const)
  describe(`Sandbox in the ${thread}`, () => {
    it('runs a program and collects what it prints', async () => {
      await using sandbox = await create(thread);
      const result = await sandbox.exec(['sort', '-n'], { stdin: '10\n9\n100\n' });
      assert.equal(result.status, 0);
      assert.equal(result.stdoutText, '9\n10\n100\n');
      assert.equal(result.stderrText, '');
    });

    it('gives a bad status as a value', async () => {
      await using sandbox = await create(thread);
      const { status, signal, stderrText } = await sandbox.exec(['ls', '/nonexistent']);
      assert.deepEqual([status, signal], [2, 0]);
      assert.match(stderrText, /No such file or directory/);
      assert.deepEqual((await sandbox.exec(['busybox', 'sh', '-c', 'kill -SEGV $$'])).status, 139);
    });

    it('streams both ways', async () => {
      await using sandbox = await create(thread);
      const cat = await sandbox.spawn(['cat']);
      const writer = cat.stdin.getWriter();
      const reader = cat.stdout.getReader();
      for (const word of ['one', 'two']) {
        await writer.write(new TextEncoder().encode(word));
        const { value } = await reader.read();
        assert.equal(new TextDecoder().decode(value), word);
      }
      await writer.close();
      assert.deepEqual(await cat.exit, { status: 0, signal: 0 });
      assert.equal((await reader.read()).done, true);
    });

    it('moves more than any buffer holds', async () => {
      await using sandbox = await create(thread);
      const input = new Uint8Array(5_000_000).map((_, i) => (i * 7) & 0xff);
      const { stdout } = await sandbox.exec(['cat'], { stdin: input });
      assert.equal(Buffer.compare(stdout, input), 0);
    });

    it('holds a program back whose output nobody takes', async () => {
      await using sandbox = await create(thread);
      const yes = await sandbox.spawn(['yes']);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const reader = yes.stdout.getReader();
      let bytes = 0;
      while (bytes < 10_000_000) bytes += (await reader.read()).value?.length ?? 0;
      await reader.cancel();
      const { signal } = await yes.exit;
      assert.equal(signal, 13);
    });

    it('tells what happens to files', async () => {
      await using sandbox = await create(thread);
      await sandbox.fs.mkdir('/tmp/w/old', { recursive: true });
      const seen: string[] = [];
      const events = sandbox.fs.watch('/tmp/w', { recursive: true });
      const reading = (async () => {
        for await (const event of events) {
          if (event.path === '/tmp/w/end') break;
          const line =
            event.type === 'rename' ? `rename ${event.from} ${event.path}` : `${event.type} ${event.path}`;
          // Equal events are told once if the first has not been taken yet: here that is a matter of time.
          if (line !== seen.at(-1)) seen.push(line);
        }
      })();
      const script =
        'cd /tmp/w; mkdir new; echo a > new/f; echo b >> new/f; mv new/f old/g; chmod 600 old/g; mv old moved;' +
        'echo c > moved/h; rm moved/h; perl -e \'rename "moved", "/tmp/away"; open F, ">", "/tmp/away/i"\';' +
        'mv /tmp/away .; rm away/i; : > end';
      await sandbox.exec(['sh', '-c', script]);
      await reading;
      assert.deepEqual(seen, [
        'create /tmp/w/new',
        'create /tmp/w/new/f',
        'modify /tmp/w/new/f',
        'rename /tmp/w/new/f /tmp/w/old/g',
        'attributes /tmp/w/old/g',
        'rename /tmp/w/old /tmp/w/moved',
        'create /tmp/w/moved/h',
        'modify /tmp/w/moved/h',
        'remove /tmp/w/moved/h',
        'remove /tmp/w/moved',
        'create /tmp/w/away',
        'remove /tmp/w/away/i',
      ]);
    });

    it('stops telling when it is to, when the file has gone, and with the sandbox', async () => {
      const sandbox = await create(thread);
      const { fs } = sandbox;
      await fs.mkdir('/watched', { recursive: true });
      await fs.write('/watched/f', '');
      const controller = new AbortController();
      const aborted = fs.watch('/watched', { signal: controller.signal });
      const removed = fs.watch('/watched/f');
      const lasting = fs.watch('/watched');
      await assert.rejects(fs.watch('/nowhere').next(), hasCode('ENOENT'));
      await fs.write('/watched/f', 'abc');
      assert.deepEqual(await removed.next(), { done: false, value: { type: 'modify', path: '/watched/f' } });
      assert.deepEqual(await aborted.next(), { done: false, value: { type: 'modify', path: '/watched/f' } });
      controller.abort();
      assert.equal((await aborted.next()).done, true);
      await fs.remove('/watched/f');
      const rest: string[] = [];
      for await (const { type } of removed) rest.push(type);
      assert.equal(rest.at(-1), 'remove');
      assert.equal((await lasting.next()).value?.type, 'modify');
      assert.equal((await lasting.next()).value?.type, 'remove');
      const last = lasting.next();
      await sandbox.dispose();
      assert.equal((await last).done, true);
    });

    it('ends programs by timeout, signal and AbortSignal', async () => {
      await using sandbox = await create(thread);
      assert.equal((await sandbox.exec(['sleep', '100'], { timeout: 100 })).status, 137);
      const sleeping = await sandbox.spawn(['sleep', '100']);
      await sleeping.kill(15);
      assert.equal((await sleeping.exit).status, 143);
      const controller = new AbortController();
      const spinning = sandbox.exec(['busybox', 'sh', '-c', 'while :; do :; done'], {
        signal: controller.signal,
      });
      setTimeout(() => controller.abort(), 100);
      assert.equal((await spinning).signal, 9);
    });

    it('ends with a program all that it has started', async () => {
      await using sandbox = await create(thread);
      const bystander = await sandbox.spawn(['cat']);
      const stubborn =
        'trap "" TERM HUP INT; (setsid sh -c "while :; do :; done" &); echo there; while :; do :; done';
      const controller = new AbortController();
      const program = await sandbox.spawn(['sh', '-c', stubborn], { signal: controller.signal });
      await program.stdout.getReader().read();
      controller.abort();
      assert.deepEqual(await program.exit, { status: 137, signal: 9 });
      assert.equal((await sandbox.exec(['sh', '-c', stubborn], { timeout: 500 })).signal, 9);
      await bystander.endInput();
      assert.deepEqual(await bystander.exit, { status: 0, signal: 0 });
      // What has ended is not there for longer than the first program, whose children they became.
      while ((await sandbox.statistics()).processes > 0)
        await new Promise((resolve) => setTimeout(resolve, 1));
    });

    it('reads and writes the guest’s files', async () => {
      await using sandbox = await create(thread, { mounts: [{ type: 'tmpfs', target: '/work' }] });
      await sandbox.fs.mkdir('/work/a/b', { recursive: true });
      await sandbox.fs.write('/work/a/b/file', 'content\n', { mode: 0o600 });
      assert.equal((await sandbox.exec(['cat', '/work/a/b/file'])).stdoutText, 'content\n');
      const { type, mode, size } = await sandbox.fs.stat('/work/a/b/file');
      assert.deepEqual([type, mode, size], ['file', 0o600, 8]);
      await sandbox.exec(['cp', '/work/a/b/file', '/work/copy']);
      assert.deepEqual(await sandbox.fs.list('/work'), ['a', 'copy']);
      await sandbox.fs.symlink('copy', '/work/link');
      assert.equal(await sandbox.fs.readlink('/work/link'), 'copy');
      await sandbox.fs.rename('/work/copy', '/work/moved');
      assert.equal(await sandbox.fs.readText('/work/moved'), 'content\n');
      await sandbox.fs.remove('/work/a', { recursive: true });
      assert.equal(await sandbox.fs.exists('/work/a'), false);
      await assert.rejects(sandbox.fs.read('/work/a'), hasCode('ENOENT'));
    });

    it('shows files of the application’s own', async () => {
      const content: Record<string, string> = { one: 'first\n', two: 'second\n' };
      const files: AppFiles = {
        stat: (path) => {
          if (path === '') return { type: 'directory', size: 0 };
          const text = content[path];
          return text === undefined ? null : { type: 'file', size: text.length };
        },
        list: () => Object.keys(content),
        read: (path) => content[path] ?? '',
        write: (path, bytes) => void (content[path] = new TextDecoder().decode(bytes)),
      };
      await using sandbox = await create(thread, { mounts: [{ type: 'app', target: '/app', files }] });
      assert.equal((await sandbox.exec(['cat', '/app/one', '/app/two'])).stdoutText, 'first\nsecond\n');
      assert.equal((await sandbox.exec(['ls', '/app'])).stdoutText, 'one\ntwo\n');
      assert.equal((await sandbox.exec(['cp', '/app/one', '/app/three'])).status, 0);
      assert.equal(content.three, 'first\n');
    });

    it('gives a program a terminal', async () => {
      await using sandbox = await create(thread);
      const tty = await sandbox.spawn(['busybox', 'sh', '-c', 'tty; stty size; read line; echo "<$line>"'], {
        terminal: { columns: 100, rows: 30 },
      });
      await tty.stdin.getWriter().write(new TextEncoder().encode('typed\r'));
      let shown = '';
      for await (const chunk of tty.stdout) shown += new TextDecoder().decode(chunk);
      assert.match(shown, /\/dev\/pts\/0\r\n/);
      assert.match(shown, /<typed>\r\n/);
      assert.equal((await tty.exit).status, 0);
    });

    it('says why a program cannot be started', async () => {
      await using sandbox = await create(thread);
      await assert.rejects(sandbox.spawn(['nosuchprogram']), hasCode('not-found'));
      await assert.rejects(sandbox.spawn(['/etc/passwd']), hasCode('not-executable'));
    });

    it('is of no use once disposed of', async () => {
      const sandbox = await create(thread);
      const sleeping = await sandbox.spawn(['sleep', '100']);
      await sandbox.dispose();
      await assert.rejects(sleeping.exit, hasCode('disposed'));
      await assert.rejects(sandbox.exec(['true']), hasCode('disposed'));
      await sandbox.dispose();
    });
  });

describe('Sandbox', () => {
  it('lives beside others', async () => {
    const sandboxes = await Promise.all([create('worker'), create('worker'), create('caller')]);
    const results = await Promise.all(sandboxes.map((sandbox, i) => sandbox.exec(['echo', String(i)])));
    assert.deepEqual(
      results.map((result) => result.stdoutText),
      ['0\n', '1\n', '2\n'],
    );
    await Promise.all(sandboxes.map((sandbox) => sandbox.dispose()));
  });

  it('names a wrong option', async () => {
    const wrong = [
      { memory: 'lots' },
      { cpus: 0 },
      { hostname: 'a b' },
      { cwd: 'relative' },
      { env: { 'A=B': 'c' } },
      { mounts: [{ type: 'host', source: '/', target: 'x' }] },
      { rootfs: '/nonexistent' },
      { memry: 1 },
    ];
    for (const options of wrong)
      await assert.rejects(
        Sandbox.create(options as SandboxOptions),
        hasCode('option'),
        JSON.stringify(options),
      );
  });
});
