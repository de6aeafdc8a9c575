/** The tree that a sandbox's programs see: its root, the pseudo-filesystems, the mounts of its settings. */
import type { Anchors } from '../kernel/checkpoint/anchors.js';
import type { MoveKernel } from '../kernel/checkpoint/move/depart.js';
import { MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_RELATIME } from '../kernel/abi/mount.js';
import { ENXIO } from '../kernel/errno.js';
import { errnoName } from '../kernel/abi/errno-names.js';
import { AppFs } from '../kernel/fs/app/appfs.js';
import { createDevFs } from '../kernel/fs/dev/dev.js';
import { openDevice, type DeviceView } from '../kernel/fs/dev/devices.js';
import { Terminals, createDevptsFs, openTerminal } from '../kernel/fs/dev/devpts.js';
import { createEtcFs, etcText } from '../kernel/fs/etc/etc.js';
import { createTextFs } from '../kernel/fs/etc/text.js';
import { KeyRing } from '../kernel/fs/encrypted/keys.js';
import { lookupDentry } from '../kernel/fs/dentry.js';
import { isDirectory } from '../kernel/fs/inode.js';
import { MqueueFs } from '../kernel/fs/mqueue/mqueuefs.js';
import { OverlayFs } from '../kernel/fs/overlay/overlay.js';
import { createProcFs } from '../kernel/fs/proc/proc.js';
import { Nodes } from '../kernel/fs/pseudo/nodes.js';
import type { PseudoFs } from '../kernel/fs/pseudo/pseudofs.js';
import { StandardStreams } from '../kernel/fs/stdio/streams.js';
import { createCgroupFs } from '../kernel/fs/sys/cgroup.js';
import { createSysFs } from '../kernel/fs/sys/sys.js';
import { TmpFs } from '../kernel/fs/tmpfs/tmpfs.js';
import type {
  FileSystem,
  FrameMemory,
  HandleOperations,
  Inode,
  Location,
  Mount,
  Timespec,
} from '../kernel/fs/types.js';
import { Vfs } from '../kernel/fs/vfs.js';
import { LOOKUP_FOLLOW, walk } from '../kernel/fs/walk.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Terminal } from '../kernel/tty/terminal.js';
import { S_IFMT } from '../kernel/abi/stat.js';
import { Jobs } from '../kernel/view/jobs.js';
import { LiveKernel } from '../kernel/view/kernel.js';
import type { AppMount, PlainMount, Settings } from './backend.js';
import { appFunctions } from './app.js';
import type { AppBridge } from './bridge.js';
import type { TerminalPlace } from './guest.js';
import { HostFilesystems, type HostFilePlace, type HostMount } from './host-filesystems.js';
import { AppPseudo } from './pseudo.js';
import { toByteString } from './text.js';
import { CulmError } from './types.js';

const PSEUDO_FLAGS = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME;
/** Folders that a root without files has all the same. */
const SKELETON = ['/tmp', '/root'];

function isRootMount({ target }: PlainMount): boolean {
  return target.split('/').every((name) => name === '' || name === '.');
}

export class Namespace {
  readonly vfs: Vfs;
  /** Those that are there before anything runs. */
  private readonly firstMounts: readonly Mount[];
  readonly streams: StandardStreams;
  readonly terminalPlace: TerminalPlace;
  private readonly memory: FrameMemory;
  readonly nodes = new Nodes();
  /** The pseudo-filesystems to which the application can add files, by where they are mounted. */
  private readonly trees = new Map<string, PseudoFs>();
  readonly pseudo: AppPseudo;
  private readonly hostFiles: HostFilesystems;
  readonly terminals: Terminals;
  private readonly keys: KeyRing;
  private nextDev = 0x80;
  private all: Readonly<Record<string, object>> | null = null;

