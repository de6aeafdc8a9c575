import { kind } from './checkpoint/registry.js';
import { CPU, CPU_EXIT_ADDRESS, CPU_EXIT_ERROR, CPU_EXIT_VECTOR, PAGE_SIZE } from '../machine/layout.js';
import { createMachine } from '../machine/machine.js';
import {
  EXIT_BUDGET,
  EXIT_EXCEPTION,
  type Access,
  type Exit,
  type Machine,
  type MachineOptions,
  type Supervisor,
} from '../machine/types.js';
import { KernelBug } from './errno.js';
import { releaseHandle } from './fs/handle.js';
import type { Handle, Location, PageCounts } from './fs/types.js';
import { Futexes } from './futex/table.js';
import type { Host } from './host.js';
import { IpcNamespace } from './ipc/namespace.js';
import type { KernelLimits } from './limits.js';
import { FAULT_OK, FAULT_OOM, handleFault } from './mm/fault.js';
import { Mm, type Limits, type MemoryPool } from './mm/mm.js';
import { ProfiledDispatcher } from './profile/calls.js';
import { Recorder } from './profile/recorder.js';
import type { Profile } from './profile/types.js';
import { LoadAverages } from './process/load.js';
import { Pressure } from './process/pressure.js';
import type { Home } from './placement/home.js';
import type { Carrier } from './placement/types.js';
import { Net } from './net/net.js';
import { restartSequence } from './process/rseq.js';
import type { Process } from './process/process.js';
import { Registers, getI64 } from './process/registers.js';
import { Scheduler } from './process/scheduler.js';
import { DEFAULT_CPU_LEVEL, type CpuLevel } from '../machine/level.js';
import { addUsage, totalUsage } from './process/usage.js';
import { DEAD, READY, STOPPED } from './process/state.js';
import type { Thread } from './process/thread.js';
import { deliverSignals } from './signal/deliver.js';
import { raiseException } from './signal/exception.js';
import { CpuArgs } from './syscalls/args.js';
import { Dispatcher } from './syscalls/dispatch.js';
import { Tracer } from './syscalls/strace.js';
import { withMocks } from './syscalls/mocks.js';
import { SYSCALLS } from './syscalls/table.js';
import { Clock } from './time/clock.js';
import { TimerHeap } from './time/timers.js';
import { WaitQueue } from './process/waitqueue.js';
import { initialKernelLimits } from './limits.js';
import { killAll, killForMemory } from './process/oom.js';

export interface KernelOptions {
  readonly host: Host;
  readonly machine: MachineOptions;
  readonly hostname?: string;
  /** Processors that programs see. Default 1. */
  readonly cpus?: number;
  /** Which instructions CPUID reports. */
  readonly cpu?: CpuLevel;
  /** One line for what should not pass unseen. */
  readonly log?: (line: string) => void;
  /** A line for each system call, as strace(1) prints it. */
  readonly strace?: (line: string) => void;
  /** Puts programs at random addresses. Off by default: translations can be shared, and runs repeat. */
  readonly randomizeAddresses?: boolean;
  readonly restrictions?: Restrictions;
  /** Writes a profile, where the host can. */
  readonly profile?: boolean;
}

/** What programs may not do though Linux would let them. Infinity is no limit. */
export interface Restrictions {
  /** Processes and threads at a time. */
  readonly tasks: number;
  /** Processor time of all processes, in milliseconds: then they are killed. */
  readonly cpuMs: number;
  /** How far brk(2) can grow a heap. */
  readonly heap: number;
  /** Whether processes can be made; threads always can. */
  readonly subprocesses: boolean;
  /** System calls that only return a number, by number. */
  readonly mocks: ReadonlyMap<number, number>;
}

const UNRESTRICTED: Restrictions = {
  tasks: Infinity,
  cpuMs: Infinity,
  heap: Infinity,
  subprocesses: true,
  mocks: new Map(),
};

