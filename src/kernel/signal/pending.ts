import { kind } from '../checkpoint/registry.js';
import { SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGRTMIN, SIGSEGV, SIGSYS, SIGTRAP } from '../abi/signal.js';
import type { SigInfo } from './info.js';
import { SigSet } from './sigset.js';

/** Signals that an instruction caused are delivered before all others. */
const SYNCHRONOUS = SigSet.of(SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS);

/** Signals that wait to be delivered, to a thread or to any thread of a process. */
export class PendingSignals {
  readonly set = new SigSet();
  private queue: SigInfo[] = [];

  get count(): number {
    return this.queue.length;
  }

  /** Adds a signal; an ordinary one that is there already is not added again. */
  add(info: SigInfo): void {
    if (info.signo < SIGRTMIN && this.set.has(info.signo)) return;
    this.set.add(info.signo);
    this.queue.push(info);
  }

  /** Takes the next signal that `mask` does not block; null for none. SIGKILL comes before all others. */
  take(mask: SigSet): SigInfo | null {
    if (this.set.has(SIGKILL)) return this.takeSignal(SIGKILL);
    const lo = this.set.lo & SYNCHRONOUS.lo & ~mask.lo;
    const signo = lo !== 0 ? 32 - Math.clz32(lo & -lo) : this.set.firstOutside(mask);
    return signo === 0 ? null : this.takeSignal(signo);
  }

  /** Forgets all signals of `which`. */
  discard(which: SigSet): void {
    if (((this.set.lo & which.lo) | (this.set.hi & which.hi)) === 0) return;
    this.set.subtract(which);
    this.queue = this.queue.filter((info) => !which.has(info.signo));
  }

  clear(): void {
    this.set.clear();
    this.queue = [];
  }

  private takeSignal(signo: number): SigInfo | null {
    const index = this.queue.findIndex((info) => info.signo === signo);
    if (index < 0) return null;
    const [info] = this.queue.splice(index, 1);
    if (!this.queue.some((other) => other.signo === signo)) this.set.delete(signo);
    return info;
  }
}

kind('PendingSignals', PendingSignals);
