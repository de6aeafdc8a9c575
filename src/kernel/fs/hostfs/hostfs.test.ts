import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createNodeHost } from '../../../host/node/host.js';
import { EEXIST, EINVAL, ELOOP, ENOENT, ENOTEMPTY, ENXIO, EROFS } from '../../errno.js';
import { O_APPEND, O_RDWR, O_WRONLY } from '../../abi/fcntl.js';
import { HostFs } from './hostfs.js';
import type { HostFsOptions } from './hostfs.js';
import {
  FakeFrames,
  ROOT_CRED,
  close,
  content,
  dentry,
  find,
  names,
  ok,
  open,
  read,
  readdir,
  write,
} from '../../../../test/support/fs.js';

const host = createNodeHost();
let folder = '';
let memory = new FakeFrames();

function mount(options: Partial<HostFsOptions> = {}): HostFs {
  assert(host.files);
  const root = host.files.openRoot(folder);
  assert(typeof root !== 'number');
  return ok(HostFs.create({ folder: root, clock: host.clock, memory, dev: 20, trust: 0, ...options }));
}

function at(name: string): string {
  return path.join(folder, name);
}

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'culm-hostfs-'));
  memory = new FakeFrames();
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

describe('names', () => {
  test('look up what the host has, with its attributes to the nanosecond', () => {
    fs.writeFileSync(at('file'), 'hello', { mode: 0o640 });
    const stat = fs.statSync(at('file'), { bigint: true });
    const inode = ok(find(mount(), 'file'));
    assert.equal(inode.mode, 0o100640);
    assert.equal(inode.size, 5);
    assert.equal(inode.ino, Number(stat.ino));
    assert.equal(BigInt(inode.mtime.sec) * 1_000_000_000n + BigInt(inode.mtime.nsec), stat.mtimeNs);
    assert.equal(find(mount(), 'none'), ENOENT);
  });

  test('names are bytes, not text', () => {
    const raw = 'a\xff\xe4b';
    fs.writeFileSync(Buffer.from(`${folder}/${raw}`, 'latin1'), 'x');
    const hostfs = mount();
    assert.deepEqual(names(hostfs.root()), [raw]);
    assert.equal(content(hostfs, raw), 'x');
  });

  test('hard links are one inode', () => {
    fs.writeFileSync(at('a'), '1');
    fs.linkSync(at('a'), at('b'));
    const hostfs = mount();
    assert.equal(find(hostfs, 'a'), find(hostfs, 'b'));
    assert.equal(hostfs.link(hostfs.root(), 'c', ok(find(hostfs, 'a'))), 0);
    assert.equal(ok(find(hostfs, 'c')).nlink, 3);
    assert.equal(hostfs.unlink(hostfs.root(), 'c', ok(find(hostfs, 'c'))), 0);
    assert.equal(content(hostfs, 'a'), '1');
  });

  test('a missing name is found once the host has made it', () => {
    const old = new Date(Date.now() - 60_000);
    fs.utimesSync(folder, old, old);
    const hostfs = mount({ trust: 1e9 });
    assert.equal(find(hostfs, 'late'), ENOENT);
    assert.equal(find(hostfs, 'late'), ENOENT);
    fs.writeFileSync(at('late'), '');
    assert.equal(find(hostfs, 'late'), ENOENT, 'believed for a while');
    hostfs.distrust();
    ok(find(hostfs, 'late'));
  });

  test('revalidation sees removal and replacement, and keeps what is the same', () => {
    fs.writeFileSync(at('a'), '1');
    const hostfs = mount();
    const inode = ok(find(hostfs, 'a'));
    const entry = dentry('a', dentry('', null, hostfs.root()), inode);
    assert.equal(hostfs.revalidate(entry), true);
    fs.writeFileSync(at('b'), '2');
    fs.renameSync(at('b'), at('a'));
    assert.equal(hostfs.revalidate(entry), false);
    assert.notEqual(find(hostfs, 'a'), inode);
  });

  test('listing gives every name once, with stable offsets and real numbers', () => {
    for (let i = 0; i < 10; i++) fs.writeFileSync(at(`f${i}`), '');
    fs.mkdirSync(at('d'));
    const hostfs = mount();
    const handle = open(hostfs.root());
    const first = readdir(handle, 5);
    const rest = readdir(handle);
    const all = [...first, ...rest];
    assert.deepEqual(
      all.slice(0, 2).map((entry) => entry.name),
      ['.', '..'],
    );
    assert.equal(new Set(all.map((entry) => entry.name)).size, 13);
    assert.equal(all.find((entry) => entry.name === 'd')?.type, 4);
    for (const entry of all.slice(2)) assert.equal(entry.ino, fs.lstatSync(at(entry.name)).ino);
    handle.position = first[3]?.offset ?? 0;
    assert.deepEqual(readdir(handle, 1)[0], first[4]);
  });
});

