/** A filesystem used by paths, as the system calls use it: for comparing one filesystem with another. */
import { O_CREAT, O_RDONLY, O_RDWR, O_TRUNC } from '../../src/kernel/abi/fcntl.js';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../src/kernel/abi/stat.js';
import { chmod, truncate } from '../../src/kernel/fs/attributes.js';
import { link, mkdir, symlink } from '../../src/kernel/fs/create.js';
import { releaseHandle } from '../../src/kernel/fs/handle.js';
import { open } from '../../src/kernel/fs/open.js';
import { rmdir, unlink } from '../../src/kernel/fs/remove.js';
import { rename } from '../../src/kernel/fs/rename.js';
import { readDirectory } from '../../src/kernel/fs/synthetic.js';
import type { FileSystem, Handle, Inode, Location, PathContext } from '../../src/kernel/fs/types.js';
import { Vfs } from '../../src/kernel/fs/vfs.js';
import { LOOKUP_FOLLOW, walk } from '../../src/kernel/fs/walk.js';
import { BufferSink, BufferSource, CLOCK } from './fs.js';

export class Tree {
  readonly vfs: Vfs;
  readonly context: PathContext;

  constructor(root: FileSystem) {
    this.vfs = new Vfs({ clock: CLOCK, root });
    this.context = this.vfs.context();
  }

  at(path: string, follow = false): Location | number {
    return walk(this.context, this.context.root, path === '' ? '/' : path, follow ? LOOKUP_FOLLOW : 0);
  }

  inode(path: string): Inode | number {
    const place = this.at(path);
    if (typeof place === 'number') return place;
    const { inode } = place.dentry;
    if (inode === null) return -2;
    inode.fs.refresh?.(inode);
    return inode;
  }

  open(path: string, flags = O_RDONLY, mode = 0o644): Handle | number {
    return open(this.context, this.context.root, path, { flags, mode });
  }

  read(path: string): string | number {
    const handle = this.open(path);
    if (typeof handle === 'number') return handle;
    const text = readAll(handle);
    releaseHandle(handle);
    return text;
  }

  write(path: string, text: string, { position = 0, flags = O_CREAT | O_RDWR } = {}): number {
    const handle = this.open(path, flags);
    if (typeof handle === 'number') return handle;
    const count = handle.ops.write(handle, new BufferSource(text), position);
    releaseHandle(handle);
    return count;
  }

  replace(path: string, text: string): number {
    return this.write(path, text, { flags: O_CREAT | O_RDWR | O_TRUNC });
  }

  list(path: string): string[] | number {
    const handle = this.open(path);
    if (typeof handle === 'number') return handle;
    const names: string[] = [];
    const error = readDirectory(handle, ({ name, type, ino }) => {
      if (name !== '.' && name !== '..') names.push(`${name}:${type}:${ino}`);
      return true;
    });
    releaseHandle(handle);
    return error === 0 ? names.sort() : error;
  }

  mkdir(path: string): number {
    return mkdir(this.context, this.context.root, path, 0o755);
  }

  symlink(target: string, path: string): number {
    return symlink(this.context, target, this.context.root, path);
  }

  link(from: string, path: string): number {
    const source = this.at(from);
    return typeof source === 'number' ? source : link(this.context, source, this.context.root, path);
  }

  unlink(path: string): number {
    return unlink(this.context, this.context.root, path);
  }

  rmdir(path: string): number {
    return rmdir(this.context, this.context.root, path);
  }

  rename(from: string, to: string): number {
    const start = this.context.root;
    return rename(this.context, { start, path: from }, { start, path: to }, 0);
  }

  chmod(path: string, mode: number): number {
    const place = this.at(path, true);
    return typeof place === 'number' ? place : chmod(this.context, place, mode);
  }

  truncate(path: string, size: number): number {
    const place = this.at(path, true);
    return typeof place === 'number' ? place : truncate(this.context, place, size);
  }

  /** Everything that there is, a line each: path, type, permissions, links, content. */
  dump(path = '', lines: string[] = []): string[] {
    const names = this.list(path === '' ? '/' : path);
    if (typeof names === 'number') return [...lines, `${path}: error ${names}`];
    for (const listed of names) {
      const name = listed.slice(0, listed.indexOf(':'));
      this.#dumpOne(`${path}/${name}`, lines);
    }
    return lines;
  }

  #dumpOne(path: string, lines: string[]): void {
    const inode = this.inode(path);
    if (typeof inode === 'number') {
      lines.push(`${path}: error ${inode}`);
      return;
    }
    const mode = inode.mode.toString(8);
    const type = inode.mode & S_IFMT;
    if (type === S_IFDIR) {
      lines.push(`${path} ${mode}`);
      this.dump(path, lines);
    } else if (type === S_IFREG) {
      lines.push(
        `${path} ${mode} links ${inode.nlink} size ${inode.size} ${JSON.stringify(this.read(path))}`,
      );
    } else if (type === S_IFLNK) {
      lines.push(`${path} ${mode} -> ${String(inode.fs.readlink?.(inode))}`);
    } else lines.push(`${path} ${mode} ${inode.rdev}`);
  }
}

export function readAll(handle: Handle, position = 0): string {
  const sink = new BufferSink(1 << 20);
  const count = handle.ops.read(handle, sink, position);
  return count < 0 ? `error ${count}` : sink.text;
}

/** A small generator of numbers that can be repeated (mulberry32). */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}