/** What the outermost loop is to do after a step. */
export interface StepResult {
  /** ready: call again soon. idle: nothing can run before `wakeAtMs` or an event. ended: no process is left. */
  readonly state: 'ready' | 'idle' | 'ended';
  /** The kernel's monotonic time (clock.nowMs) at which the next timer fires; Infinity without one. */
  readonly wakeAtMs: number;
}

/** How long a thread runs while others wait for their turn, in milliseconds. */
const SLICE_MS = 4;
const LEAST_MS = 0.2;
const FIRST_BUDGET = 100_000;
const LEAST_BUDGET = 1_000;
const MOST_BUDGET = 100_000_000;

/**
 * One Linux system: all processes, the machine they run on, and what they share. It does nothing of its own accord:
 * `step` runs threads in turn. Nothing here is asynchronous; whoever calls `step` sleeps when it says so, and after an
 * event from outside wakes the wait queue concerned and steps again.
 *
 * At most one thread is loaded in the machine; the others keep their registers in `thread.cpu`.
 */
export class Kernel implements Supervisor, MemoryPool {
  readonly host: Host;
  readonly machine: Machine;
  readonly zeroFrame: number;
  readonly clock: Clock;
  readonly timers = new TimerHeap();
  readonly futexes = new Futexes();
  readonly ipc = new IpcNamespace(this);
  /** Where POSIX message queues have their names; null: there are none. */
  mqueues: Location | null = null;
  readonly net: Net;
  /** All processes by pid, zombies included; threads by tid. */
  readonly processes = new Map<number, Process>();
  readonly threads = new Map<number, Thread>();
  /** The registers of the loaded thread. */
  readonly registers: Registers;
  readonly dispatcher: Dispatcher;
  /** Writes down what threads do; null unless asked for. */
  readonly tracer: Tracer | null;
  /** Writes a profile; null unless asked for. */
  readonly recorder: Recorder | null;
  readonly cpus: number;
  readonly cpu: CpuLevel;
  hostname: string;
  domainname = '(none)';
  /** The embedder's, as a process has it. */
  reportData: Uint8Array | null = null;
  /** The thread that runs should give way at the end of its call. */
  mustSwitch = false;
  /** Called when a thread becomes able to run: an outermost loop that sleeps wakes up. */
  onReady: (() => void) | null = null;
  /** Processes and threads made since the start, as /proc/stat counts them. */
  forks = 0;
  contextSwitches = 0;
  /** Slices that the clock has ended: what a timer's interrupt does elsewhere. */
  ticks = 0;
  /** Processor time that all threads have used. */
  cpuMs = 0;
  /** The kernel's part of it, as far as it is sampled. */
  systemMs = 0;
  pageFaults = 0;
  majorFaults = 0;
  oomKills = 0;
  readonly loadAverages: LoadAverages;
  readonly pressure: Pressure;
  /** How frames are used by files; whoever makes filesystems hands it to them. */
  readonly pageCounts: PageCounts = { cached: 0, shmem: 0, read: 0 };
  readonly limits: KernelLimits;
  /** The host's or the domain's name has changed, so often. */
  readonly nameChanges = { count: 0, queue: new WaitQueue() };
  readonly restrictions: Restrictions;
  readonly scheduler = new Scheduler();
  private loaded: Thread | null = null;
  private active: Mm | null = null;
  private sliceStart = 0;
  private sliceUntil = 0;
  /** Since when threads have been waiting for their turn, if any are. */
  private waitingSince = 0;
  /** Calls and faults, of which some are timed. */
  private samples = 0;
  private running = false;
  private budget = FIRST_BUDGET;
  private nextPid = 1;
  zombies = 0;
  /** Carries messages to and from the kernels of children; null: all run here. */
  carrier: Carrier | null = null;
  /** This is a child's kernel. */
  home: Home | null = null;
  /** The latest id given. */
  lastPid = 0;