describe('files', () => {
  test('read and write at positions', () => {
    fs.writeFileSync(at('f'), 'hello world');
    const hostfs = mount();
    const handle = open(ok(find(hostfs, 'f')), O_RDWR);
    assert.equal(read(handle, 5), 'hello');
    assert.equal(write(handle, 'JELLO', 0), 5);
    assert.equal(read(handle, 100, 0), 'JELLO world');
    assert.equal(read(handle, 100, 50), '');
    assert.equal(write(handle, 'x', 20), 1);
    assert.equal(handle.inode.size, 21);
    close(handle);
    assert.equal(fs.readFileSync(at('f'), 'latin1'), 'JELLO world' + '\0'.repeat(9) + 'x');
  });

  test('an unlinked file stays readable and writable while it is open', () => {
    fs.writeFileSync(at('f'), 'abc');
    const hostfs = mount();
    const inode = ok(find(hostfs, 'f'));
    const handle = open(inode);
    assert.equal(hostfs.unlink(hostfs.root(), 'f', inode), 0);
    assert.equal(inode.nlink, 0);
    assert.equal(read(handle), 'abc');
    const again = open(inode, O_RDWR);
    assert.equal(write(again, 'X', 0), 1);
    assert.equal(read(handle, 10, 0), 'Xbc');
    assert.equal(find(hostfs, 'f'), ENOENT);
  });

  test('a file made read-only is still written through the handle that made it', () => {
    const hostfs = mount();
    const inode = ok(hostfs.create(hostfs.root(), 'new', 0o444, ROOT_CRED));
    const handle = open(inode, O_WRONLY);
    assert.equal(write(handle, 'data'), 4);
    close(handle);
    assert.equal(fs.statSync(at('new')).mode, 0o100444);
    assert.equal(fs.readFileSync(at('new'), 'latin1'), 'data');
    assert.equal(hostfs.create(hostfs.root(), 'new', 0o600, ROOT_CRED), EEXIST);
  });

  test('appending goes to the end that the host has', () => {
    fs.writeFileSync(at('log'), 'one\n');
    const hostfs = mount({ trust: 1e9 });
    const handle = open(ok(find(hostfs, 'log')), O_WRONLY | O_APPEND);
    fs.appendFileSync(at('log'), 'two\n');
    write(handle, 'three\n', 4);
    assert.equal(fs.readFileSync(at('log'), 'latin1'), 'one\ntwo\nthree\n');
  });

  test('rename replaces, and the replaced file lives on in its handle', () => {
    fs.writeFileSync(at('a'), 'A');
    fs.writeFileSync(at('b'), 'B');
    const hostfs = mount();
    const [a, b] = [ok(find(hostfs, 'a')), ok(find(hostfs, 'b'))];
    const handle = open(b);
    assert.equal(hostfs.rename(hostfs.root(), 'a', a, hostfs.root(), 'b', b, 0), 0);
    assert.equal(read(handle), 'B');
    assert.equal(b.nlink, 0);
    assert.equal(content(hostfs, 'b'), 'A');
    assert.equal(find(hostfs, 'a'), ENOENT);
    assert.equal(hostfs.rename(hostfs.root(), 'b', a, hostfs.root(), 'c', null, 2), EINVAL);
  });

  test('a renamed directory is still reached, also after its folder was closed', () => {
    fs.mkdirSync(at('d'));
    fs.writeFileSync(at('d/x'), '1');
    for (let i = 0; i < 300; i++) fs.mkdirSync(at(`many${i}`));
    const hostfs = mount();
    const dir = ok(find(hostfs, 'd'));
    assert.equal(hostfs.rename(hostfs.root(), 'd', dir, hostfs.root(), 'e', null, 0), 0);
    for (let i = 0; i < 300; i++) find(hostfs, `many${i}/nothing`);
    ok(hostfs.lookup(dir, 'x'));
    assert.equal(content(hostfs, 'e/x'), '1');
  });

  test('attributes are set, times exactly as asked', () => {
    fs.writeFileSync(at('f'), '12345');
    fs.symlinkSync('f', at('l'));
    const hostfs = mount();
    const inode = ok(find(hostfs, 'f'));
    const time = { sec: 1_600_000_000, nsec: 123_456_789 };
    assert.equal(hostfs.setattr(inode, { mode: 0o100711, mtime: time, size: 2 }), 0);
    assert.deepEqual(inode.mtime, time);
    assert.equal(fs.statSync(at('f')).mode, 0o100711);
    assert.equal(fs.readFileSync(at('f'), 'latin1'), '12');
    assert.equal(Math.floor(fs.statSync(at('f')).mtimeMs), 1_600_000_000_123);
    assert.equal(hostfs.setattr(ok(find(hostfs, 'l')), { mtime: time }), 0);
    assert.equal(Math.floor(fs.lstatSync(at('l')).mtimeMs), 1_600_000_000_123);
    assert.notEqual(hostfs.setattr(ok(find(hostfs, 'l')), { mode: 0o100700 }), 0);
    assert.equal(fs.statSync(at('f')).mode, 0o100711, 'chmod does not go through the link');
    assert.equal(hostfs.setattr(hostfs.root(), { mode: 0o40750 }), 0);
    assert.equal(fs.statSync(folder).mode, 0o40750);
  });

  test('directories are made and removed', () => {
    const hostfs = mount();
    const dir = ok(hostfs.mkdir(hostfs.root(), 'd', 0o2775, ROOT_CRED));
    assert.equal(dir.mode, 0o42775);
    ok(hostfs.symlink(dir, 'l', '../\xe9', ROOT_CRED));
    assert.equal(hostfs.readlink(ok(find(hostfs, 'd/l'))), '../\xe9');
    assert.equal(hostfs.rmdir(hostfs.root(), 'd', dir), ENOTEMPTY);
    assert.equal(hostfs.unlink(dir, 'l', ok(find(hostfs, 'd/l'))), 0);
    assert.equal(hostfs.rmdir(hostfs.root(), 'd', dir), 0);
    assert.equal(dir.nlink, 0);
  });

  test('a read-only folder refuses every change', () => {
    fs.writeFileSync(at('f'), 'abc');
    const hostfs = mount({ readOnly: true });
    const [root, inode] = [hostfs.root(), ok(find(hostfs, 'f'))];
    assert.equal(hostfs.create(root, 'x', 0o644, ROOT_CRED), EROFS);
    assert.equal(hostfs.mkdir(root, 'x', 0o755, ROOT_CRED), EROFS);
    assert.equal(hostfs.symlink(root, 'x', 'y', ROOT_CRED), EROFS);
    assert.equal(hostfs.unlink(root, 'f', inode), EROFS);
    assert.equal(hostfs.link(root, 'x', inode), EROFS);
    assert.equal(hostfs.rename(root, 'f', inode, root, 'x', null, 0), EROFS);
    assert.equal(hostfs.setattr(inode, { size: 0 }), EROFS);
    assert.equal(fs.readFileSync(at('f'), 'latin1'), 'abc');
  });

  test('the owner map shows the host user as a guest user', () => {
    fs.writeFileSync(at('f'), '');
    const { uid, gid } = fs.statSync(at('f'));
    const hostfs = mount({ owner: { hostUid: uid, hostGid: gid, uid: 1234, gid: 1235 } });
    const inode = ok(find(hostfs, 'f'));
    assert.deepEqual([inode.uid, inode.gid], [1234, 1235]);
    assert.equal(hostfs.setattr(inode, { uid: 1234, gid: 1235 }), 0);
    assert.equal(fs.statSync(at('f')).uid, uid);
  });
});

