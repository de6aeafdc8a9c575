import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createNodeHost } from '../../../host/node/host.js';
import { CLOCK, FakeFrames, ok } from '../../../../test/support/fs.js';
import { Tree, randomFrom, readAll } from '../../../../test/support/tree.js';
import { O_RDONLY, O_RDWR } from '../../abi/fcntl.js';
import { EISDIR, ENOENT, ENOTEMPTY, EROFS } from '../../errno.js';
import { setSize } from '../attributes.js';
import { releaseHandle } from '../handle.js';
import { HostFs } from '../hostfs/hostfs.js';
import { TmpFs } from '../tmpfs/tmpfs.js';
import { OverlayFs } from './overlay.js';

const host = createNodeHost();
let folder = '';
let memory = new FakeFrames();

function lower(): HostFs {
  const root = host.files?.openRoot(folder);
  assert(root !== undefined && typeof root !== 'number');
  return ok(HostFs.create({ folder: root, clock: host.clock, memory, dev: 20, readOnly: true }));
}

function tmpfs(): TmpFs {
  return new TmpFs({ memory, clock: CLOCK, dev: 21, mode: 0o755 });
}

function overlay(second?: TmpFs): Tree {
  const lowers = second === undefined ? ([lower()] as const) : ([lower(), second] as const);
  return new Tree(new OverlayFs({ lowers, upper: tmpfs(), dev: 22, clock: CLOCK }));
}

function put(name: string, text: string): void {
  fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  fs.writeFileSync(path.join(folder, name), text);
}

/** The lower folder must be as it was. */
function snapshot(): string[] {
  const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return names.map((name) => {
    const stat = fs.lstatSync(path.join(folder, name));
    const content = stat.isFile() ? fs.readFileSync(path.join(folder, name), 'latin1') : '';
    return `${name} ${stat.mode} ${stat.nlink} ${stat.mtimeMs} ${content}`;
  });
}

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'culm-overlay-'));
  memory = new FakeFrames(2000);
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

