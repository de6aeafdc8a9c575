/** Enters objects that have been made of another kernel's into the tables of this one. Nothing here can fail. */
import { dropDentry, pinDentry } from '../../fs/dentry.js';
import { AnonymousFs } from '../../fs/anonymous.js';
import { adoptHandle } from '../../fs/handle.js';
import { PlainInode, retainInode } from '../../fs/inode.js';
import { setFlock, setRecordLock } from '../../fs/locks.js';
import { FileContent } from '../../fs/tmpfs/content.js';
import type { Dentry, Handle, WaitQueue } from '../../fs/types.js';
import type { FutexQueues } from '../../futex/table.js';
import { EpollItem } from '../../ipc/epoll.js';
import { Mm } from '../../mm/mm.js';
import { PTE_ANON } from '../../mm/pte.js';
import { Vma } from '../../mm/vma.js';
import { Socket } from '../../net/socket.js';
import { UnixSocket } from '../../net/unix/socket.js';
import { FsContext, type Places } from '../../process/process.js';
import { DEAD, READY } from '../../process/state.js';
import { Thread } from '../../process/thread.js';
import { Timer } from '../../time/timers.js';
import type { MoveKernel } from './depart.js';
import type { MoveHeader, MoveRoot } from './format.js';
import type { ArrivedMemory } from './memory.js';
import { kindName } from './writer.js';

export interface Arrived {
  readonly into: MoveKernel;
  readonly header: MoveHeader;
  readonly root: MoveRoot;
  readonly objects: readonly object[];
  /** Files that have been opened again here. */
  readonly reopened: ReadonlySet<Handle>;
  readonly memory: ArrivedMemory;
}

const LOCK_SH = 1;
const LOCK_EX = 2;

export function enter(arrived: Arrived): void {
  const later = meetClocks(arrived);
  enterFiles(arrived);
  enterMemory(arrived);
  enterNetwork(arrived);
  enterLocks(arrived);
  enterWaiting(arrived, later);
  enterProcesses(arrived);
}

/**
 * Monotonic time never goes back: the kernel whose clock is behind jumps to where the other one is. What those who have come
 * wait for is that much later, if it is they for whom time jumps. Returns by how much.
 */
function meetClocks({ into, header }: Arrived): number {
  const { clock } = into.kernel;
  const ahead = clock.nowMs() - header.nowMs;
  if (ahead < 0) clock.resumeAt(header.nowMs);
  return Math.max(0, ahead);
}

function enterFiles({ into, objects, reopened }: Arrived): void {
  const places = new Set<Places>();
  for (const object of objects) {
    const kind = kindName(object);
    if (object instanceof PlainInode && object.fs instanceof AnonymousFs) object.fs.adopt(object);
    if (kind === 'CachedDentry') enterDentry(into, object as Dentry);
  }
  for (const object of objects) {
    // A closed file may still be somebody's, as a socket's that its peer remembers.
    if (kindName(object) === 'OpenFile' && (object as Handle).references > 0)
      adoptHandle(object as Handle, reopened.has(object as Handle));
    if (object instanceof FsContext) places.add(object.places);
  }
  for (const { root, cwd } of places) {
    pinDentry(root.dentry);
    pinDentry(cwd.dentry);
  }
}

/** A name that came along: of something without one, or of a file that is found only by whose it is. */
function enterDentry({ vfs }: MoveKernel, dentry: Dentry): void {
  const { parent, inode, name } = dentry;
  if (inode !== null) retainInode(inode);
  if (inode !== null && inode.fs instanceof AnonymousFs)
    dentry.name = name.replace(/\[\d+\]$/, `[${inode.ino}]`);
  if (parent === null || dentry.deleted) return;
  const old = parent.children?.get(name);
  if (old !== undefined && old.inode === null) dropDentry(vfs, old);
  parent.children ??= new Map();
  if (parent.children.has(name)) return;
  parent.children.set(name, dentry);
  dentry.used = vfs.dentries.age;
  vfs.dentries.count++;
}