  constructor(
    private readonly kernel: Kernel,
    settings: Settings,
    private readonly bridge: AppBridge,
  ) {
    const jobs = new Jobs(kernel, (index) => this.place(`/dev/pts/${index}`));
    this.terminals = new Terminals(jobs, undefined, kernel.limits);
    this.keys = new KeyRing(settings.keys);
    this.memory = {
      frames: kernel.machine.frames,
      u8: kernel.machine.memory.u8,
      usage: kernel.pageCounts,
    };
    this.pseudo = new AppPseudo(this.nodes, this.trees, settings.ioctls);
    const devices = this.deviceView();
    this.hostFiles = new HostFilesystems({
      kernel,
      memory: this.memory,
      keys: this.keys,
      check: settings.fileCheck,
      allocateDev: () => this.nextDev++,
    });
    this.vfs = new Vfs({
      memory: this.memory,
      clock: kernel.host.clock,
      settings: kernel.limits,
      root: this.root(settings),
      rootFlags: MS_RELATIME | (settings.readOnly ? MS_RDONLY : 0),
      openDevice: (inode, flags) => openDevice(devices, inode.mode & S_IFMT, inode.rdev, flags),
    });
    this.streams = new StandardStreams(this.vfs, this.vfs.allocateDev());
    this.terminalPlace = {
      terminals: this.terminals,
      find: (index) => this.place(`/dev/pts/${index}`),
    };
    this.mountPseudo(devices, settings);
    this.pseudo.add(settings.pseudo, bridge, (line) => kernel.log(line));
    const hasRoot = settings.rootfs !== null || settings.mounts.some(isRootMount);
    for (const path of hasRoot ? [] : SKELETON) this.vfs.mountPoint(path, 'directory');
    for (const mount of settings.mounts) if (!isRootMount(mount)) this.mountPlain(mount);
    this.mountEtc(settings);
    this.firstMounts = [...this.vfs.mounts];
  }

  /**
   * The root: what is mounted at '/', else an overlay of the host folder, or an empty tree in memory; behind both of these
   * the files of /etc that are missing.
   */
  private root({ rootfs, readOnly, mounts }: Settings): FileSystem {
    const given = mounts.findLast(isRootMount);
    if (given !== undefined) return this.mountedFs(given).fs;
    const { hostname, clock } = this.kernel;
    const etc = createEtcFs({ hostname, realtime: (out) => clock.realtime(out) }, this.nodes, this.nextDev++);
    const host = rootfs === null ? null : this.hostFiles.folder(rootfs, true, 'the root filesystem');
    return this.overlay(host === null ? [etc] : [host, etc], readOnly && host !== null);
  }

  private overlay(lowers: readonly [FileSystem, ...FileSystem[]], readOnly: boolean): FileSystem {
    const upper = readOnly ? null : this.tmpfs({});
    return new OverlayFs({ lowers, upper, dev: this.nextDev++, clock: this.kernel.host.clock });
  }

  private tmpfs(options: { size?: number; mode?: number }): FileSystem {
    const { memory, kernel } = this;
    return new TmpFs({ memory, clock: kernel.host.clock, dev: this.nextDev++, ...options });
  }

  private mountPseudo(devices: DeviceView, { pseudo, sysfs }: Settings): void {
    // What stands there already cannot be written in any case.
    const sysWritable = pseudo.some(({ path, writable }) => writable && path.startsWith('/sys/'));
    const sysFlags = PSEUDO_FLAGS | (sysWritable ? 0 : MS_RDONLY);
    const { kernel, vfs, nodes } = this;
    const view = new LiveKernel(kernel, vfs, this.terminals);
    const realtime = (out: Timespec): void => kernel.clock.realtime(out);
    this.mountTree('/proc', createProcFs(view, nodes, vfs.allocateDev()), PSEUDO_FLAGS);
    this.mountTree('/dev', createDevFs(devices, nodes, vfs.allocateDev(), realtime), MS_NOSUID | MS_RELATIME);
    this.mountAt(
      '/dev/pts',
      createDevptsFs(this.terminals, nodes, vfs.allocateDev(), realtime),
      MS_NOSUID | MS_NOEXEC,
    );
    this.mountAt('/dev/shm', this.tmpfs({ mode: 0o1777 }), MS_NOSUID | MS_NODEV | MS_NOEXEC);
    this.mountQueues();
    if (!sysfs) return this.hideSys();
    this.mountTree('/sys', createSysFs(view, nodes, vfs.allocateDev()), sysFlags);
    this.mountTree('/sys/fs/cgroup', createCgroupFs(view, nodes, vfs.allocateDev()), sysFlags);
  }

