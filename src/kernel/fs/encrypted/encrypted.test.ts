/** Protected files: the format, byte for byte; what is done to it from outside; what is left by a write that did not end. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createDecipheriv, randomFillSync } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { nodeCrypto } from '../../../host/node/crypto.js';
import { openRoot } from '../../../host/node/folder.js';
import { EACCES, EIO, ENOENT, EPERM, EXDEV } from '../../errno.js';
import type { HostFile, HostFolder } from '../../host.js';
import { EncryptedFolder, type EncryptedTree } from './folder.js';
import { INLINE_SIZE, NODE_SIZE, dataNodes, placeOfData, placeOfTree, storedSize } from './layout.js';
import { Refused } from './metadata.js';
import { ProtectedFile, type ProtectedFileOptions } from './protected.js';
import { RECOVERY_SUFFIX, RecoveryLog, readAll } from './recovery.js';

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i * 11 + 1);

let folder = '';
before(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'culm-encrypted-'));
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

function hostFolder(): HostFolder {
  const root = openRoot(folder);
  assert.ok(typeof root !== 'number');
  return root;
}

function tree(more: Partial<EncryptedTree> = {}): EncryptedTree {
  return {
    crypto: nodeCrypto,
    random: (into) => void randomFillSync(into),
    realtime: (out) => void ([out.sec, out.nsec] = [1000, 0]),
    key: () => KEY,
    recovery: false,
    log: (line) => void logged.push(line),
    open: new Map(),
    sizes: new Map(),
    ...more,
  };
}
const logged: string[] = [];

function encryptedFolder(more: Partial<EncryptedTree> = {}): EncryptedFolder {
  return new EncryptedFolder(hostFolder(), 'enc', tree(more));
}

function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 31 + (i >> 8) * 7 + seed;
  return bytes;
}

function save(name: string, content: Uint8Array, more: Partial<EncryptedTree> = {}): void {
  const file = good(encryptedFolder(more).create(name, 0o644));
  assert.equal(file.write(content, 0, content.length, 0), content.length);
  file.close();
}

function good(file: HostFile | number): HostFile {
  assert.ok(typeof file !== 'number', `error ${String(file)}`);
  return file;
}

function contentOf(file: HostFile): Uint8Array {
  const stat = file.stat();
  assert.ok(typeof stat !== 'number');
  const bytes = new Uint8Array(stat.size);
  assert.equal(readAll(file, bytes, 0), stat.size);
  return bytes;
}

function load(name: string, more: Partial<EncryptedTree> = {}): Uint8Array | number {
  const file = encryptedFolder(more).openFile(name, false);
  if (typeof file === 'number') return file;
  const stat = file.stat();
  assert.ok(typeof stat !== 'number');
  const bytes = new Uint8Array(stat.size);
  const count = readAll(file, bytes, 0);
  file.close();
  return count < 0 ? count : bytes;
}

/** A node, decrypted without any of what is tested: openssl's CMAC, node:crypto's GCM, offsets as the format says. */
function decrypt(key: Uint8Array, mac: Uint8Array, cipher: Uint8Array): Buffer {
  const gcm = createDecipheriv('aes-128-gcm', key, new Uint8Array(12));
  gcm.setAuthTag(mac);
  return Buffer.concat([gcm.update(cipher), gcm.final()]);
}

function opensslCmac(key: Uint8Array, message: Uint8Array): Buffer {
  const hexKey = Buffer.from(key).toString('hex');
  const args = ['mac', '-cipher', 'AES-128-CBC', '-macopt', `hexkey:${hexKey}`, '-binary', 'CMAC'];
  return execFileSync('openssl', args, { input: message });
}

