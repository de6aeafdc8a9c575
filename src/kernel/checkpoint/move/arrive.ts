/**
 * Processes from another kernel, taken in by this one: all is looked at and made first, so that nothing has happened when
 * something does not fit; then they are entered into the kernel's tables, which cannot fail.
 */
import { errnoName } from '../../abi/errno-names.js';
import { O_CREAT, O_EXCL, O_NOCTTY, O_TRUNC } from '../../abi/fcntl.js';
import { S_IFBLK, S_IFCHR, S_IFMT } from '../../abi/stat.js';
import { ENXIO } from '../../errno.js';
import { AnonymousFs } from '../../fs/anonymous.js';
import { denyWrite } from '../../fs/handle.js';
import { PipeOperations } from '../../fs/pipe/pipe.js';
import { conflictingLock, wholeLocks } from '../../fs/locks.js';
import type { Dentry, Handle, HandleOperations, Inode } from '../../fs/types.js';
import { anonymousInodes } from '../../ipc/anonymous-inodes.js';
import { Vma } from '../../mm/vma.js';
import { Mm } from '../../mm/mm.js';
import { UnixSocket } from '../../net/unix/socket.js';
import { Process } from '../../process/process.js';
import { findAnchors } from '../anchors.js';
import { Reader } from '../bytes.js';
import { Damaged, Refused } from '../damaged.js';
import { GraphReader } from '../reader.js';
import { hasFrames, localPortOf, type MoveKernel } from './depart.js';
import { enter, type Arrived } from './enter.js';
import { ArrivedFiles } from './files.js';
import type { MoveHeader, MoveRoot } from './format.js';
import { ArrivedMemory } from './memory.js';
import { mountNames } from './places.js';
import { MoveReader } from './reader.js';
import { kindName } from './writer.js';

const NO_ANCHORS = findAnchors({}, {});
/** Flags that have had their effect. */
const ONCE = O_CREAT | O_EXCL | O_TRUNC | O_NOCTTY;

/** What has come: the embedder's programs by the ids that they had. */
export interface Arrival {
  readonly pids: readonly number[];
  readonly programs: ReadonlyMap<number, object>;
}

/** Throws Refused, with all reasons, or Damaged: then nothing has changed. */
export function arrive(into: MoveKernel, bytes: Uint8Array): Arrival {
  return new Arriving(into, bytes).run();
}

class Arriving {
  private readonly problems: string[] = [];
  private readonly header: MoveHeader;
  private readonly graph: Uint8Array;
  private readonly memoryBytes: Uint8Array;
  private readonly undo: (() => void)[] = [];

  constructor(
    private readonly into: MoveKernel,
    bytes: Uint8Array,
  ) {
    const input = new Reader(bytes);
    const [header, graph, memory] = [0, 1, 2].map(() => input.raw(input.countOf(1)));
    if (header === undefined || graph === undefined || memory === undefined)
      throw new Damaged('it ends too early');
    this.header = new GraphReader(header, NO_ANCHORS).read() as MoveHeader;
    this.graph = graph;
    this.memoryBytes = memory;
    if (!isHeader(this.header)) throw new Damaged('it does not say what is in it');
  }

  run(): Arrival {
    this.checkKernel();
    this.stopAtProblems();
    try {
      const arrived = this.make();
      this.stopAtProblems();
      enter(arrived);
      const { pids } = this.header;
      return { pids, programs: arrived.root.programs };
    } catch (error) {
      for (const step of this.undo.splice(0).reverse()) step();
      throw error;
    }
  }

  private readonly problem = (what: string): void => {
    if (!this.problems.includes(what)) this.problems.push(what);
  };

  private stopAtProblems(): void {
    if (this.problems.length > 0) throw new Refused(this.problems.join('; '));
  }

