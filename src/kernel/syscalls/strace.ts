import { errnoName, errnoText } from '../abi/errno-names.js';
import { SIGBUS, SIGCHLD, SIGFPE, SIGILL, SIGSEGV, SIGTRAP, signalName } from '../abi/signal.js';
import { getI64 } from '../process/registers.js';
import type { SigInfo } from '../signal/info.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import { NO_RESULT, type ThreadRow } from './row.js';
import { formatArgument, isOutput, isShown, quote } from './strace-args.js';

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
  /** Whose call is being carried out, and how that thread ended in it, if it has. */
  private caller: Thread | null = null;
  private callerStatus: number | null = null;

  constructor(private readonly emit: (line: string) => void) {}

  /** Before the call: its inputs, which it may destroy. */
  enter(thread: Thread, row: ThreadRow, args: Args): void {
    const texts = row.args.map((kind, i) => (isOutput(kind) ? '' : formatArgument(thread, kind, args, i, 0)));
    this.inputs.set(thread, texts);
    this.caller = thread;
  }

  /** The call has to wait; its line comes when it ends. */
  waits(): void {
    this.caller = null;
  }

  /** After the call: its outputs and result. */
  leave(thread: Thread, row: ThreadRow, args: Args, result: number): void {
    const inputs = this.inputs.get(thread) ?? [];
    const texts = row.args.map((kind, i) => {
      return isOutput(kind) && thread.process.mmOrNull !== null
        ? formatArgument(thread, kind, args, i, result)
        : inputs[i];
    });
    const shown = texts.filter((_text, i) => isShown(row.args, i, args));
    const call = `${row.name}(${shown.join(', ')})`.padEnd(RESULT_COLUMN - 1);
    const status = this.callerStatus;
    this.caller = this.callerStatus = null;
    this.note(thread, `${call} = ${status === null ? formatResult(row.name, result, thread) : '?'}`);
    if (status !== null) this.ended(thread, status);
  }

  /** A program that the embedder starts: shown as the call that it would have been. */
  started(thread: Thread, path: string, argv: readonly string[], variables: number): void {
    const strings = argv.map((arg) => quote(arg)).join(', ');
    const plural = variables === 1 ? 'var' : 'vars';
    const { envStart } = thread.process.mm.layout;
    this.note(
      thread,
      `execve(${quote(path)}, [${strings}], 0x${envStart.toString(16)} /* ${variables} ${plural} */) = 0`,
    );
  }

  /** A signal that has come. */
  signal(thread: Thread, info: SigInfo): void {
    this.note(thread, `--- ${signalName(info.signo)} {${describe(info)}} ---`);
  }

  /** A thread has ended; `status` is as wait4 has it. If that was by a call of its own, the call is shown first. */
  ended(thread: Thread, status: number): void {
    if (this.caller === thread) {
      this.callerStatus = status;
      return;
    }
    const signal = status & 0x7f;
    const how = signal === 0 ? `exited with ${(status >> 8) & 0xff}` : `killed by ${signalName(signal)}`;
    this.note(thread, `+++ ${how} +++`);
  }

  /** A line that is no call. */
  private note(thread: Thread, text: string): void {
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

const CODES: Readonly<Record<number, string>> = {
  0: 'SI_USER',
  [-1]: 'SI_QUEUE',
  [-2]: 'SI_TIMER',
  [-6]: 'SI_TKILL',
  128: 'SI_KERNEL',
};
const CODES_OF_SIGNAL: Readonly<Record<number, readonly string[]>> = {
  [SIGSEGV]: ['', 'SEGV_MAPERR', 'SEGV_ACCERR'],
  [SIGBUS]: ['', 'BUS_ADRALN', 'BUS_ADRERR'],
  [SIGILL]: ['', 'ILL_ILLOPC', 'ILL_ILLOPN'],
  [SIGTRAP]: ['', 'TRAP_BRKPT', 'TRAP_TRACE'],
  [SIGFPE]: [
    '',
    'FPE_INTDIV',
    'FPE_INTOVF',
    'FPE_FLTDIV',
    'FPE_FLTOVF',
    'FPE_FLTUND',
    'FPE_FLTRES',
    'FPE_FLTINV',
  ],
  [SIGCHLD]: ['', 'CLD_EXITED', 'CLD_KILLED', 'CLD_DUMPED', 'CLD_TRAPPED', 'CLD_STOPPED', 'CLD_CONTINUED'],
};
const FAULTS = new Set([SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP]);

/** siginfo_t's fields as strace shows them. */
function describe(info: SigInfo): string {
  const { signo, code } = info;
  const name = CODES_OF_SIGNAL[signo]?.[code] ?? CODES[code] ?? String(code);
  const parts = [`si_signo=${signalName(signo)}`, `si_code=${name}`];
  const view = new DataView(info.fields.buffer, info.fields.byteOffset, info.fields.length);
  if (FAULTS.has(signo) && code > 0) parts.push(`si_addr=${address(getI64(view, 0))}`);
  else if (code !== 128) parts.push(`si_pid=${view.getInt32(0, true)}`, `si_uid=${view.getUint32(4, true)}`);
  if (signo === SIGCHLD && code > 0) parts.push(`si_status=${view.getInt32(8, true)}`);
  return parts.join(', ');
}

function address(value: number): string {
  if (value === 0) return 'NULL';
  return `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;
}