  constructor(private readonly options: KernelOptions) {
    this.host = options.host;
    this.hostname = options.hostname ?? 'culm';
    this.cpus = options.cpus ?? 1;
    this.cpu = options.cpu ?? DEFAULT_CPU_LEVEL;
    this.restrictions = options.restrictions ?? UNRESTRICTED;
    this.clock = new Clock(options.host.clock);
    this.loadAverages = new LoadAverages(this.clock.nowMs());
    this.pressure = new Pressure(this.clock.nowMs());
    this.limits = initialKernelLimits(options.randomizeAddresses === true);
    this.net = new Net(
      this.clock,
      (into) => this.host.random(into),
      () => this.current,
      this.limits,
    );
    const { tasks } = this.restrictions;
    if (Number.isFinite(tasks)) this.limits.pidsMax = tasks;
    // The time-stamp counter ticks once a nanosecond of monotonic time.
    const clock = (): number => this.clock.nowMs() * 1e6;
    const profiler = options.profile === true ? options.host.profiler() : null;
    const recorder = (this.recorder = profiler === null ? null : new Recorder(profiler));
    const probe = recorder === null ? {} : { probe: recorder };
    this.machine = createMachine(
      { clock, cpus: this.cpus, level: this.cpu, ...options.machine, ...probe },
      this,
    );
    const { view, u32, i32 } = this.machine.memory;
    this.registers = new Registers(view, CPU);
    this.zeroFrame = this.machine.frames.allocate();
    this.tracer = options.strace === undefined ? null : new Tracer(options.strace);
    const table = withMocks(SYSCALLS, this.restrictions.mocks);
    const args = new CpuArgs(u32, i32);
    this.dispatcher =
      recorder === null
        ? new Dispatcher(this, table, args, this.tracer)
        : new ProfiledDispatcher(this, table, args, this.tracer, () => recorder.now());
  }

  log(line: string): void {
    this.options.log?.(line);
  }

  /** The thread that makes the running call; null while the kernel works of its own accord. */
  get current(): Thread | null {
    return this.running ? this.loaded : null;
  }

  /** Runs threads for about `maxMs` milliseconds, or until none can run. */
  step(maxMs: number): StepResult {
    let now = this.clock.nowMs();
    const until = now + maxMs;
    for (;;) {
      this.timers.fireDue(now);
      this.loadAverages.note(now, this.scheduler.size);
      this.pressure.note(now);
      const thread = this.nextReady();
      if (thread === null) {
        return { state: this.processes.size === 0 ? 'ended' : 'idle', wakeAtMs: this.timers.next };
      }
      now = this.runThread(thread, now, until);
      if (now >= until) return { state: 'ready', wakeAtMs: 0 };
    }
  }

  /** Threads, and processes that have ended but have not been waited for. */
  get tasks(): number {
    return this.threads.size + this.zombies;
  }

  /** Puts a thread that can run behind the others. */
  enqueue(thread: Thread): void {
    if (thread.queued) return;
    thread.readyMs = this.clock.nowMs();
    if (this.scheduler.size === 0) this.waitingSince = thread.readyMs;
    this.scheduler.add(thread);
    const { loaded } = this;
    if (this.running && loaded !== null && this.scheduler.preempts(loaded)) this.mustSwitch = true;
    this.onReady?.();
  }

  /** A pid or tid that is free. */
  allocatePid(): number {
    let pid = this.nextPid;
    while (this.processes.has(pid) || this.threads.has(pid)) pid = this.pidAfter(pid);
    this.nextPid = this.pidAfter(pid);
    this.lastPid = pid;
    return pid;
  }

  /** Pids are given from the one behind `pid` on. */
  setLastPid(pid: number): void {
    this.lastPid = pid;
    this.nextPid = this.pidAfter(pid);
  }

  /** The process that a pid, or the tid of one of its threads, names; null for none. */
  processOf(pid: number): Process | null {
    return this.processes.get(pid) ?? this.threads.get(pid)?.process ?? null;
  }

