/** What a snapshot does not have by itself: keys, the application's files, checked files, earlier snapshots. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  CulmError,
  Sandbox,
  encryptFiles,
  inspectSnapshot,
  type PseudoSpec,
  type SandboxProcess,
  type SnapshotOptions,
} from '../../src/index.js';

const LIMIT = { timeout: 120_000 };
const ENV = { PATH: '/usr/bin:/bin' };
const BASE = { rootfs: '/', thread: 'caller' } as const;

async function until(program: SandboxProcess, mark: string): Promise<void> {
  const reader = program.stdout.getReader();
  for (let text = ''; !text.includes(mark);) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`no ${mark}: ${text}`);
    text += new TextDecoder().decode(value);
  }
  reader.releaseLock();
}

async function started(sandbox: Sandbox, script: string): Promise<SandboxProcess> {
  const program = await sandbox.spawn(['sh', '-c', script]);
  await until(program, 'READY\n');
  return program;
}

async function snapshotOf(sandbox: Sandbox, options: SnapshotOptions = {}): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of sandbox.snapshot(options)) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

/** Gives the only program a line and returns the rest of what it writes. */
async function goOn(sandbox: Sandbox, line = 'go'): Promise<string> {
  const [program] = sandbox.processes();
  assert.ok(program !== undefined);
  const writer = program.stdin.getWriter();
  await writer.write(new TextEncoder().encode(`${line}\n`));
  await writer.close();
  let text = '';
  for await (const chunk of program.stdout) text += new TextDecoder().decode(chunk);
  return text;
}

const refusal =
  (pattern: RegExp) =>
  (error: unknown): boolean =>
    error instanceof CulmError && error.code === 'snapshot' && pattern.test(error.message);

