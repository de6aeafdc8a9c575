import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOCK, FakeFrames, ok } from '../../../test/support/fs.js';
import { Tree } from '../../../test/support/tree.js';
import { F_RDLCK, F_UNLCK, F_WRLCK, LOCK_EX, LOCK_SH, O_CREAT, O_RDWR } from '../abi/fcntl.js';
import { EAGAIN, EDEADLOCK } from '../errno.js';
import { closeHandle, releaseHandle } from './handle.js';
import { conflictingLock, recordLocks, setFlock, setRecordLock, stopWaitingForLock } from './locks.js';
import { TmpFs } from './tmpfs/tmpfs.js';
import type { Inode } from './types.js';

function fileTree(): Tree {
  return new Tree(new TmpFs({ memory: new FakeFrames(), clock: CLOCK, dev: 1 }));
}

const file = (name = '/f'): Inode => ok(fileTree().open(name, O_CREAT | O_RDWR)).inode;

/** Sets a lock on [start, end] without waiting. */
function set(inode: Inode, owner: object, type: number, start: number, end: number): number {
  return setRecordLock(inode, { owner, pid: 1, type, start, end }, false);
}

function shown(inode: Inode): string {
  return recordLocks(inode)
    .map(({ type, start, end }) => `${type === F_WRLCK ? 'w' : 'r'}${start}-${end}`)
    .join(' ');
}

test("an owner's locks of one kind become one, and are split by what is set over them", () => {
  const inode = file();
  const a = {};
  set(inode, a, F_WRLCK, 0, 9);
  set(inode, a, F_WRLCK, 20, 29);
  assert.equal(shown(inode), 'w0-9 w20-29');
  set(inode, a, F_WRLCK, 10, 19);
  assert.equal(shown(inode), 'w0-29');
  set(inode, a, F_RDLCK, 5, 9);
  assert.equal(shown(inode), 'w0-4 r5-9 w10-29');
  set(inode, a, F_UNLCK, 3, 15);
  assert.equal(shown(inode), 'w0-2 w16-29');
  set(inode, a, F_RDLCK, 0, Infinity);
  assert.equal(shown(inode), 'r0-Infinity');
  set(inode, a, F_UNLCK, 10, 10);
  assert.equal(shown(inode), 'r0-9 r11-Infinity');
});

test('readers share, writers do not', () => {
  const inode = file();
  const a = {};
  const b = {};
  assert.equal(set(inode, a, F_RDLCK, 0, 9), 0);
  assert.equal(set(inode, b, F_RDLCK, 5, 15), 0);
  assert.equal(set(inode, b, F_WRLCK, 9, 9), EAGAIN);
  assert.equal(set(inode, b, F_WRLCK, 10, 10), 0);
  assert.equal(conflictingLock(inode, { owner: a, pid: 1, type: F_RDLCK, start: 10, end: 10 })?.owner, b);
});

test('waiting in a circle is refused', () => {
  const first = file();
  const second = file();
  const [a, b, c] = [{}, {}, {}];
  const wait = (inode: Inode, owner: object) =>
    setRecordLock(inode, { owner, pid: 1, type: F_WRLCK, start: 0, end: 0 }, true);
  const third = file();
  assert.deepEqual([wait(first, a), wait(second, b), wait(third, c)], [0, 0, 0]);
  assert.equal(wait(second, a), EAGAIN);
  assert.equal(wait(third, b), EAGAIN);
  assert.equal(wait(first, c), EDEADLOCK);
  stopWaitingForLock(a);
  assert.equal(wait(first, c), EAGAIN);
});

test("closing any descriptor of a file ends the table's record locks on it", () => {
  const tree = fileTree();
  const one = ok(tree.open('/f', O_CREAT | O_RDWR));
  const two = ok(tree.open('/f'));
  const table = {};
  set(one.inode, table, F_WRLCK, 0, 9);
  set(one.inode, one, F_RDLCK, 20, 29);
  closeHandle(two, {});
  assert.equal(shown(one.inode), 'w0-9 r20-29');
  closeHandle(ok(tree.open('/f')), table);
  assert.equal(shown(one.inode), 'r20-29');
  releaseHandle(one);
  assert.equal(shown(one.inode), '');
});

test('flock belongs to the open file and can change its kind', () => {
  const tree = fileTree();
  const one = ok(tree.open('/f', O_CREAT | O_RDWR));
  const two = ok(tree.open('/f'));
  assert.equal(setFlock(one, LOCK_EX), 0);
  assert.equal(setFlock(one, LOCK_EX), 0);
  assert.equal(setFlock(two, LOCK_SH), EAGAIN);
  assert.equal(setFlock(one, LOCK_SH), 0);
  assert.equal(setFlock(two, LOCK_SH), 0);
  assert.equal(setFlock(one, LOCK_EX), EAGAIN);
  assert.equal(setFlock(two, LOCK_EX), 0, 'a refused change has lost the old lock');
});