  addProcess(process: Process): void {
    this.processes.set(process.pid, process);
  }

  /** A new thread can run. */
  addThread(thread: Thread): void {
    this.threads.set(thread.tid, thread);
    thread.process.threads.add(thread);
    thread.process.first ??= thread;
    this.forks++;
    this.enqueue(thread);
  }

  /** The only thread of its process takes the process's number (execve). */
  becomeLeader(thread: Thread): void {
    this.threads.delete(thread.tid);
    thread.tid = thread.process.pid;
    thread.process.first = thread;
    this.threads.set(thread.tid, thread);
  }

  /** A new, empty address space; null without memory. */
  createMm(limits: Limits): Mm | null {
    const space = this.machine.createSpace();
    return space === null ? null : new Mm(this, space, limits);
  }

  get committed(): number {
    const spaces = new Set<Mm>();
    for (const { mmOrNull } of this.processes.values()) if (mmOrNull !== null) spaces.add(mmOrNull);
    let bytes = 0;
    for (const mm of spaces) bytes += mm.dataBytes();
    return bytes;
  }

  get maxHeap(): number {
    return this.restrictions.heap;
  }

  leaves(mm: Mm): void {
    this.recorder?.leaves(mm);
  }

  /** What was recorded until now, and ends there; null if nothing is. */
  takeProfile(): Profile | null {
    const { recorder, dispatcher } = this;
    if (recorder === null || !(dispatcher instanceof ProfiledDispatcher)) return null;
    return recorder.finish(this.machine, dispatcher);
  }

  private nameOfExit(exit: Exit): string {
    if (exit === EXIT_BUDGET) return 'time used up';
    if (exit !== EXIT_EXCEPTION) return 'system call that waits, or has the kernel do something else first';
    return `exception ${this.machine.memory.view.getInt32(CPU + CPU_EXIT_VECTOR, true)}`;
  }

  releaseHandle(handle: Handle): void {
    releaseHandle(handle);
  }

  reclaim(pages: number): number {
    const [process] = this.processes.values();
    let freed = 0;
    for (const { fs } of process?.fs.root.mount.vfs.mounts ?? [])
      if (freed < pages) freed += fs.reclaim?.(pages - freed) ?? 0;
    return freed;
  }

  /** So many random bits as whole pages; 0 unless addresses are randomized. */
  randomPages(bits: number): number {
    if (this.limits.randomizeVaSpace === 0) return 0;
    this.host.random($random);
    return ($randomView.getUint32(0, true) >>> (32 - bits)) * PAGE_SIZE;
  }

  /** The last of a process goes: nobody will ask for it any more. */
  reap(process: Process): void {
    const { parent } = process;
    if (parent !== null) {
      addUsage(parent.childUsage, totalUsage(process));
      addUsage(parent.childUsage, process.childUsage);
      parent.children.delete(process);
    }
    if (process.zombie) this.zombies--;
    this.processes.delete(process.pid);
    process.exitEvents.wake();
  }

  /** Processor time of a thread in milliseconds, the running slice included. */
  cpuMsOf(thread: Thread): number {
    const now = this.running && this.loaded === thread ? this.clock.nowMs() - this.sliceStart : 0;
    return thread.cpuMs + now;
  }

  /** Brings a thread's account up to now. */
  settleTime(thread: Thread, now = this.clock.nowMs()): void {
    if (!this.running || this.loaded !== thread) return;
    // `now` may have been read before another call settled the account.
    const used = Math.max(0, now - this.sliceStart);
    this.sliceStart += used;
    this.cpuMs += used;
    this.scheduler.charge(thread, used);
    thread.cpuMs += used;
  }