  /** What can be seen before anything is made. */
  private checkKernel(): void {
    const { into, header, problem } = this;
    const { kernel } = into;
    if (header.cpu !== kernel.cpu)
      problem(`the other sandbox has a processor of ${kernel.cpu}, this one of ${header.cpu}`);
    const here = mountNames(into.mounts, into.vfs.root);
    header.mounts.forEach(({ path, type }, i) => {
      const other = here[i];
      if (other?.path !== path || other.type !== type)
        problem(`the other sandbox has no ${type} mounted at ${path} in the same place`);
    });
    for (const { path, type } of here.slice(header.mounts.length))
      problem(`the other sandbox has a ${type} mounted at ${path}, this one has none`);
    if (this.problems.length === 0 && into.nodes !== header.nodes)
      problem('the other sandbox has other files in /proc, /sys and /dev');
    for (const pid of header.pids)
      if (kernel.processOf(pid) !== null) problem(`the other sandbox has a process ${pid}`);
    for (const tid of header.tids)
      if (!header.pids.includes(tid) && kernel.processOf(tid) !== null)
        problem(`the other sandbox has a thread ${tid}`);
    for (const id of header.groups)
      if ([...kernel.processes.values()].some(({ pgid, sid }) => pgid === id || sid === id))
        problem(`the other sandbox has a process group or session ${id}`);
    const tasks = kernel.tasks + header.tids.length;
    if (tasks > Math.min(kernel.limits.pidsMax, kernel.limits.threadsMax))
      problem('the other sandbox may not have so many processes and threads');
  }

  private make(): Arrived {
    const { into, header } = this;
    const files = new ArrivedFiles(into.mounts, header.mounts, into.vfs.context(), this.problem);
    this.undo.push(() => files.release());
    files.find(header.files);
    this.stopAtProblems();
    const memory = ArrivedMemory.read(into.kernel.machine, new Reader(this.memoryBytes), header.spaces);
    if (memory === null) throw new Refused('the other sandbox has not enough memory');
    this.undo.push(() => memory.release());
    const reader = new MoveReader(this.graph, into.anchors, (name) => this.named(name, files, memory));
    const root = reader.read() as MoveRoot;
    if (!isRoot(root)) throw new Damaged('it has no processes');
    const objects = reader.made;
    const reopened = this.openFiles(objects);
    this.joinFifos(objects);
    this.checkTables(root);
    this.stopAtProblems();
    memory.fill(objects.filter(hasFrames));
    return { into, header, root, objects, reopened, memory };
  }

  private named(name: string, files: ArrivedFiles, memory: ArrivedMemory): object | undefined {
    const { mounts, vfs, kernel } = this.into;
    const [kind = '', rest = '', part] = name.split('.');
    if (kind === 'late') {
      const fs = rest === 'anonymous' ? anonymousInodes(vfs) : kernel.net.sockfs(vfs).fs;
      return part === 'mount' ? fs.mount : fs;
    }
    const number = Number(rest);
    switch (kind) {
      case 'mount':
        return mounts[number];
      case 'fs':
        return mounts[number]?.fs;
      case 'file':
        return files.dentry(number);
      case 'inode':
        return files.inode(number);
      case 'space':
        return memory.spaces[number];
      default:
        return undefined;
    }
  }

  /** Opens files that are found by their names, and gets the pages that are mapped of them. */
  private openFiles(objects: readonly object[]): Set<Handle> {
    const reopened = new Set<Handle>();
    for (const object of objects) {
      if (kindName(object) !== 'OpenFile') continue;
      const handle = object as Handle;
      if ((handle.ops as HandleOperations | null) === null && this.openAgain(handle)) reopened.add(handle);
    }
    for (const vma of objects) {
      if (!(vma instanceof Vma) || vma.pages !== null || vma.handle === null) continue;
      if (!reopened.has(vma.handle)) continue;
      const pages = vma.handle.ops.mmap?.(vma.handle, vma.sharedWritable) ?? ENXIO;
      if (typeof pages === 'number')
        this.problem(`${shownName(vma.handle)} cannot be mapped: ${errnoName(pages)}`);
      else (vma as { pages: unknown }).pages = pages;
    }
    for (const mm of objects) {
      if (!(mm instanceof Mm) || mm.exe === null || !reopened.has(mm.exe)) continue;
      const { inode } = mm.exe;
      if (denyWrite(inode) !== 0) this.problem(`${shownName(mm.exe)} is open for writing`);
      else this.undo.push(() => void inode.writers++);
    }
    return reopened;
  }

