import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BufferSource, CLOCK, FakeFrames, ok, read } from '../../../../test/support/fs.js';
import { Tree } from '../../../../test/support/tree.js';
import { PAGE_SIZE } from '../../../machine/layout.js';
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, O_CREAT, O_RDWR, O_TMPFILE } from '../../abi/fcntl.js';
import { ENOMEM, ENOSPC, ENXIO } from '../../errno.js';
import { releaseHandle } from '../handle.js';
import type { Handle, PageCache } from '../types.js';
import { TmpFs } from './tmpfs.js';

interface Files {
  readonly tree: Tree;
  readonly frames: FakeFrames;
}

function files(options: { size?: number; inodes?: number; frames?: number } = {}): Files {
  const frames = new FakeFrames(options.frames ?? 64);
  return { frames, tree: new Tree(new TmpFs({ memory: frames, clock: CLOCK, dev: 1, ...options })) };
}

function create(tree: Tree, path = '/f'): Handle {
  return ok(tree.open(path, O_CREAT | O_RDWR));
}

function write(handle: Handle, text: string, position: number): number {
  return handle.ops.write(handle, new BufferSource(text), position);
}

function pagesOf(handle: Handle): PageCache {
  return ok(handle.ops.mmap?.(handle) ?? 0);
}

test('a page is what is read and written, and holes have none', () => {
  const { tree, frames } = files();
  const handle = create(tree);
  write(handle, 'abc', PAGE_SIZE * 2 + 5);
  assert.equal(handle.inode.blocks, 8);
  const frame = pagesOf(handle).frame(2);
  assert.equal(frames.text(frame, 5, 8), 'abc');
  frames.u8[frame * PAGE_SIZE + 6] = 0x42;
  assert.equal(read(handle, 3, PAGE_SIZE * 2 + 5), 'aBc');
  assert.equal(pagesOf(handle).frame(3), ENXIO);
  assert.equal(frames.text(pagesOf(handle).frame(0), 0, 2), '\0\0');
  assert.equal(handle.inode.blocks, 16);
});

test('frames come back when the last user of a nameless file goes', () => {
  const { tree, frames } = files();
  const { free } = frames;
  const handle = create(tree);
  write(handle, 'x'.repeat(3 * PAGE_SIZE), 0);
  tree.link('/f', '/g');
  tree.unlink('/f');
  tree.unlink('/g');
  assert.equal(frames.free, free - 3);
  releaseHandle(handle);
  assert.equal(frames.free, free);
  releaseHandle(ok(tree.open('/', O_TMPFILE | O_RDWR)));
  const other = create(tree);
  write(other, 'x', 0);
  releaseHandle(other);
  const over = create(tree, '/over');
  releaseHandle(over);
  assert.equal(tree.rename('/over', '/f'), 0);
  assert.equal(frames.free, free);
});

test('a file is cut: pages go, mappings are told, the last page is zero behind the end', () => {
  const { tree, frames } = files();
  const handle = create(tree);
  write(handle, 'z'.repeat(3 * PAGE_SIZE), 0);
  const zapped: string[] = [];
  const zap = (start: number, end: number) => void zapped.push(`${start}-${end}`);
  const truncate = (start: number) => void zapped.push(`${start}-`);
  pagesOf(handle).mappings?.add({ zap, truncate, sharedWritable: false });
  const { free } = frames;
  assert.equal(tree.truncate('/f', PAGE_SIZE + 10), 0);
  assert.deepEqual(zapped, ['2-', '2-3']);
  assert.equal(frames.free, free + 1);
  assert.equal(tree.truncate('/f', PAGE_SIZE + 12), 0);
  assert.equal(read(handle, 10, PAGE_SIZE + 8), 'zz\0\0');
  const { inode } = handle;
  const mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  assert.equal(inode.fs.fallocate?.(inode, mode, 1, PAGE_SIZE + 1), 0);
  assert.deepEqual(zapped, ['2-', '2-3'], 'no whole page lies in the hole');
  assert.equal(read(handle, 3, 0), 'z\0\0');
  assert.equal(read(handle, 4, PAGE_SIZE), '\0\0zz');
});

test('the size limit holds over all files, and what fits is written', () => {
  const { tree } = files({ size: 3 * PAGE_SIZE });
  const handle = create(tree);
  assert.equal(write(handle, 'x'.repeat(5 * PAGE_SIZE), 0), 3 * PAGE_SIZE);
  assert.equal(write(handle, 'x', 3 * PAGE_SIZE), ENOSPC);
  const other = create(tree, '/g');
  assert.equal(write(other, 'x', 0), ENOSPC);
  const { inode } = other;
  assert.equal(inode.fs.fallocate?.(inode, 0, 0, 1), ENOSPC);
  assert.equal(inode.blocks, 0);
  assert.equal(inode.fs.statfs().bfree, 0);
  tree.truncate('/f', PAGE_SIZE);
  assert.equal(write(other, 'x', 0), 1);
});

test('too many files and no memory are told apart', () => {
  const { tree } = files({ inodes: 3 });
  create(tree);
  create(tree, '/g');
  assert.equal(tree.open('/h', O_CREAT | O_RDWR), ENOSPC);
  const poor = files({ frames: 4, size: 100 * PAGE_SIZE });
  const handle = create(poor.tree);
  assert.equal(write(handle, 'x'.repeat(10 * PAGE_SIZE), 0), 4 * PAGE_SIZE);
  assert.equal(write(handle, 'x', 4 * PAGE_SIZE), ENOMEM);
});
