/**
 * The virtual filesystem: one tree of mounts, for all processes of a kernel.
 *
 *   Vfs      the mounts, the clock, and what opens device nodes
 *   Mount    a filesystem, or a place in one, mounted on a place in the tree; the first stands on nothing
 *   Dentry   the cached name (dentry.ts); keeps its inode alive
 *   Inode    made and known by its filesystem
 *   Handle   an open file (handle.ts); keeps inode and dentry alive
 *
 * A dentry is the same through all mounts of its filesystem; a Location says through which one it is seen. walk.ts finds
 * places; open.ts, create.ts, remove.ts, rename.ts and attributes.ts do what system calls and the API ask for, each on
 * behalf of a PathContext; they check, call the filesystem, and then put the dentries right. A filesystem never touches
 * dentries, counts references, or calls back.
 */
import { kind } from '../checkpoint/registry.js';
import { PAGE_SIZE } from '../../machine/layout.js';
import { MS_RELATIME } from '../abi/mount.js';
import { EBUSY, ENOENT, ENOSYS, ENOTDIR, ENXIO, type Errno } from '../errno.js';
import type { HostClock } from '../host.js';
import { addDentry, dropDentry, lookupDentry, pinDentry, unattachedDentry, unpinDentry } from './dentry.js';
import { isDirectory } from './inode.js';
import { WaitQueue } from '../process/waitqueue.js';
import { MountPoint, mountedOn } from './mount.js';
import { PipeFs } from './pipe/pipefs.js';
import { initialFsSettings, type FsSettings } from './settings.js';
import { SyntheticFs } from './synthetic.js';
import { MemfdFs } from './tmpfs/memfd.js';
import type {
  Credentials,
  Dentry,
  FileSystem,
  FrameMemory,
  Handle,
  HandleOperations,
  Inode,
  InotifyAccount,
  Location,
  Mount,
  PathContext,
  SharedFile,
  VfsContext,
} from './types.js';
import { LOOKUP_FOLLOW, walk } from './walk.js';

export interface VfsOptions {
  readonly clock: HostClock;
  readonly root: FileSystem;
  /** Without them: as Linux has them at first. */
  readonly settings?: FsSettings;
  /** Where memfds have their bytes; without it there are none (ENOSYS). */
  readonly memory?: FrameMemory;
  /** MS_* of the root mount. */
  readonly rootFlags?: number;
  /** Opens a device node by inode.rdev; without it none can be opened. */
  readonly openDevice?: (inode: Inode, flags: number) => HandleOperations | Errno;
}

