/**
 * What a checkpoint holds, for people: processes, their open files and memory, mounts. Any field may be missing or wrong.
 * Names are byte strings.
 */
import { FIRST_FRAME, PAGE_SIZE } from '../../machine/layout.js';
import { READY, WAITING } from '../process/state.js';
import type { KernelParts } from './checkpoint.js';
import type { FrameContent } from './machine.js';
import { GraphViewer, type Viewed } from './viewer.js';

export interface SavedFile {
  readonly fd: number;
  readonly path: string;
  /** 'read', 'write' or 'read-write'. */
  readonly access: string;
  readonly position: number;
}

export interface SavedThread {
  readonly tid: number;
  readonly name: string;
  readonly state: 'running' | 'waiting' | 'other';
}

export interface SavedProcess {
  readonly pid: number;
  readonly ppid: number;
  readonly state: 'alive' | 'stopped' | 'zombie';
  readonly argv: readonly string[];
  readonly executable: string;
  readonly cwd: string;
  readonly threads: readonly SavedThread[];
  readonly files: readonly SavedFile[];
  /** Bytes mapped and present. */
  readonly mapped: number;
  readonly resident: number;
}

export interface SavedMount {
  readonly path: string;
  readonly type: string;
  readonly readOnly: boolean;
}

export interface KernelContents {
  /** Monotonic time in milliseconds. */
  readonly timeMs: number;
  readonly processes: readonly SavedProcess[];
  readonly mounts: readonly SavedMount[];
  /** Bytes in use, and of those that are in the files. */
  readonly memory: { readonly used: number; readonly stored: number };
  /** Objects by kind. */
  readonly objects: Readonly<Record<string, number>>;
}

/** Names deeper in a tree than any path can be: a wrong graph may go round in circles. */
const DEEPEST = 4096;
/** As much as execve(2) takes is not for a table. */
const LONGEST_ARGV = 1 << 16;
const MS_RDONLY = 1;
const ACCESS = ['read', 'write', 'read-write'];

const isRecord = (value: unknown): value is Viewed => typeof value === 'object' && value !== null;
const record = (value: unknown): Viewed => (isRecord(value) ? value : {});
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
const list = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : value instanceof Set || value instanceof Map ? [...value.values()] : [];

/** `content`: of the frames, also those of checkpoints on which this one builds. */
export function kernelContents({ nowMs, graph, memory }: KernelParts, content: FrameContent): KernelContents {
  const viewer = new GraphViewer(graph);
  const top = record(viewer.read());
  const kernel = record(top.kernel);
  const vfs = record(record(record(top.root).namespace).vfs);
  const paths = new Paths(vfs.root);
  const frames = new SavedFrames(content);
  const used = memory.references.reduce((sum, count) => sum + (count > 0 ? PAGE_SIZE : 0), 0);
  const stored = [...content.values()].reduce((sum, page) => sum + (page === null ? 0 : PAGE_SIZE), 0);
  const objects = [...viewer.counts()].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    timeMs: nowMs,
    processes: list(kernel.processes)
      .map((process) => processOf(record(process), paths, frames))
      .sort((a, b) => a.pid - b.pid),
    mounts: list(vfs.mounts).map((mount) => mountOf(record(mount), paths)),
    memory: { used, stored },
    objects: Object.fromEntries(objects),
  };
}

function mountOf(mount: Viewed, paths: Paths): SavedMount {
  return {
    path: paths.of({ mount, dentry: mount.root }),
    type: text(record(mount.fs).type) || text(record(mount.fs).named) || '?',
    readOnly: (number(mount.flags) & MS_RDONLY) !== 0,
  };
}