describe('mapped pages', () => {
  test('show later writes, and their own changes to reads and to the host', () => {
    fs.writeFileSync(at('f'), 'a'.repeat(5000));
    const hostfs = mount();
    const handle = open(ok(find(hostfs, 'f')), O_RDWR);
    const pages = handle.ops.mmap?.(handle);
    assert(pages && typeof pages !== 'number');
    const frame = pages.frame(1);
    memory.retain(frame);
    assert.equal(memory.text(frame, 900, 908), 'aaaa\0\0\0\0');
    write(handle, 'bbb', 4998);
    assert.equal(memory.text(frame, 900, 908), 'aabbb\0\0\0');
    pages.dirty(1);
    memory.u8.set(Buffer.from('MAPPED'), frame * 4096);
    assert.equal(read(handle, 8, 4095), 'aMAPPEDa');
    assert.equal(pages.sync(0, 8192), 0);
    assert.equal(fs.readFileSync(at('f'), 'latin1').slice(4095, 4103), 'aMAPPEDa');
    assert.equal(fs.statSync(at('f')).size, 5001, 'the page behind the end is not written');
    assert.equal(pages.frame(2), ENXIO);
  });

  test('follow truncation, and changes that the host makes', () => {
    fs.writeFileSync(at('f'), 'x'.repeat(8192));
    const hostfs = mount();
    const inode = ok(find(hostfs, 'f'));
    const handle = open(inode, O_RDWR);
    const pages = handle.ops.mmap?.(handle);
    assert(pages && typeof pages !== 'number');
    const [first, second] = [pages.frame(0), pages.frame(1)];
    memory.retain(first);
    hostfs.setattr(inode, { size: 10 });
    assert.equal(memory.text(first, 8, 12), 'xx\0\0');
    assert.equal(memory.references(second), 0);
    fs.writeFileSync(at('f'), 'yyyyyyyyyyyyyyyy');
    hostfs.refresh(inode);
    assert.equal(memory.text(first, 8, 18), 'yyyyyyyy\0\0');
  });

  test('go back when memory is short, and all of them when the inode goes', () => {
    fs.writeFileSync(at('big'), Buffer.alloc(4096 * 100, 1));
    const hostfs = mount();
    const handle = open(ok(find(hostfs, 'big')));
    const pages = handle.ops.mmap?.(handle);
    assert(pages && typeof pages !== 'number');
    for (let index = 0; index < 100; index++) assert((pages.frame(index) as number) > 0);
    handle.inode.references = 1;
    close(handle);
    assert.equal(memory.free, memory.total);
  });
});

