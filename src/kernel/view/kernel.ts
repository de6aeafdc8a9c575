import type { CpuLevel } from '../../machine/level.js';
import { IDENTITIES, featureNames } from '../../machine/semantics/integer/cpuid.js';
/** The kernel as /proc and /sys show it. */
import { deepFrozen, kind } from '../checkpoint/registry.js';
import { PAGE_SIZE } from '../../machine/layout.js';
import type { IpcView } from '../fs/proc/sysvipc.js';
import type { CpuView, KernelView, LockView, MemoryTotals } from '../fs/proc/subject.js';
import type { NetView } from '../fs/proc/subject-net.js';
import type { ProcessView } from '../fs/proc/subject-process.js';
import { absolutePath } from '../fs/path.js';
import type { Location, Mount, Timespec } from '../fs/types.js';
import type { Vfs } from '../fs/vfs.js';
import type { Kernel } from '../kernel.js';
import { LiveNet } from './net.js';
import type { KernelLimits } from '../limits.js';
import type { Mm } from '../mm/mm.js';
import { AnonymousPages } from '../mm/pages.js';
import { allLocks, openHandles } from './locks.js';
import { Namespaces } from './namespaces.js';
import type { PressureAmounts } from '../process/pressure.js';
import { LiveProcess } from './process.js';
import type { Changes } from '../fs/pseudo/row.js';

/** What CPUID says of the processor (machine/semantics/integer/cpuid.ts), in Linux's words. */
function cpuView(level: CpuLevel): CpuView {
  const { family, model, stepping, maxLeaf } = IDENTITIES[level];
  return {
    vendor: 'GenuineIntel',
    family,
    model,
    stepping,
    modelName: 'Culm virtual CPU',
    mhz: 1000,
    cacheKib: 16384,
    level: maxLeaf,
    flags: featureNames(level),
  };
}

const FILESYSTEMS = [
  'sysfs',
  'tmpfs',
  'proc',
  'cgroup2',
  'devtmpfs',
  'devpts',
  'mqueue',
  'overlay',
  'hostfs',
  'sockfs',
  'pipefs',
].map((type) => ({ type, nodev: true }));

