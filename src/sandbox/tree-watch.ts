/** The kernel's side of `sandbox.fs.watch`: watches on a file, or on a folder and what is below it, told by path. */
import {
  IN_ATTRIB,
  IN_CREATE,
  IN_DELETE,
  IN_DELETE_SELF,
  IN_ISDIR,
  IN_MODIFY,
  IN_MOVED_FROM,
  IN_MOVED_TO,
} from '../kernel/abi/inotify.js';
import { ENOENT, type Errno } from '../kernel/errno.js';
import { isDirectory } from '../kernel/fs/inode.js';
import { Watch, addWatch, findWatch, removeWatch, type WatchOwner } from '../kernel/fs/notify.js';
import type { Inode } from '../kernel/fs/types.js';
import { fromByteString } from './text.js';
import type { FileEvent } from './types.js';

const MASK = IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF;

/** What a watch needs of the tree; paths are byte strings. */
export interface Tree {
  inode(path: string, follow: boolean): Inode | Errno;
  /** The names in a directory. */
  names(path: string): string[] | Errno;
}

function join(folder: string, name: string): string {
  return folder === '/' ? `/${name}` : `${folder}/${name}`;
}

/** A move whose other half may follow at once. */
interface Departure {
  readonly cookie: number;
  readonly path: string;
}

export class TreeWatch implements WatchOwner {
  private readonly watches = new Map<number, Watch>();
  private readonly paths = new Map<number, string>();
  private events: FileEvent[] = [];
  private departed: Departure | null = null;
  private lastId = 0;
  private scheduled = false;

  constructor(
    private readonly tree: Tree,
    private readonly root: string,
    private readonly recursive: boolean,
    /** Gets what has happened, some time later; `ended`: nothing will follow. */
    private readonly deliver: (events: readonly FileEvent[], ended: boolean) => void,
  ) {}

  start(): 0 | Errno {
    const inode = this.tree.inode(this.root, true);
    if (typeof inode === 'number') return inode;
    this.watch(inode, this.root);
    return 0;
  }

  /** Begins once more after `stop`. */
  again(): void {
    this.lastId = 0;
    this.start();
  }

  stop(): void {
    for (const watch of this.watches.values()) removeWatch(watch);
    this.watches.clear();
    this.paths.clear();
  }

  /** Watches a file, and if it is to be the folders below it. */
  private watch(inode: Inode, path: string): void {
    if (findWatch(this, inode) !== null) return;
    const watch = new Watch(this, inode, MASK, this.lastId++);
    this.watches.set(watch.id, watch);
    this.paths.set(watch.id, path);
    addWatch(watch);
    if (!this.recursive || !isDirectory(inode)) return;
    const names = this.tree.names(path);
    for (const name of typeof names === 'number' ? [] : names) this.watchFolder(join(path, name));
  }

  private watchFolder(path: string): void {
    const inode = this.tree.inode(path, false);
    if (typeof inode !== 'number' && isDirectory(inode)) this.watch(inode, path);
  }

  happened(watch: Watch, mask: number, name: string | null, cookie: number): void {
    const folder = this.paths.get(watch.id) ?? this.root;
    // What happens to a folder below the root is told by the one above it.
    if (name === null && watch.id !== 0) return;
    const path = name === null ? folder : join(folder, name);
    if ((mask & IN_MOVED_TO) !== 0) return this.arrived(path, mask, cookie);
    this.settle();
    // The folder itself may be what has just left.
    if (!this.paths.has(watch.id)) return this.schedule();
    if ((mask & IN_MOVED_FROM) !== 0) this.departed = { cookie, path };
    if ((mask & IN_CREATE) !== 0) this.created(path, mask);
    if ((mask & (IN_DELETE | IN_DELETE_SELF)) !== 0) this.tell('remove', path);
    if ((mask & IN_MODIFY) !== 0) this.tell('modify', path);
    else if ((mask & IN_ATTRIB) !== 0) this.tell('attributes', path);
    this.schedule();
  }

  ended(watch: Watch): void {
    this.watches.delete(watch.id);
    this.paths.delete(watch.id);
    if (watch.id === 0) this.schedule();
  }

  private created(path: string, mask: number): void {
    this.tell('create', path);
    if ((mask & IN_ISDIR) !== 0 && this.recursive) this.watchFolder(path);
  }

  private arrived(path: string, mask: number, cookie: number): void {
    const { departed } = this;
    if (departed?.cookie !== cookie) {
      this.settle();
      this.created(path, mask);
    } else {
      this.departed = null;
      this.events.push({ type: 'rename', path: fromByteString(path), from: fromByteString(departed.path) });
      this.movePaths(departed.path, path);
    }
    this.schedule();
  }

  /** Something has left what is watched. */
  private settle(): void {
    const { departed } = this;
    if (departed === null) return;
    this.departed = null;
    this.tell('remove', departed.path);
    for (const [id, path] of this.paths) if (isBelow(path, departed.path)) this.forget(id);
  }

  private forget(id: number): void {
    const watch = this.watches.get(id);
    if (watch !== undefined) removeWatch(watch);
    this.watches.delete(id);
    this.paths.delete(id);
  }

  private movePaths(from: string, to: string): void {
    for (const [id, path] of this.paths)
      if (isBelow(path, from)) this.paths.set(id, to + path.slice(from.length));
  }

  /** Equal ones that follow each other are one. */
  private tell(type: Exclude<FileEvent['type'], 'rename'>, bytes: string): void {
    const path = fromByteString(bytes);
    const last = this.events.at(-1);
    if (last?.type !== type || last.path !== path) this.events.push({ type, path });
  }

  /** The events of one step of the kernel go out together. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    void Promise.resolve().then(() => {
      this.flush();
    });
  }

  private flush(): void {
    this.scheduled = false;
    this.settle();
    const { events } = this;
    const ended = !this.watches.has(0);
    this.events = [];
    if (ended) this.stop();
    if (events.length > 0 || ended) this.deliver(events, ended);
  }
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(join(folder, ''));
}

/** The watches of a sandbox, by the caller's numbers. */
export class TreeWatches {
  private readonly all = new Map<number, TreeWatch>();

  constructor(
    private readonly tree: Tree,
    private readonly deliver: (id: number, events: readonly FileEvent[], ended: boolean) => void,
  ) {}

  start(id: number, path: string, recursive: boolean): 0 | Errno {
    const root = `/${path.split('/').filter(Boolean).join('/')}`;
    if (!path.startsWith('/')) return ENOENT;
    const watch = new TreeWatch(this.tree, root, recursive, (events, ended) => {
      if (ended) this.all.delete(id);
      this.deliver(id, events, ended);
    });
    const failed = watch.start();
    if (failed === 0) this.all.set(id, watch);
    return failed;
  }

  /** Takes all watches away for a moment; the result brings them back. */
  pause(): () => void {
    for (const watch of this.all.values()) watch.stop();
    return () => {
      for (const watch of this.all.values()) watch.again();
    };
  }

  stop(id: number): void {
    this.all.get(id)?.stop();
    this.all.delete(id);
  }
}
