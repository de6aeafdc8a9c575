import { kind } from '../../checkpoint/registry.js';
import { SEMAEM, SEMVMX, SEM_UNDO, IPC_NOWAIT } from '../../abi/ipc.js';
import { EAGAIN, EIDRM, EINVAL, ENOSPC, ERANGE, type Errno } from '../../errno.js';
import type { Credentials } from '../../fs/types.js';
import { IpcObject } from './object.js';
import type { Doer } from './shm.js';
import { IpcTable } from './table.js';
import { UndoList, clampValue } from './undo.js';

/** struct sembuf. */
export interface SemOperation {
  readonly num: number;
  readonly op: number;
  readonly flags: number;
}

/** Somebody who waits until all of some operations can be done at once. */
export interface Sleeper {
  makeReady(): void;
}

/** A call of semop(2) on its way: from the first try until its status is known. */
export class SemRequest {
  /** null: it waits. */
  status: 0 | Errno | null = null;
  /** The operation that cannot be done yet. */
  blocking: SemOperation | null = null;

  constructor(
    readonly operations: readonly SemOperation[],
    readonly undo: UndoList | null,
    readonly pid: number,
    private readonly sleeper: Sleeper,
  ) {}

  get alters(): boolean {
    return this.operations.some(({ op }) => op !== 0);
  }

  end(status: 0 | Errno): void {
    this.status = status;
    this.sleeper.makeReady();
  }
}

/** A set of semaphores (sem_array). */
export class SemArray extends IpcObject {
  readonly values: Int32Array;
  /** Who changed each last, or waited for it to be 0. */
  readonly pids: Int32Array;
  otime = 0;
  /** Requests that wait, in the order in which they came. */
  private waiting: SemRequest[] = [];
  /** Who would undo something here. */
  readonly undoers = new Set<UndoList>();

  constructor(
    making: { key: number; flags: number; cred: Credentials },
    count: number,
    private readonly doer: Doer,
  ) {
    super(making.key, making.flags, making.cred, doer.now());
    this.values = new Int32Array(count);
    this.pids = new Int32Array(count);
  }

  /** Does all operations or none. Null: they have to wait, and the request does. */
  perform(request: SemRequest): 0 | Errno | null {
    const status = this.attempt(request);
    if (status === null) this.waiting.push(request);
    else if (status === 0) {
      this.otime = this.doer.now();
      if (request.alters) this.wakeWaiting();
    }
    return status;
  }

  /** The request's thread waits no longer. */
  cancel(request: SemRequest): void {
    this.waiting = this.waiting.filter((other) => other !== request);
  }

  private attempt(request: SemRequest): 0 | Errno | null {
    const { operations } = request;
    let done = 0;
    let failed: 0 | Errno | null = 0;
    for (; done < operations.length && failed === 0; done++) failed = this.apply(request, operations[done]);
    if (failed === 0) {
      for (const { num } of operations) this.pids[num] = request.pid;
      return 0;
    }
    for (done -= 2; done >= 0; done--) this.revert(request, operations[done]);
    if (failed !== null) return failed;
    return ((request.blocking?.flags ?? 0) & IPC_NOWAIT) !== 0 ? EAGAIN : null;
  }

  private apply(request: SemRequest, operation: SemOperation): 0 | Errno | null {
    const { num, op, flags } = operation;
    const value = this.values[num];
    request.blocking = operation;
    if (op === 0) return value === 0 ? 0 : null;
    if (value + op < 0) return null;
    if (value + op > SEMVMX) return ERANGE;
    if ((flags & SEM_UNDO) !== 0 && request.undo !== null) {
      const adjustments = request.undo.of(this);
      const adjustment = adjustments[num] - op;
      if (adjustment < -SEMAEM - 1 || adjustment > SEMAEM) return ERANGE;
      adjustments[num] = adjustment;
    }
    this.values[num] = value + op;
    return 0;
  }