  /** The root's own /sys, if it has one, is the host's. */
  private hideSys(): void {
    if (this.place('/sys') !== null)
      this.mountAt('/sys', this.tmpfs({ mode: 0o555 }), PSEUDO_FLAGS | MS_RDONLY);
  }

  private mountTree(path: string, fs: PseudoFs<never>, flags: number): void {
    this.trees.set(path, fs);
    this.mountAt(path, fs, flags);
  }

  private mountQueues(): void {
    const { kernel } = this;
    const { ipc } = kernel;
    const options = { clock: kernel.host.clock, dev: this.vfs.allocateDev(), limits: ipc.mqueue.limits };
    this.mountAt('/dev/mqueue', new MqueueFs({ ...options, pid: () => ipc.pid() }), PSEUDO_FLAGS);
    kernel.mqueues = this.place('/dev/mqueue')?.location ?? null;
  }

  /** Files that are made, above whatever is there. */
  private mountEtc({ generatedEtc, resolvConf }: Settings): void {
    const { hostname, clock } = this.kernel;
    const view = { hostname, realtime: (out: Timespec) => clock.realtime(out) };
    const texts = new Map(generatedEtc.map((name) => [name, etcText(name, view)]));
    if (resolvConf !== null) texts.set('resolv.conf', resolvConf);
    for (const [name, text] of texts)
      this.mountAt(`/etc/${name}`, this.text(text), MS_NOSUID | MS_NODEV | MS_RELATIME);
  }

  private mountPlain(mount: PlainMount): void {
    const target = toByteString(mount.target);
    if (mount.type === 'host') {
      const file = this.hostFiles.file(mount);
      if (file !== null) return this.mountFile(target, file, mount);
    }
    const { fs, flags } = this.mountedFs(mount);
    this.mountAt(target, fs, flags);
  }

  private mountedFs(mount: PlainMount): { readonly fs: FileSystem; readonly flags: number } {
    if (mount.type === 'tmpfs') {
      const { size, mode } = mount;
      const options = { ...(size === undefined ? {} : { size }), ...(mode === undefined ? {} : { mode }) };
      return { fs: this.tmpfs(options), flags: MS_NOSUID | MS_NODEV | MS_RELATIME };
    }
    if (mount.type === 'app') return { fs: this.appFiles(mount), flags: MS_RELATIME };
    const what = `the mount at ${mount.target}`;
    if (mount.type === 'encrypted') return { fs: this.hostFiles.encrypted(mount, what), flags: MS_RELATIME };
    const readOnly = mount.type === 'overlay' || mount.readOnly === true;
    const host = this.hostFiles.folder(mount.source, readOnly, what);
    if (mount.type === 'overlay') return { fs: this.overlay([host], false), flags: MS_RELATIME };
    return { fs: host, flags: MS_RELATIME | (readOnly ? MS_RDONLY : 0) };
  }

  /** A single file of the host: its place in its folder, seen at another one. */
  private mountFile(target: string, { folder, name }: HostFilePlace, { readOnly }: HostMount): void {
    const what = `the mount at ${target}`;
    const mount = this.vfs.detachedMount(this.hostFiles.folder(folder, readOnly === true, what));
    const dentry = lookupDentry(this.vfs, mount.root, name);
    const at = this.vfs.mountPoint(target, 'file');
    if (typeof dentry === 'number' || typeof at === 'number' || dentry.inode === null)
      throw new CulmError('option', `${what}: there is no file ${name}`);
    const flags = MS_RELATIME | (readOnly === true ? MS_RDONLY : 0);
    const bound = this.vfs.bind({ mount, dentry }, at, flags);
    if (typeof bound === 'number') throw new CulmError('option', `${what}: ${errnoName(bound)}`);
  }

  private text(content: string): FileSystem {
    const realtime = (out: Timespec): void => this.kernel.clock.realtime(out);
    return createTextFs(toByteString(content), this.nodes, this.nextDev++, realtime);
  }

