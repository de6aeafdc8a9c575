import { EINTR, ENOSYS, ERESTARTSYS, ERESTART_RESTARTBLOCK, WAIT } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { DEAD, READY, WAITING } from '../process/state.js';
import type { Thread } from '../process/thread.js';
import type { CpuArgs } from './args.js';
import { NO_RESULT, type ThreadRow } from './row.js';
import type { Tracer } from './strace.js';

const NR_restart_syscall = 219;
/** fork, vfork, clone, clone3, execve, execveat, exit_group, munmap, sync: each is timed. */
const HEAVY = new Uint8Array(512);
for (const number of [57, 58, 56, 435, 59, 322, 231, 11, 162]) HEAVY[number] = 1;

/** Calls the kernel's functions by number and turns their results into registers, waiting or a restart. */
export class Dispatcher {
  private readonly unknown = new Set<number>();
  calls = 0;

  constructor(
    private readonly kernel: Kernel,
    private readonly table: readonly (ThreadRow | undefined)[],
    private readonly args: CpuArgs,
    private readonly tracer: Tracer | null,
  ) {}

  /** Whether the loaded thread's call is one of the few that take long. */
  isHeavy(): boolean {
    return HEAVY[this.args.number & 0x1ff] !== 0;
  }

  /** Carries out the loaded thread's call. True: it can go on at once. */
  call(thread: Thread): boolean {
    const { number } = this.args;
    this.calls++;
    thread.callNumber = number;
    const row = this.table[number];
    if (number === NR_restart_syscall) return this.resume(thread);
    if (row === undefined) {
      this.reportUnknown(number);
      this.args.setResult(ENOSYS);
      return true;
    }
    return this.run(thread, row);
  }

  /** Tries a call again that has had to wait. */
  retry(thread: Thread): boolean {
    const row = this.table[thread.callNumber];
    return row === undefined ? true : this.run(thread, row);
  }

  /** restart_syscall(2): the arguments still stand in the registers. */
  private resume(thread: Thread): boolean {
    const { resume } = thread;
    const row = resume === null ? undefined : this.table[resume.number];
    thread.resume = null;
    if (resume === null || row === undefined) {
      this.args.setResult(EINTR);
      return true;
    }
    thread.callNumber = resume.number;
    thread.callState = resume.state;
    return this.run(thread, row);
  }

  private run(thread: Thread, row: ThreadRow): boolean {
    if (this.tracer !== null && !thread.inCall) this.tracer.enter(thread, row, this.args);
    let result = row.run(thread, this.args);
    if (result === WAIT) {
      if (!thread.signalled || thread.uninterruptible) return this.wait(thread);
      result = ERESTARTSYS;
    }
    thread.inCall = false;
    thread.callState = undefined;
    if (this.tracer !== null) this.tracer.leave(thread, row, this.args, result);
    if (thread.state === DEAD) return false;
    if (result <= ERESTARTSYS && result >= ERESTART_RESTARTBLOCK) {
      thread.restart = result;
      return false;
    }
    if (result !== NO_RESULT) this.args.setResult(result);
    // A handler that has interrupted the call runs with the borrowed mask; its delivery gives the mask back.
    if (result !== EINTR || !thread.signalled) thread.returnMask();
    return thread.state === READY && !thread.signalled && !this.kernel.mustSwitch;
  }

  private wait(thread: Thread): false {
    this.tracer?.waits();
    thread.inCall = true;
    thread.state = WAITING;
    thread.voluntarySwitches++;
    return false;
  }

  /** What a call is called, known or not. */
  nameOf(number: number): string {
    return this.table[number]?.name ?? `${number}`;
  }

  private reportUnknown(number: number): void {
    if (this.unknown.has(number)) return;
    this.unknown.add(number);
    this.kernel.log(`system call ${number} is not known: ENOSYS`);
  }
}
