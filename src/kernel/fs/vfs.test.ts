import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOCK, FakeFrames, ok } from '../../../test/support/fs.js';
import { Tree } from '../../../test/support/tree.js';
import { MS_NOSYMFOLLOW, MS_RDONLY } from '../abi/mount.js';
import { O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR, O_WRONLY, RESOLVE_NO_XDEV } from '../abi/fcntl.js';
import { EBUSY, ELOOP, ENOENT, ENOTDIR, ENOTEMPTY, EROFS, ETXTBSY, EXDEV } from '../errno.js';
import { allowWrite, denyWrite, releaseHandle } from './handle.js';
import { absolutePath } from './path.js';
import { TmpFs } from './tmpfs/tmpfs.js';
import type { Dentry, Inode, Location, PathContext } from './types.js';
import { LOOKUP_FOLLOW, walk } from './walk.js';

const frames = new FakeFrames(200);
const tmpfs = (dev: number) => new TmpFs({ memory: frames, clock: CLOCK, dev });

/** A tree with a second filesystem on /mnt, and /mnt/inner in it. */
function twoFilesystems(): Tree {
  const tree = new Tree(tmpfs(1));
  tree.mkdir('/mnt');
  tree.mkdir('/mnt/hidden');
  ok(tree.vfs.mount(tmpfs(2), ok(tree.at('/mnt')), 0));
  tree.mkdir('/mnt/inner');
  return tree;
}

function pathOf(tree: Tree, path: string): string {
  return absolutePath(ok(tree.at(path)), tree.vfs.root);
}

test('a mount hides what is below it and `..` leads out of it', () => {
  const tree = twoFilesystems();
  assert.equal(tree.at('/mnt/hidden'), ENOENT);
  assert.equal(pathOf(tree, '/mnt/inner/../../mnt/inner'), '/mnt/inner');
  assert.equal(ok(tree.inode('/mnt')).fs.dev, 2);
  assert.equal(ok(tree.inode('/mnt/..')).fs.dev, 1);
  assert.equal(pathOf(tree, '/../../mnt/..'), '/');
});

test('mounts on one place stack, and come off in turn', () => {
  const tree = twoFilesystems();
  const third = ok(tree.vfs.mount(tmpfs(3), ok(tree.at('/mnt')), 0));
  assert.equal(ok(tree.inode('/mnt')).fs.dev, 3);
  assert.equal(third.parent?.mount.fs.dev, 2);
  assert.equal(tree.vfs.unmount(ok(tree.at('/mnt'))), 0);
  assert.equal(ok(tree.inode('/mnt')).fs.dev, 2);
  assert.equal(tree.vfs.unmount(ok(tree.at('/mnt'))), 0);
  assert.equal(typeof tree.at('/mnt/hidden'), 'object');
  assert.equal(tree.vfs.unmount(tree.vfs.root), EBUSY);
});

test('a directory is not mounted on a file', () => {
  const tree = new Tree(tmpfs(1));
  releaseHandle(ok(tree.open('/file', O_CREAT | O_RDWR)));
  assert.equal(tree.vfs.mount(tmpfs(2), ok(tree.at('/file')), 0), ENOTDIR);
});

test('names cannot be removed, renamed or linked across mounts', () => {
  const tree = twoFilesystems();
  assert.equal(tree.rmdir('/mnt'), EBUSY);
  assert.equal(tree.rename('/mnt', '/other'), EBUSY);
  releaseHandle(ok(tree.open('/file', O_CREAT | O_RDWR)));
  assert.equal(tree.rename('/file', '/mnt/file'), EXDEV);
  assert.equal(tree.link('/file', '/mnt/file'), EXDEV);
});

test('a bind mount shows a directory at a second place', () => {
  const tree = twoFilesystems();
  tree.mkdir('/view');
  ok(tree.vfs.bind(ok(tree.at('/mnt/inner')), ok(tree.at('/view')), MS_RDONLY));
  assert.equal(tree.mkdir('/mnt/inner/made'), 0);
  assert.equal(pathOf(tree, '/view/made'), '/view/made');
  assert.equal(pathOf(tree, '/view/..'), '/');
  assert.equal(tree.mkdir('/view/refused'), EROFS);
  assert.equal(tree.open('/view/new', O_CREAT | O_RDWR), EROFS);
  assert.equal(tree.rename('/view/made', '/mnt/inner/x'), EXDEV);
});

test('a bind mount shows one file', () => {
  const tree = twoFilesystems();
  const handle = ok(tree.open('/mnt/file', O_CREAT | O_RDWR));
  const at = ok(tree.vfs.mountPoint('/etc/config', 'file'));
  ok(tree.vfs.bind(ok(tree.at('/mnt/file')), at, 0));
  assert.equal(ok(tree.inode('/etc/config')), handle.inode);
  assert.equal(pathOf(tree, '/etc/config'), '/etc/config');
  assert.equal(tree.at('/etc/config/'), ENOTDIR);
});

test('missing mount points become directories that stay', () => {
  const tree = new Tree(tmpfs(1));
  tree.mkdir('/real');
  const at = ok(tree.vfs.mountPoint('/real/a/b', 'directory'));
  ok(tree.vfs.mount(tmpfs(2), at, 0));
  assert.equal(pathOf(tree, '/real/a/b'), '/real/a/b');
  const names = (path: string) => (tree.list(path) as string[]).map((name) => name.split(':')[0]);
  assert.deepEqual(names('/real'), ['a']);
  assert.deepEqual(names('/real/a'), ['b']);
  assert.equal(tree.rmdir('/real/a'), EBUSY);
  assert.equal(tree.rmdir('/real'), ENOTEMPTY);
  assert.equal(tree.rename('/real', '/moved'), EBUSY);
  assert.notEqual(tree.mkdir('/real/a/c'), 0);
  assert.equal(tree.mkdir('/real/a/b/c'), 0);
});

