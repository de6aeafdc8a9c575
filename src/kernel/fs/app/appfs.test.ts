import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { CLOCK, FakeFrames, ok } from '../../../../test/support/fs.js';
import { Tree, readAll } from '../../../../test/support/tree.js';
import { O_RDWR } from '../../abi/fcntl.js';
import { EIO, ENOENT, EPERM, EROFS } from '../../errno.js';
import { closeHandle, releaseHandle } from '../handle.js';
import { AppFs } from './appfs.js';
import type { AppFunctions } from './appfs.js';

const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));
const text = (content: Uint8Array | undefined) => content && Buffer.from(content).toString('latin1');

let files = new Map<string, Uint8Array>();
let calls: string[] = [];
const memory = new FakeFrames();

/** An application that keeps its files in a map. */
function functions(writable: boolean): AppFunctions {
  const isDirectory = (path: string) =>
    path === '' || [...files.keys()].some((key) => key.startsWith(`${path}/`));
  const reading: AppFunctions = {
    stat(path) {
      calls.push(`stat ${path}`);
      if (path === 'broken') throw new Error('no');
      const content = files.get(path);
      if (content !== undefined) return { directory: false, size: content.length };
      return isDirectory(path) ? { directory: true, size: 0 } : null;
    },
    list: (path) => [...files.keys()].filter((key) => !key.slice(path.length + 1).includes('/')),
    read(path) {
      calls.push(`read ${path}`);
      return files.get(path) ?? new Uint8Array(0);
    },
  };
  if (!writable) return reading;
  const write = (path: string, content: Uint8Array) => {
    calls.push(`write ${path}`);
    files.set(path, content);
  };
  return { ...reading, write, remove: (path) => void files.delete(path) };
}

function mount(writable = true): Tree {
  return new Tree(new AppFs({ functions: functions(writable), memory, clock: CLOCK, dev: 9 }));
}

beforeEach(() => {
  files = new Map([
    ['a', bytes('alpha')],
    ['d/b', bytes('beta')],
  ]);
  calls = [];
});

describe("an application's files", () => {
  test('are read when they are opened', () => {
    const tree = mount();
    assert.equal(tree.read('/a'), 'alpha');
    files.set('a', bytes('changed'));
    assert.equal(tree.read('/a'), 'changed');
    assert.equal(tree.read('/d/b'), 'beta');
    assert.equal(tree.read('/none'), ENOENT);
    assert.equal(ok(tree.inode('/a')).mode, 0o100644);
    assert.equal(ok(tree.inode('/d')).mode, 0o040777);
  });

  test('are written when they are closed, and when they are synced', () => {
    const tree = mount();
    const handle = ok(tree.open('/a', O_RDWR));
    handle.ops.write(handle, { remaining: 0, take: () => 0 }, 0);
    tree.write('/a', 'ALP');
    assert.equal(text(files.get('a')), 'alpha', 'still open');
    assert.equal(readAll(handle), 'ALPha');
    assert.equal(handle.ops.fsync?.(handle), 0);
    assert.equal(text(files.get('a')), 'ALPha');
    releaseHandle(handle);
  });

  test('grow, and are made, removed and renamed', () => {
    const tree = mount();
    assert.equal(tree.write('/new', 'x', { position: 3 }), 1);
    assert.equal(text(files.get('new')), '\0\0\0x');
    assert.equal(tree.truncate('/new', 2), 0);
    assert.equal(text(files.get('new')), '\0\0');
    assert.equal(tree.rename('/new', '/d/moved'), 0);
    assert.equal(files.has('new'), false);
    assert.equal(tree.read('/d/moved'), '\0\0');
    assert.equal(tree.unlink('/d/moved'), 0);
    assert.equal(files.has('d/moved'), false);
    assert.equal(tree.inode('/d/moved'), ENOENT);
    assert.equal(tree.mkdir('/e'), EPERM);
  });

  test('a file that has been made is there before it is closed', () => {
    const tree = mount();
    const handle = ok(tree.open('/made', O_RDWR | 0o100));
    assert.equal(files.has('made'), false);
    assert.equal(ok(tree.inode('/made')).size, 0);
    assert.equal((tree.list('/') as string[]).filter((name) => name.startsWith('made:')).length, 1);
    assert.equal(closeHandle(handle, {}), 0);
    assert.equal(text(files.get('made')), '');
  });

  test("what the application's array holds is not touched", () => {
    const shared = bytes('shared and more');
    files.set('a', shared.subarray(0, 6));
    const tree = mount();
    tree.write('/a', '123456789');
    assert.equal(text(shared), 'shared and more');
    assert.equal(text(files.get('a')), '123456789');
  });

  test('cannot be changed without a function for it', () => {
    const tree = mount(false);
    assert.equal(tree.open('/new', O_RDWR | 0o100), EROFS);
    assert.equal(tree.unlink('/a'), EROFS);
    assert.equal(tree.truncate('/a', 0), EROFS);
    assert.equal(ok(tree.inode('/a')).mode, 0o100444);
  });

  test('a function that throws is an input/output error', () => {
    assert.equal(mount().read('/broken'), EIO);
  });

  test('mappings see writes, and their changes are saved', () => {
    const tree = mount();
    const handle = ok(tree.open('/a', O_RDWR));
    const pages = handle.ops.mmap?.(handle);
    assert(pages && typeof pages !== 'number');
    const frame = pages.frame(0);
    memory.retain(frame);
    tree.write('/a', 'AL');
    assert.equal(memory.text(frame, 0, 6), 'ALpha\0');
    pages.dirty(0);
    memory.u8[frame * 4096 + 4] = 0x21;
    assert.equal(readAll(handle), 'ALph!');
    closeHandle(handle, {});
    assert.equal(text(files.get('a')), 'ALph!');
  });
});
