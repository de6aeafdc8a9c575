import { errnoName, errnoText } from '../abi/errno-names.js';
import { DEAD } from '../process/state.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import { NO_RESULT, type ThreadRow } from './row.js';
import { formatArgument, isOutput } from './strace-args.js';

/** Signals interrupted the call; strace(1) shows what the kernel is going to do. */
const RESTARTS: Readonly<Record<number, string>> = {
  [-512]: '? ERESTARTSYS (To be restarted if SA_RESTART is set)',
  [-513]: '? ERESTARTNOINTR (To be restarted)',
  [-514]: '? ERESTARTNOHAND (To be restarted if no handler)',
  [-516]: '? ERESTART_RESTARTBLOCK (Interrupted by signal)',
};
/** Calls whose result is an address. */
const ADDRESSES = new Set(['mmap', 'brk', 'mremap', 'shmat']);
const RESULT_COLUMN = 40;

/** Writes a line for each call as strace(1) does, told by the table's argument kinds. */
export class Tracer {
  private readonly inputs = new WeakMap<Thread, string[]>();
  private several = false;

  constructor(private readonly emit: (line: string) => void) {}

  /** Before the call: its inputs, which it may destroy. */
  enter(thread: Thread, row: ThreadRow, args: Args): void {
    const texts = row.args.map((kind, i) => (isOutput(kind) ? '' : formatArgument(thread, kind, args, i, 0)));
    this.inputs.set(thread, texts);
  }

  /** After the call: its outputs and result. */
  leave(thread: Thread, row: ThreadRow, args: Args, result: number): void {
    const inputs = this.inputs.get(thread) ?? [];
    const texts = row.args.map((kind, i) => {
      return isOutput(kind) && thread.process.mmOrNull !== null
        ? formatArgument(thread, kind, args, i, result)
        : inputs[i];
    });
    const ended = thread.state === DEAD;
    const call = `${row.name}(${texts.join(', ')})`.padEnd(RESULT_COLUMN - 1);
    this.emit(`${this.prefix(thread)}${call} = ${ended ? '?' : formatResult(row.name, result, thread)}`);
    if (ended) this.emit(`${this.prefix(thread)}+++ exited with ${(thread.process.status >> 8) & 0xff} +++`);
  }

  /** A line that is no call: `--- SIGSEGV {...} ---`. */
  note(thread: Thread, text: string): void {
    this.emit(`${this.prefix(thread)}${text}`);
  }

  /** The thread's number once there has been more than one, as with strace -f. */
  private prefix(thread: Thread): string {
    this.several ||= thread.process.kernel.threads.size > 1;
    return this.several ? `[pid ${String(thread.tid).padStart(5)}] ` : '';
  }
}

function formatResult(name: string, result: number, thread: Thread): string {
  if (result === NO_RESULT) return name === 'execve' ? '0' : String(thread.process.kernel.registers.get(0));
  const restart = RESTARTS[result];
  if (restart !== undefined) return restart;
  if (result < 0 && result > -4096) return `-1 ${errnoName(result)} (${errnoText(result)})`;
  return ADDRESSES.has(name) ? `0x${result.toString(16)}` : String(result);
}