test('nothing above the root of a context can be reached', () => {
  const tree = twoFilesystems();
  const jail: PathContext = {
    ...tree.context,
    root: ok(tree.at('/mnt/inner')),
    cwd: ok(tree.at('/mnt/inner')),
  };
  const at = (path: string) => walk(jail, jail.cwd, path, LOOKUP_FOLLOW);
  assert.equal(ok(at('../../..')).dentry, jail.root.dentry);
  assert.equal(ok(at('/..')).dentry, jail.root.dentry);
  assert.equal(at('/mnt'), ENOENT);
  assert.equal(absolutePath(ok(tree.at('/mnt')), jail.root), '(unreachable)/mnt');
  tree.symlink('/mnt', '/mnt/inner/out');
  assert.equal(at('out'), ENOENT);
});

test('walks stay in a mount if told so, and follow no links where a mount forbids it', () => {
  const tree = twoFilesystems();
  const { root } = tree.vfs;
  assert.equal(walk(tree.context, root, 'mnt/inner', 0, RESOLVE_NO_XDEV), EXDEV);
  assert.equal(walk(tree.context, ok(tree.at('/mnt')), '..', 0, RESOLVE_NO_XDEV), EXDEV);
  assert.equal(typeof walk(tree.context, ok(tree.at('/mnt')), 'inner/..', 0, RESOLVE_NO_XDEV), 'object');
  tree.symlink('inner', '/mnt/link');
  assert.equal(typeof tree.at('/mnt/link', true), 'object');
  const mount = tree.vfs.mounts.find(({ fs }) => fs.dev === 2);
  if (mount !== undefined) mount.flags |= MS_NOSYMFOLLOW;
  assert.equal(tree.at('/mnt/link', true), ELOOP);
  assert.equal(typeof tree.at('/mnt/link'), 'object');
});

/** A filesystem with one magic link, which leads to a place, and names that come and go. */
class Changing extends TmpFs {
  target: Location | null = null;
  names = new Set<string>();
  lookups = 0;

  override lookup(dir: Inode, name: string) {
    this.lookups++;
    return this.names.has(name) ? super.lookup(dir, name) : ENOENT;
  }

  revalidate(dentry: Dentry): boolean {
    return this.names.has(dentry.name) === (dentry.inode !== null);
  }

  override readlink(inode: Inode) {
    return (this.target ?? super.readlink(inode)) as string;
  }
}

test('a magic link leads to its place even when that has no name any more', () => {
  const fs = new Changing({ memory: frames, clock: CLOCK, dev: 1 });
  const tree = new Tree(fs);
  fs.names.add('link').add('file');
  const handle = ok(tree.open('/file', O_CREAT | O_RDWR));
  tree.symlink('text', '/link');
  fs.target = handle.location;
  assert.equal(tree.unlink('/file'), 0);
  const again = ok(tree.open('/link', O_RDONLY));
  assert.equal(again.inode, handle.inode);
  assert(again.location !== null);
  assert.equal(absolutePath(again.location, tree.vfs.root), '/file (deleted)');
});

test('cached names are asked again where the filesystem says so', () => {
  const fs = new Changing({ memory: frames, clock: CLOCK, dev: 1 });
  const tree = new Tree(fs);
  fs.names.add('dir');
  assert.equal(tree.mkdir('/dir'), 0);
  const place = ok(tree.at('/dir'));
  fs.names.delete('dir');
  assert.equal(tree.at('/dir'), ENOENT);
  assert.equal(place.dentry.deleted, true);
  const { lookups } = fs;
  assert.equal(tree.at('/dir'), ENOENT);
  assert.equal(fs.lookups, lookups, 'a name known to be missing is not looked up');
  fs.names.add('dir');
  assert.equal(typeof tree.at('/dir'), 'object');
});

test('the cache forgets old names but not those in use', () => {
  const tree = new Tree(tmpfs(1));
  tree.mkdir('/kept');
  const handle = ok(tree.open('/kept', O_RDONLY | O_DIRECTORY));
  for (let i = 0; i < 60_000; i++) tree.at(`/missing${i}`);
  assert(tree.vfs.dentries.count < 55_000, `${tree.vfs.dentries.count} dentries`);
  assert.equal(ok(tree.at('/kept')).dentry, handle.location?.dentry);
  releaseHandle(handle);
});

test('a running program cannot be written, nor an open file be run', () => {
  const tree = new Tree(tmpfs(1));
  const handle = ok(tree.open('/program', O_CREAT | O_WRONLY));
  assert.equal(denyWrite(handle.inode), ETXTBSY);
  releaseHandle(handle);
  assert.equal(denyWrite(handle.inode), 0);
  assert.equal(tree.open('/program', O_RDWR), ETXTBSY);
  assert.equal(tree.truncate('/program', 0), ETXTBSY);
  releaseHandle(ok(tree.open('/program', O_RDONLY)));
  allowWrite(handle.inode);
  releaseHandle(ok(tree.open('/program', O_RDWR)));
});
