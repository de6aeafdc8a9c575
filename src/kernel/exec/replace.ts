import { CPU_STATE_SIZE } from '../../machine/layout.js';
import { SIGCHLD, SS_DISABLE } from '../abi/signal.js';
import { endOtherThreads } from '../process/exit.js';
import type { Thread } from '../process/thread.js';
import { SignalHandlers } from '../signal/handlers.js';
import { initialCpu, type Program } from './exec.js';

const $cpu = new Uint8Array(CPU_STATE_SIZE);

/** The loaded thread's process becomes `program` (execve(2), "Effect on process attributes"). */
export function replaceProgram(thread: Thread, program: Program): void {
  const { process } = thread;
  const { kernel } = process;
  endOtherThreads(thread);
  process.speaksThrough(thread);
  kernel.becomeLeader(thread);
  thread.leaveMemory();
  const old = process.mm;
  process.mm = program.mm;
  kernel.activate(program.mm);
  old.release();
  process.vforkDone?.wake();
  process.vforkDone = null;
  if (process.files.users > 1) {
    const shared = process.files;
    process.files = thread.files = shared.copy(process);
    shared.release();
  }
  process.files.exec();
  const { arrivals } = process.handlers;
  process.handlers = new SignalHandlers(process.handlers);
  process.handlers.arrivals = arrivals;
  process.handlers.resetForExec();
  process.timers?.forExec();
  process.cred.resetForExec();
  process.dumpable = 1;
  process.hasExecuted = true;
  process.exitSignal = SIGCHLD;
  process.membarriers = 0;
  Object.assign(thread.altStack, { sp: 0, size: 0, flags: SS_DISABLE });
  thread.name = program.name;
  initialCpu(program, $cpu);
  kernel.machine.loadCpu($cpu);
}
