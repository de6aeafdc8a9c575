/** Sandboxes written down and restored: programs go on as if nothing had happened. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createNodeHost } from '../../src/host/node/host.js';
import { CulmError, Sandbox, inspectSnapshot, type AppFiles, type SandboxProcess } from '../../src/index.js';
import { saveKernel } from '../../src/kernel/checkpoint/checkpoint.js';
import { openFile } from '../../src/kernel/checkpoint/file.js';
import { Kernel } from '../../src/kernel/kernel.js';
import { FileContent } from '../../src/kernel/fs/tmpfs/content.js';
import { checkOptions } from '../../src/sandbox/options.js';
import { Namespace } from '../../src/sandbox/namespace.js';
import { readHeader, restoreSandbox, sandboxAnchors } from '../../src/sandbox/snapshot.js';

const FOLDER = fileURLToPath(new URL('../../../test/', import.meta.url));
const RESTORE = fileURLToPath(new URL('./restore.js', import.meta.url));
/** Natively the programs use the same files: one at a time. */
const LOCK = '/tmp/culm-objects.lock';
const LIMIT = { timeout: 120_000 };

/** Reads until a text has come, and then to the end. */
class Output {
  private readonly reader;
  text = '';

  constructor(program: SandboxProcess) {
    this.reader = program.stdout.getReader();
  }

  async until(mark: string): Promise<void> {
    while (!this.text.includes(mark)) if (!(await this.more())) throw new Error(`no ${mark}: ${this.text}`);
  }

  async rest(): Promise<string> {
    const { length } = this.text;
    while (await this.more());
    return this.text.slice(length);
  }

  private async more(): Promise<boolean> {
    const { done, value } = await this.reader.read();
    if (value !== undefined) this.text += new TextDecoder().decode(value);
    return !done;
  }
}

async function snapshotOf(sandbox: Sandbox, compress = true): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of sandbox.snapshot({ compress })) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

async function answer(program: SandboxProcess, line: string): Promise<void> {
  const writer = program.stdin.getWriter();
  await writer.write(new TextEncoder().encode(`${line}\n`));
  writer.releaseLock();
}

/** The same with a digest that fits: as somebody else would have made it. */
function signed(file: Uint8Array): Uint8Array {
  const body = file.subarray(0, -32);
  return new Uint8Array(Buffer.concat([body, createHash('sha256').update(body).digest()]));
}

const refusal =
  (pattern: RegExp) =>
  (error: unknown): boolean =>
    error instanceof CulmError &&
    error.code === 'snapshot' &&
    !error.message.includes('\n') &&
    pattern.test(error.message);

