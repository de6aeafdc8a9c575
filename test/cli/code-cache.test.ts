/** Translated code that is kept for the next run: it is found again, and nothing that is not whole or not one's own is used. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { KEEPS_NATIVE } from '../../src/node/native-code.js';

const CULM = fileURLToPath(new URL('../../../bin/culm', import.meta.url));
const LIMIT_MS = 120_000;
/** Runs that the first region may take to be made: it is made by a thread that nobody waits for. */
const MOST_RUNS = 20;
const LOOP = ['/bin/sh', '-c', 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; echo $i'];

const folder = mkdtempSync(join(tmpdir(), 'culm-cache-'));
const home = join(folder, 'home');
const cache = join(home, 'cache');

function culm(options: readonly string[], argv: readonly string[] = LOOP) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [CULM, 'run', '--rootfs', '/', '--stats', ...options, '--', ...argv],
    { encoding: 'utf8', timeout: LIMIT_MS, env: { ...process.env, CULM_CACHE: cache } },
  );
  const [kept, ready] = ['regionsKept', 'functionsReady'].map((name) =>
    Number(new RegExp(`^${name} +(\\d+)$`, 'm').exec(stderr)?.[1]),
  ) as [number, number];
  return { status, stdout, stderr, kept, ready };
}

function files(): string[] {
  const entries = readdirSync(cache, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
const filesOf = (kind: string): string[] => files().filter((name) => name.endsWith(kind));
const codeFiles = (): string[] => filesOf('.code');

/** Runs the loop with the files changed, and puts them back. */
function withChanged(change: (file: string, bytes: Buffer) => void, kind = '.code'): ReturnType<typeof culm> {
  const saved = filesOf(kind).map((file) => [file, readFileSync(file)] as const);
  assert.notEqual(saved.length, 0);
  for (const [file, bytes] of saved) change(file, Buffer.from(bytes));
  const result = culm([]);
  for (const file of filesOf(kind)) rmSync(file);
  for (const [file, bytes] of saved) writeFileSync(file, bytes, { mode: 0o600 });
  return result;
}

describe(
  'translated code',
  { skip: availableParallelism() < 2 ? 'there is one processor: nothing is kept' : false },
  () => {
    before(() => {
      for (let i = 0; i < MOST_RUNS && (i === 0 || codeFiles().length === 0); i++)
        assert.equal(culm([]).stdout, '60000\n');
    });
    after(() => rmSync(folder, { recursive: true }));

    it('is there in the next run', () => {
      const { stdout, kept } = culm([]);
      assert.equal(stdout, '60000\n');
      assert.notEqual(kept, 0);
    });

    it('is not used and not kept when nobody wants it', () => {
      assert.equal(culm(['--no-code-cache']).kept, 0);
      assert.equal(culm(['--aslr']).kept, 0);
      assert.equal(culm(['--without', 'pages']).kept, 0);
    });

    it('is not used if it is damaged', () => {
      const flipped = withChanged((file, bytes) => {
        bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
        writeFileSync(file, bytes);
      });
      assert.deepEqual([flipped.stdout, flipped.kept], ['60000\n', 0]);
      const cut = withChanged((file, bytes) => writeFileSync(file, bytes.subarray(0, bytes.length - 1)));
      assert.deepEqual([cut.stdout, cut.kept], ['60000\n', 0]);
      const empty = withChanged((file) => writeFileSync(file, ''));
      assert.deepEqual([empty.stdout, empty.kept], ['60000\n', 0]);
      assert.notEqual(culm([]).kept, 0);
    });

    it('is not used if others may write to it', () => {
      const open = withChanged((file) => chmodSync(file, 0o666));
      assert.deepEqual([open.stdout, open.kept], ['60000\n', 0]);
      chmodSync(cache, 0o777);
      assert.equal(culm([]).kept, 0);
      chmodSync(cache, 0o700);
      assert.notEqual(culm([]).kept, 0);
    });

    const withNative = KEEPS_NATIVE
      ? {}
      : { skip: `V8 ${process.versions.v8} does not let its code be kept` };
    it('is there as V8 has optimised it, if it is whole', withNative, () => {
      let result = culm([]);
      for (let i = 0; i < MOST_RUNS && result.ready === 0; i++) result = culm([]);
      assert.notEqual(result.ready, 0);
      const flipped = withChanged((file, bytes) => {
        bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
        writeFileSync(file, bytes);
      }, '.native');
      assert.deepEqual([flipped.stdout, flipped.ready], ['60000\n', 0]);
      assert.notEqual(flipped.kept, 0);
      const open = withChanged((file) => chmodSync(file, 0o666), '.native');
      assert.deepEqual([open.stdout, open.ready], ['60000\n', 0]);
      assert.notEqual(culm([]).ready, 0);
    });

    it('is not what another module had', withNative, () => {
      const taken = withChanged((file) => {
        // Of the same build and version, but of other bytes: the digest is right, and V8 must not be asked.
        const others = filesOf('.native').filter((name) => name !== file);
        writeFileSync(file, readFileSync(others[0] as string), { mode: 0o600 });
      }, '.native');
      assert.deepEqual([taken.status, taken.stdout], [0, '60000\n']);
    });

    it('is out of reach for a guest', () => {
      const script = [
        'ls /h/cache || echo closed',
        'cat /h/cache/* || echo closed',
        'mkdir /h/other && touch /h/other/x',
        'mv /h/cache /h/away || echo stays',
        'mv -T /h/other /h/cache || echo stays',
        'rmdir /h/cache || echo stays',
        'echo x >/h/cache/x || echo closed',
        'ln -s cache /h/link && ls /h/link/ || echo closed',
      ];
      const { stdout } = culm(['-v', `${home}:/h`], ['/bin/sh', '-c', script.join('\n')]);
      assert.deepEqual(stdout.split('\n'), [
        'closed',
        'closed',
        'stays',
        'stays',
        'stays',
        'closed',
        'closed',
        '',
      ]);
      const mounted = culm(['-v', `${cache}:/c`], ['/bin/true']);
      assert.equal(mounted.status, 125);
      assert.match(mounted.stderr, /EACCES|denied/i);
      assert.notEqual(codeFiles().length, 0);
    });
  },
);
