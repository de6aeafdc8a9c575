/** The kernel as /proc and /sys show it. */
import { PAGE_SIZE } from '../../machine/layout.js';
import type { CpuView, KernelLimits, KernelView, MemoryTotals, ProcessView } from '../fs/proc/subject.js';
import type { IpcView } from '../fs/proc/sysvipc.js';
import { absolutePath } from '../fs/path.js';
import type { Location, Mount, Timespec } from '../fs/types.js';
import type { Vfs } from '../fs/vfs.js';
import type { Kernel } from '../kernel.js';
import { LiveProcess } from './process.js';

/** What CPUID says of the processor (machine/semantics/integer/cpuid.ts), in Linux's words. */
const CPU_VIEW: CpuView = {
  vendor: 'GenuineIntel',
  family: 6,
  model: 0x2c,
  stepping: 2,
  modelName: 'Culm virtual CPU',
  mhz: 1000,
  cacheKib: 16384,
  level: 11,
  flags: (
    'fpu tsc cx8 apic cmov clflush mmx fxsr sse sse2 syscall nx rdtscp lm constant_tsc nopl nonstop_tsc cpuid pni ' +
    'ssse3 cx16 sse4_1 sse4_2 popcnt hypervisor lahf_lm erms'
  ).split(' '),
};

const FILESYSTEMS = [
  'sysfs',
  'tmpfs',
  'proc',
  'cgroup2',
  'devtmpfs',
  'devpts',
  'overlay',
  'hostfs',
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
  readonly cpu = CPU_VIEW;
  readonly filesystems = FILESYSTEMS;
  readonly bootId: string;
  readonly bootTime: number;
  readonly limits: KernelLimits = {
    pidMax: 32768,
    threadsMax: 32768,
    maxMapCount: 65530,
    fileMax: 1048576,
    overcommitMemory: 0,
  };

  constructor(
    private readonly kernel: Kernel,
    private readonly vfs: Vfs,
  ) {
    this.bootId = this.uuid();
    const now: Timespec = { sec: 0, nsec: 0 };
    kernel.clock.realtime(now);
    this.bootTime = now.sec - Math.floor(kernel.clock.nowMs() / 1000);
  }

  get hostname(): string {
    return this.kernel.hostname;
  }
  setHostname(name: string): void {
    this.kernel.hostname = name;
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
    return this.processes().reduce((sum, process) => sum + process.cpuMs + process.childCpuMs, 0);
  }
  contextSwitches(): number {
    return this.kernel.contextSwitches;
  }
  forks(): number {
    return this.kernel.forks;
  }
  lastPid(): number {
    return Math.max(0, ...this.kernel.processes.keys());
  }

  get memory(): MemoryTotals {
    const { frames } = this.kernel.machine;
    let anonymous = 0;
    let file = 0;
    let committed = 0;
    for (const process of this.kernel.processes.values()) {
      const mm = process.mmOrNull;
      anonymous += mm?.rssAnon ?? 0;
      file += mm?.rssFile ?? 0;
      committed += mm?.dataBytes() ?? 0;
    }
    const used = frames.total - frames.free;
    return {
      total: frames.total * PAGE_SIZE,
      free: frames.free * PAGE_SIZE,
      cached: Math.max(0, Math.min(file, used - anonymous)) * PAGE_SIZE,
      shared: 0,
      anonymous: anonymous * PAGE_SIZE,
      pageTables: this.kernel.processes.size * 4 * PAGE_SIZE,
      committed,
    };
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
  path(place: Location, root: Location): string {
    return absolutePath(place, root);
  }
}
