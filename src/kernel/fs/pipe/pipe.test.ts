import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BufferSink, BufferSource } from '../../../../test/support/fs.js';
import { EAGAIN, EBUSY, EPERM, EPIPE } from '../../errno.js';
import { Pipe } from './pipe.js';

function openPipe(): Pipe {
  const pipe = new Pipe();
  pipe.addEnd(true, true);
  return pipe;
}

function take(pipe: Pipe, count: number): string {
  const sink = new BufferSink(count);
  const got = pipe.read(sink);
  assert.equal(Math.max(got, 0), sink.text.length);
  return sink.text;
}

test('bytes come out in order, around the end of the ring and while it grows', () => {
  const pipe = openPipe();
  let sent = '';
  let received = '';
  for (let i = 0; i < 3000; i++) {
    const text = `${i};`.repeat(1 + (i % 37));
    if (pipe.write(new BufferSource(text)) === text.length) sent += text;
    received += take(pipe, (i * 31) % 200);
  }
  while (pipe.length > 0) received += take(pipe, 1000);
  assert.equal(received, sent);
});

test('up to PIPE_BUF bytes are written all or not at all', () => {
  const pipe = openPipe();
  assert.equal(pipe.write(new BufferSource('x'.repeat(65000))), 65000);
  assert.equal(pipe.write(new BufferSource('x'.repeat(4096))), EAGAIN);
  assert.equal(pipe.write(new BufferSource('x'.repeat(4097))), 536);
  assert.equal(pipe.write(new BufferSource('x')), EAGAIN);
});

test('a pipe of packets gives back each write by itself, and drops what is not read of it', () => {
  const pipe = new Pipe(true);
  pipe.addEnd(true, true);
  pipe.write(new BufferSource('first'));
  pipe.write(new BufferSource('second'));
  assert.equal(pipe.write(new BufferSource('x'.repeat(5000))), 5000);
  assert.equal(take(pipe, 3), 'fir');
  assert.equal(take(pipe, 100), 'second');
  assert.equal(take(pipe, 9999).length, 4096);
  assert.equal(take(pipe, 9999).length, 904);
  assert.equal(pipe.read(new BufferSink(1)), EAGAIN);
});

test('no readers is EPIPE, no writers the end', () => {
  const pipe = openPipe();
  pipe.write(new BufferSource('rest'));
  pipe.removeEnd(true, false);
  assert.equal(pipe.write(new BufferSource('x')), EPIPE);
  assert.equal(pipe.write(new BufferSource('')), 0);
  pipe.removeEnd(false, true);
  assert.equal(take(pipe, 10), 'rest');
  assert.equal(pipe.read(new BufferSink(10)), 0);
});

test('a pipe takes another size if what is in it fits', () => {
  const pipe = openPipe();
  pipe.write(new BufferSource('a'.repeat(6000)));
  take(pipe, 1000);
  pipe.write(new BufferSource('b'.repeat(1000)));
  assert.equal(pipe.resize(4096, 1 << 20), EBUSY);
  assert.equal(pipe.resize(5000, 1 << 20), 8192);
  assert.equal(take(pipe, 9999), 'a'.repeat(5000) + 'b'.repeat(1000));
  assert.equal(pipe.resize(2 ** 21, 1 << 20), EPERM);
  assert.equal(pipe.resize(2 ** 21, Infinity), 2 ** 21);
});

test('a source over a pipe takes only what is written', () => {
  const pipe = openPipe();
  pipe.write(new BufferSource('0123456789'));
  const source = pipe.source(6);
  const target = new Uint8Array(4);
  assert.equal(source.take(target, 0, 4), 4);
  assert.equal(source.remaining, 2);
  assert.equal(take(pipe, 100), '456789');
});
