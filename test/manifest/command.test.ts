/** `culm` with manifests and encrypted files, on the examples. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Place } from './support.js';

const CULM = fileURLToPath(new URL('../../../bin/culm', import.meta.url));
const EXAMPLES = fileURLToPath(new URL('../../../examples', import.meta.url));
const KEY = '00112233445566778899aabbccddeeff';
const place = new Place();
after(() => place.remove());

function culm(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const options = { cwd: place.folder, encoding: 'utf8', timeout: 60_000, input: '' } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [CULM, ...args], options);
  return { status, stdout, stderr };
}

describe('culm with a manifest', () => {
  it('runs the first example', () => {
    const { status, stdout } = culm(join(EXAMPLES, 'hello.manifest'));
    assert.equal(status, 0);
    assert.match(stdout, /^Hello from Linux, user 0\n/);
  });

  it('lets the command line add to it', () => {
    const manifest = place.write(
      'env.manifest',
      'libos.entrypoint = "/bin/busybox"\nloader.argv = ["sh", "-c", "echo $X; pwd; busybox hostname"]\n' +
        'fs.root.uri = "file:/"\nculm.root_overlay = true\nsgx.file_check_policy = "allow_all_but_log"\nloader.log_level = "none"\n',
    );
    const result = culm('run', '--manifest', manifest, '-e', 'X=added', '-w', '/usr', '--hostname', 'other');
    assert.deepEqual(result, { status: 0, stdout: 'added\n/usr\nother\n', stderr: '' });
  });

  it('renders, checks and runs the restricted example', () => {
    place.write('folder/sub/text', 'readable\n');
    const template = join(EXAMPLES, 'restricted.manifest.template');
    const define = `-Dfolder=${place.host('folder')}`;
    assert.equal(culm('manifest', 'render', template, 'restricted.manifest', define).status, 0);
    const text = fs.readFileSync(place.host('restricted.manifest'), 'utf8');
    assert.match(text, /\{ uri = "file:\/.*\/folder\/sub\/text", sha256 = "[0-9a-f]{64}" \}/);
    assert.match(text, /uri = "file:\/lib\/x86_64-linux-gnu\/libc\.so\.6"/);
    const { status, stdout } = culm('manifest', 'check', 'restricted.manifest');
    assert.equal(status, 0);
    assert.match(stdout, /^restricted\.manifest:\d+:1: insecure: loader\.insecure__use_cmdline_argv: /);
    const run = culm(
      'restricted.manifest',
      '/folder/sub/text',
      '/lib/os-release',
      '/lib/x86_64-linux-gnu/libm.so.6',
    );
    assert.equal(run.status, 1);
    assert.match(run.stdout, /^readable\n$/);
    assert.match(run.stderr, /libm\.so\.6: Permission denied/);
    fs.writeFileSync(place.host('folder/sub/text'), 'changed!\n');
    assert.match(culm('restricted.manifest', '/folder/sub/text').stderr, /text: Operation not permitted/);
  });

  it('says what a template lacks, and where', () => {
    const template = place.write(
      't.manifest.template',
      'libos.entrypoint = "/bin/sh"\nloader.argv = ["{{ nothing }}"]\n',
    );
    const { status, stderr } = culm('manifest', 'check', template);
    assert.equal(status, 125);
    assert.match(stderr, /t\.manifest\.template: line 2: attempted to output null or undefined value/);
  });

  it('says each error on a line of its own and does not run', () => {
    const manifest = place.write('bad.manifest', 'libos.entrypoint = 1\nfs.mount = []\n');
    const { status, stderr, stdout } = culm(manifest);
    assert.deepEqual([status, stdout], [125, '']);
    assert.deepEqual(stderr.split('\n'), [
      `culm: ${manifest}:1:20: libos.entrypoint: must be a string, not an integer`,
      `culm: ${manifest}:2:1: fs.mount: is not known; is "fs.mounts" meant?`,
      '',
    ]);
    assert.equal(culm('manifest', 'check', manifest).status, 1);
  });

  it('logs to the manifest’s file', () => {
    const manifest = place.write(
      'log.manifest',
      `libos.entrypoint = "/bin/busybox"\nloader.argv = ["true"]\nfs.root.uri = "file:/"\nloader.log_file = "log"\n` +
        'loader.log_level = "trace"\nsgx.file_check_policy = "allow_all_but_log"\n',
    );
    assert.deepEqual(culm(manifest), { status: 0, stdout: '', stderr: '' });
    const log = fs.readFileSync(place.host('log'), 'utf8');
    assert.match(log, /insecure: sgx\.file_check_policy/);
    assert.match(log, /exit_group\(0\)/);
    assert.match(log, /busybox is not among the allowed or trusted files: opened all the same/);
  });
});

describe('SIGTERM', () => {
  /** Starts a program that waits, sends SIGTERM so often, and says how it ended. */
  async function end(lines: string, times: number): Promise<{ signal: string | null; output: string }> {
    const script = 'trap "echo term" TERM; echo ready; while :; do sleep 0.05; done';
    const manifest = place.write(
      'term.manifest',
      `libos.entrypoint = "/bin/busybox"\nloader.argv = ["sh", "-c", ${JSON.stringify(script)}]\nfs.root.uri = "file:/"\n` +
        `culm.root_overlay = true\nsgx.file_check_policy = "allow_all_but_log"\nloader.log_level = "none"\n${lines}\n`,
    );
    const child = spawn(process.execPath, [CULM, manifest], { timeout: 60_000 });
    let output = '';
    let sent = 0;
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      output += String(chunk);
      const seen = output.split('\n').length - 1;
      while (sent < Math.min(seen, times)) {
        child.kill('SIGTERM');
        sent++;
      }
    }
    const signal = await new Promise<string | null>((resolve) => {
      if (child.signalCode !== null || child.exitCode !== null) resolve(child.signalCode);
      else child.on('exit', (_, name) => resolve(name));
    });
    return { signal, output };
  }

  it('ends the sandbox', async () => {
    assert.deepEqual(await end('', 1), { signal: 'SIGTERM', output: 'ready\n' });
  });

  it('reaches the program once where the manifest lets it in', async () => {
    const result = await end('sys.enable_sigterm_injection = true', 2);
    assert.deepEqual(result, { signal: 'SIGTERM', output: 'ready\nterm\n' });
  });
});

