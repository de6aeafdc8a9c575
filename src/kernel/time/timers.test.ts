import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IntervalTimer } from './interval.js';
import { Timer, TimerHeap } from './timers.js';

describe('the heap of timers', () => {
  it('fires what is due, in order, once', () => {
    const heap = new TimerHeap();
    const fired: number[] = [];
    for (const at of [5, 1, 9, 3, 7, 2, 8]) heap.add(new Timer({ fire: () => fired.push(at) }), at);
    assert.equal(heap.next, 1);
    heap.fireDue(6);
    heap.fireDue(6);
    assert.deepEqual(fired, [1, 2, 3, 5]);
    assert.equal(heap.next, 7);
  });

  it('stays in order when timers are set anew and taken out', () => {
    const heap = new TimerHeap();
    const fired: number[] = [];
    const timers = Array.from({ length: 50 }, (_, i) => new Timer({ fire: () => fired.push(i) }));
    timers.forEach((timer, i) => heap.add(timer, (i * 37) % 50));
    timers.forEach((timer, i) => (i % 3 === 0 ? heap.remove(timer) : heap.add(timer, 100 - i)));
    heap.fireDue(1000);
    const expected = timers.map((_, i) => i).filter((i) => i % 3 !== 0);
    assert.deepEqual(fired, expected.reverse());
    assert.equal(heap.next, Infinity);
  });

  it('lets a timer set itself again', () => {
    const heap = new TimerHeap();
    let count = 0;
    const timer: Timer = new Timer({
      fire: () => {
        if (++count < 3) heap.add(timer, count * 10);
      },
    });
    heap.add(timer, 0);
    heap.fireDue(5);
    assert.equal(count, 1);
    heap.fireDue(25);
    assert.equal(count, 3);
  });
});

describe('an interval timer', () => {
  it('counts the expirations that it was too late for', () => {
    const heap = new TimerHeap();
    let now = 0;
    const counts: number[] = [];
    const timer = new IntervalTimer(
      { timers: heap, clock: { nowMs: () => now } },
      { expired: (count) => counts.push(count) },
    );
    timer.set(10, 5);
    for (now of [10, 14, 15, 33, 34]) heap.fireDue(now);
    assert.deepEqual(counts, [1, 1, 3]);
    assert.equal(timer.remaining, 1);
    timer.clear();
    assert.deepEqual([timer.armed, timer.remaining], [false, 0]);
  });
});
