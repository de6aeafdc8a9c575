/**
 * Open files of /proc and /dev, of processes that live and that have gone: inherited inside a kernel, in a forked sandbox
 * and in one that another host process restores, all as Linux has them inherited.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CulmError, Sandbox, type SandboxOptions, type SandboxProcess } from '../../src/index.js';

const FOLDER = fileURLToPath(new URL('../../../test/', import.meta.url));
const RESTORE = fileURLToPath(new URL('./restore.js', import.meta.url));
/** Natively the programs use the same files: one at a time. */
const LOCK = '/tmp/culm-objects.lock';
const LIMIT = { timeout: 120_000 };

async function collect(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

async function until(program: SandboxProcess, mark: string): Promise<void> {
  const reader = program.stdout.getReader();
  for (let text = ''; !text.includes(mark);) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`no ${mark}: ${text}`);
    text += Buffer.from(value).toString('latin1');
  }
  reader.releaseLock();
}

async function goOn(program: SandboxProcess | undefined): Promise<string[]> {
  assert.ok(program !== undefined);
  await program.stdin.getWriter().write(new TextEncoder().encode('go\n'));
  const text = Buffer.from(await collect(program.stdout)).toString('latin1');
  assert.equal((await program.exit).status, 3);
  return text.split('\n');
}

describe('handles on /proc and /dev', () => {
  const folder = mkdtempSync(join(tmpdir(), 'culm-handles-'));
  const handles = join(folder, 'handles');
  const options = { rootfs: '/', env: { PATH: '/usr/bin:/bin' } };
  let expected: string[] = [];

  before(() => {
    const flags = ['-O1', '-w', '-I', join(FOLDER, 'kernel'), '-o', handles];
    const { status, stderr } = spawnSync('gcc', [...flags, join(FOLDER, 'checkpoint', 'handles.c')]);
    assert.equal(status, 0, String(stderr));
    const native = spawnSync('/usr/bin/flock', [LOCK, handles], {
      input: 'go\n',
      encoding: 'utf8',
      env: options.env,
    });
    assert.equal(native.status, 3, native.stderr);
    expected = native.stdout.slice(native.stdout.indexOf('READY\n') + 6).split('\n');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('are inherited by children, sandboxes and other host processes', LIMIT, async () => {
    await using sandbox = await Sandbox.create(options);
    const program = await sandbox.spawn([handles]);
    await until(program, 'READY\n');
    const file = join(folder, 'snapshot');
    writeFileSync(file, await collect(sandbox.snapshot()));
    await using other = await sandbox.fork();
    assert.deepEqual(await goOn(other.processes()[0]), expected, 'in a forked sandbox');
    assert.deepEqual(await goOn(program), expected, 'inside a kernel');
    const restored = spawnSync(process.execPath, [RESTORE, file], { encoding: 'utf8' });
    assert.equal(restored.stderr, '');
    assert.deepEqual(restored.stdout.split('\n'), expected, 'in a new host process');
  });

  it('are refused where /proc, /sys and /dev have other files', LIMIT, async () => {
    const refused =
      (why: RegExp) =>
      (error: unknown): boolean =>
        error instanceof CulmError &&
        error.code === 'snapshot' &&
        /^the snapshot cannot be restored: [^\n]*$/.test(error.message) &&
        why.test(error.message);
    const others = refused(/\/proc, \/sys and \/dev/);
    const missing = refused(/needs the pseudo-file \/sys\/class\/more/);
    const pseudo = [{ type: 'file' as const, path: '/sys/class/more', read: () => 'more\n' }];
    const plain: SandboxOptions = { env: {}, memory: '32m', thread: 'caller' };
    await using without = await Sandbox.create(plain);
    await using within = await Sandbox.create({ ...plain, pseudo });
    const files = [await collect(without.snapshot()), await collect(within.snapshot())] as const;
    await assert.rejects(Sandbox.restore(files[0], { thread: 'caller', pseudo }), others);
    await assert.rejects(Sandbox.restore(files[1], { thread: 'caller' }), missing);
    await (await Sandbox.restore(files[1], { thread: 'caller', pseudo })).dispose();
    const renamed = [{ type: 'file' as const, path: '/sys/class/less', read: () => 'more\n' }];
    await assert.rejects(Sandbox.restore(files[1], { thread: 'caller', pseudo: renamed }), missing);
  });
});