describe('an overlay', () => {
  test('shows the lower tree and keeps it as it is', () => {
    put('dir/a', 'A');
    put('b', 'B');
    const before = snapshot();
    const tree = overlay();
    assert.equal(tree.read('/dir/a'), 'A');
    assert.equal(tree.replace('/b', 'changed'), 7);
    assert.equal(tree.write('/dir/new', 'N'), 1);
    assert.equal(tree.unlink('/dir/a'), 0);
    assert.equal(tree.read('/b'), 'changed');
    assert.equal(tree.read('/dir/a'), ENOENT);
    assert.deepEqual(
      (tree.list('/dir') as string[]).map((line) => line.split(':')[0]),
      ['new'],
    );
    assert.deepEqual(snapshot(), before);
  });

  test('keeps numbers, owner, mode and time when a file is copied up', () => {
    put('f', 'content');
    fs.chmodSync(path.join(folder, 'f'), 0o640);
    fs.utimesSync(path.join(folder, 'f'), 1_500_000_000, 1_500_000_000);
    const tree = overlay();
    const inode = ok(tree.inode('/f'));
    const { ino } = inode;
    assert.equal(ino, fs.statSync(path.join(folder, 'f')).ino);
    assert.equal(tree.chmod('/f', 0o600), 0);
    assert.equal(tree.inode('/f'), inode);
    assert.deepEqual([inode.ino, inode.mode, inode.size, inode.mtime.sec], [ino, 0o100600, 7, 1_500_000_000]);
    assert.equal(tree.read('/f'), 'content');
    assert.equal(memory.free, memory.total, 'chmod copies no content');
    assert.equal(tree.write('/f', 'CON'), 3);
    assert.equal(tree.read('/f'), 'CONtent');
    assert.equal(ok(tree.inode('/f')).ino, ino);
    const listed = (tree.list('/') as string[])[0];
    assert.equal(listed, `f:8:${ino}`);
  });

  test('a handle opened before the copy reads what was written since', () => {
    put('f', 'old');
    const tree = overlay();
    const handle = ok(tree.open('/f', O_RDONLY));
    assert.equal(readAll(handle), 'old');
    tree.write('/f', 'NEW');
    assert.equal(readAll(handle), 'NEW');
    releaseHandle(handle);
  });

  test('an unlinked lower file lives on in its handle, and can still be changed', () => {
    put('f', 'abc');
    const tree = overlay();
    const handle = ok(tree.open('/f', O_RDONLY));
    assert.equal(tree.unlink('/f'), 0);
    assert.equal(handle.inode.nlink, 0);
    assert.equal(readAll(handle), 'abc');
    assert.equal(setSize(tree.context, handle.inode, 1, null), 0);
    assert.equal(readAll(handle), 'a');
    assert.equal(tree.read('/f'), ENOENT);
    releaseHandle(handle);
  });

  test('a directory made where a lower one was removed is empty', () => {
    put('d/x', '1');
    const tree = overlay();
    assert.equal(tree.rmdir('/d'), ENOTEMPTY);
    assert.equal(tree.unlink('/d/x'), 0);
    assert.equal(tree.rmdir('/d'), 0);
    assert.equal(tree.inode('/d'), ENOENT);
    assert.equal(tree.mkdir('/d'), 0);
    assert.deepEqual(tree.list('/d'), []);
    assert.equal(tree.inode('/d/x'), ENOENT);
  });

  test('lower directories can be renamed, and take what is in them along', () => {
    put('d/sub/x', '1');
    put('other/y', '2');
    const tree = overlay();
    assert.equal(tree.rename('/d', '/other/e'), 0);
    assert.equal(tree.inode('/d'), ENOENT);
    assert.equal(tree.read('/other/e/sub/x'), '1');
    assert.equal(tree.replace('/other/e/sub/x', 'new'), 3);
    assert.equal(tree.rename('/other', '/z'), 0);
    assert.equal(tree.read('/z/e/sub/x'), 'new');
    assert.equal(tree.read('/z/y'), '2');
    assert.equal(tree.mkdir('/d'), 0);
    assert.deepEqual(tree.list('/d'), []);
  });

  test('hard links in the lower tree stay links of one file', () => {
    put('a', 'one');
    fs.linkSync(path.join(folder, 'a'), path.join(folder, 'b'));
    const tree = overlay();
    assert.equal(tree.inode('/a'), tree.inode('/b'));
    assert.equal(tree.replace('/a', 'two'), 3);
    assert.equal(tree.read('/b'), 'two');
    assert.equal(ok(tree.inode('/b')).nlink, 2);
    assert.equal(tree.unlink('/a'), 0);
    assert.equal(tree.read('/b'), 'two');
    assert.equal(tree.link('/b', '/c'), 0);
    assert.equal(ok(tree.inode('/c')).nlink, 2);
    assert.equal(tree.replace('/c', 'three'), 5);
    assert.equal(tree.read('/b'), 'three');
  });

  test('further lower layers fill in what is missing above them', () => {
    put('etc/passwd', 'mine');
    const second = tmpfs();
    const below = new Tree(second);
    below.mkdir('/etc');
    below.write('/etc/passwd', 'default');
    below.write('/etc/hosts', 'localhost');
    const tree = overlay(second);
    assert.equal(tree.read('/etc/passwd'), 'mine');
    assert.equal(tree.read('/etc/hosts'), 'localhost');
    assert.equal((tree.list('/etc') as string[]).length, 2);
    assert.equal(tree.replace('/etc/hosts', 'x'), 1);
    assert.equal(tree.unlink('/etc/passwd'), 0);
    assert.equal(tree.read('/etc/passwd'), ENOENT);
    assert.equal(below.read('/etc/hosts'), 'localhost');
  });

  test('extended attributes survive the inode', () => {
    put('f', '');
    const tree = overlay();
    const inode = ok(tree.inode('/f'));
    inode.xattrs = new Map([['user.x', Uint8Array.of(1)]]);
    inode.fs.evict?.(inode);
    tree.vfs.root.dentry.children?.clear();
    assert.deepEqual(ok(tree.inode('/f')).xattrs, new Map([['user.x', Uint8Array.of(1)]]));
  });

  test('without an upper layer nothing can be changed', () => {
    put('d/f', 'abc');
    const tree = new Tree(new OverlayFs({ lowers: [lower()], upper: null, dev: 22, clock: CLOCK }));
    assert.equal(tree.read('/d/f'), 'abc');
    assert.equal(tree.write('/d/f', 'x'), EROFS);
    assert.equal(tree.unlink('/d/f'), EROFS);
    assert.equal(tree.mkdir('/d/e'), EROFS);
    assert.equal(tree.open('/d', O_RDWR), EISDIR);
  });
});