describe('a restored sandbox', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'culm-bindings-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('has keys only where they are given, or were asked for', LIMIT, async () => {
    const hex = '00112233445566778899aabbccddeeff';
    const key = Buffer.from(hex, 'hex');
    const source = join(folder, 'secret');
    mkdirSync(join(folder, 'plain'));
    writeFileSync(join(folder, 'plain', 'text'), 'a secret\nmore\n');
    encryptFiles(join(folder, 'plain'), source, { key, path: source });
    const mounts = [{ type: 'encrypted' as const, source, target: '/secret' }];
    await using sandbox = await Sandbox.create({ ...BASE, env: ENV, mounts, keys: { default: hex } });
    const script =
      'exec 3</dev/attestation/keys/default 4</secret/text; read -r a <&4; echo READY; read b; od -An -tx1 <&3; cat <&4';
    await started(sandbox, script);
    const expected = ` ${hex.match(/../g)?.join(' ')}\nmore\n`;
    const bare = await snapshotOf(sandbox, { compress: false });
    const whole = await snapshotOf(sandbox, { compress: false, keys: true });
    assert.equal(Buffer.from(bare).includes(key), false);
    assert.equal(Buffer.from(whole).includes(key), true);
    assert.deepEqual((await inspectSnapshot(bare)).keys, ['default']);
    await assert.rejects(Sandbox.restore(bare, { ...BASE, mounts }), refusal(/it needs the key "default"$/));
    for (const [snapshot, keys] of [
      [bare, { default: hex }],
      [whole, {}],
    ] as const) {
      await using other = await Sandbox.restore(snapshot, { ...BASE, mounts, keys });
      assert.equal(await goOn(other), expected);
    }
    await using copy = await sandbox.fork();
    assert.equal(await goOn(copy), expected);
  });

  it('asks the application that it has now, also a reader that has been waiting', LIMIT, async () => {
    const pseudo = (word: string, ready: () => boolean): PseudoSpec[] => [
      { type: 'file', path: '/proc/app', mode: 0o444, read: () => `${word}\n` },
      {
        type: 'device',
        path: '/dev/app',
        major: 240,
        minor: 1,
        read: (_length, position) => (position > 0 ? '' : ready() ? `device ${word}\n` : null),
      },
    ];
    const create = { ...BASE, env: ENV, pseudo: pseudo('old', () => false) };
    await using sandbox = await Sandbox.create(create);
    await started(sandbox, 'exec 3</proc/app; echo READY; read x; cat /dev/app; cat /proc/app; cat <&3');
    const snapshot = await snapshotOf(sandbox);
    await assert.rejects(
      Sandbox.restore(snapshot, BASE),
      refusal(/it needs the pseudo-file \/proc\/app, the pseudo-file \/dev\/app$/),
    );
    let ready = false;
    const options = { ...BASE, pseudo: pseudo('new', () => ready) };
    await using first = await Sandbox.restore(snapshot, options);
    const [program] = first.processes();
    assert.ok(program !== undefined);
    await program.stdin.getWriter().write(new TextEncoder().encode('go\n'));
    // The reader waits in the device, and is written down so.
    while ((await first.statistics()).processes < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await using second = await Sandbox.restore(await snapshotOf(first), options);
    const [again] = second.processes();
    assert.ok(again !== undefined);
    const output = new Response(again.stdout).text();
    await new Promise((resolve) => setTimeout(resolve, 50));
    ready = true;
    await second.pseudo.notify('/dev/app');
    assert.equal(await output, 'device new\nnew\nold\n');
  });

  it('keeps to the rules for files, and to what trusted ones have to be', LIMIT, async () => {
    const source = join(folder, 'rules');
    mkdirSync(source);
    const trusted = join(source, 'trusted');
    const text = `first\n${'x'.repeat(20_000)}\nlast\n`;
    writeFileSync(trusted, text);
    writeFileSync(join(source, 'other'), 'other\n');
    const sha256 = createHash('sha256').update(text).digest('hex');
    const mounts = [{ type: 'host' as const, source, target: '/data' }];
    const allowed = ['/usr', '/lib', '/bin', '/lib64', '/etc'];
    const fileCheck = { trusted: [{ path: trusted, sha256 }], allowed };
    await using sandbox = await Sandbox.create({ ...BASE, env: ENV, mounts, fileCheck });
    const script =
      'exec 3</data/trusted; read -r a <&3; echo READY; read x; tail -n 1 <&3; cat /data/other 2>&1; echo >>/data/trusted; tail -n 1 /data/trusted';
    await started(sandbox, script);
    const snapshot = await snapshotOf(sandbox, { hostPages: false });
    await using other = await Sandbox.restore(snapshot, { ...BASE, mounts });
    const output = await goOn(other);
    assert.equal(output, 'last\ncat: /data/other: Permission denied\nlast\n');
    writeFileSync(trusted, text.replace('last', 'lost'));
    await assert.rejects(
      Sandbox.restore(snapshot, { ...BASE, mounts }),
      refusal(/trusted is open, and has been changed/),
    );
  });

  it('comes from what has changed since earlier snapshots, in their order alone', LIMIT, async () => {
    await using sandbox = await Sandbox.create({ ...BASE, env: ENV });
    const program = await started(
      sandbox,
      'head -c 3000000 /dev/urandom >/tmp/noise; sum=$(md5sum </tmp/noise); echo READY; read x; echo $x >>/tmp/noise; echo NEXT; read x; rm /tmp/noise; echo $sum >/tmp/sum; echo LAST; read x; cat /tmp/sum; echo $sum; ls /tmp/noise 2>&1',
    );
    const give = async (): Promise<void> => {
      const writer = program.stdin.getWriter();
      await writer.write(new TextEncoder().encode('go\n'));
      writer.releaseLock();
    };
    const one = await snapshotOf(sandbox);
    await give();
    await until(program, 'NEXT\n');
    const two = await snapshotOf(sandbox, { parent: one });
    await give();
    await until(program, 'LAST\n');
    const three = await snapshotOf(sandbox, { parent: [one, two] });
    const rest = await goOn(sandbox);
    assert.ok(one.length > 3_000_000 && two.length < 500_000 && three.length < 500_000);
    await using other = await Sandbox.restore([one, two, three], BASE);
    assert.equal(await goOn(other), rest);
    // From the middle of the chain the file is still there.
    await using middle = await Sandbox.restore([one, two], BASE);
    assert.equal((await middle.exec(['wc', '-c', '/tmp/noise'])).stdoutText, '3000003 /tmp/noise\n');
    for (const chain of [[three], [one, three], [two, one, three], [two, three], [one, one]])
      await assert.rejects(Sandbox.restore(chain, BASE), refusal(/it builds on/));
    const damaged = one.slice();
    damaged[1000] = (damaged[1000] ?? 0) ^ 1;
    await assert.rejects(Sandbox.restore([damaged, two], BASE), refusal(/digest/));
    await assert.rejects(snapshotOf(other, { parent: damaged }), refusal(/digest/));
  });
});