function readByTheBook(name: string): { path: string; content: Buffer } {
  const disk = fs.readFileSync(join(folder, name));
  assert.equal(disk.toString('latin1', 0, 8), 'GRAFS_PF');
  assert.deepEqual([disk[8], disk[9]], [2, 0]);
  assert.equal(disk[58], 0);
  assert.ok(disk.subarray(3943, 4096).every((byte) => byte === 0));
  const input = Buffer.alloc(104);
  input.writeUInt32LE(1, 0);
  input.write('SGX-PROTECTED-FS-METADATA-KEY', 4, 'latin1');
  disk.copy(input, 68, 10, 42);
  input.writeUInt32LE(128, 100);
  const metadata = decrypt(opensslCmac(KEY, input), disk.subarray(42, 58), disk.subarray(59, 3943));
  const path = metadata.toString('latin1', 0, metadata.indexOf(0));
  const size = Number(metadata.readBigUInt64LE(772));
  const content = Buffer.alloc(size);
  metadata.copy(content, 0, 812, 812 + Math.min(size, 3072));
  const trees = new Map<number, Buffer>();
  const node = (place: number, parent: Buffer, slot: number): Buffer =>
    decrypt(
      parent.subarray(slot * 32, slot * 32 + 16),
      parent.subarray(slot * 32 + 16, slot * 32 + 32),
      disk.subarray(place * 4096, place * 4096 + 4096),
    );
  const treeNode = (m: number): Buffer => {
    const known = trees.get(m);
    if (known !== undefined) return known;
    const parent = m === 0 ? metadata.subarray(780, 812) : treeNode(Math.floor((m - 1) / 32));
    const made = node(m * 97 + 1, parent, m === 0 ? 0 : 96 + ((m - 1) % 32));
    trees.set(m, made);
    return made;
  };
  for (let at = 3072, d = 0; at < size; at += 4096, d++)
    node(d + 2 + Math.floor(d / 96), treeNode(Math.floor(d / 96)), d % 96).copy(content, at);
  return { path, content };
}

describe('the cryptography', () => {
  it('has RFC 4493’s CMAC', () => {
    const key = Buffer.from('2b7e151628aed2a6abf7158809cf4f3c', 'hex');
    const text = '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411';
    const vectors = [
      ['', 'bb1d6929e95937287fa37d129b756746'],
      [text.slice(0, 32), '070a16b46b4d4144f79bdd9dd04a287c'],
      [text, 'dfa66747de9ae63030ca32611497c827'],
    ] as const;
    for (const [message, mac] of vectors)
      assert.equal(Buffer.from(nodeCrypto.cmac(key, Buffer.from(message, 'hex'))).toString('hex'), mac);
  });
});

describe('the layout', () => {
  it('puts nodes where the format says', () => {
    assert.deepEqual([0, 95, 96, 192].map(placeOfData), [2, 97, 99, 196]);
    assert.deepEqual([0, 1, 2].map(placeOfTree), [1, 98, 195]);
    assert.deepEqual([0, 3072, 3073, 3072 + 4096, 3072 + 4097].map(dataNodes), [0, 0, 1, 1, 2]);
    assert.deepEqual([0, 3072, 3073].map(storedSize), [4096, 4096, 3 * 4096]);
  });
});

describe('a protected file', () => {
  // No node, one, the first tree node's last and the next one's first, and a tree of three levels (96 * 33 data nodes).
  const SIZES = [
    0,
    1,
    3071,
    3072,
    3073,
    7168,
    7169,
    INLINE_SIZE + 96 * 4096,
    INLINE_SIZE + 96 * 4096 + 1,
    500_000,
  ];
  for (const size of [...SIZES, INLINE_SIZE + 96 * 34 * 4096 + 5])
    it(`of ${size} bytes is what the format says`, () => {
      const name = `size-${size}`;
      save(name, pattern(size));
      const { path, content } = readByTheBook(name);
      assert.equal(path, `enc/${name}`);
      assert.ok(content.equals(pattern(size)));
      assert.equal(fs.statSync(join(folder, name)).size, storedSize(size));
      const back = load(name);
      assert.ok(typeof back !== 'number');
      assert.ok(Buffer.from(back).equals(pattern(size)));
      fs.rmSync(join(folder, name));
    });

  it('keeps what random writes and truncations leave, also when it is opened again', () => {
    const file = { now: good(encryptedFolder().create('random', 0o644)) };
    let model = Buffer.alloc(0);
    let seed = 12345;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (let step = 0; step < 150; step++) {
      const what = random(10);
      if (what < 6) {
        const bytes = pattern(random(9000), step);
        const at = random(1_300_000);
        if (bytes.length > 0 && at + bytes.length > model.length)
          model = Buffer.concat([model, Buffer.alloc(at + bytes.length - model.length)]);
        if (bytes.length > 0) Buffer.from(bytes).copy(model, at);
        assert.equal(file.now.write(bytes, 0, bytes.length, at), bytes.length);
        if (bytes.length === 0) assert.equal(file.now.truncate(model.length), 0);
      } else if (what < 8) {
        const size = random(1_300_000);
        model =
          size <= model.length
            ? Buffer.from(model.subarray(0, size))
            : Buffer.concat([model, Buffer.alloc(size - model.length)]);
        assert.equal(file.now.truncate(size), 0);
      } else if (what === 8) {
        assert.equal(file.now.sync(), 0);
        assert.ok(readByTheBook('random').content.equals(model), `step ${step}`);
      } else {
        file.now.close();
        file.now = good(encryptedFolder().openFile('random', true));
      }
      const at = random(model.length + 1);
      const some = new Uint8Array(Math.min(10_000, model.length - at));
      assert.equal(file.now.read(some, 0, some.length, at), some.length);
      assert.ok(Buffer.from(some).equals(model.subarray(at, at + some.length)), `step ${step}`);
    }
    file.now.close();
    assert.ok(readByTheBook('random').content.equals(model));
    assert.equal(fs.statSync(join(folder, 'random')).size, storedSize(model.length));
  });

  it('of version 1 is read, and becomes version 2 when it is written', () => {
    save('old', pattern(100));
    const path = join(folder, 'old');
    const disk = fs.readFileSync(path);
    disk[8] = 1;
    disk.copyWithin(58, 59, 3943);
    disk[3942] = 0;
    fs.writeFileSync(path, disk);
    assert.deepEqual(load('old'), pattern(100));
    const file = good(encryptedFolder().openFile('old', true));
    file.write(pattern(10, 5), 0, 10, 0);
    file.close();
    assert.equal(fs.readFileSync(path)[8], 2);
    assert.deepEqual(readByTheBook('old').content.subarray(10), Buffer.from(pattern(100).subarray(10)));
  });

  it('has other bytes on the host after each write of the same', () => {
    save('same', pattern(20_000));
    const first = fs.readFileSync(join(folder, 'same'));
    const file = good(encryptedFolder().openFile('same', true));
    file.write(pattern(20_000), 0, 20_000, 0);
    file.close();
    const second = fs.readFileSync(join(folder, 'same'));
    for (let node = 0; node < second.length / NODE_SIZE; node++) {
      const range = [node * NODE_SIZE + 100, node * NODE_SIZE + 200] as const;
      assert.ok(!first.subarray(...range).equals(second.subarray(...range)), `node ${node}`);
    }
  });
});