describe('culm files', () => {
  it('and the encrypted example understand each other', () => {
    place.write('plain/a', 'from outside\n');
    place.write('plain/sub/b', new Uint8Array(50_000).fill(7));
    assert.equal(culm('files', 'encrypt', '--key', KEY, 'plain', 'secrets').status, 0);
    assert.equal(culm(join(EXAMPLES, 'encrypted.manifest')).stdout, 'hello\n');
    assert.equal(culm(join(EXAMPLES, 'encrypted.manifest')).stdout, 'hello\nhello\n');
    assert.deepEqual(fs.readdirSync(place.host('secrets')).sort(), ['a', 'greeting', 'sub']);
    assert.equal(
      culm('files', 'verify', '--key', KEY, 'secrets').stdout,
      'secrets/a: good\nsecrets/greeting: good\nsecrets/sub/b: good\n',
    );
    place.write('key', Buffer.from(KEY, 'hex'));
    assert.equal(culm('files', 'decrypt', '--key-file', 'key', 'secrets', 'back').status, 0);
    assert.equal(fs.readFileSync(place.host('back/greeting'), 'utf8'), 'hello\nhello\n');
    assert.ok(fs.readFileSync(place.host('back/sub/b')).every((byte) => byte === 7));
  });

  it('tells which files are no good, and why', () => {
    const path = place.host('secrets/sub/b');
    const disk = fs.readFileSync(path);
    disk[20_000] = (disk[20_000] ?? 0) ^ 1;
    fs.writeFileSync(path, disk);
    fs.renameSync(place.host('secrets/a'), place.host('secrets/z'));
    const { status, stdout } = culm('files', 'verify', '--key', KEY, 'secrets');
    assert.equal(status, 1);
    assert.match(
      stdout,
      /secrets\/sub\/b: (EACCES|node \d+ has been changed)\nsecrets\/z: it belongs to the path secrets\/a\n/,
    );
    assert.equal(culm('files', 'verify', '--any-path', '--key', KEY, 'secrets/z').status, 0);
    assert.match(culm('files', 'decrypt', '--key', KEY, 'secrets/sub/b', 'x').stderr, /secrets\/sub\/b: /);
    assert.match(culm('files', 'verify', '--key', 'ff', 'secrets').stderr, /a key has 16 bytes/);
  });
});
