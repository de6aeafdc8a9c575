import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SCHED_OTHER } from '../abi/sched.js';
import { Scheduler } from './scheduler.js';
import { Thread } from './thread.js';

/** As much of a thread as the scheduler looks at. */
function runnable(nice = 0): Thread {
  const what = {
    policy: SCHED_OTHER,
    nice,
    realtimePriority: 0,
    inheritedPriority: 0,
    virtualMs: 0,
    turnMs: 0,
    arrival: 0,
    queued: false,
    yields: false,
  };
  return Object.assign(Object.create(Thread.prototype) as Thread, what);
}

test('who forks goes on before the child, however long the fork took, and then takes turns with it', () => {
  const scheduler = new Scheduler();
  const parent = runnable();
  const child = runnable();
  scheduler.charge(parent, 20);
  scheduler.place(child, parent);
  scheduler.add(child);
  scheduler.putBack(parent);
  assert.equal(scheduler.take(), parent);
  scheduler.charge(parent, 4.1);
  scheduler.putBack(parent);
  assert.equal(scheduler.take(), child);
});

test('a child of low priority starts further behind', () => {
  const scheduler = new Scheduler();
  const parent = runnable(10);
  const child = runnable(10);
  scheduler.place(child, parent);
  assert(child.virtualMs > 30, `${child.virtualMs}`);
});
