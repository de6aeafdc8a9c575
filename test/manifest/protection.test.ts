/** Trusted and allowed files: what the host changes, and the ways by which a program might reach what is not listed. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Place, between, compile, sha256 } from './support.js';

const place = new Place();
after(() => place.remove());
const BIG = Buffer.from(Array.from({ length: 100_000 }, (_, i) => 97 + (i % 26)));

function trusted(name: string, content: string | Uint8Array): void {
  place.trusted.push(`{ uri = "file:${place.host(name)}", sha256 = "${sha256(content)}" }`);
}

function setUp(): void {
  for (const name of ['trusted', 'other', 'secret', 'allowed', 'link', 'late'])
    fs.rmSync(place.host(name), { recursive: true, force: true });
  place.trusted = [];
  place.allowed = [`"file:${place.host('allowed')}"`];
  place.log.length = 0;
  place.write('trusted', 'trusted\n');
  place.write('other', 'other\n');
  place.write('secret', 'secret\n');
  place.write('allowed/file', 'allowed\n');
  trusted('trusted', 'trusted\n');
  trusted('other', 'other\n');
}

async function shell(command: string, more = ''): Promise<string[]> {
  const { stdout } = await place.run(place.shell(`exec 2>&1; ${command}`, more));
  return stdout.split('\n').filter((line) => line !== '');
}

describe('files of the host', () => {
  beforeEach(setUp);

  it('are read if listed, and else only seen', async () => {
    assert.deepEqual(
      await shell('cat /d/trusted /d/allowed/file /d/secret; ls /d/secret; stat -c %s /d/secret'),
      ['trusted', 'allowed', "cat: can't open '/d/secret': Permission denied", '/d/secret', '7'],
    );
    // Beyond the end there is nothing, and nothing wrong.
    assert.deepEqual(
      await shell(
        'exec 3</d/trusted; dd bs=1 skip=100 <&3 2>/dev/null | wc -c; dd bs=4 count=1 skip=1 </d/trusted 2>/dev/null; echo; cat </d/trusted',
      ),
      ['0', 'ted', 'trusted'],
    );
    assert.match(place.log.join('\n'), /secret is not among the allowed or trusted files: not opened/);
  });

  it('are written only where they are allowed', async () => {
    const lines = await shell(
      'echo x >/d/trusted; echo x >>/d/secret; echo x >/d/new; echo y >/d/allowed/new; cat /d/allowed/new;' +
        'chmod 777 /d/trusted; truncate -s 0 /d/trusted; rm /d/trusted; rm -f /d/secret; mkdir /d/dir; mkdir /d/allowed/dir && echo made;' +
        'mv /d/trusted /d/allowed/t; mv /d/allowed/file /d/moved; touch -d 2001-01-01 /d/trusted; rm /d/allowed/file && echo removed',
    );
    assert.deepEqual(
      lines.filter((line) => !line.includes('ermission denied')),
      ['y', 'made', 'removed'],
    );
    assert.equal(lines.length, 14);
    assert.equal(fs.readFileSync(place.host('trusted'), 'utf8'), 'trusted\n');
    assert.equal(fs.readFileSync(place.host('secret'), 'utf8'), 'secret\n');
    assert.ok(!fs.existsSync(place.host('new')) && !fs.existsSync(place.host('moved')));
  });

  it('are refused when they were changed before the start', async () => {
    place.write('trusted', 'Trusted\n');
    assert.deepEqual(await shell('cat /d/trusted /d/other'), [
      "cat: can't open '/d/trusted': Operation not permitted",
      'other',
    ]);
    place.write('trusted', 'trusted\n more');
    assert.match((await shell('cat /d/trusted')).join(), /not permitted/);
    place.write('trusted', '');
    assert.match((await shell('cat /d/trusted')).join(), /not permitted/);
  });

  const REACH: readonly (readonly [string, string])[] = [
    ['a symbolic link that the program makes', 'ln -s ../secret /d/allowed/l && cat /d/allowed/l'],
    ['a symbolic link elsewhere', 'ln -s /d/secret /tmp-link; cat /tmp-link'],
    ['a hard link', 'ln /d/secret /d/allowed/h; cat /d/allowed/h'],
    ['renaming it', 'mv /d/secret /d/allowed/m; cat /d/allowed/m'],
    ['renaming the directory above', 'mv /d /e; mv /d/allowed /d/allowed2; cat /d/allowed2/../secret'],
    ['`..`', 'cat /d/allowed/../secret; cd /d/allowed && cat ../secret'],
    ['/proc/self/root', 'cat /proc/self/root/d/secret'],
    ['/proc/self/cwd', 'cd /d/allowed && cat /proc/self/cwd/../secret'],
    ['a descriptor of a directory', 'exec 5</d; cat /proc/self/fd/5/secret'],
    ['copying', 'cp /d/secret /d/allowed/c; cat /d/allowed/c'],
    ['running it', 'chmod +x /d/secret; /d/secret; . /d/secret'],
  ];
  for (const [what, command] of REACH)
    it(`are not reached by ${what}`, async () => {
      const lines = await shell(command);
      assert.ok(lines.length > 0);
      for (const line of lines)
        assert.match(
          line,
          /Permission denied|can't (open|stat)|not found|Not a directory|No such file|busy|Cross-device|rename|can't create/i,
          line,
        );
      assert.ok(!lines.includes('secret'), lines.join());
    });

  it('are not reached by links of the host in an allowed directory', async () => {
    fs.symlinkSync('../secret', place.host('allowed/soft'));
    fs.symlinkSync('../trusted', place.host('allowed/good'));
    fs.linkSync(place.host('secret'), place.host('allowed/hard'));
    // A hard link is a name of its own: by that name the file is allowed, by its other one it is not.
    assert.deepEqual(await shell('cat /d/allowed/soft /d/allowed/good /d/allowed/hard /d/secret'), [
      "cat: can't open '/d/allowed/soft': Permission denied",
      'trusted',
      'secret',
      "cat: can't open '/d/secret': Permission denied",
    ]);
  });

  it('are not taken for each other when the host puts a link in their place', async () => {
    const { sandbox, manifest } = await place.sandbox(
      place.shell('exec 2>&1; cat /d/trusted; echo go; read x; cat /d/trusted; cat /d/other'),
    );
    const process = await sandbox.spawn(manifest.argv, manifest.spawn);
    const output = await between(process, 'go', () => {
      fs.rmSync(place.host('trusted'));
      fs.symlinkSync('other', place.host('trusted'));
    });
    await sandbox.dispose();
    assert.deepEqual(output.trim().split('\n'), [
      'trusted',
      'go',
      "cat: can't open '/d/trusted': Permission denied",
      'other',
    ]);
  });

  it('may be reached by links that were there at the start and still say the same', async () => {
    fs.symlinkSync('trusted', place.host('link'));
    place.trusted = [`{ uri = "file:${place.host('link')}", sha256 = "${sha256('trusted\n')}" }`];
    const { sandbox, manifest } = await place.sandbox(
      place.shell('exec 2>&1; cat /d/link; echo go; read x; cat /d/link'),
    );
    const process = await sandbox.spawn(manifest.argv, manifest.spawn);
    const output = await between(process, 'go', () => {
      fs.rmSync(place.host('link'));
      fs.symlinkSync('other', place.host('link'));
    });
    await sandbox.dispose();
    assert.deepEqual(output.trim().split('\n'), [
      'trusted',
      'go',
      "cat: can't open '/d/link': Permission denied",
    ]);
  });

  it('may all be used when the policy says so, with a warning; trusted ones are checked all the same', async () => {
    place.write('other', 'Other\n');
    const lines = await shell(
      'cat /d/secret; echo more >>/d/secret; cat /d/secret; echo x >/d/trusted; cat /d/other',
      'sgx.file_check_policy = "allow_all_but_log"',
    );
    assert.deepEqual(lines, [
      'secret',
      'secret',
      'more',
      "sh: can't create /d/trusted: Permission denied",
      "cat: can't open '/d/other': Operation not permitted",
    ]);
    assert.match(
      place.log.join('\n'),
      /secret is not among the allowed or trusted files: opened all the same/,
    );
  });

  it('are checked below an overlay too', async () => {
    const text = `libos.entrypoint = "/allowed/busybox"
loader.argv = ["sh", "-c", "exec 2>&1; cat /trusted /secret; echo x >/secret; chmod 600 /secret; echo new >/new; cat /new"]
loader.env.PATH = "/allowed"
fs.root.uri = "file:${place.folder}"
culm.root_overlay = true
sgx.trusted_files = [${place.trusted.join(', ')}]
sgx.allowed_files = [${place.allowed.join(', ')}]
`;
    fs.copyFileSync('/bin/busybox', place.host('allowed/busybox'));
    fs.symlinkSync('busybox', place.host('allowed/cat'));
    fs.symlinkSync('busybox', place.host('allowed/chmod'));
    const { stdout } = await place.run(text);
    const lines = stdout.trim().split('\n');
    assert.deepEqual(
      [lines[0], lines[1], lines.at(-1)],
      ['trusted', "cat: can't open '/secret': Permission denied", 'new'],
    );
    assert.ok(!fs.existsSync(place.host('new')));
    assert.equal(fs.readFileSync(place.host('secret'), 'utf8'), 'secret\n');
  });
});

describe('a trusted file that the host changes while it is used', () => {
  before(() => {
    setUp();
    place.trusted = [];
    trusted('big', BIG);
  });
  beforeEach(() => {
    place.write('big', BIG);
  });

  function change(at: number): void {
    const fd = fs.openSync(place.host('big'), 'r+');
    fs.writeSync(fd, 'X', at);
    fs.closeSync(fd);
  }

  it('is read only as far as it is what it was', async () => {
    const { sandbox, manifest } = await place.sandbox(
      place.shell(
        'exec 3</d/big 2>&1; dd bs=1 count=1 <&3 2>/dev/null; echo " go"; read x; cat <&3 >/copy; stat -c %s /copy',
      ),
    );
    const process = await sandbox.spawn(manifest.argv, manifest.spawn);
    const output = await between(process, 'go', () => change(60_000));
    await sandbox.dispose();
    const [first, problem, size] = output.trim().split('\n');
    assert.equal(first, 'a go');
    assert.match(problem ?? '', /cat: read error: Operation not permitted/);
    assert.equal(Number(size), 3 * 16384 - 1);
  });

  it('is refused when it was cut', async () => {
    const { sandbox, manifest } = await place.sandbox(
      place.shell('exec 3</d/big 2>&1; echo go; read x; stat -Lc %s /proc/self/fd/3; cat <&3 | wc -c'),
    );
    const process = await sandbox.spawn(manifest.argv, manifest.spawn);
    const output = await between(process, 'go', () => fs.truncateSync(place.host('big'), 40_000));
    await sandbox.dispose();
    assert.match(
      output,
      /go\n100000\n(cat: read error: Operation not permitted\n32768|32768\ncat: read error: Operation not permitted)\n/,
    );
  });

  it('shows mappings what it was, or nothing', async () => {
    const program = compile(place, 'mapped');
    place.trusted.push(`"file:${program}"`);
    const { sandbox, manifest } = await place.sandbox(place.shell('exec /d/mapped /d/big'));
    const process = await sandbox.spawn(manifest.argv, manifest.spawn);
    const output = await between(process, 'first', () => {
      change(0);
      change(10 * 4096);
    });
    await sandbox.dispose();
    const letter = String.fromCharCode(BIG[20 * 4096] ?? 0);
    assert.deepEqual(output.trim().split('\n'), [
      'first a',
      'seen a',
      `unchanged ${letter}`,
      'changed SIGBUS',
    ]);
  });
});
