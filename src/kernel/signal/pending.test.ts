import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SIGKILL, SIGRTMIN, SIGSEGV, SIGTERM, SIGUSR1 } from '../abi/signal.js';
import { kernelInfo, senderInfo } from './info.js';
import { PendingSignals } from './pending.js';
import { SigSet } from './sigset.js';

const NONE = new SigSet();

function takeAll(pending: PendingSignals, mask: SigSet = NONE): number[] {
  const taken: number[] = [];
  for (let info = pending.take(mask); info !== null; info = pending.take(mask)) taken.push(info.signo);
  return taken;
}

describe('a set of signals', () => {
  it('holds each of 1 to 64 apart from the others', () => {
    for (let signal = 1; signal <= 64; signal++) {
      const set = SigSet.of(signal);
      assert.deepEqual([...set], [signal]);
      assert.equal(set.firstOutside(NONE), signal);
      set.delete(signal);
      assert.ok(set.empty);
    }
  });

  it('unites, subtracts and finds the first that is not blocked', () => {
    const set = SigSet.of(1, 32, 33, 64);
    set.union(SigSet.of(5));
    set.subtract(SigSet.of(1, 33));
    assert.deepEqual([...set], [5, 32, 64]);
    assert.equal(set.firstOutside(SigSet.of(5, 32)), 64);
  });
});

describe('pending signals', () => {
  it('come faults first, then by number, real-time ones as often as they were sent', () => {
    const pending = new PendingSignals();
    const sent = [SIGRTMIN, SIGTERM, SIGUSR1, SIGUSR1, SIGRTMIN, SIGSEGV];
    for (const signal of sent) pending.add(kernelInfo(signal));
    assert.deepEqual(takeAll(pending), [SIGSEGV, SIGUSR1, SIGTERM, SIGRTMIN, SIGRTMIN]);
  });

  it('wait while they are blocked, but for SIGKILL', () => {
    const pending = new PendingSignals();
    for (const signal of [SIGSEGV, SIGUSR1, SIGKILL]) pending.add(kernelInfo(signal));
    assert.deepEqual(takeAll(pending, SigSet.of(SIGUSR1, SIGKILL)), [SIGKILL, SIGSEGV]);
    assert.deepEqual(takeAll(pending), [SIGUSR1]);
  });

  it('keep what each real-time signal brought', () => {
    const pending = new PendingSignals();
    for (const pid of [7, 8, 9]) pending.add(senderInfo(SIGRTMIN, -1, pid, 0));
    const pids = [7, 8, 9].map(() => pending.take(NONE)?.fields[0]);
    assert.deepEqual(pids, [7, 8, 9]);
  });

  it('can be discarded', () => {
    const pending = new PendingSignals();
    for (const signal of [SIGTERM, SIGRTMIN, SIGRTMIN]) pending.add(kernelInfo(signal));
    pending.discard(SigSet.of(SIGRTMIN));
    assert.deepEqual(takeAll(pending), [SIGTERM]);
  });
});