  /** Makes `thread` the one whose registers are in the machine. */
  load(thread: Thread): void {
    if (this.loaded !== thread) {
      this.unload();
      this.machine.loadCpu(thread.cpu);
      this.loaded = thread;
      thread.process.speaksThrough(thread);
      this.contextSwitches++;
      this.activate(thread.process.mm);
      if (thread.rseq !== 0 && thread.preempted) restartSequence(thread);
      thread.preempted = false;
    }
    this.activate(thread.process.mm);
  }

  /** The address space of the loaded thread is another one: after execve. */
  activate(mm: Mm): void {
    if (this.active === mm) return;
    this.active = mm;
    this.machine.activate(mm.space, mm.program);
    if (this.recorder !== null && this.loaded !== null) this.recorder.turn(this.loaded);
  }

  syscall(): boolean {
    const thread = this.loaded;
    if (thread === null) throw new KernelBug('system call without a thread');
    const heavy = this.dispatcher.isHeavy();
    if (!heavy && (++this.samples & (SAMPLE_OF - 1)) !== 0) return this.dispatcher.call(thread);
    return this.timedCall(thread, heavy ? 1 : SAMPLE_OF);
  }

  /**
   * A call whose time counts as the system's, for itself or for `weight` calls: a look at the clock costs a tenth of a
   * short call. A program that does nothing but calls hardly counts its budget down, so its slice ends here.
   */
  private timedCall(thread: Thread, weight: number): boolean {
    const before = this.clock.nowMs();
    const goesOn = this.dispatcher.call(thread);
    const after = this.clock.nowMs();
    this.countSystemTime(thread, (after - before) * weight);
    return goesOn && after < this.sliceUntil;
  }

  private countSystemTime(thread: Thread, ms: number): void {
    thread.systemMs += ms;
    this.systemMs += ms;
  }

  pageFault(address: number, access: Access): boolean {
    const thread = this.loaded;
    if (thread === null) throw new KernelBug('page fault without a thread');
    const { read } = this.pageCounts;
    const sampled = (++this.samples & (SAMPLE_OF - 1)) === 0;
    const before = sampled ? this.clock.nowMs() : 0;
    let fault = handleFault(thread.process.mm, address, access);
    while (fault === FAULT_OOM && killForMemory(this, thread))
      fault = handleFault(thread.process.mm, address, access);
    if (sampled) this.countSystemTime(thread, (this.clock.nowMs() - before) * SAMPLE_OF);
    this.countFault(thread, this.pageCounts.read !== read);
    return fault === FAULT_OK;
  }

  /** A fault is a major one when a file had to be read for it. */
  private countFault(thread: Thread, major: boolean): void {
    const { usage } = thread.process;
    this.pageFaults++;
    if (major) {
      this.majorFaults++;
      usage.majorFaults++;
      thread.majorFaults++;
    } else {
      usage.minorFaults++;
      thread.minorFaults++;
    }
  }

  /** Threads able to run, the running one included. */
  get runnable(): number {
    return this.scheduler.size + (this.running ? 1 : 0);
  }

  /** Another name of the host, or of the domain. */
  rename(key: 'hostname' | 'domainname', name: string): void {
    this[key] = name;
    this.nameChanges.count++;
    this.nameChanges.queue.wake();
  }

  private pidAfter(pid: number): number {
    return pid + 1 < this.limits.pidMax ? pid + 1 : RESERVED_PIDS;
  }

  private nextReady(): Thread | null {
    for (;;) {
      const thread = this.scheduler.take();
      if (thread === null || thread.state === READY) return thread;
    }
  }