  private appFiles(mount: AppMount): FileSystem {
    const { memory, kernel } = this;
    const functions = appFunctions(mount, this.bridge);
    const log = (line: string): void => kernel.log(line);
    return new AppFs({ functions, memory, clock: kernel.host.clock, dev: this.nextDev++, log });
  }

  private mountAt(path: string, fs: FileSystem, flags: number): void {
    const kind = isDirectory(fs.root()) ? 'directory' : 'file';
    const at = this.vfs.mountPoint(path, kind);
    const mounted = typeof at === 'number' ? at : this.vfs.mount(fs, at, flags);
    if (typeof mounted === 'number')
      throw new CulmError('option', `nothing can be mounted at ${path}: ${errnoName(mounted)}`);
  }

  private deviceView(): DeviceView {
    const { kernel } = this;
    const controlling = (): Terminal | null => (kernel.current?.process.terminal ?? null) as Terminal | null;
    const open = (): HandleOperations | number => {
      const terminal = controlling();
      return terminal === null ? ENXIO : openTerminal(terminal);
    };
    return {
      memory: this.memory,
      random: (into) => kernel.host.random(into),
      attestation: {
        keys: this.keys,
        reports: kernel.host.reports,
        caller: () => kernel.current?.process ?? kernel,
      },
      log: (line) => kernel.log(line),
      openTerminal: open as DeviceView['openTerminal'],
      openMaster: () => this.terminals.createMaster(),
      openConsole: open as DeviceView['openConsole'],
    };
  }

  private place(path: string): { inode: Inode; location: Location } | null {
    const found = walk(this.vfs.context(), this.vfs.root, path, LOOKUP_FOLLOW);
    if (typeof found === 'number') return null;
    const { inode } = found.dentry;
    return inode === null ? null : { inode, location: { mount: found.mount, dentry: found.dentry } };
  }

  /** What a checkpoint begins with, beside the kernel. */
  get parts(): Readonly<Record<string, object>> {
    this.all ??= {
      vfs: this.vfs,
      streams: this.streams,
      terminalPlace: this.terminalPlace,
      memory: this.memory,
      ...this.pseudo.parts,
    };
    return this.all;
  }

  /** How processes leave and enter. */
  moving(anchors: Anchors): MoveKernel {
    const { kernel, vfs, terminals, firstMounts: mounts } = this;
    return { kernel, anchors, vfs, terminals, mounts, nodes: this.nodes.digest() };
  }

  /** What a checkpoint refers to by name. */
  get named(): Record<string, object> {
    const named: Record<string, object> = { keys: this.keys, nodes: this.nodes };
    for (const name of this.keys.names()) named[`key.${name}`] = this.keys.find(name) as object;
    for (let number = 0; number < this.nodes.count; number++)
      named[`node.${number}`] = this.nodes.byNumber(number) as object;
    return named;
  }

  /** What refers to the host is bound again, after a restore; what cannot be is told of. */
  rebind(leftOut: boolean, problem: (what: string) => void): void {
    this.hostFiles.rebind(leftOut, problem);
  }

  /** Frames in which there is only what the host's files have. */
  hostPages(): ReadonlySet<number> {
    return this.hostFiles.pages();
  }

  /** Keys that encrypted mounts have by now. */
  heldKeys(): Map<string, Uint8Array> {
    return this.keys.held();
  }

  /** The directory at a path; throws CulmError where there is none. */
  directory(path: string): Location {
    const place = this.place(path);
    if (place === null) throw new CulmError('option', `the working directory ${path} does not exist`);
    if (!isDirectory(place.inode))
      throw new CulmError('option', `the working directory ${path} is no directory`);
    return place.location;
  }

  /** The caller has sent something: what it has done to the host's folders before must be seen from now on. */
  distrust(): void {
    this.hostFiles.distrust();
  }

  /** Lets go of the host's folders. */
  close(): void {
    this.hostFiles.close();
  }

  /** The same when the state may be broken. */
  abandon(): void {
    this.hostFiles.abandon();
  }
}
