import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BufferSource, CLOCK, FakeFrames, read } from '../../../../test/support/fs.js';
import { Tree } from '../../../../test/support/tree.js';
import { O_RDONLY, O_RDWR } from '../../abi/fcntl.js';
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from '../../abi/poll.js';
import { EACCES, EAGAIN, EBADF, EPIPE } from '../../errno.js';
import { openFound } from '../open.js';
import { TmpFs } from '../tmpfs/tmpfs.js';
import { InputStream, OutputStream, StandardStreams } from './streams.js';

const tree = new Tree(new TmpFs({ memory: new FakeFrames(), clock: CLOCK, dev: 1 }));
const streams = new StandardStreams(tree.vfs, 40);
const owner = { uid: 5, gid: 6 };

test('what the host pushes is read, then comes the end', () => {
  let drained = 0;
  const input = new InputStream({ inputRead: () => drained++ });
  const handle = streams.open(input, owner);
  assert.equal(handle.ops.read(handle, { remaining: 1, put: () => 0, zero: () => 0 }, 0), EAGAIN);
  input.push(Buffer.from('hello '));
  input.push(Buffer.from('world'));
  assert.equal(input.size, 11);
  assert.equal(read(handle, 8), 'hello wo');
  assert.equal(handle.ops.poll?.(handle, null), POLLIN | 0x40);
  input.end();
  input.push(Buffer.from('too late'));
  assert.equal(read(handle, 100), 'rld');
  assert.equal(read(handle, 100), '');
  assert.equal(handle.ops.poll?.(handle, null), POLLHUP);
  assert.equal(drained, 2);
  assert.equal(handle.ops.write(handle, new BufferSource('x'), 0), EBADF);
});

test('what is written goes to the host, which may take its time or leave', () => {
  let out = '';
  const output = new OutputStream(
    { outputWritten: (_stream, bytes) => void (out += Buffer.from(bytes).toString('latin1')) },
    true,
  );
  const handle = streams.open(output, owner);
  assert.equal(handle.ops.write(handle, new BufferSource('abc'), 0), 3);
  assert.equal(out, 'abc');
  assert.equal(handle.ops.write(handle, new BufferSource(new Uint8Array(1 << 20)), 0), 1 << 20);
  assert.equal(handle.ops.write(handle, new BufferSource('d'), 0), EAGAIN);
  assert.equal(handle.ops.poll?.(handle, null), 0);
  output.consumed(1 << 20);
  assert.equal(handle.ops.write(handle, new BufferSource('d'), 0), 1);
  output.close();
  assert.equal(handle.ops.write(handle, new BufferSource('e'), 0), EPIPE);
  assert.equal((handle.ops.poll?.(handle, null) ?? 0) & (POLLERR | POLLOUT), POLLERR | POLLOUT);
});

test('they are seen as pipes of their owner, and can be opened again', () => {
  const input = new InputStream();
  const handle = streams.open(input, owner);
  const { inode, location } = handle;
  assert(location);
  assert.equal(inode.mode, 0o010600);
  assert.deepEqual([inode.uid, inode.gid], [5, 6]);
  assert.match(location.dentry.name, /^pipe:\[\d+\]$/);
  const again = openFound(tree.context, location, { flags: O_RDONLY, mode: 0 });
  assert(typeof again !== 'number');
  input.push(Buffer.from('x'));
  assert.equal(read(again, 10), 'x');
  assert.equal(openFound(tree.context, location, { flags: O_RDWR, mode: 0 }), EACCES);
});