  /** A FIFO that is open has what is in it at its name, too. */
  private joinFifos(objects: readonly object[]): void {
    for (const object of objects) {
      if (kindName(object) !== 'OpenFile') continue;
      const { inode, ops, references } = object as Handle;
      if (!(ops instanceof PipeOperations) || inode.fs instanceof AnonymousFs || references === 0) continue;
      if (inode.pipe === ops.pipe) continue;
      if (inode.pipe !== null) this.problem(`${shownName(object as Handle)} is open in the other sandbox`);
      else {
        inode.pipe = ops.pipe;
        this.undo.push(() => (inode.pipe = null));
      }
    }
  }

  private openAgain(handle: Handle): boolean {
    const { inode, location, flags } = handle;
    if (location === null) throw new Damaged('an open file has no place');
    const ops = this.operations(inode, flags, location.dentry);
    if (typeof ops === 'number') {
      this.problem(`${shownName(handle)} cannot be opened: ${errnoName(ops)}`);
      return false;
    }
    Object.assign(handle, { ops, data: null });
    this.undo.push(() => ops.release?.(handle));
    return true;
  }

  private operations(inode: Inode, flags: number, dentry: Dentry): HandleOperations | number {
    const type = inode.mode & S_IFMT;
    if (type === S_IFCHR || type === S_IFBLK) return this.into.vfs.openDevice(inode, flags & ~ONCE);
    return inode.fs.open(inode, flags & ~ONCE, dentry);
  }

  /** What is registered by name: it has to be free. */
  private checkTables({ locks, flocks, ports, abstract, terminals }: MoveRoot): void {
    const { kernel } = this.into;
    for (const lock of locks)
      if (conflictingLock(lock.inode, lock) !== null)
        this.problem('a lock on a file is held by another process');
    for (const { inode, exclusive } of flocks)
      if (wholeLocks(inode).some((lock) => exclusive || lock.exclusive))
        this.problem('a lock on a file is held by another process');
    for (const { table, socket, bound } of ports) {
      const localPort = localPortOf(socket);
      if (bound && (kernel.net[table].at(localPort)?.size ?? 0) > 0)
        this.problem(`port ${localPort} of ${table} is taken in the other sandbox`);
    }
    for (const socket of abstract as readonly UnixSocket[])
      if (!kernel.net.unix.isFree(socket))
        this.problem(`the socket's name ${JSON.stringify(socket.address)} is taken in the other sandbox`);
    for (const { index } of terminals)
      if (this.into.terminals.isTaken(index))
        this.problem(`the other sandbox has a terminal /dev/pts/${index}`);
  }
}

function shownName({ location }: Handle): string {
  return location?.dentry.name ?? 'a file';
}

function isHeader(header: Partial<MoveHeader>): boolean {
  const { nodes, cpu, mounts, nowMs, pids, tids, groups, spaces, files } = header;
  const lists = [mounts, pids, tids, groups, files].every((list) => Array.isArray(list));
  return (
    lists &&
    typeof nodes === 'string' &&
    typeof cpu === 'string' &&
    Number.isFinite(nowMs) &&
    Number.isSafeInteger(spaces)
  );
}

function isRoot({ processes, programs, ...lists }: Partial<MoveRoot>): boolean {
  const known = Array.isArray(processes) && processes.every((process) => process instanceof Process);
  return known && programs instanceof Map && Object.values(lists).every((list) => Array.isArray(list));
}
