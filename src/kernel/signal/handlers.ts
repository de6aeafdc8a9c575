import { kind } from '../checkpoint/registry.js';
import {
  SA_NOCLDSTOP,
  SIGCHLD,
  SIGCONT,
  SIGRTMAX,
  SIGSTOP,
  SIGTSTP,
  SIGTTIN,
  SIGTTOU,
  SIGURG,
  SIGWINCH,
  SIG_DFL,
  SIG_IGN,
} from '../abi/signal.js';
import { WaitQueue } from '../process/waitqueue.js';
import { SigSet } from './sigset.js';

/** What a process does on a signal: struct sigaction. */
export interface SignalAction {
  /** SIG_DFL, SIG_IGN or an address. */
  readonly handler: number;
  readonly flags: number;
  readonly restorer: number;
  readonly mask: SigSet;
}

const DEFAULT_ACTION: SignalAction = { handler: SIG_DFL, flags: 0, restorer: 0, mask: new SigSet() };
const IGNORED_BY_DEFAULT = SigSet.of(SIGCHLD, SIGCONT, SIGURG, SIGWINCH);
export const STOP_SIGNALS = SigSet.of(SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU);

/** A process's signal actions; threads share them, fork copies them (sighand_struct). */
export class SignalHandlers {
  private readonly actions: SignalAction[];
  /** Who waits for signals that come to be pending (signalfd); made at first use. */
  arrivals: WaitQueue | null = null;

  constructor(from?: SignalHandlers) {
    this.actions = from?.actions.slice() ?? new Array<SignalAction>(SIGRTMAX + 1).fill(DEFAULT_ACTION);
  }

  get(signal: number): SignalAction {
    return this.actions[signal];
  }

  set(signal: number, action: SignalAction): void {
    this.actions[signal] = action;
  }

  reset(signal: number): void {
    this.actions[signal] = DEFAULT_ACTION;
  }

  /** Handlers go with the program that had them; SIG_IGN stays (execve(2)). */
  resetForExec(): void {
    for (let signal = 1; signal <= SIGRTMAX; signal++) {
      const ignored = this.actions[signal].handler === SIG_IGN;
      this.actions[signal] = ignored ? { ...DEFAULT_ACTION, handler: SIG_IGN } : DEFAULT_ACTION;
    }
  }

  /** Whether the signal has no effect at all. */
  ignores(signal: number): boolean {
    const { handler } = this.actions[signal];
    return handler === SIG_IGN || (handler === SIG_DFL && IGNORED_BY_DEFAULT.has(signal));
  }

  /** Whether a parent wants no SIGCHLD for stopped children. */
  get noChildStop(): boolean {
    return (this.actions[SIGCHLD].flags & SA_NOCLDSTOP) !== 0;
  }
}

kind('SignalHandlers', SignalHandlers);