describe('a snapshot', () => {
  const folder = mkdtempSync(join(tmpdir(), 'culm-checkpoint-'));
  const objects = join(folder, 'objects');
  let expected = '';
  let raw: Uint8Array = new Uint8Array(0);

  before(() => {
    const flags = ['-O1', '-w', '-pthread', '-I', join(FOLDER, 'kernel'), '-o', objects];
    const source = join(FOLDER, 'checkpoint', 'objects.c');
    const { status, stderr } = spawnSync('gcc', [...flags, source, '-lm'], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const native = spawnSync('/usr/bin/flock', [LOCK, objects], { input: 'go\n', encoding: 'utf8', env: {} });
    assert.equal(native.status, 3);
    expected = native.stdout.replace('READY\n', '');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const thread of ['worker', 'caller'] as const)
    it(`holds all kinds of objects (${thread}); a new host process goes on with it`, LIMIT, async () => {
      await using sandbox = await Sandbox.create({ rootfs: '/', env: {}, thread });
      const program = await sandbox.spawn([objects]);
      const output = new Output(program);
      await output.until('READY\n');
      raw = await snapshotOf(sandbox, false);
      const file = join(folder, thread);
      writeFileSync(file, await snapshotOf(sandbox));
      await answer(program, 'go');
      assert.deepEqual((await output.rest()).split('\n'), expected.split('\n'));
      assert.equal((await program.exit).status, 3);
      const restored = spawnSync(process.execPath, [RESTORE, file, thread], { encoding: 'utf8' });
      assert.equal(restored.stderr, '');
      assert.deepEqual(restored.stdout.split('\n'), expected.split('\n'));
      assert.equal(restored.status, 3);
    });

  it(
    'holds no keys, not of open files either; a restored program sees those that it is given',
    LIMIT,
    async () => {
      const key = '00112233445566778899aabbccddeeff';
      const other = 'ffeeddccbbaa99887766554433221100';
      const options = { rootfs: '/', thread: 'caller' as const };
      const env = { PATH: '/usr/bin:/bin' };
      await using sandbox = await Sandbox.create({ ...options, env, keys: { default: key } });
      const script = 'exec 3</dev/attestation/keys/default; echo READY; read x; od -An -v -tx1 <&3';
      const program = await sandbox.spawn(['sh', '-c', script]);
      const output = new Output(program);
      await output.until('READY\n');
      const bytes = Buffer.from(await snapshotOf(sandbox, false));
      assert(!bytes.includes(Buffer.from(key, 'hex')) && !bytes.includes(key));
      await using again = await Sandbox.restore(bytes, { ...options, keys: { default: other } });
      const hex = async (one: SandboxProcess): Promise<string> => {
        await answer(one, 'go');
        return (await new Output(one).rest()).replace(/\s/g, '');
      };
      const [restored] = again.processes();
      assert(restored !== undefined);
      assert.equal(await hex(restored), other);
      await answer(program, 'go');
      assert.equal((await output.rest()).replace(/\s/g, ''), key);
    },
  );

  it('gives the same bytes when it is restored and taken again', LIMIT, () => {
    const host = createNodeHost();
    const { header, kernel: bytes } = readHeader(openFile(host.crypto, raw).content);
    const { settings } = header;
    const kernel = new Kernel({ host, machine: { memory: settings.memory }, hostname: settings.hostname });
    const bridge = () => null;
    const namespace = new Namespace(kernel, settings, bridge);
    const anchors = sandboxAnchors(kernel, namespace, bridge);
    const state = restoreSandbox(kernel, anchors, bytes);
    const again = Buffer.concat(saveKernel(kernel, anchors, { ...state, namespace: namespace.parts }));
    // Only the time, at the beginning, is another one.
    assert.equal(again.length, bytes.length);
    assert.equal(Buffer.compare(again.subarray(8), bytes.subarray(8)), 0);
  });

  it('with pages in frames that are not theirs is refused', LIMIT, () => {
    const { memory, hostname } = checkOptions({ memory: '32m' });
    const make = () => {
      const kernel = new Kernel({ host: createNodeHost(), machine: { memory }, hostname });
      const namespace = new Namespace(kernel, checkOptions({ memory: '32m' }), () => null);
      return { kernel, namespace, anchors: sandboxAnchors(kernel, namespace, () => null) };
    };
    const saved = make();
    const { namespace, kernel } = saved;
    const file = namespace.vfs.createShared('shared', 8192, namespace.vfs.context().cred);
    assert.ok(typeof file === 'object' && file.pages instanceof FileContent);
    assert.ok(file.pages.frame(0) > 0);
    const root = { guests: new Map(), nextId: 1, output: 0, namespace: namespace.parts, file };
    const restored = () => {
      const bytes = Buffer.concat(saveKernel(kernel, saved.anchors, root));
      const other = make();
      restoreSandbox(other.kernel, other.anchors, bytes);
    };
    restored();
    // The machine's own memory, a frame that is free, one that is not there, no number of a frame.
    for (const forged of [0, 3, -1, 8000, 2 ** 33, 0.5]) {
      file.pages.eachFrame(() => forged);
      assert.throws(restored, /^Error: a file's page lies nowhere$/, String(forged));
    }
  });

  it('has no names that nobody uses', LIMIT, async () => {
    await using sandbox = await Sandbox.create({ rootfs: '/', thread: 'caller', env: {} });
    const script =
      'i=0; while [ $i -lt 300 ]; do i=$((i + 1)); [ -e /tmp/none-$i ]; done; [ -e /etc/passwd ]';
    assert.equal((await sandbox.exec(['/bin/sh', '-c', script])).status, 0);
    const before = (await sandbox.statistics()).cachedNames;
    assert.ok(before > 300);
    const { objects: counts } = await inspectSnapshot(await snapshotOf(sandbox));
    assert.ok((counts.CachedDentry ?? 0) < before - 300, JSON.stringify(counts));
  });

  it('can be restored more than once, and its sandboxes do not know of each other', LIMIT, async () => {
    await using sandbox = await Sandbox.create({
      rootfs: '/',
      env: { PATH: '/usr/bin:/bin' },
      thread: 'caller',
    });
    const program = await sandbox.spawn([
      'sh',
      '-c',
      'echo READY; read x; echo $x >/tmp/x; cat /tmp/x; echo $PPID $$',
    ]);
    const output = new Output(program);
    await output.until('READY\n');
    const snapshot = await snapshotOf(sandbox);
    const lines: string[] = [];
    for (const word of ['one', 'two']) {
      await using other = await Sandbox.restore(snapshot, { rootfs: '/', thread: 'caller' });
      const [again] = other.processes();
      assert.ok(again !== undefined);
      await answer(again, word);
      lines.push(await new Output(again).rest());
      const { stdoutText } = await other.exec(['cat', '/tmp/x']);
      assert.equal(stdoutText, `${word}\n`);
    }
    await answer(program, 'three');
    lines.push(await output.rest());
    assert.deepEqual(lines, ['one\n0 1\n', 'two\n0 1\n', 'three\n0 1\n']);
    assert.equal((await sandbox.exec(['cat', '/tmp/x'])).stdoutText, 'three\n');
  });

  it('forks: both go on, each with its own memory and files', LIMIT, async () => {
    const app = 'from the application';
    const files: AppFiles = {
      stat: (path) =>
        path === ''
          ? { type: 'directory', size: 0 }
          : path === 'greeting'
            ? { type: 'file', size: app.length }
            : null,
      list: () => ['greeting'],
      read: () => app,
    };
    const mounts = [{ type: 'app' as const, target: '/app', files }];
    const options = { rootfs: '/', env: { PATH: '/usr/bin:/bin' }, mounts };
    await using sandbox = await Sandbox.create(options);
    const program = await sandbox.spawn([
      'sh',
      '-c',
      'exec 3</app/greeting; n=1; echo READY; read x; n=$((n+x)); cat <&3; echo " $n"; cat /app/greeting',
    ]);
    const output = new Output(program);
    await output.until('READY\n');
    await using other = await sandbox.fork();
    await using third = await other.fork({ thread: 'caller' });
    const texts: string[] = [];
    for (const [index, one] of [program, other.processes()[0], third.processes()[0]].entries()) {
      assert.ok(one !== undefined);
      await answer(one, String(index));
      texts.push(await (one === program ? output : new Output(one)).rest());
      assert.equal((await one.exit).status, 0);
    }
    assert.deepEqual(
      texts,
      [1, 2, 3].map((n) => `${app} ${n}\n${app}`),
    );
  });

  it('keeps a terminal with what is typed in it', LIMIT, async () => {
    await using sandbox = await Sandbox.create({
      rootfs: '/',
      env: { PATH: '/usr/bin:/bin' },
      thread: 'caller',
    });
    const program = await sandbox.spawn(['sh', '-c', 'echo READY; read x; echo got $x; tty; stty size'], {
      terminal: { columns: 91, rows: 33 },
    });
    await new Output(program).until('READY');
    await program.stdin.getWriter().write(new TextEncoder().encode('half '));
    const snapshot = await snapshotOf(sandbox);
    await using other = await Sandbox.restore(snapshot, { rootfs: '/', thread: 'caller' });
    const [again] = other.processes();
    assert.ok(again !== undefined);
    await answer(again, 'line');
    assert.equal(await new Output(again).rest(), 'line\r\ngot half line\r\n/dev/pts/0\r\n33 91\r\n');
  });

  it('is refused when it is cut, damaged, foreign or newer, and nothing starts', LIMIT, async () => {
    const restore = (bytes: Uint8Array) => Sandbox.restore(bytes, { rootfs: '/', thread: 'caller' });
    const changed = (at: number, value: number): Uint8Array => {
      const bytes = raw.slice();
      bytes[at] = value;
      return bytes;
    };
    await assert.rejects(restore(raw.subarray(0, raw.length >> 1)), refusal(/digest/));
    await assert.rejects(restore(raw.subarray(0, 20)), refusal(/too early/));
    await assert.rejects(restore(changed(raw.length >> 1, 0x55)), refusal(/digest/));
    await assert.rejects(restore(new TextEncoder().encode('#!/bin/sh\n')), refusal(/no snapshot/));
    await assert.rejects(restore(new Uint8Array(0)), refusal(/no snapshot/));
    await assert.rejects(restore(signed(changed(8, 99))), refusal(/version 99/));
    await assert.rejects(restore(signed(changed(12, 1))), refusal(/decompressed/));
    await assert.rejects(restore(signed(raw.subarray(0, -5000))), refusal(/./));
    await assert.rejects(Sandbox.restore(raw, { thread: 'caller' }), refusal(/needs a folder for the root/));
    await assert.rejects(
      Sandbox.restore(raw, { rootfs: folder, thread: 'caller' }),
      refusal(/passwd is open, and is not in its folder any more/),
    );
  });
});
