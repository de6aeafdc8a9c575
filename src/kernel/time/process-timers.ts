import { kind } from '../checkpoint/registry.js';
import { RLIMIT_CPU } from '../abi/resource.js';
import { SIGALRM, SIGKILL, SIGPROF, SIGVTALRM, SIGXCPU } from '../abi/signal.js';
import { kernelInfo, type SigInfo } from '../signal/info.js';
import { sendSignal } from '../signal/send.js';
import type { Process } from '../process/process.js';
import { totalUsage } from '../process/usage.js';
import { IntervalTimer, type IntervalOwner } from './interval.js';
import type { PosixTimer } from './posix-timer.js';

/** A timer on a process's processor time: milliseconds of it. */
export interface CpuTimer {
  at: number;
  interval: number;
  readonly signal: number;
}

/** A process's timers: setitimer's three, those of timer_create, and the limit of its processor time. */
export class ProcessTimers implements IntervalOwner {
  readonly real: IntervalTimer;
  readonly virtual: CpuTimer = { at: Infinity, interval: 0, signal: SIGVTALRM };
  readonly prof: CpuTimer = { at: Infinity, interval: 0, signal: SIGPROF };
  readonly posix = new Map<number, PosixTimer>();
  private nextId = 0;
  private cpuLimitAt = Infinity;

  constructor(private readonly process: Process) {
    this.real = new IntervalTimer(process.kernel, this);
    this.watchCpuLimit();
  }

  /** setitimer's real timer. */
  expired(): void {
    sendSignal(this.process, kernelInfo(SIGALRM));
  }

  allocateId(): number {
    return this.nextId++;
  }

  /** Processor time left until something is due; Infinity for nothing. */
  get cpuLeft(): number {
    const at = Math.min(this.virtual.at, this.prof.at, this.cpuLimitAt, this.firstPosixCpu());
    return at === Infinity ? Infinity : at - totalUsage(this.process).cpuMs;
  }

  /** RLIMIT_CPU has changed. */
  watchCpuLimit(): void {
    const { current } = this.process.limits[RLIMIT_CPU];
    this.cpuLimitAt = current * 1000;
  }

  /** Called after each slice of one of the process's threads. */
  checkCpu(): void {
    const used = totalUsage(this.process).cpuMs;
    for (const timer of [this.virtual, this.prof]) if (timer.at <= used) this.expire(timer);
    for (const timer of this.posix.values()) timer.checkCpu();
    if (this.cpuLimitAt <= used) this.exceedLimit();
  }

  /** A signal of a POSIX timer is being delivered: how many expirations it stands for. */
  delivered(info: SigInfo): void {
    const view = new DataView(info.fields.buffer, info.fields.byteOffset);
    this.posix.get(view.getInt32(0, true))?.delivered(view);
  }

  /** execve keeps setitimer's timers and deletes the others. */
  forExec(): void {
    for (const timer of this.posix.values()) timer.destroy();
    this.posix.clear();
  }

  destroy(): void {
    this.real.clear();
    this.forExec();
  }

  private firstPosixCpu(): number {
    let first = Infinity;
    for (const timer of this.posix.values()) first = Math.min(first, timer.cpuAt);
    return first;
  }

  private expire(timer: CpuTimer): void {
    // What has been missed is made up for, one a slice (check_cpu_itimer).
    timer.at = timer.interval > 0 ? timer.at + timer.interval : Infinity;
    sendSignal(this.process, kernelInfo(timer.signal));
  }

  /** SIGXCPU each second from the soft limit on, SIGKILL at the hard one (setrlimit(2)). */
  private exceedLimit(): void {
    const { maximum } = this.process.limits[RLIMIT_CPU];
    const hard = this.cpuLimitAt >= maximum * 1000;
    sendSignal(this.process, kernelInfo(hard ? SIGKILL : SIGXCPU));
    this.cpuLimitAt += 1000;
  }
}

/** The process's timers, made when the first one is needed. */
export function timersOf(process: Process): ProcessTimers {
  process.timers ??= new ProcessTimers(process);
  return process.timers;
}

kind('ProcessTimers', ProcessTimers);
