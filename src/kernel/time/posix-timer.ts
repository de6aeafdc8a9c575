import { kind } from '../checkpoint/registry.js';
import { SIGEV_NONE } from '../abi/time.js';
import type { TimerView } from '../fs/proc/subject-process.js';
import type { Process } from '../process/process.js';
import type { Thread } from '../process/thread.js';
import { timerInfo } from '../signal/info.js';
import { sendSignal } from '../signal/send.js';
import type { CpuClock } from './cpu-clock.js';
import { IntervalTimer, type IntervalOwner } from './interval.js';

/** timer_create's struct sigevent. */
export interface TimerEvent {
  readonly notify: number;
  readonly signo: number;
  readonly valueLo: number;
  readonly valueHi: number;
  /** SIGEV_THREAD_ID: who gets the signal. */
  readonly thread: Thread | null;
}

const DELAYTIMER_MAX = 0x7fffffff;

/** A timer of timer_create(2). One signal of it is queued at most; further expirations are counted. */
export class PosixTimer implements IntervalOwner {
  /** Expirations beyond the one that the last delivered signal stood for. */
  overrun = 0;
  /** On a processor-time clock: when it expires. */
  cpuAt = Infinity;
  private cpuInterval = 0;
  private queued = false;
  private missed = 0;
  private readonly timer: IntervalTimer;

  constructor(
    readonly id: number,
    readonly clock: number,
    private readonly process: Process,
    private readonly event: TimerEvent,
    /** Reads the processor-time clock that it is on; null for one of the others. */
    private readonly cpuClock: CpuClock | null,
  ) {
    this.timer = new IntervalTimer(process.kernel, this);
  }

  get interval(): number {
    return this.cpuClock === null ? this.timer.interval : this.cpuInterval;
  }

  get remaining(): number {
    if (this.cpuClock === null) return this.timer.remaining;
    return this.cpuAt === Infinity ? 0 : Math.max(0.001, this.cpuAt - this.cpuClock.now());
  }

  /** Sets it to expire at `at` of its clock, or off with Infinity. */
  set(at: number, interval: number): void {
    this.missed = 0;
    this.cpuInterval = interval;
    if (this.cpuClock !== null) this.cpuAt = at;
    else if (at === Infinity) this.timer.clear();
    else this.timer.set(at, interval);
  }

  checkCpu(): void {
    if (this.cpuClock === null) return;
    const now = this.cpuClock.now();
    if (now < this.cpuAt) return;
    const count = this.cpuInterval > 0 ? 1 + Math.floor((now - this.cpuAt) / this.cpuInterval) : 1;
    this.cpuAt = this.cpuInterval > 0 ? this.cpuAt + count * this.cpuInterval : Infinity;
    this.expired(count);
  }

  /** Its signal is being delivered; `fields` are those of its siginfo. */
  delivered(fields: DataView): void {
    this.queued = false;
    this.overrun = Math.min(this.missed, DELAYTIMER_MAX);
    this.missed = 0;
    fields.setInt32(4, this.overrun, true);
  }

  /** As /proc/<pid>/timers shows it. */
  view(): TimerView {
    const { notify, signo, valueLo, valueHi, thread } = this.event;
    const value = (BigInt(valueHi >>> 0) << 32n) | BigInt(valueLo >>> 0);
    return { id: this.id, signal: signo, value, notify, tid: thread?.tid ?? null, clock: this.clock };
  }

  destroy(): void {
    this.set(Infinity, 0);
  }

  expired(count: number): void {
    const { notify, signo, valueLo, valueHi, thread } = this.event;
    if (notify === SIGEV_NONE) return;
    this.missed += this.queued ? count : count - 1;
    if (this.queued) return;
    this.queued = true;
    sendSignal(this.process, timerInfo(signo, { id: this.id, overrun: 0, valueLo, valueHi }), thread);
  }
}

kind('PosixTimer', PosixTimer);
