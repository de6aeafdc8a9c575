/**
 * Writes the graph of objects of processes that move. What every kernel has is only named; mounts, names and files by their
 * paths, address spaces by number. What may not go along, or belongs to a process that stays, is told of by name.
 */
import { PageTable } from '../../../machine/memory/address-space.js';
import { AnonymousFs } from '../../fs/anonymous.js';
import { PlainInode } from '../../fs/inode.js';
import { MountPoint } from '../../fs/mount.js';
import { PipeOperations } from '../../fs/pipe/pipe.js';
import { PseudoFs } from '../../fs/pseudo/pseudofs.js';
import type { Dentry, Handle, Inode, Location, VfsContext } from '../../fs/types.js';
import { Vma } from '../../mm/vma.js';
import { Mm } from '../../mm/mm.js';
import type { Net } from '../../net/net.js';
import { FsContext, Process } from '../../process/process.js';
import { DEAD } from '../../process/state.js';
import { Thread } from '../../process/thread.js';
import { Timer } from '../../time/timers.js';
import type { Anchors } from '../anchors.js';
import { kindOfPrototype } from '../registry.js';
import { GraphWriter } from '../writer.js';
import { MOVABLE, nounOf } from './kinds.js';
import type { Places } from './places.js';

export interface MoveSource {
  readonly anchors: Anchors;
  readonly places: Places;
  readonly vfs: VfsContext & { readonly root: Location };
  readonly net: Net;
  readonly processes: ReadonlyMap<number, Process>;
  /** Those that this graph is about. */
  readonly own: ReadonlySet<Process>;
}

export function kindName(object: object): string | undefined {
  return kindOfPrototype(Object.getPrototypeOf(object) as object | null)?.name;
}

function isHandle(object: object): object is Handle {
  return kindName(object) === 'OpenFile';
}

function isDentry(object: object): object is Dentry {
  return kindName(object) === 'CachedDentry';
}

export class MoveWriter extends GraphWriter {
  readonly spaces: PageTable[] = [];
  /** By handle: the descriptor that shows it to people. */
  private readonly descriptors = new Map<object, string>();
  private readonly told = new Set<string>();

  constructor(
    protected readonly source: MoveSource,
    private readonly problem: (what: string) => void,
  ) {
    super(source.anchors);
    for (const process of source.own)
      for (const { files } of process.threads)
        for (const fd of files.list())
          this.descriptors.set(files.get(fd) as Handle, `descriptor ${fd} of process ${process.pid}`);
  }

  /** All objects that have been reached. */
  get reached(): readonly object[] {
    return this.objects.list;
  }

  protected override reference(thing: object, field: string): void {
    const name = this.nameOf(thing) ?? this.source.anchors.names.get(thing);
    if (name !== undefined) return this.name(name);
    if (thing instanceof Process && !this.mayGo(thing)) this.refuse(`process ${thing.pid}, which would stay`);
    super.reference(thing, field);
  }

  /** One that moves, or that has ended and been waited for. */
  protected mayGo(process: Process): boolean {
    const { own, processes } = this.source;
    return own.has(process) || processes.get(process.pid) !== process;
  }

  private nameOf(thing: object): string | undefined {
    const { places, vfs, net } = this.source;
    const found = places.nameOf(thing);
    if (found !== null) return found;
    if (isDentry(thing)) return places.isPlace(thing) ? places.dentryName(thing) : undefined;
    if (thing instanceof PlainInode) return places.inodeName(thing) ?? undefined;
    if (thing instanceof PageTable) return this.spaceName(thing);
    if (thing === vfs.anonymousInodes) return 'late.anonymous';
    if (thing instanceof AnonymousFs && thing.type === 'sockfs') return 'late.sockets';
    if (!(thing instanceof MountPoint) || !(thing.fs instanceof AnonymousFs)) return undefined;
    if (thing.fs === vfs.anonymousInodes) return 'late.anonymous.mount';
    return thing === net.sockfs(vfs).fs.mount ? 'late.sockets.mount' : undefined;
  }

  private spaceName(space: PageTable): string {
    const known = this.spaces.indexOf(space);
    return `space.${known >= 0 ? known : this.spaces.push(space) - 1}`;
  }