function processOf(process: Viewed, paths: Paths, frames: SavedFrames): SavedProcess {
  const mm = record(process.currentMm);
  const table = record(process.table);
  const exe = record(mm.exe);
  return {
    pid: number(process.pid),
    ppid: number(record(process.parent).pid),
    state: process.zombie === true ? 'zombie' : process.stopped === true ? 'stopped' : 'alive',
    argv: argvOf(mm, frames),
    executable: isRecord(exe.location) ? paths.of(exe.location) : '',
    cwd: paths.of(record(record(process.fs).places).cwd),
    threads: list(process.threads).map((thread) => threadOf(record(thread))),
    files: list(table.slots).flatMap((slot, fd) =>
      isRecord(slot) ? [fileOf(fd, record(slot.handle), paths)] : [],
    ),
    mapped: number(record(mm.vmas).total),
    resident: (number(mm.rssAnon) + number(mm.rssFile)) * PAGE_SIZE,
  };
}

function threadOf({ tid, name, state }: Viewed): SavedThread {
  return {
    tid: number(tid),
    name: text(name),
    state: state === READY ? 'running' : state === WAITING ? 'waiting' : 'other',
  };
}

function fileOf(fd: number, handle: Viewed, paths: Paths): SavedFile {
  return {
    fd,
    path: isRecord(handle.location) ? paths.of(handle.location) : '',
    access: ACCESS[number(handle.access) & 3] ?? 'none',
    position: number(handle.position),
  };
}

function argvOf(mm: Viewed, frames: SavedFrames): string[] {
  const { argStart, argEnd } = record(mm.layout);
  const start = number(argStart);
  const length = Math.min(Math.max(0, number(argEnd) - start), LONGEST_ARGV);
  const bytes = frames.read(number(record(mm.space).root), start, length);
  let words = '';
  for (const byte of bytes) words += String.fromCharCode(byte);
  return length === 0 ? [] : words.split('\0').slice(0, -1);
}

/** Absolute paths of places. */
class Paths {
  constructor(private readonly root: unknown) {}

  of(place: unknown): string {
    const names: string[] = [];
    const top = record(this.root);
    let { mount, dentry } = record(place);
    if (!isRecord(dentry)) return '';
    const gone = record(dentry).deleted === true ? ' (deleted)' : '';
    if (record(dentry).parent === null && dentry !== record(mount).root) return text(record(dentry).name);
    for (let depth = 0; depth < DEEPEST; depth++) {
      if (mount === top.mount && dentry === top.dentry) break;
      if (dentry === record(mount).root) {
        const above = record(mount).parent;
        if (!isRecord(above)) break;
        ({ mount, dentry } = above);
      } else {
        names.push(text(record(dentry).name));
        const { parent } = record(dentry);
        if (!isRecord(parent)) break;
        dentry = parent;
      }
    }
    return `/${names.reverse().join('/')}${gone}`;
  }
}

/** Memory of a process, found by its page table in saved frames (machine/memory/address-space.ts). */
class SavedFrames {
  constructor(private readonly content: FrameContent) {}

  private entry(table: number, index: number): number {
    const page = this.content.get(table / PAGE_SIZE - FIRST_FRAME);
    if (page === null || page === undefined) return 0;
    return new DataView(page.buffer, page.byteOffset, page.byteLength).getUint32(index * 4, true);
  }

  private page(root: number, address: number): Uint8Array | null {
    const upper = Math.floor(address / 2 ** 22);
    const first = this.entry(root, (upper >>> 20) & 1023);
    const second = first === 0 ? 0 : this.entry(first, (upper >>> 10) & 1023);
    const last = second === 0 ? 0 : this.entry(second, upper & 1023);
    const pte = last === 0 ? 0 : this.entry(last, Math.floor(address / PAGE_SIZE) & 1023);
    return this.content.get((pte >>> 12) - FIRST_FRAME) ?? null;
  }

  /** What cannot be found is zero. */
  read(root: number, start: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const offset = (start + at) % PAGE_SIZE;
      const count = Math.min(PAGE_SIZE - offset, length - at);
      const page = this.page(root, start + at);
      if (page !== null) bytes.set(page.subarray(offset, offset + count), at);
      at += count;
    }
    return bytes;
  }
}
