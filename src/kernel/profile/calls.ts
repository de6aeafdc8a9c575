/** Counts and times system calls, and has samples tell which call they were taken in. */
import type { Kernel } from '../kernel.js';
import type { Thread } from '../process/thread.js';
import type { CpuArgs } from '../syscalls/args.js';
import { Dispatcher } from '../syscalls/dispatch.js';
import type { ThreadRow } from '../syscalls/row.js';
import type { Tracer } from '../syscalls/strace.js';
import type { ProfiledCall } from './types.js';

type Call = () => boolean;

/**
 * A sample knows functions by the names in their source, and most of the table's have none. So the call's number is on the
 * stack: one of these functions for each of its octal digits, the last digit outermost.
 */
const DIGITS: readonly ((rest: number, call: Call) => boolean)[] = [
  function nr0(rest, call) {
    return numbered(rest, call);
  },
  function nr1(rest, call) {
    return numbered(rest, call);
  },
  function nr2(rest, call) {
    return numbered(rest, call);
  },
  function nr3(rest, call) {
    return numbered(rest, call);
  },
  function nr4(rest, call) {
    return numbered(rest, call);
  },
  function nr5(rest, call) {
    return numbered(rest, call);
  },
  function nr6(rest, call) {
    return numbered(rest, call);
  },
  function nr7(rest, call) {
    return numbered(rest, call);
  },
];
const DIGIT = /^nr([0-7])$/;
/** Ends the digits: calls have numbers below 512. */
const MARK = 1 << 9;
export const CALL_DIGITS = 3;

function numbered(rest: number, call: Call): boolean {
  const digit = DIGITS[rest & 7];
  return rest === 1 || digit === undefined ? call() : digit(rest >> 3, call);
}

/** The digit that a function of this name stands for; -1: none. */
export function digitOf(functionName: string): number {
  const match = DIGIT.exec(functionName);
  return match === null ? -1 : Number(match[1]);
}

/** Of each call so many are timed, then one in so many: looking at the clock twice takes as long as a short call. */
const TIMED_FIRST = 1000;
const THEN_EVERY = 7;

interface Count {
  calls: number;
  timed: number;
  timedMs: number;
  /** Calls tried again when they could go on. */
  retriedMs: number;
}

/** In place of the kernel's dispatcher while a profile is written. */
export class ProfiledDispatcher extends Dispatcher {
  private readonly counts: (Count | undefined)[] = [];
  private thread: Thread | null = null;
  private readonly callNow: Call = () => this.thread !== null && super.call(this.thread);
  private readonly retryNow: Call = () => this.thread !== null && super.retry(this.thread);

  constructor(
    kernel: Kernel,
    table: readonly (ThreadRow | undefined)[],
    private readonly registers: CpuArgs,
    tracer: Tracer | null,
    private readonly now: () => number,
  ) {
    super(kernel, table, registers, tracer);
  }

  private countOf(number: number): Count {
    return (this.counts[number & 0xffff] ??= { calls: 0, timed: 0, timedMs: 0, retriedMs: 0 });
  }

  override call(thread: Thread): boolean {
    const { number } = this.registers;
    const count = this.countOf(number);
    this.thread = thread;
    if (++count.calls > TIMED_FIRST && count.calls % THEN_EVERY !== 0)
      return numbered(MARK | (number & (MARK - 1)), this.callNow);
    const start = this.now();
    const result = numbered(MARK | (number & (MARK - 1)), this.callNow);
    count.timed++;
    count.timedMs += this.now() - start;
    return result;
  }

  override retry(thread: Thread): boolean {
    const { callNumber } = thread;
    const count = this.countOf(callNumber);
    this.thread = thread;
    const start = this.now();
    const result = numbered(MARK | (callNumber & (MARK - 1)), this.retryNow);
    count.retriedMs += this.now() - start;
    return result;
  }

  /** What took longest first. */
  profile(): ProfiledCall[] {
    return this.counts
      .flatMap((count, number) => (count === undefined ? [] : [this.profiled(number, count)]))
      .sort((a, b) => b.totalMs - a.totalMs);
  }

  private profiled(number: number, { calls, timed, timedMs, retriedMs }: Count): ProfiledCall {
    const totalMs = (timed === 0 ? 0 : (timedMs * calls) / timed) + retriedMs;
    return { name: this.nameOf(number), count: calls, totalMs };
  }
}
