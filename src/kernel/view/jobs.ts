/** Job control as terminals ask for it (tty/jobcontrol.ts), answered from the kernel's processes. */
import { kind } from '../checkpoint/registry.js';
import { CAP_SYS_ADMIN } from '../abi/capability.js';
import { O_CLOEXEC } from '../abi/fcntl.js';
import { SIGCONT, SIGHUP, SIG_IGN } from '../abi/signal.js';
import { EIO, ESRCH, type Errno } from '../errno.js';
import { newHandle } from '../fs/handle.js';
import type { Inode, Location } from '../fs/types.js';
import type { Kernel } from '../kernel.js';
import { isOrphanedGroup, signalGroup } from '../process/groups.js';
import type { Process } from '../process/process.js';
import type { Thread } from '../process/thread.js';
import { kernelInfo } from '../signal/info.js';
import { sendSignal } from '../signal/send.js';
import type { JobControl, TerminalCaller } from '../tty/jobcontrol.js';
import type { Terminal } from '../tty/terminal.js';

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
  get fsuid(): number {
    return this.process.cred.fsuid;
  }
  get isAdmin(): boolean {
    return this.process.cred.capable(CAP_SYS_ADMIN);
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
    return isOrphanedGroup(this.kernel, this.pgid);
  }
}

/** A terminal's name in the tree. */
export interface TerminalPlace {
  readonly inode: Inode;
  readonly location: Location;
}

export class Jobs implements JobControl {
  constructor(
    private readonly kernel: Kernel,
    private readonly find: (index: number) => TerminalPlace | null,
  ) {}

  caller(): TerminalCaller | null {
    const thread = this.kernel.current;
    return thread === null ? null : new Caller(this.kernel, thread);
  }

  signalGroup(pgid: number, signal: number): void {
    signalGroup(this.kernel, pgid, signal);
  }

  sessionOf(id: number): number {
    for (const process of this.kernel.processes.values()) if (process.pgid === id) return process.sid;
    return this.kernel.processOf(id)?.sid ?? ESRCH;
  }

  detach(sid: number): void {
    for (const process of this.kernel.processes.values()) if (process.sid === sid) process.terminal = null;
  }

  hangUp(sid: number, foreground: number): void {
    this.detach(sid);
    const leader = this.kernel.processes.get(sid);
    if (leader === undefined || leader.zombie || leader.sid !== sid) return;
    sendSignal(leader, kernelInfo(SIGHUP));
    sendSignal(leader, kernelInfo(SIGCONT));
    leader.lostForeground = foreground;
  }

  openAsDescriptor(terminal: Terminal, flags: number): number | Errno {
    const files = this.kernel.current?.process.files;
    const place = this.find(terminal.index);
    if (files === undefined || place === null) return EIO;
    const refused = files.hasRoom() || terminal.mayOpen();
    if (refused !== 0) return refused;
    const handle = newHandle(place.inode, place.location, flags & ~O_CLOEXEC, terminal);
    return files.install(handle, (flags & O_CLOEXEC) !== 0);
  }
}

kind('Jobs', Jobs);
