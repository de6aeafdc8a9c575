import { kind } from '../checkpoint/registry.js';
import { CPU_STATE_SIZE } from '../../machine/layout.js';
import { SIGKILL, SIGSTOP, SS_DISABLE } from '../abi/signal.js';
import type { WaitQueue, Wakeable } from '../fs/types.js';
import { kernelInfo } from '../signal/info.js';
import { releaseHeldLocks, type PiLock } from '../futex/pi.js';
import { releaseRobustList } from '../futex/robust.js';
import { PendingSignals } from '../signal/pending.js';
import { sendSignal } from '../signal/send.js';
import { fileOwner, type FileOwner } from '../signal/sigio.js';
import { SigSet } from '../signal/sigset.js';
import { Timer, type TimerOwner } from '../time/timers.js';
import type { Caller } from '../types.js';
import { noIo } from './iocounts.js';
import type { Descriptors } from './descriptors.js';
import type { FsContext, Process } from './process.js';
import { READY, WAITING, type ThreadState } from './state.js';

/** sigaltstack's stack_t. */
export interface AltStack {
  sp: number;
  size: number;
  flags: number;
}

/** A call that slept for a time and goes on with what is left after a signal (restart_syscall(2)). */
export interface Resume {
  readonly number: number;
  /** Its callState. */
  readonly state: unknown;
}

/** One of a process's threads: registers, signals of its own, and what it waits for. */
export class Thread implements Caller, Wakeable, TimerOwner {
  state: ThreadState = READY;
  /** It is in the queue of those that can run. */
  queued = false;
  /** What the scheduler keeps: time run by weight, place among equals, time run in this turn. */
  virtualMs = 0;
  arrival = 0;
  turnMs = 0;
  /** It wants others to run first (sched_yield(2)). */
  yields = false;
  /** It had to stop between two instructions. */
  preempted = false;
  /** The registers while another thread is loaded. */
  readonly cpu = new Uint8Array(CPU_STATE_SIZE);
  name: string;

  /** Blocked signals. */
  readonly mask = new SigSet();
  /** The mask to go back to once a handler has been set up: sigsuspend, ppoll and pselect change it for their time. */
  savedMask: SigSet | null = null;
  readonly pending = new PendingSignals();
  readonly altStack: AltStack = { sp: 0, size: 0, flags: SS_DISABLE };

  callState: unknown = undefined;
  /** A call has returned WAIT and is to be tried again. */
  inCall = false;
  /** The number of the call that runs or ran last. */
  callNumber = -1;
  /** ERESTART* that the last call returned, until signals have been looked at; else 0. */
  restart = 0;
  resume: Resume | null = null;

  /** Blocked signals that sigtimedwait waits for. */
  waitedFor: SigSet | null = null;
  robustHead = 0;
  /** Locks that inherit priority for which others wait, and the one that it waits for. */
  readonly heldLocks = new Set<PiLock>();
  blockedOn: PiLock | null = null;
  /** The highest real-time priority of those who wait for its locks. */
  inheritedPriority = 0;
  /** Where 0 is written, and a futex woken, when the thread ends (set_tid_address(2)). */
  clearTid = 0;
  rseq = 0;
  rseqSignature = 0;

  /** Processor time in milliseconds, up to the start of the running slice. */
  cpuMs = 0;
  /** As much of it as was spent in the kernel, from samples: an estimate. */
  systemMs = 0;
  /** Since when it has been able to run, unless it does; how long it had to wait for its turns. */
  readyMs = 0;
  waitedMs = 0;
  voluntarySwitches = 0;
  involuntarySwitches = 0;
  minorFaults = 0;
  majorFaults = 0;
  readonly io = noIo();
  readonly startedMs: number;
  policy = 0;
  nice = 0;
  /** Processors on which it may run (sched_setaffinity); null: all. */
  affinity: readonly number[] | null = null;
  realtimePriority = 0;
  /** ioprio_set(2); 0: by its nice value. */
  ioPriority = 0;
  timerSlackNs = 50_000;