function uuid(random: (into: Uint8Array) => void): string {
  const bytes = new Uint8Array(16);
  random(bytes);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export class LiveKernel implements KernelView {
  readonly cpu: CpuView;
  readonly filesystems = deepFrozen(FILESYSTEMS);
  readonly bootId: string;
  readonly bootTime: number;
  readonly net: NetView;
  private readonly namespaces: Namespaces;

  constructor(
    private readonly kernel: Kernel,
    private readonly vfs: Vfs,
    private readonly terminals: { readonly count: number },
  ) {
    this.cpu = deepFrozen(cpuView(kernel.cpu));
    this.bootId = this.uuid();
    this.net = new LiveNet(kernel.net);
    this.namespaces = new Namespaces(vfs, vfs.allocateDev());
    const now: Timespec = { sec: 0, nsec: 0 };
    kernel.clock.realtime(now);
    this.bootTime = now.sec - Math.floor(kernel.clock.nowMs() / 1000);
  }

  get hostname(): string {
    return this.kernel.hostname;
  }
  setHostname(name: string): void {
    this.kernel.rename('hostname', name);
  }
  setDomainname(name: string): void {
    this.kernel.rename('domainname', name);
  }
  nameChanges(): Changes {
    return this.kernel.nameChanges;
  }
  dropCaches(): void {
    this.kernel.reclaim(Infinity);
  }
  get limits(): KernelLimits {
    return this.kernel.limits;
  }
  loadAverages(): readonly [number, number, number] {
    return this.kernel.loadAverages.at(this.kernel.clock.nowMs(), this.kernel.runnable);
  }
  pageFaults(): number {
    return this.kernel.pageFaults;
  }
  majorFaults(): number {
    return this.kernel.majorFaults;
  }
  pagesRead(): number {
    return this.kernel.pageCounts.read;
  }
  oomKills(): number {
    return this.kernel.oomKills;
  }
  get domainname(): string {
    return this.kernel.domainname;
  }
  get ipc(): IpcView {
    return this.kernel.ipc;
  }
  get cpus(): number {
    return this.kernel.cpus;
  }
  uuid(): string {
    return uuid((into) => this.kernel.host.random(into));
  }
  realtime(out: Timespec): void {
    this.kernel.clock.realtime(out);
  }
  uptimeMs(): number {
    return this.kernel.clock.nowMs();
  }
  cpuMs(): number {
    const { current } = this.kernel;
    const now = current === null ? 0 : this.kernel.cpuMsOf(current) - current.cpuMs;
    return this.kernel.cpuMs + now;
  }
  systemMs(): number {
    return this.kernel.systemMs;
  }
  contextSwitches(): number {
    return this.kernel.contextSwitches;
  }
  ticks(): number {
    return this.kernel.ticks;
  }
  timersFired(): number {
    return this.kernel.timers.fired;
  }
  cpuPressure(): PressureAmounts {
    return this.kernel.pressure.at(this.kernel.clock.nowMs());
  }
  forks(): number {
    return this.kernel.forks;
  }
  lastPid(): number {
    return this.kernel.lastPid;
  }
  setLastPid(pid: number): void {
    this.kernel.setLastPid(pid);
  }

  /** Whatever is used and belongs to no file, table or shared mapping is a process's own. */
  get memory(): MemoryTotals {
    const { machine, pageCounts } = this.kernel;
    const { total, free } = machine.frames;
    const sums = this.sums();
    const shared = pageCounts.shmem + sums.shared;
    const cached = pageCounts.cached + shared;
    const zeroPage = 1;
    const bytes = (pages: number): number => Math.max(0, pages) * PAGE_SIZE;
    return {
      total: bytes(total),
      free: bytes(free),
      cached: bytes(cached),
      shared: bytes(shared),
      anonymous: bytes(total - free - cached - sums.tables - zeroPage),
      pageTables: bytes(sums.tables),
      committed: sums.committed,
      locked: sums.locked,
      mapped: bytes(Math.min(sums.mapped, cached)),
    };
  }

  /** Over all address spaces: pages of tables, of shared anonymous memory, of mapped files; bytes committed and locked. */
  private sums(): { tables: number; shared: number; mapped: number; committed: number; locked: number } {
    const sums = { tables: 0, shared: 0, mapped: 0, committed: 0, locked: 0 };
    const pools = new Set<AnonymousPages>();
    const spaces = new Set<Mm>();
    for (const { mmOrNull: mm } of this.kernel.processes.values()) if (mm !== null) spaces.add(mm);
    for (const mm of spaces) {
      sums.tables += mm.space.tables;
      sums.mapped += mm.rssFile;
      sums.committed += mm.dataBytes();
      sums.locked += mm.lockedBytes();
      for (const { pages } of mm.vmas) if (pages instanceof AnonymousPages) pools.add(pages);
    }
    for (const pool of pools) sums.shared += pool.count;
    return sums;
  }

  processes(): readonly ProcessView[] {
    const all = [...this.kernel.processes.values()].sort((a, b) => a.pid - b.pid);
    return all.map((process) => new LiveProcess(process));
  }
  process(pid: number): ProcessView | null {
    const process = this.kernel.processes.get(pid);
    return process === undefined ? null : new LiveProcess(process);
  }
  current(): { readonly process: ProcessView; readonly tid: number } | null {
    const thread = this.kernel.current;
    return thread === null ? null : { process: new LiveProcess(thread.process), tid: thread.tid };
  }
  mounts(): readonly Mount[] {
    return this.vfs.mounts;
  }
  mountChanges(): Changes {
    return this.vfs.mountChanges;
  }
  locks(): readonly LockView[] {
    return allLocks(this.kernel);
  }
  openFiles(): number {
    return openHandles(this.kernel).size;
  }
  pseudoTerminals(): number {
    return this.terminals.count;
  }
  cachedNames(): number {
    return this.vfs.dentries.count;
  }
  namespace(kind: string): Location {
    return this.namespaces.place(kind);
  }
  capable(capability: number): boolean {
    return this.kernel.current?.process.cred.capable(capability) ?? true;
  }
  log(line: string): void {
    this.kernel.log(line);
  }
  path(place: Location, root: Location): string {
    return absolutePath(place, root);
  }
}

kind('LiveKernel', LiveKernel);