function enterMemory({ objects, reopened, memory }: Arrived): void {
  for (const object of objects) {
    if (object instanceof FileContent) object.adopted();
    if (object instanceof Mm) countPages(object);
    if (object instanceof Vma && object.handle !== null && reopened.has(object.handle)) {
      object.pages?.mappings?.add(object);
      object.pages?.opened?.();
    }
  }
  memory.settle();
}

function countPages(mm: Mm): void {
  for (const { start, end } of mm.vmas)
    mm.space.update(start, end, (_address, pte) => {
      if ((pte & PTE_ANON) !== 0) mm.countPage(pte);
      return pte;
    });
}

function enterNetwork({ into, objects, root }: Arrived): void {
  const { net } = into.kernel;
  for (const object of objects) {
    if (!(object instanceof Socket)) continue;
    net.adopt(object);
    if (object.file !== null) object.ino = object.file.inode.ino;
    if (!(object instanceof UnixSocket)) continue;
    if (object.handle !== null) net.inFlight.opened(object.handle, object);
    for (const { rights } of object.queue.messages) if (rights !== null) net.inFlight.add(rights);
  }
  for (const { table, socket, bound, ends } of root.ports) {
    const owner = socket as unknown as Parameters<typeof net.tcp.add>[0];
    if (bound) net[table].add(owner);
    for (const { remoteIp, remotePort } of ends) net[table].connect(owner, remoteIp, remotePort);
  }
  for (const socket of root.abstract) net.unix.adopt(socket as UnixSocket);
}

function enterLocks({ root, into }: Arrived): void {
  for (const lock of root.locks) setRecordLock(lock.inode, lock, false);
  for (const { owner, exclusive } of root.flocks) setFlock(owner as Handle, exclusive ? LOCK_EX : LOCK_SH);
  for (const terminal of root.terminals) into.terminals.add(terminal);
  for (const { vma, queues } of root.futexes) joinFutexes(vma, queues);
}

/** Those who wait on words in a file stand behind those who do so here. */
function joinFutexes({ pages }: Vma, queues: FutexQueues): void {
  if (pages === null) return;
  pages.futexes ??= new Map();
  for (const [key, queue] of queues) {
    const known = pages.futexes.get(key);
    if (known === undefined) pages.futexes.set(key, queue);
    else
      for (const waiter of queue) {
        known.add(waiter);
        waiter.queue = known;
      }
  }
}

/** Who waits stands in this kernel's queues; timers run here, `later` than they did. */
function enterWaiting({ into, objects }: Arrived, later: number): void {
  const { timers } = into.kernel;
  for (const object of objects) {
    if (object instanceof Thread) {
      if (object.state === DEAD) continue;
      for (const queue of queuesOf(object)) queue.add(object);
      postpone(object.callState, later);
      postpone(object.resume?.state, later);
    } else if (object instanceof EpollItem) for (const queue of queuesOf(object)) queue.add(object);
    else if (object instanceof Timer && object.armed) {
      object.place = -1;
      timers.add(object, object.at + later);
    }
  }
}

function queuesOf(waiter: Thread | EpollItem): readonly WaitQueue[] {
  return (waiter as unknown as { queues: readonly WaitQueue[] }).queues;
}

/** Until when a call waits. */
function postpone(state: unknown, later: number): void {
  if (later === 0 || typeof state !== 'object' || state === null) return;
  const known = state as { until?: unknown; deadline?: unknown };
  if (typeof known.until === 'number') known.until += later;
  if (typeof known.deadline === 'number') known.deadline += later;
}

function enterProcesses({ into, root }: Arrived): void {
  const { kernel } = into;
  for (const process of root.processes) {
    kernel.addProcess(process);
    if (process.zombie) kernel.zombies++;
    for (const thread of process.threads) {
      kernel.threads.set(thread.tid, thread);
      thread.virtualMs = 0;
      if (thread.state === READY) kernel.enqueue(thread);
    }
  }
}
