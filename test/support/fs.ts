/** Small stand-ins for what surrounds a filesystem in the kernel: memory, buffers, open files, names. */
import assert from 'node:assert/strict';
import { PAGE_SIZE } from '../../src/machine/layout.js';
import type { HostClock, Timespec } from '../../src/kernel/host.js';
import type { Frames } from '../../src/machine/types.js';
import type {
  Credentials,
  Dentry,
  DirEntry,
  FileSystem,
  Handle,
  Inode,
  Location,
  Mount,
  Sink,
  Source,
  VfsContext,
} from '../../src/kernel/fs/types.js';

export class FakeFrames implements Frames {
  readonly counts: number[] = [1];
  readonly total: number;
  readonly u8: Uint8Array;
  readonly writes: number[] = [];
  readonly #freed: number[] = [];

  constructor(total = 64) {
    this.total = total;
    this.u8 = new Uint8Array((total + 1) * PAGE_SIZE);
  }

  get free(): number {
    return this.total - this.counts.filter((count) => count > 0).length + 1;
  }

  get frames(): Frames {
    return this;
  }

  allocate(): number {
    const frame = this.#freed.pop() ?? (this.counts.length <= this.total ? this.counts.length : 0);
    if (frame === 0) return 0;
    this.counts[frame] = 1;
    this.u8.fill(0, frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
    return frame;
  }

  allocateBeside(): number {
    return 0;
  }

  allocateReserved(): number {
    return this.allocate();
  }

  retain(frame: number): void {
    this.counts[frame] = this.references(frame) + 1;
  }

  release(frame: number): void {
    assert(this.references(frame) > 0, `frame ${frame} is released too often`);
    this.counts[frame] = this.references(frame) - 1;
    if (this.references(frame) === 0) this.#freed.push(frame);
  }

  references(frame: number): number {
    return this.counts[frame] ?? 0;
  }

  willWrite(frame: number): void {
    this.writes.push(frame);
  }

  text(frame: number, start: number, end: number): string {
    return Buffer.from(this.u8.subarray(frame * PAGE_SIZE + start, frame * PAGE_SIZE + end)).toString(
      'latin1',
    );
  }
}

export class BufferSink implements Sink {
  readonly bytes: number[] = [];
  constructor(public remaining: number) {}

  put(source: Uint8Array, start: number, end: number): number {
    const count = Math.min(this.remaining, end - start);
    for (let i = 0; i < count; i++) this.bytes.push(source[start + i] ?? 0);
    this.remaining -= count;
    return count;
  }

  zero(count: number): number {
    return this.put(new Uint8Array(count), 0, count);
  }

  get text(): string {
    return Buffer.from(this.bytes).toString('latin1');
  }
}

export class BufferSource implements Source {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(content: string | Uint8Array) {
    this.#bytes = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  take(target: Uint8Array, start: number, end: number): number {
    const count = Math.min(this.remaining, end - start);
    target.set(this.#bytes.subarray(this.#at, this.#at + count), start);
    this.#at += count;
    return count;
  }
}

export const ROOT_CRED: Credentials = {
  ruid: 0,
  euid: 0,
  suid: 0,
  fsuid: 0,
  rgid: 0,
  egid: 0,
  sgid: 0,
  fsgid: 0,
  groups: [],
};

/** A clock that stands still. */
const at = (out: Timespec) => void Object.assign(out, { sec: 1_700_000_000, nsec: 0 });
export const CLOCK: HostClock = { realtime: at, monotonic: at, cpuTime: at };

/** The value, when it must not be an Errno. */
export function ok<T>(value: T): Exclude<T, number> {
  assert(typeof value !== 'number', `failed with ${String(value)}`);
  return value as Exclude<T, number>;
}

export function dentry(name: string, parent: Dentry | null, inode: Inode | null): Dentry {
  return {
    name,
    parent,
    inode,
    mounts: [],
    children: null,
    deleted: false,
    pins: 0,
    used: 0,
    nameless: false,
  };
}

function locationOf(inode: Inode, parent: Inode | null): Location {
  const root = dentry('', null, inode.fs.root());
  const up = parent === null ? root : dentry('up', root, parent);
  const vfs = { clock: CLOCK, mounts: [], dentries: { count: 0, age: 0 } } as unknown as VfsContext;
  const mount: Mount = { vfs, fs: inode.fs, root, parent: null, flags: 0, id: 1 };
  return { mount, dentry: dentry('x', up, inode) };
}

export function open(inode: Inode, flags = 0, parent: Inode | null = null): Handle {
  const ops = ok(inode.fs.open(inode, flags));
  inode.references++;
  const handle: Handle = {
    inode,
    location: locationOf(inode, parent),
    access: flags & 3,
    flags,
    position: 0,
    data: null,
    ops,
    references: 1,
  };
  ops.opened?.(handle);
  return handle;
}

export function close(handle: Handle): void {
  handle.ops.release?.(handle);
  if (--handle.inode.references === 0) handle.inode.fs.evict?.(handle.inode);
}

export function read(handle: Handle, length = 1 << 20, position = handle.position): string {
  const sink = new BufferSink(length);
  const count = handle.ops.read(handle, sink, position);
  assert(count >= 0, `read failed with ${count}`);
  assert.equal(count, sink.bytes.length);
  handle.position = position + count;
  return sink.text;
}

export function write(handle: Handle, text: string, position = handle.position): number {
  const count = handle.ops.write(handle, new BufferSource(text), position);
  if (count > 0) handle.position = position + count;
  return count;
}

export function readdir(handle: Handle, limit = Infinity): DirEntry[] {
  const entries: DirEntry[] = [];
  const emit = (entry: DirEntry) => entries.length < limit && entries.push({ ...entry }) > 0;
  assert.equal(handle.ops.readdir?.(handle, emit), 0);
  return entries;
}

export function names(dir: Inode): string[] {
  const handle = open(dir);
  const found = readdir(handle).map((entry) => entry.name);
  close(handle);
  return found.filter((name) => name !== '.' && name !== '..').sort();
}

/** Walks a path of plain names. */
export function find(fs: FileSystem, path: string): Inode | number {
  let inode = fs.root();
  for (const name of path.split('/').filter((part) => part !== '')) {
    const next = fs.lookup(inode, name);
    if (typeof next === 'number') return next;
    next.references++;
    inode = next;
  }
  return inode;
}

export function content(fs: FileSystem, path: string): string {
  const handle = open(ok(find(fs, path)));
  const text = read(handle);
  close(handle);
  return text;
}
