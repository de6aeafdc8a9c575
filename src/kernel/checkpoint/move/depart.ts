/**
 * Processes written down to go on in another kernel, and what has to be true of that one. Nothing changes here: they are
 * still there, and must not run until it is known whether they have gone (`leave`) or stay.
 */
import type { Kernel } from '../../kernel.js';
import { canWrite } from '../../fs/handle.js';
import { recordLocks, wholeLocks } from '../../fs/locks.js';
import { isRegular } from '../../fs/inode.js';
import { FileContent } from '../../fs/tmpfs/content.js';
import type { Terminals } from '../../fs/dev/devpts.js';
import type { Handle, Inode, Mount } from '../../fs/types.js';
import type { Vfs } from '../../fs/vfs.js';
import { AnonymousPages } from '../../mm/pages.js';
import { Vma } from '../../mm/vma.js';
import { Socket } from '../../net/socket.js';
import { UnixSocket } from '../../net/unix/socket.js';
import { Process } from '../../process/process.js';
import { Terminal } from '../../tty/terminal.js';
import type { Anchors } from '../anchors.js';
import { findAnchors } from '../anchors.js';
import { Writer } from '../bytes.js';
import { Refused } from '../damaged.js';
import { GraphWriter } from '../writer.js';
import type { MoveHeader, MovedFlock, MovedFutexes, MovedLock, MovedPort, MoveRoot } from './format.js';
import { saveMemory } from './memory.js';
import { Places, mountNames } from './places.js';
import { select } from './selection.js';
import { MoveWriter, Survey, isByName, kindName, type MoveSource } from './writer.js';

/** A kernel with its tree, as processes leave or enter it. */
export interface MoveKernel {
  readonly kernel: Kernel;
  readonly anchors: Anchors;
  readonly vfs: Vfs;
  /** Mounts that all kernels of the same settings have. */
  readonly mounts: readonly Mount[];
  readonly nodes: string;
  readonly terminals: Terminals;
}

/** What the embedder has to do with its programs: each one's process, and what it keeps with it. */
export type Programs = ReadonlyMap<number, { readonly process: Process; readonly streams: object }>;

export interface Departure {
  readonly processes: ReadonlySet<Process>;
  /** Ids of the embedder's programs among them. */
  readonly programs: readonly number[];
  /** What they have in the kernel's tables of ports. */
  readonly ports: readonly { readonly table: MovedPort['table']; readonly port: number }[];
  readonly bytes: Uint8Array;
}

const NO_ANCHORS = findAnchors({}, {});

/** Throws Refused, with all reasons, if they cannot go by themselves. */
export function depart(from: MoveKernel, first: Process, tree: boolean, programs: Programs): Departure {
  const { kernel } = from;
  const problems: string[] = [];
  const problem = (what: string): void => {
    if (!problems.includes(what)) problems.push(what);
  };
  kernel.park();
  const { moving, staying } = select(kernel, first, tree, problem);
  findIpc(kernel, moving, problem);
  writeBack(moving);
  const places = new Places(from.mounts, from.vfs.mounts);
  const writer = new MoveWriter(sourceOf(from, places, moving), problem);
  const own = [...programs].filter(([, { process }]) => moving.has(process));
  const root = rootOf(from, moving, new Map(own), places);
  const graph = writer.write(root);
  const survey = new Survey(sourceOf(from, new Places(from.mounts, from.vfs.mounts), new Set(staying)));
  const others = [...programs.values()].filter(({ process }) => !moving.has(process));
  survey.write({ staying, streams: others.map(({ streams }) => streams) });
  findShared(writer, survey, places, problem);
  const files = places.files(problem);
  if (problems.length > 0) throw new Refused(problems.join('; '));
  const header: MoveHeader = {
    nodes: from.nodes,
    cpu: kernel.cpu,
    mounts: mountNames(from.mounts, from.vfs.root),
    nowMs: kernel.clock.nowMs(),
    pids: [...moving].map(({ pid }) => pid),
    tids: [...moving].flatMap(({ threads }) => [...threads].map(({ tid }) => tid)),
    groups: [...new Set([...moving].flatMap(({ pgid, sid }) => [pgid, sid]))],
    spaces: writer.spaces.length,
    files,
  };
  const memory = saveMemory(kernel.machine, writer.spaces, writer.reached.filter(hasFrames));
  const bytes = packed(header, graph, memory);
  const ports = root.ports.map(({ table, socket }) => ({ table, port: localPortOf(socket) }));
  return { processes: moving, programs: own.map(([id]) => id), ports, bytes };
}

export function localPortOf(socket: Socket): number {
  return (socket as unknown as { localPort: number }).localPort;
}

function packed(header: MoveHeader, graph: Uint8Array, memory: Uint8Array): Uint8Array {
  const out = new Writer();
  for (const part of [new GraphWriter(NO_ANCHORS).write(header), graph, memory]) {
    out.count(part.length);
    out.raw(part);
  }
  return out.done();
}

function sourceOf(
  { kernel, anchors, vfs }: MoveKernel,
  places: Places,
  own: ReadonlySet<Process>,
): MoveSource {
  return { anchors, places, vfs, net: kernel.net, processes: kernel.processes, own };
}

export function hasFrames(object: object): object is AnonymousPages | FileContent {
  return object instanceof AnonymousPages || object instanceof FileContent;
}