  protected override object(object: object): void {
    const kind = kindName(object);
    // What is behind it is of no interest: nothing will be sent.
    if (kind !== undefined && !MOVABLE.has(kind)) this.refuse(nounOf(kind));
    else super.object(object);
  }

  protected override content(object: object): object {
    if (isHandle(object)) return this.handleContent(object);
    if (isDentry(object)) return this.dentryContent(object);
    if (object instanceof PlainInode) return this.inodeContent(object);
    if (object instanceof Vma)
      return isByName(object.handle, this.source.places) ? { ...object, pages: null } : object;
    if (object instanceof Process) return this.processContent(object);
    if (object instanceof Thread) return this.threadContent(object);
    if (object instanceof Mm) return { ...object, rssAnon: 0, rssFile: 0 };
    if (object instanceof Timer && !object.armed) return { ...object, at: Infinity };
    return object;
  }

  /** A file that is found by its name is opened there again. */
  private handleContent(handle: Handle): object {
    const { places } = this.source;
    const dentry = handle.location?.dentry;
    // Its place names its inode.
    if (dentry !== undefined && places.isPlace(dentry) && !(handle.inode.fs instanceof PseudoFs))
      places.dentryName(dentry);
    if (!isByName(handle, places)) return handle;
    return { ...handle, ops: null, data: null };
  }

  private dentryContent(dentry: Dentry): object {
    return { ...dentry, children: null, mounts: [], pins: 0 };
  }

  private inodeContent(inode: Inode): object {
    if (inode.watches !== null) this.refuse('a file that is watched (inotify)');
    return { ...inode, references: 0, locks: null, watches: null };
  }

  private processContent(process: Process): object {
    const { parent, parentThread, zombie } = process;
    const gone = this.source.processes.get(process.pid) !== process;
    const kept = parent !== null && this.source.own.has(parent) ? parent : null;
    return {
      ...process,
      parent: kept,
      parentThread: kept === null || parentThread?.process !== kept ? null : parentThread,
      ...(gone || zombie ? { fs: this.nowhere(process.fs) } : {}),
      ...(gone ? { children: new Set(), threads: new Set() } : {}),
    };
  }

  private threadContent(thread: Thread): object {
    const { fs, state } = thread;
    return { ...thread, queued: false, ...(state === DEAD ? { fs: this.nowhere(fs) } : {}) };
  }

  /** What has ended is nowhere. */
  private nowhere({ cred, umask }: FsContext): FsContext {
    const { root } = this.source.vfs;
    return new FsContext({ root, cwd: root, umask, users: 1 }, cred);
  }

  protected override refuse(what: string): void {
    const text = `${this.owner()}${what}`;
    if (this.told.has(text)) return;
    this.told.add(text);
    this.problem(text);
  }

  /** Through what the object that is being written was reached, for people. */
  private owner(): string {
    for (let number = this.current; number >= 0; number = this.from[number] as number) {
      const object = this.objects.list[number] as object;
      const descriptor = this.descriptors.get(object);
      if (descriptor !== undefined) return `${descriptor} leads to `;
      if (object instanceof Thread) return `process ${object.process.pid} has `;
      if (object instanceof Process) return `process ${object.pid} has `;
    }
    return '';
  }

  /** How an object that is in use by others, too, is called. */
  describe(object: object): string {
    const descriptor = this.descriptors.get(object);
    return descriptor ?? nounOf(kindName(object) ?? '');
  }
}

/**
 * Whether an open file is found again by its name. Files of /proc and the like hold what was read, and FIFOs what was
 * written: they go along.
 */
export function isByName(handle: Handle | null, places: Places): boolean {
  const dentry = handle?.location?.dentry;
  return dentry !== undefined && places.isPlace(dentry) && !keepsContent(handle);
}

function keepsContent(handle: Handle | null): boolean {
  return handle?.inode.fs instanceof PseudoFs || handle?.ops instanceof PipeOperations;
}

/** Only looks what processes that stay refer to. */
export class Survey extends MoveWriter {
  constructor(source: MoveSource) {
    super(source, () => undefined);
  }

  protected override reference(thing: object, field: string): void {
    if ((thing instanceof Process || thing instanceof Thread) && !this.belongs(thing)) return this.name('');
    super.reference(thing, field);
  }

  private belongs(thing: Process | Thread): boolean {
    return this.mayGo(thing instanceof Thread ? thing.process : thing);
  }
}