/** The kernel's own rights: all. */
const KERNEL_CRED: Credentials = {
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

/** Where device numbers for filesystems without a device begin. */
const FIRST_ANONYMOUS_DEV = 20;

export class Vfs implements VfsContext {
  readonly clock: HostClock;
  readonly settings: FsSettings;
  readonly mounts: Mount[] = [];
  readonly dentries = { count: 0, age: 1 };
  anonymousInodes: FileSystem | null = null;
  inotifyAccounts: Map<number, InotifyAccount> | null = null;
  /** Something has been mounted or unmounted, so often. */
  readonly mountChanges = { count: 0, queue: new WaitQueue() };
  /** The root of the tree. */
  readonly root: Location;
  readonly openDevice: (inode: Inode, flags: number) => HandleOperations | Errno;
  private nextMountId = 1;
  private nextDev = FIRST_ANONYMOUS_DEV;
  private synthetic: SyntheticFs | null = null;
  private readonly pipes: PipeFs;
  private readonly memfds: MemfdFs | null;

  constructor(options: VfsOptions) {
    this.clock = options.clock;
    this.settings = options.settings ?? initialFsSettings();
    this.openDevice = options.openDevice ?? (() => ENXIO);
    const mount = this.makeMount(options.root, options.rootFlags ?? MS_RELATIME);
    this.mounts.push(mount);
    this.root = { mount, dentry: mount.root };
    const { clock, memory } = options;
    this.pipes = new PipeFs(this, this.allocateDev());
    const dev = this.allocateDev();
    this.memfds =
      memory === undefined
        ? null
        : new MemfdFs(this, { clock, memory, dev, size: memory.frames.total * PAGE_SIZE });
  }

  /** A device number for a filesystem that has no device: major 0. */
  allocateDev(): number {
    return this.nextDev++;
  }

  createPipe(cred: Credentials, flags: number): { reader: Handle; writer: Handle } {
    return this.pipes.create(cred, flags);
  }

  createMemfd(name: string, flags: number, cred: Credentials): Handle | Errno {
    return this.memfds?.create(name, flags, cred) ?? ENOSYS;
  }

  createShared(name: string, size: number, cred: Credentials): SharedFile | Errno {
    return this.memfds?.createShared(name, size, cred) ?? ENOSYS;
  }

  /** A context that may do everything, from the root of the tree. */
  context(): PathContext {
    return { root: this.root, cwd: this.root, umask: 0, cred: KERNEL_CRED };
  }

  /** A mount that is nowhere in the tree: for files without a path (pipes, memfds). */
  detachedMount(fs: FileSystem): Mount {
    return this.makeMount(fs, 0);
  }

  /** Mounts `fs` on a place. ENOTDIR when a directory would stand on a file, or the other way round. */
  mount(fs: FileSystem, at: Location, flags: number): Mount | Errno {
    return this.attach(this.makeMount(fs, flags), at);
  }

  /** Shows the place `source` at the place `at` too. */
  bind(source: Location, at: Location, flags: number): Mount | Errno {
    pinDentry(source.dentry);
    const mount = new MountPoint(this, source.mount.fs, source.dentry, flags, this.nextMountId++);
    return this.attach(mount, at);
  }

  /** The place at an absolute path; what is missing of it is made of synthetic directories, or a file at its end. */
  mountPoint(path: string, kind: 'directory' | 'file'): Location | Errno {
    let at: Location = this.root;
    const names = path.split('/').filter((name) => name !== '' && name !== '.');
    for (const [index, name] of names.entries()) {
      const found = walk(this.context(), at, name, LOOKUP_FOLLOW);
      if (found === ENOENT)
        at = this.makeSynthetic(at, name, kind === 'directory' || index < names.length - 1);
      else if (typeof found === 'number') return found;
      else at = found;
    }
    return at;
  }

  /** Takes the uppermost mount of a place away; EBUSY while something is mounted below it. */
  unmount(at: Location): 0 | Errno {
    const { mount } = at;
    const { parent } = mount;
    if (parent === null || this.mounts.some((other) => other.parent?.mount === mount)) return EBUSY;
    const on = parent.dentry.mounts;
    on.splice(on.indexOf(mount), 1);
    this.mounts.splice(this.mounts.indexOf(mount), 1);
    mount.parent = null;
    unpinDentry(parent.dentry);
    this.mountsChanged();
    return 0;
  }

  private mountsChanged(): void {
    this.mountChanges.count++;
    this.mountChanges.queue.wake();
  }

  private makeMount(fs: FileSystem, flags: number): Mount {
    const root = unattachedDentry('/', fs.root());
    pinDentry(root);
    this.dentries.count++;
    return new MountPoint(this, fs, root, flags, this.nextMountId++);
  }

  private attach(mount: Mount, at: Location): Mount | Errno {
    const place = topOf(at);
    if (place.dentry.inode === null) return ENOENT;
    const { inode } = mount.root;
    if (inode === null || isDirectory(place.dentry.inode) !== isDirectory(inode)) return ENOTDIR;
    mount.parent = place;
    pinDentry(place.dentry);
    place.dentry.mounts.push(mount);
    this.mounts.push(mount);
    this.mountsChanged();
    return mount;
  }

  private makeSynthetic(at: Location, name: string, directory: boolean): Location {
    this.synthetic ??= new SyntheticFs(this.allocateDev());
    const { dentry: parent, mount } = at;
    const negative = lookupDentry(this, parent, name);
    if (typeof negative !== 'number') dropDentry(this, negative);
    const dentry = addDentry(this, parent, name, this.synthetic.make(directory));
    pinDentry(dentry);
    return { mount, dentry };
  }
}

/** The same place, in the uppermost mount on it. */
function topOf(at: Location): Location {
  let mount: Mount = at.mount;
  let dentry: Dentry = at.dentry;
  for (;;) {
    const over = mountedOn(mount, dentry);
    if (over === null) return { mount, dentry };
    mount = over;
    dentry = over.root;
  }
}

kind('Vfs', Vfs);
