import { kind } from '../checkpoint/registry.js';
import { SCHED_FIFO, SCHED_IDLE, SCHED_RESET_ON_FORK, SCHED_RR } from '../abi/sched.js';
import type { Thread } from './thread.js';

/** Weight of nice 0; a step of nice is a quarter more or less (sched_prio_to_weight). */
const NICE_0_WEIGHT = 1024;
const NICE_STEP = 1.25;
const IDLE_WEIGHT = 3;
/** A thread that wakes up is at most so much ahead of those that have run, in milliseconds. */
const WAKEUP_CREDIT_MS = 3;
/** A new thread starts so far behind its maker: about a turn, as on Linux (START_DEBIT), so that a parent gets on to its `wait`. */
const START_DEBIT_MS = 4;
/** SCHED_RR's turn. */
export const RR_TURN_MS = 100;
/** Of so many turns one is for ordinary threads while real-time ones never stop (sched_rt_runtime_us). */
const REALTIME_TURNS = 20;

function weightOf({ policy, nice }: Thread): number {
  if ((policy & ~SCHED_RESET_ON_FORK) === SCHED_IDLE) return IDLE_WEIGHT;
  return NICE_0_WEIGHT / NICE_STEP ** nice;
}

/**
 * The threads that can run, and whose turn it is (sched(7)). Real-time threads go before all others, by priority. Of the
 * others the one goes first that has run least for its weight: so all get their share, and one that has slept runs soon.
 */
export class Scheduler {
  /** By priority, then by place. */
  private readonly realtime: Thread[] = [];
  /** A binary heap by virtual time, then by age. */
  private readonly fair: Thread[] = [];
  private arrivals = 0;
  /** The virtual time of the thread that ran last: never goes back. */
  private floor = 0;
  private realtimeTurns = 0;

  get size(): number {
    return this.realtime.length + this.fair.length;
  }

  /** A thread can run: it has just been made or has woken up. */
  add(thread: Thread): void {
    thread.virtualMs = Math.max(thread.virtualMs, this.floor - WAKEUP_CREDIT_MS);
    thread.turnMs = 0;
    this.insert(thread, false);
  }

  /** Places a thread that `maker` makes, whose account is up to date. */
  place(thread: Thread, maker: Thread): void {
    thread.virtualMs = maker.virtualMs;
    this.charge(thread, START_DEBIT_MS);
  }

  /** A thread has run and can go on. */
  putBack(thread: Thread): void {
    const { priority, policy } = thread;
    if (thread.yields) {
      thread.yields = false;
      const next = this.fair[0];
      if (next !== undefined) thread.virtualMs = Math.max(thread.virtualMs, next.virtualMs);
      thread.turnMs = 0;
      return this.insert(thread, false);
    }
    const roundRobin = (policy & ~SCHED_RESET_ON_FORK) === SCHED_RR;
    const over = roundRobin && thread.turnMs >= RR_TURN_MS;
    if (over) thread.turnMs = 0;
    this.insert(thread, priority > 0 && !over);
  }

  /** Counts `ms` that a thread has run. */
  charge(thread: Thread, ms: number): void {
    thread.turnMs += ms;
    if (thread.priority > 0) return;
    thread.virtualMs += (ms * NICE_0_WEIGHT) / weightOf(thread);
  }

  /** The thread that runs next; null if none can. */
  take(): Thread | null {
    const turn =
      this.realtime.length > 0 && (this.fair.length === 0 || ++this.realtimeTurns < REALTIME_TURNS);
    if (!turn) this.realtimeTurns = 0;
    const thread = turn ? this.realtime.shift() : this.takeFair();
    if (thread === undefined) return null;
    thread.queued = false;
    return thread;
  }

  /** A thread's priority, policy or nice value has changed. */
  reconsider(thread: Thread): void {
    if (!thread.queued) return;
    const at = this.realtime.indexOf(thread);
    if (at >= 0) this.realtime.splice(at, 1);
    else this.removeFair(thread);
    this.insert(thread, false);
  }

  /** Whether one that can run should do so before `thread` goes on. */
  preempts(thread: Thread): boolean {
    const [first] = this.realtime;
    return first !== undefined && first.priority > thread.priority;
  }

  private insert(thread: Thread, atHead: boolean): void {
    thread.queued = true;
    const { priority } = thread;
    if (priority === 0) return this.pushFair(thread);
    const { realtime } = this;
    let at = realtime.length;
    while (
      at > 0 &&
      (realtime[at - 1].priority < priority || (atHead && realtime[at - 1].priority === priority))
    )
      at--;
    realtime.splice(at, 0, thread);
  }

  private pushFair(thread: Thread): void {
    thread.arrival = this.arrivals++;
    this.up(this.fair.length, thread);
  }

  private takeFair(): Thread | undefined {
    const [first] = this.fair;
    if (first === undefined) return undefined;
    this.floor = Math.max(this.floor, first.virtualMs);
    this.removeAt(0);
    return first;
  }

  private removeFair(thread: Thread): void {
    this.removeAt(this.fair.indexOf(thread));
  }

  private removeAt(at: number): void {
    const last = this.fair.pop();
    if (last === undefined || at >= this.fair.length) return;
    this.down(at, last);
    if (this.fair[at] === last) this.up(at, last);
  }

  /** Puts `thread` at `at`, or above while it goes before what is there. */
  private up(at: number, thread: Thread): void {
    const { fair } = this;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!goesBefore(thread, fair[parent])) break;
      fair[at] = fair[parent];
      at = parent;
    }
    fair[at] = thread;
  }

  private down(at: number, thread: Thread): void {
    const { fair } = this;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= fair.length) break;
      if (child + 1 < fair.length && goesBefore(fair[child + 1], fair[child])) child++;
      if (!goesBefore(fair[child], thread)) break;
      fair[at] = fair[child];
      at = child;
    }
    fair[at] = thread;
  }
}

function goesBefore(a: Thread, b: Thread): boolean {
  return a.virtualMs < b.virtualMs || (a.virtualMs === b.virtualMs && a.arrival < b.arrival);
}

/** Whether a policy is one for real time. */
export function isRealtime(policy: number): boolean {
  const plain = policy & ~SCHED_RESET_ON_FORK;
  return plain === SCHED_FIFO || plain === SCHED_RR;
}

kind('Scheduler', Scheduler);