/** The same tree in the lower layers and in the model. */
function build(tree: Tree): void {
  for (const dir of ['/p', '/p/q', '/r', '/r/s']) tree.mkdir(dir);
  for (const file of ['/a', '/p/a', '/p/q/b', '/r/c', '/r/s/d']) tree.write(file, `content of ${file}`);
  tree.symlink('p/q', '/l');
  tree.symlink('../a', '/p/m');
  tree.link('/a', '/r/hard');
}

type Step = (tree: Tree) => number;

/** A random operation on random names. */
function randomStep(random: (below: number) => number): { text: string; step: Step } {
  const dirs = ['', '/p', '/p/q', '/r', '/r/s', '/l', '/n'];
  const names = ['a', 'b', 'c', 'd', 'm', 'n', 'q', 's', 'hard'];
  const pick = <T>(from: readonly T[]) => from[random(from.length)] as T;
  const name = () => `${pick(dirs)}/${pick(names)}`;
  const [x, y, size] = [name(), name(), random(6000)];
  const steps: Record<string, Step> = {
    [`replace ${x}`]: (tree) => tree.replace(x, `new ${size}`),
    [`write ${x} at ${size}`]: (tree) => tree.write(x, 'written', { position: size }),
    [`overwrite ${x}`]: (tree) => tree.write(x, 'over', { flags: O_RDWR }),
    [`truncate ${x} ${size}`]: (tree) => tree.truncate(x, size),
    [`mkdir ${x}`]: (tree) => tree.mkdir(x),
    [`rmdir ${x}`]: (tree) => tree.rmdir(x),
    [`unlink ${x}`]: (tree) => tree.unlink(x),
    [`rename ${x} ${y}`]: (tree) => tree.rename(x, y),
    [`rename again ${x} ${y}`]: (tree) => tree.rename(x, y),
    [`link ${x} ${y}`]: (tree) => tree.link(x, y),
    [`symlink ${x} ${y}`]: (tree) => tree.symlink(x, y),
    [`chmod ${x}`]: (tree) => tree.chmod(x, 0o700 + (size % 0o77)),
  };
  const text = pick(Object.keys(steps));
  return { text, step: steps[text] as Step };
}

/** Forgets all names that are in no use, so that inodes are made again from the layers. */
function forget(tree: Tree): void {
  tree.vfs.root.dentry.children?.forEach((child) => {
    if (child.pins === 0 && child.mounts.length === 0 && child.children === null && child.inode !== null) {
      tree.vfs.root.dentry.children?.delete(child.name);
      if (--child.inode.references === 0) child.inode.fs.evict?.(child.inode);
    }
  });
}

describe('against a model: the same operations on a plain filesystem give the same', () => {
  const seeds = Array.from({ length: 20 }, (_unused, index) => index + 1);
  for (const seed of seeds) {
    test(`seed ${seed}`, () => {
      const model = new Tree(tmpfs());
      build(model);
      const root = host.files?.openRoot(folder);
      assert(root !== undefined && typeof root !== 'number');
      build(new Tree(ok(HostFs.create({ folder: root, clock: host.clock, memory, dev: 23, trust: 0 }))));
      const tree = overlay();
      assert.deepEqual(tree.dump(), model.dump());
      const before = snapshot();
      const random = randomFrom(seed);
      const done: string[] = [];
      for (let i = 0; i < 150; i++) {
        const { text, step } = randomStep(random);
        done.push(text);
        assert.equal(step(tree), step(model), done.join('\n'));
        if (i % 10 === 9) {
          assert.deepEqual(tree.dump(), model.dump(), done.join('\n'));
          forget(tree);
        }
      }
      assert.deepEqual(snapshot(), before);
    });
  }
});