/** Shared mappings' changes go to their files, which are opened elsewhere. */
function writeBack(moving: ReadonlySet<Process>): void {
  for (const { mmOrNull } of moving)
    for (const { pages, sharedWritable, offset, start, end } of mmOrNull?.vmas ?? [])
      if (sharedWritable) pages?.sync(offset, offset + end - start);
}

/**
 * What the graph begins with. What is registered in tables of the kernel is listed, so that it can be entered into the
 * other one's; so the graph is walked once before.
 */
function rootOf(
  from: MoveKernel,
  moving: ReadonlySet<Process>,
  programs: MoveRoot['programs'],
  places: Places,
): MoveRoot {
  const processes = [...moving];
  const first = new Survey(sourceOf(from, new Places(from.mounts, from.vfs.mounts), moving));
  first.write({ processes, programs });
  const all = first.reached;
  const owners = new Set(all);
  const named = handlesIn(all).filter((handle) => isByName(handle, places));
  for (const { location } of named) if (location !== null) places.dentryName(location.dentry);
  const inodes = new Set(named.map(({ inode }) => inode));
  return {
    processes,
    programs,
    ...locksOn(inodes, owners),
    ports: all.filter((object) => object instanceof Socket).flatMap((socket) => portsOf(from.kernel, socket)),
    abstract: all.filter(
      (object) => object instanceof UnixSocket && from.kernel.net.unix.holds(object),
    ) as Socket[],
    terminals: all.filter(
      (object) => object instanceof Terminal && from.terminals.get(object.index) === object,
    ) as Terminal[],
    futexes: futexesIn(all, places),
  };
}

function handlesIn(objects: readonly object[]): Handle[] {
  return objects.filter((object) => kindName(object) === 'OpenFile') as Handle[];
}

function locksOn(
  inodes: ReadonlySet<Inode>,
  owners: ReadonlySet<object>,
): { locks: MovedLock[]; flocks: MovedFlock[] } {
  const locks: MovedLock[] = [];
  const flocks: MovedFlock[] = [];
  for (const inode of inodes) {
    for (const lock of recordLocks(inode)) if (owners.has(lock.owner)) locks.push({ ...lock, inode });
    for (const lock of wholeLocks(inode)) if (owners.has(lock.owner)) flocks.push({ ...lock, inode });
  }
  return { locks, flocks };
}

function portsOf({ net }: Kernel, socket: Socket): MovedPort[] {
  const owner = socket as unknown as Parameters<typeof net.tcp.entriesOf>[0];
  return (['tcp', 'udp', 'udplite'] as const)
    .map((table) => ({ table, socket, ...net[table].entriesOf(owner) }))
    .filter(({ bound, ends }) => bound || ends.length > 0);
}

function futexesIn(all: readonly object[], places: Places): MovedFutexes[] {
  const found = new Map<object, MovedFutexes>();
  for (const vma of all) {
    if (!(vma instanceof Vma) || vma.pages === null || !isByName(vma.handle, places)) continue;
    const queues = new Map([...(vma.pages.futexes ?? [])].filter(([, queue]) => queue.size > 0));
    if (queues.size > 0) found.set(vma.pages, { vma, queues });
  }
  return [...found.values()];
}

/** System V objects are known by numbers, not by who has them: they belong to those who have made them. */
function findIpc({ ipc }: Kernel, moving: ReadonlySet<Process>, problem: (what: string) => void): void {
  const kinds = {
    'shared memory': ipc.shm.segments.list(),
    semaphores: ipc.sem.arrays.list(),
    'message queue': ipc.msg.queues.list(),
  };
  const pids = new Set([...moving].map(({ pid }) => pid));
  for (const [noun, objects] of Object.entries(kinds))
    for (const { id, maker } of objects)
      if (pids.has(maker)) problem(`System V ${noun} ${id}, which process ${maker} has made, would stay`);
}

/** What those who stay have, too. */
function findShared(
  writer: MoveWriter,
  survey: Survey,
  places: Places,
  problem: (what: string) => void,
): void {
  const theirs = new Set(survey.reached);
  const shared = writer.reached.filter((object) => kindName(object) !== undefined && theirs.has(object));
  const handles = handlesIn(shared);
  // What hangs on a shared handle is shared with it.
  const told = handles.length > 0 ? handles : shared;
  for (const object of told.slice(0, MOST_TOLD))
    problem(`${writer.describe(object)} is shared with ${survey.describe(object)}, which would stay`);
  const memory = new Set(places.memoryInodes());
  const mine = handlesIn(writer.reached);
  for (const other of handlesIn(survey.reached)) {
    if (theirs.has(other) && shared.includes(other)) continue;
    if (!memory.has(other.inode) || !isRegular(other.inode)) continue;
    const handle = mine.find(({ inode }) => inode === other.inode);
    if (handle !== undefined && (canWrite(handle) || canWrite(other)))
      problem(
        `${writer.describe(handle)} is a file in memory, which ${survey.describe(other)} has open, too, and would stay`,
      );
  }
  const mapped = new Set(mappings(survey.reached).map(({ pages }) => pages));
  for (const vma of mappings(writer.reached))
    if (vma.sharedWritable && mapped.has(vma.pages))
      problem(`${writer.describe(vma.handle ?? vma)} is mapped by a process that would stay, too`);
}

/** Areas that show others' changes. */
function mappings(objects: readonly object[]): Vma[] {
  return objects.filter((object) => object instanceof Vma && object.shared && object.pages !== null) as Vma[];
}

const MOST_TOLD = 20;
