import { kind } from '../checkpoint/registry.js';
/** Whom a timer belongs to. */
export interface TimerOwner {
  /** Its time has come; it is out of the heap. */
  fire(): void;
}

/** Something that happens at a time; at rest until `TimerHeap.add`. */
export class Timer {
  /** The kernel's monotonic time in milliseconds. */
  at = Infinity;
  /** Its place in the heap; -1 when it is not in one. */
  place = -1;

  constructor(private readonly owner: TimerOwner) {}

  fire(): void {
    this.owner.fire();
  }

  get armed(): boolean {
    return this.place >= 0;
  }
}

/** Timers by time: a binary heap, so that the next one is known at once. */
export class TimerHeap {
  private readonly heap: Timer[] = [];
  /** How many have fired since the start. */
  fired = 0;

  /** Timers that are set. */
  get size(): number {
    return this.heap.length;
  }

  /** When the next timer fires; Infinity without one. */
  get next(): number {
    return this.heap.length === 0 ? Infinity : this.heap[0].at;
  }

  /** Sets `timer` to `at`, whether it was set or not. */
  add(timer: Timer, at: number): void {
    this.remove(timer);
    timer.at = at;
    timer.place = this.heap.length;
    this.heap.push(timer);
    this.up(timer);
  }

  remove(timer: Timer): void {
    const { place } = timer;
    if (place < 0) return;
    timer.place = -1;
    const last = this.heap.pop();
    if (last === undefined || last === timer) return;
    this.put(last, place);
    this.up(last);
    this.down(last);
  }

  /** Fires all that are due, in order; each is out of the heap when it fires. */
  fireDue(now: number): void {
    while (this.heap.length > 0 && this.heap[0].at <= now) {
      const timer = this.heap[0];
      this.remove(timer);
      this.fired++;
      timer.fire();
    }
  }

  private put(timer: Timer, place: number): void {
    this.heap[place] = timer;
    timer.place = place;
  }

  private up(timer: Timer): void {
    while (timer.place > 0) {
      const parent = this.heap[(timer.place - 1) >> 1];
      if (parent.at <= timer.at) return;
      this.swap(timer, parent);
    }
  }

  private down(timer: Timer): void {
    for (;;) {
      const left = 2 * timer.place + 1;
      if (left >= this.heap.length) return;
      const right = left + 1 < this.heap.length ? left + 1 : left;
      const child = this.heap[right].at < this.heap[left].at ? this.heap[right] : this.heap[left];
      if (child.at >= timer.at) return;
      this.swap(timer, child);
    }
  }

  private swap(a: Timer, b: Timer): void {
    const { place } = a;
    this.put(a, b.place);
    this.put(b, place);
  }
}

kind('Timer', Timer);
kind('TimerHeap', TimerHeap);
