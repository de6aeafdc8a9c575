/** Job control as terminals ask for it (tty/jobcontrol.ts), answered from the kernel's processes. */
import { SIG_IGN } from '../abi/signal.js';
import type { Kernel } from '../kernel.js';
import type { Process } from '../process/process.js';
import type { Thread } from '../process/thread.js';
import { kernelInfo } from '../signal/info.js';
import { sendSignal } from '../signal/send.js';
import { Timer } from '../time/timers.js';
import type { JobControl, TerminalCaller } from '../tty/jobcontrol.js';
import type { Terminal } from '../tty/terminal.js';

/** Nobody of the group has a parent in another group of the same session. */
function isOrphaned(kernel: Kernel, pgid: number): boolean {
  for (const process of kernel.processes.values()) {
    const { parent } = process;
    if (process.pgid !== pgid || process.zombie || parent === null) continue;
    if (parent.pgid !== pgid && parent.sid === process.sid) return false;
  }
  return true;
}

class Caller implements TerminalCaller {
  constructor(
    private readonly kernel: Kernel,
    private readonly thread: Thread,
  ) {}

  private get process(): Process {
    return this.thread.process;
  }
  get sid(): number {
    return this.process.sid;
  }
  get pgid(): number {
    return this.process.pgid;
  }
  get isSessionLeader(): boolean {
    return this.process.pid === this.process.sid;
  }
  get isRoot(): boolean {
    return this.process.cred.euid === 0;
  }
  get terminal(): Terminal | null {
    return this.process.terminal as Terminal | null;
  }
  set terminal(terminal: Terminal | null) {
    this.process.terminal = terminal;
  }
  ignores(signal: number): boolean {
    return this.thread.mask.has(signal) || this.process.handlers.get(signal).handler === SIG_IGN;
  }
  get isOrphaned(): boolean {
    return isOrphaned(this.kernel, this.pgid);
  }
}

export class Jobs implements JobControl {
  constructor(private readonly kernel: Kernel) {}

  caller(): TerminalCaller | null {
    const thread = this.kernel.current;
    return thread === null ? null : new Caller(this.kernel, thread);
  }

  signalGroup(pgid: number, signal: number): void {
    for (const process of this.kernel.processes.values())
      if (process.pgid === pgid) sendSignal(process, kernelInfo(signal));
  }

  sessionOf(pgid: number): number {
    for (const process of this.kernel.processes.values()) if (process.pgid === pgid) return process.sid;
    return -1;
  }

  detach(sid: number): void {
    for (const process of this.kernel.processes.values()) if (process.sid === sid) process.terminal = null;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = new Timer(callback);
    this.kernel.timers.add(timer, this.kernel.clock.nowMs() + ms);
    return () => this.kernel.timers.remove(timer);
  }
}