describe('a protected file that was touched from outside', () => {
  const SIZE = INLINE_SIZE + 98 * 4096;
  const refused = (name: string): void => {
    assert.equal(load(name), EACCES);
  };

  it('is refused whichever byte has changed', () => {
    save('tampered', pattern(SIZE));
    const path = join(folder, 'tampered');
    const disk = fs.readFileSync(path);
    // Every field of the first node, and some places of each other.
    const places = [0, 7, 8, 10, 41, 42, 57, 58, 59, 830, 840, 850, 3942, 3943, 4095];
    for (let node = 1; node < disk.length / NODE_SIZE; node++)
      places.push(node * NODE_SIZE + ((node * 997) % NODE_SIZE));
    for (const place of places) {
      const changed = Buffer.from(disk);
      changed[place] = (changed[place] ?? 0) ^ 1;
      fs.writeFileSync(path, changed);
      assert.equal(load('tampered'), EACCES, `byte ${place}`);
    }
    // The minor version means nothing.
    disk[9] = 7;
    fs.writeFileSync(path, disk);
    assert.deepEqual(load('tampered'), pattern(SIZE));
  });

  it('is refused when it is cut anywhere', () => {
    save('cut', pattern(SIZE));
    const path = join(folder, 'cut');
    const disk = fs.readFileSync(path);
    for (const size of [0, 1, 4095, 4096, 8192, disk.length - 4096, disk.length - 1]) {
      fs.writeFileSync(path, disk.subarray(0, size));
      refused('cut');
    }
  });

  it('is refused when nodes change places', () => {
    save('swapped-nodes', pattern(SIZE));
    const path = join(folder, 'swapped-nodes');
    const disk = fs.readFileSync(path);
    const node = Buffer.from(disk.subarray(2 * 4096, 3 * 4096));
    disk.copyWithin(2 * 4096, 3 * 4096, 4 * 4096);
    node.copy(disk, 3 * 4096);
    fs.writeFileSync(path, disk);
    refused('swapped-nodes');
  });

  it('is refused when one node is put back as it was', () => {
    save('rolled-back', pattern(SIZE));
    const path = join(folder, 'rolled-back');
    const before = fs.readFileSync(path);
    const file = good(encryptedFolder().openFile('rolled-back', true));
    file.write(pattern(5000, 9), 0, 5000, 8000);
    file.close();
    const now = fs.readFileSync(path);
    before.copy(now, 3 * 4096, 3 * 4096, 4 * 4096);
    fs.writeFileSync(path, now);
    refused('rolled-back');
  });

  it('is refused under another name, and in another’s place', () => {
    save('one', pattern(10, 1));
    save('two', pattern(10, 2));
    const [one, two, third] = ['one', 'two', 'third'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    fs.copyFileSync(one, third);
    refused('third');
    fs.renameSync(one, third);
    refused('third');
    fs.renameSync(two, one);
    fs.renameSync(third, two);
    refused('one');
    refused('two');
    assert.match(logged.at(-1) ?? '', /enc\/two is refused: it belongs to the path enc\/one/);
  });

  it('is refused under another key, and without one', () => {
    save('keyed', pattern(10));
    assert.equal(load('keyed', { key: () => new Uint8Array(16) }), EACCES);
    assert.equal(load('keyed', { key: () => null }), EACCES);
    assert.deepEqual(load('keyed'), pattern(10));
  });

  it('can still be looked at and removed', () => {
    fs.writeFileSync(join(folder, 'foreign'), 'no protected file');
    const inside = encryptedFolder();
    const stat = inside.lookup('foreign');
    assert.ok(typeof stat !== 'number' && stat.size === 0);
    assert.equal(inside.openFile('foreign', true), EACCES);
    assert.equal(inside.unlink('foreign'), 0);
    assert.equal(inside.lookup('foreign'), ENOENT);
  });

  it('stays refused once it was found changed while open', () => {
    save('open', pattern(SIZE));
    const file = good(encryptedFolder().openFile('open', true));
    const disk = fs.openSync(join(folder, 'open'), 'r+');
    fs.writeSync(disk, Buffer.alloc(16), 0, 16, 49 * 4096);
    fs.closeSync(disk);
    const bytes = new Uint8Array(4096);
    assert.equal(file.read(bytes, 0, 4096, INLINE_SIZE + 47 * 4096), EACCES);
    assert.equal(file.read(bytes, 0, 100, 0), EACCES);
    assert.equal(file.write(bytes, 0, 100, 0), EACCES);
    file.close();
  });
});

describe('an encrypted folder', () => {
  it('renames files, binding them to the new path', () => {
    save('from', pattern(5000));
    const inside = encryptedFolder();
    assert.equal(inside.mkdir('sub', 0o755), 0);
    const sub = inside.openFolder('sub');
    assert.ok(typeof sub !== 'number');
    assert.equal(inside.rename('from', sub, 'to'), 0);
    assert.equal(readByTheBook('sub/to').path, 'enc/sub/to');
    assert.deepEqual(contentOf(good(sub.openFile('to', false))), pattern(5000));
  });

  it('renames a file that is open and has unwritten changes', () => {
    const inside = encryptedFolder();
    const file = good(inside.create('busy', 0o644));
    file.write(pattern(100), 0, 100, 0);
    assert.equal(inside.rename('busy', inside, 'idle'), 0);
    file.write(pattern(100, 3), 0, 100, 100);
    file.close();
    assert.deepEqual([...readByTheBook('idle').content], [...pattern(100), ...pattern(100, 3)]);
  });

  it('does not take files away from their paths', () => {
    const inside = encryptedFolder();
    inside.mkdir('dir', 0o755);
    assert.equal(inside.rename('dir', inside, 'dir2'), EXDEV);
    assert.equal(inside.link(), EPERM);
    assert.equal(inside.symlink(), EPERM);
    fs.symlinkSync('size-1', join(folder, 'link'));
    assert.equal(inside.readlink(), EACCES);
  });

  it('shows sizes inside, of open files too, and no recovery files', () => {
    save('sized', pattern(12_345));
    fs.writeFileSync(join(folder, `sized${RECOVERY_SUFFIX}`), '');
    const inside = encryptedFolder();
    const size = (): unknown => {
      const stat = inside.lookup('sized');
      return typeof stat === 'number' ? stat : stat.size;
    };
    assert.equal(size(), 12_345);
    const file = good(inside.openFile('sized', true));
    file.write(pattern(10), 0, 10, 20_000);
    assert.equal(size(), 20_010);
    file.close();
    assert.equal(size(), 20_010);
    assert.equal(inside.lookup(`sized${RECOVERY_SUFFIX}`), ENOENT);
    const entries = inside.list();
    assert.ok(typeof entries !== 'number');
    assert.ok(entries.some(({ name }) => name === 'sized'));
    assert.ok(!entries.some(({ name }) => name.endsWith(RECOVERY_SUFFIX)));
  });
});

/** A file that fails from the `limit`th write on, as if the host's process had ended there. */
class DyingFile implements HostFile {
  writes = 0;
  constructor(
    private readonly base: HostFile,
    public limit: number,
  ) {}
  get opened(): HostFile['opened'] {
    return this.base.opened;
  }
  stat = (): ReturnType<HostFile['stat']> => this.base.stat();
  read = (...args: Parameters<HostFile['read']>): number => this.base.read(...args);
  write = (...args: Parameters<HostFile['write']>): number =>
    ++this.writes > this.limit ? EIO : this.base.write(...args);
  truncate = (size: number): number => (this.writes > this.limit ? EIO : this.base.truncate(size));
  chmod = (mode: number): number => this.base.chmod(mode);
  chown = (uid: number, gid: number): number => this.base.chown(uid, gid);
  utimes: HostFile['utimes'] = (atime, mtime) => this.base.utimes(atime, mtime);
  sync = (): number => this.base.sync();
  reopen = (): HostFile | number => this.base.reopen();
  close = (): void => this.base.close();
}

describe('a write that did not end', () => {
  const OLD = pattern(INLINE_SIZE + 5 * 4096, 1);
  const NEW = pattern(INLINE_SIZE + 3 * 4096, 2);

  function options(storage: HostFile, name: string, recovery: boolean): ProtectedFileOptions {
    const random = (into: Uint8Array): void => void randomFillSync(into);
    const log = recovery ? new RecoveryLog(hostFolder(), name) : null;
    return { storage, crypto: nodeCrypto, random, key: KEY, path: `enc/${name}`, recovery: log };
  }

  /** Writes OLD, then NEW with an end after so many writes to the file; how many there would have been. */
  function interrupted(name: string, limit: number, recovery: boolean): number {
    fs.rmSync(join(folder, name), { force: true });
    save(name, OLD);
    const storage = new DyingFile(good(hostFolder().openFile(name, true)), limit);
    const file = ProtectedFile.open(options(storage, name, recovery));
    assert.ok(!(file instanceof Refused));
    file.write(NEW, 0, NEW.length, 2000);
    file.flush();
    storage.close();
    return storage.writes;
  }

  it('is undone with recovery, wherever it ended', () => {
    const all = interrupted('recovered', Infinity, true);
    assert.ok(all > 6);
    const whole = Buffer.from(OLD);
    Buffer.from(NEW).copy(whole, 2000);
    for (let limit = 0; limit < all; limit++) {
      interrupted('recovered', limit, true);
      const back = load('recovered', { recovery: true });
      assert.ok(typeof back !== 'number', `after ${limit} writes: ${String(back)}`);
      // The last write only clears the mark: without it all is undone, too.
      assert.ok(Buffer.from(back).equals(OLD), `after ${limit} writes`);
    }
    interrupted('recovered', all, true);
    assert.ok(Buffer.from(load('recovered', { recovery: true }) as Uint8Array).equals(whole));
  });

  it('leaves a file that is refused without recovery', () => {
    const all = interrupted('lost', Infinity, false);
    interrupted('lost', Math.floor(all / 2), false);
    assert.equal(load('lost'), EACCES);
  });

  it('is noticed when recovery is not enabled, or its file is gone or no good', () => {
    interrupted('noticed', 3, true);
    assert.equal(load('noticed'), EACCES);
    const log = join(folder, `noticed${RECOVERY_SUFFIX}`);
    const saved = fs.readFileSync(log);
    fs.writeFileSync(log, saved.subarray(0, 5000));
    assert.equal(load('noticed', { recovery: true }), EACCES);
    fs.rmSync(log);
    assert.equal(load('noticed', { recovery: true }), EACCES);
    fs.writeFileSync(log, saved);
    assert.deepEqual(load('noticed', { recovery: true }), OLD);
  });

  it('cannot bring back an older file by an older recovery file', () => {
    interrupted('replayed', 3, true);
    const log = join(folder, `replayed${RECOVERY_SUFFIX}`);
    const saved = fs.readFileSync(log);
    saved[5000] = (saved[5000] ?? 0) ^ 1;
    fs.writeFileSync(log, saved);
    assert.equal(load('replayed', { recovery: true }), EACCES);
  });

  it('leaves no recovery file behind when all went well', () => {
    save('clean', OLD, { recovery: true });
    assert.ok(!fs.existsSync(join(folder, `clean${RECOVERY_SUFFIX}`)));
    assert.deepEqual(load('clean', { recovery: true }), OLD);
  });
});