describe('nothing leads out of the folder', () => {
  let outside = '';
  beforeEach(() => {
    outside = fs.mkdtempSync(path.join(os.tmpdir(), 'culm-outside-'));
    fs.writeFileSync(path.join(outside, 'secret'), 'secret', { mode: 0o644 });
  });
  afterEach(() => fs.rmSync(outside, { recursive: true, force: true }));

  test('links are texts, whatever they say', () => {
    fs.symlinkSync(path.join(outside, 'secret'), at('absolute'));
    fs.symlinkSync(outside, at('dir'));
    const hostfs = mount();
    const link = ok(find(hostfs, 'absolute'));
    assert.equal(hostfs.readlink(link), path.join(outside, 'secret'));
    assert.equal(hostfs.open(link, 0), ELOOP);
    assert.equal(typeof find(hostfs, 'dir/secret'), 'number');
    assert.notEqual(hostfs.setattr(link, { mode: 0o100600 }), 0);
    assert.equal(fs.statSync(path.join(outside, 'secret')).mode, 0o100644);
  });

  test('a folder swapped for a link is not entered', () => {
    fs.mkdirSync(at('d'));
    fs.writeFileSync(at('d/secret'), 'mine');
    const hostfs = mount({ trust: 1e9 });
    const dir = ok(find(hostfs, 'd'));
    fs.renameSync(at('d'), at('old'));
    fs.symlinkSync(outside, at('d'));
    assert.equal(hostfs.lookup(dir, 'secret'), ENOENT);
  });

  test('a folder that is open stays the one it was', () => {
    fs.mkdirSync(at('d'));
    fs.writeFileSync(at('d/secret'), 'mine');
    const hostfs = mount({ trust: 1e9 });
    const dir = ok(find(hostfs, 'd'));
    ok(hostfs.lookup(dir, 'secret'));
    fs.renameSync(at('d'), at('old'));
    fs.symlinkSync(outside, at('d'));
    assert.equal(read(open(ok(hostfs.lookup(dir, 'secret')))), 'mine');
  });

  test('a file swapped for a link or a special file is not opened', () => {
    fs.writeFileSync(at('f'), 'mine');
    const hostfs = mount({ trust: 1e9 });
    const inode = ok(find(hostfs, 'f'));
    fs.rmSync(at('f'));
    fs.symlinkSync(path.join(outside, 'secret'), at('f'));
    assert.equal(hostfs.open(inode, 0), ELOOP);
    fs.rmSync(at('f'));
    fs.copyFileSync(path.join(outside, 'secret'), at('f'));
    assert.notEqual(typeof hostfs.open(ok(hostfs.lookup(hostfs.root(), 'f')), 0), 'number');
  });

  test('special files are shown and not opened', async () => {
    const { execFileSync } = await import('node:child_process');
    execFileSync('mkfifo', [at('pipe')]);
    const hostfs = mount();
    const pipe = ok(find(hostfs, 'pipe'));
    assert.equal(pipe.mode & 0o170000, 0o010000);
    assert.equal(hostfs.open(pipe, 0), ENXIO);
  });

  test('FIFOs, sockets and devices that are made are in the sandbox alone', () => {
    const hostfs = mount();
    const root = hostfs.root();
    const dir = ok(hostfs.mkdir(root, 'd', 0o755, ROOT_CRED));
    const fifo = ok(hostfs.mknod(dir, 'fifo', 0o010644, 0, ROOT_CRED));
    assert.deepEqual(fs.readdirSync(at('d')), []);
    assert.equal(ok(hostfs.lookup(dir, 'fifo')), fifo);
    assert.deepEqual([fifo.mode, fifo.nlink, fifo.uid], [0o010644, 1, 0]);
    assert.equal(hostfs.rmdir(root, 'd', dir), ENOTEMPTY);
    assert.equal(hostfs.setattr(fifo, { mode: 0o600, uid: 7 }), 0);
    assert.deepEqual([fifo.mode, fifo.uid], [0o010600, 7]);
    assert.equal(hostfs.link(root, 'other', fifo), 0);
    assert.equal(fifo.nlink, 2);
    assert.equal(hostfs.rename(dir, 'fifo', fifo, root, 'moved', null, 0), 0);
    assert.equal(hostfs.lookup(dir, 'fifo'), ENOENT);
    fs.writeFileSync(at('file'), 'x');
    const file = ok(find(hostfs, 'file'));
    assert.equal(hostfs.rename(root, 'moved', fifo, root, 'file', file, 0), 0, 'over a file of the host');
    assert.equal(fs.existsSync(at('file')), false);
    assert.equal(ok(hostfs.lookup(root, 'file')), fifo);
    const device = ok(hostfs.mknod(root, 'null', 0o20666, 0x103, ROOT_CRED));
    assert.equal(device.rdev, 0x103);
    fs.writeFileSync(at('plain'), 'y');
    const plain = ok(find(hostfs, 'plain'));
    assert.equal(
      hostfs.rename(root, 'plain', plain, root, 'null', device, 0),
      0,
      'a file of the host over it',
    );
    assert.equal(fs.readFileSync(at('null'), 'utf8'), 'y');
    assert.equal(ok(hostfs.lookup(root, 'null')), plain);
    for (const name of ['other', 'file']) assert.equal(hostfs.unlink(root, name, fifo), 0);
    assert.equal(fifo.nlink, 0);
    assert.equal(hostfs.lookup(root, 'file'), ENOENT);
    assert.equal(hostfs.rmdir(root, 'd', dir), 0);
  });

  test('no names with dots or slashes reach the host', () => {
    assert(host.files);
    const root = host.files.openRoot(folder);
    assert(typeof root !== 'number');
    for (const name of ['..', 'a/../..', '../secret', '/etc/passwd', '', 'a\0b']) {
      assert.equal(root.lookup(name), EINVAL, JSON.stringify(name));
      assert.equal(root.openFile(name, true), EINVAL);
      assert.equal(root.unlink(name), EINVAL);
      assert.equal(root.mkdir(name, 0o755), EINVAL);
    }
  });
});