  private revert(request: SemRequest, { num, op, flags }: SemOperation): void {
    this.values[num] -= op;
    if ((flags & SEM_UNDO) !== 0 && request.undo !== null) request.undo.of(this)[num] += op;
  }

  /** Values have changed: those that can now be served are, the ones that change nothing first. */
  private wakeWaiting(): void {
    let again = this.waiting.length > 0;
    while (again) {
      again = false;
      const inOrder = [
        ...this.waiting.filter((one) => !one.alters),
        ...this.waiting.filter((one) => one.alters),
      ];
      for (const request of inOrder) {
        const status = this.attempt(request);
        if (status === null) continue;
        this.cancel(request);
        request.end(status);
        if (status === 0) this.otime = this.doer.now();
        if (status === 0 && request.alters) {
          again = true;
          break;
        }
      }
    }
  }

  /** How many wait for a semaphore to grow, or to be 0. */
  waiters(num: number, forZero: boolean): number {
    let count = 0;
    for (const { blocking } of this.waiting)
      if (blocking?.num === num && (forZero ? blocking.op === 0 : blocking.op < 0)) count++;
    return count;
  }

  /** SETVAL. */
  setValue(num: number, value: number): void {
    for (const undo of this.undoers) undo.of(this)[num] = 0;
    this.values[num] = value;
    this.changed(num);
    this.wakeWaiting();
  }

  /** SETALL. */
  setAll(values: Uint16Array): void {
    for (const undo of this.undoers) undo.of(this).fill(0);
    values.forEach((value, num) => {
      this.values[num] = value;
      this.changed(num);
    });
    this.wakeWaiting();
  }

  private changed(num: number): void {
    this.pids[num] = this.doer.pid();
    this.ctime = this.doer.now();
  }

  /** What a process has done with SEM_UNDO is taken back. */
  undo(adjustments: Int32Array, pid: number): void {
    for (let num = 0; num < adjustments.length; num++) {
      const adjustment = adjustments[num];
      if (adjustment === 0) continue;
      this.values[num] = clampValue(this.values[num] + adjustment);
      this.pids[num] = pid;
    }
    this.otime = this.doer.now();
    this.wakeWaiting();
  }

  /** It is removed: all that wait get EIDRM. */
  dispose(): void {
    for (const undo of this.undoers) undo.forget(this);
    this.undoers.clear();
    for (const request of this.waiting.splice(0)) request.end(EIDRM);
  }
}

/** /proc/sys/kernel/sem. */
export interface SemLimits {
  semmsl: number;
  semmns: number;
  semopm: number;
  semmni: number;
}

/** All sets of semaphores (semget(2), semctl(2)). */
export class Semaphores {
  readonly limits: SemLimits = { semmsl: 32000, semmns: 1024000000, semopm: 500, semmni: 32000 };
  readonly arrays = new IpcTable<SemArray>(() => this.limits.semmni);
  /** Semaphores in all. */
  used = 0;

  constructor(private readonly doer: Doer) {}

  get(key: number, count: number, flags: number, cred: Credentials): number | Errno {
    if (count < 0 || count > this.limits.semmsl) return EINVAL;
    return this.arrays.get(key, flags, cred, {
      make: () => this.make({ key, flags, cred }, count),
      fits: (array) => (count > array.values.length ? EINVAL : 0),
    });
  }

  private make(making: { key: number; flags: number; cred: Credentials }, count: number): SemArray | Errno {
    if (count === 0) return EINVAL;
    if (this.used + count > this.limits.semmns) return ENOSPC;
    const full = this.arrays.hasRoom();
    if (full !== 0) return full;
    const array = new SemArray(making, count, this.doer);
    array.maker = this.doer.pid();
    this.arrays.add(array);
    this.used += count;
    return array;
  }

  remove(array: SemArray): void {
    this.arrays.remove(array);
    this.used -= array.values.length;
    array.dispose();
  }
}

kind('SemRequest', SemRequest);
kind('SemArray', SemArray);
kind('Semaphores', Semaphores);