  /** Who waits for its end (pidfds of threads); made at first use. */
  exitEvents: WaitQueue | null = null;

  /** Only SIGKILL ends its waiting. */
  uninterruptible = false;
  /** The last exception, as a handler's context shows it. */
  trapNumber = 0;
  trapError = 0;
  faultAddress = 0;

  private readonly queues: WaitQueue[] = [];
  private readonly timer: Timer;

  constructor(
    public tid: number,
    readonly process: Process,
    name: string,
    /** Places and credentials, and descriptors; most often all threads of a process share places and descriptors. */
    public fs: FsContext,
    public files: Descriptors,
  ) {
    this.name = name;
    this.startedMs = process.kernel.clock.nowMs();
    this.timer = new Timer(this);
  }

  /** The real-time priority with which it runs: 0 for ordinary threads. */
  get priority(): number {
    return Math.max(this.realtimePriority, this.inheritedPriority);
  }

  get signalled(): boolean {
    const { mask } = this;
    const own = this.pending.set;
    const shared = this.process.pending.set;
    return (((own.lo | shared.lo) & ~mask.lo) | ((own.hi | shared.hi) & ~mask.hi)) !== 0;
  }

  raise(signal: number): void {
    sendSignal(this.process, kernelInfo(signal), this);
  }

  fileOwner(type: number, id: number): FileOwner | null {
    return fileOwner(this, type, id);
  }

  waitOn(queue: WaitQueue): void {
    queue.add(this);
    this.queues.push(queue);
  }

  nowMs(): number {
    return this.process.kernel.clock.nowMs();
  }

  waitUntil(monotonicMs: number): void {
    this.process.kernel.timers.add(this.timer, monotonicMs);
  }

  wake(): true {
    this.makeReady();
    return true;
  }

  /** The time that it waits until has come. */
  fire(): void {
    this.makeReady();
  }

  /** Ends waiting, whatever it was for: the call is tried again. */
  makeReady(): void {
    this.stopWaiting();
    if (this.state !== WAITING) return;
    this.state = READY;
    this.process.kernel.enqueue(this);
  }

  /** Leaves all queues. */
  stopWaiting(): void {
    for (const queue of this.queues) queue.remove(this);
    this.queues.length = 0;
    this.process.kernel.timers.remove(this.timer);
  }

  /** The address space goes (execve, exit): locks that are held in it are given up, whoever joins is told. */
  leaveMemory(): void {
    releaseRobustList(this);
    releaseHeldLocks(this);
    const { clearTid: address, process } = this;
    this.clearTid = 0;
    this.rseq = 0;
    if (address === 0 || (process.threads.size < 2 && (process.mmOrNull?.users ?? 0) < 2)) return;
    process.memory.writeU32(address, 0);
    process.kernel.futexes.wake(process.mm, address, 1);
  }

  /** It ends before its process does. */
  leaveFiles(): void {
    this.files.release();
    this.fs.release();
  }

  /** The processor on which it seems to run. */
  get cpuNumber(): number {
    return this.affinity?.[0] ?? 0;
  }

  allowsCpu(cpu: number): boolean {
    return this.affinity === null || this.affinity.includes(cpu);
  }

  /** Whether `sp` lies on the alternate stack. */
  onAltStack(sp: number): boolean {
    const { sp: start, size } = this.altStack;
    return sp > start && sp - start <= size;
  }

  /** Changes the mask for the time of a call; delivery or the call's end brings the old one back. */
  borrowMask(mask: SigSet): void {
    if (this.savedMask === null) this.savedMask = this.mask.copy();
    this.mask.assign(mask);
  }

  /** SIGKILL and SIGSTOP cannot be blocked. */
  unblockUnblockable(): void {
    this.mask.delete(SIGKILL);
    this.mask.delete(SIGSTOP);
  }

  returnMask(): void {
    if (this.savedMask === null) return;
    this.mask.assign(this.savedMask);
    this.savedMask = null;
  }
}

kind('Thread', Thread);