  /** A thread's turn, which begins at `now`; returns when it has ended. A look at the clock costs as much as a short call. */
  private runThread(thread: Thread, now: number, until: number): number {
    this.load(thread);
    this.sliceStart = now;
    const start = now;
    thread.waitedMs += Math.max(0, start - thread.readyMs);
    const end = (this.sliceUntil = this.sliceEnd(thread, until));
    this.running = true;
    this.mustSwitch = false;
    while (this.prepare(thread)) {
      const exit = this.machine.run(this.budget);
      const before = now;
      now = this.clock.nowMs();
      this.recorder?.left(this.nameOfExit(exit));
      if (exit === EXIT_EXCEPTION) this.raise(thread);
      else if (exit === EXIT_BUDGET) this.adaptBudget(now - before, end - before);
      if (this.isOver(now, end)) break;
    }
    this.settleTime(thread, now);
    const waiting = now - Math.max(start, this.waitingSince);
    if (this.scheduler.size > 0 && waiting > 0) this.pressure.stalled(waiting);
    this.running = false;
    this.endTurn(thread, now);
    return now;
  }

  private endTurn(thread: Thread, now: number): void {
    if (this.cpuMs > this.restrictions.cpuMs) killAll(this, 'the processor time is used up');
    thread.process.timers?.checkCpu();
    if (thread.state !== READY) return;
    if (this.scheduler.size > 0) {
      thread.involuntarySwitches++;
      thread.preempted = true;
    } else this.waitingSince = now;
    thread.readyMs = now;
    this.scheduler.putBack(thread);
  }

  private isOver(now: number, end: number): boolean {
    if (now < end) return this.mustSwitch;
    this.ticks++;
    return true;
  }

  /** A slice ends when others want their turn, or a timer is due; a little is always done. */
  private sliceEnd(thread: Thread, until: number): number {
    const start = this.sliceStart;
    const cpuLeft = thread.process.timers?.cpuLeft ?? Infinity;
    return Math.max(start + LEAST_MS, Math.min(start + SLICE_MS, until, this.timers.next, start + cpuLeft));
  }

  /** Ends a call that has waited, and delivers signals. False: the thread cannot run. */
  private prepare(thread: Thread): boolean {
    const { process } = thread;
    if (process.stopped && !thread.signalled) thread.state = STOPPED;
    else if (thread.inCall) this.dispatcher.retry(thread);
    if (thread.state !== READY) return false;
    if (thread.signalled || thread.restart !== 0 || process.stopped) deliverSignals(this, thread);
    // Delivery changes the state, which the compiler cannot see.
    return (thread.state as number) === READY;
  }

  /** Lets a run take about a slice: how many back edges fit into a millisecond depends on what they go around. */
  private adaptBudget(took: number, wanted: number): void {
    if (took > 2 * wanted) this.budget = Math.max(LEAST_BUDGET, this.budget / 2);
    else if (took < wanted / 2) this.budget = Math.min(MOST_BUDGET, this.budget * 2);
  }

  private raise(thread: Thread): void {
    const { view } = this.machine.memory;
    raiseException(thread, {
      vector: view.getInt32(CPU + CPU_EXIT_VECTOR, true),
      error: view.getInt32(CPU + CPU_EXIT_ERROR, true),
      address: getI64(view, CPU + CPU_EXIT_ADDRESS),
    });
  }

  /** No thread is loaded any more: all state is in the objects, and the machine remembers nothing of them. */
  park(): void {
    this.unload();
    this.active = null;
  }

  private unload(): void {
    const { loaded } = this;
    this.loaded = null;
    if (loaded === null) return;
    this.machine.saveCpu(loaded.cpu);
    const { first, zombie } = loaded.process;
    if (first !== null && first.state !== DEAD && !zombie) loaded.process.speaksThrough(first);
  }
}

/** One of so many calls and faults is timed: a power of 2. */
const SAMPLE_OF = 16;

const $random = new Uint8Array(4);
const $randomView = new DataView($random.buffer);

/** Numbers below are not given again once the count has gone round. */
const RESERVED_PIDS = 300;

kind('Kernel', Kernel, {
  rebuilt: [
    'active',
    'budget',
    'carrier',
    'dispatcher',
    'host',
    'loaded',
    'machine',
    'mustSwitch',
    'onReady',
    'options',
    'recorder',
    'registers',
    'restrictions',
    'running',
    'sliceStart',
    'sliceUntil',
    'tracer',
  ],
});
