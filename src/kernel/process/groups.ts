import { SIGCONT, SIGHUP } from '../abi/signal.js';
import type { Kernel } from '../kernel.js';
import { kernelInfo } from '../signal/info.js';
import { sendSignal } from '../signal/send.js';
import type { Process } from './process.js';

/** Living processes of a group. */
export function* membersOf(kernel: Kernel, pgid: number): Iterable<Process> {
  for (const process of kernel.processes.values())
    if (process.pgid === pgid && !process.zombie) yield process;
}

export function signalGroup(kernel: Kernel, pgid: number, signal: number): void {
  for (const member of membersOf(kernel, pgid)) sendSignal(member, kernelInfo(signal));
}

/**
 * Whether nobody outside of a group, but in its session, could continue it: no member has a parent there
 * (credentials(7)). Its members are not stopped by terminals' signals. `ending` does not count, as if it were gone.
 */
export function isOrphanedGroup(kernel: Kernel, pgid: number, ending: Process | null = null): boolean {
  for (const member of membersOf(kernel, pgid)) {
    const { parent, sid } = member;
    if (member === ending || parent === null || parent === ending) continue;
    if (parent.pgid !== pgid && parent.sid === sid) return false;
  }
  return true;
}

/** A process is about to end: groups that become orphaned by that, and have stopped members, get SIGHUP and SIGCONT. */
export function releaseOrphans(process: Process): void {
  const { kernel, parent } = process;
  if (parent !== null && parent.pgid !== process.pgid && parent.sid === process.sid)
    releaseIfOrphaned(kernel, process.pgid, process);
  const groups = new Set<number>();
  for (const child of process.children)
    if (child.pgid !== process.pgid && child.sid === process.sid) groups.add(child.pgid);
  for (const pgid of groups) releaseIfOrphaned(kernel, pgid, process);
}

function releaseIfOrphaned(kernel: Kernel, pgid: number, ending: Process): void {
  const members = [...membersOf(kernel, pgid)].filter((member) => member !== ending);
  if (!members.some((member) => member.stopped) || !isOrphanedGroup(kernel, pgid, ending)) return;
  for (const member of members) {
    sendSignal(member, kernelInfo(SIGHUP));
    sendSignal(member, kernelInfo(SIGCONT));
  }
}

/**
 * The leader of a session is about to end: its terminal, or one that was hung up before, tells its foreground group
 * (disassociate_ctty).
 */
export function releaseTerminal(process: Process): void {
  if (process.pid !== process.sid) return;
  const { kernel, terminal, lostForeground } = process;
  if (terminal !== null) return terminal.leaderEnds();
  if (lostForeground === 0) return;
  signalGroup(kernel, lostForeground, SIGHUP);
  signalGroup(kernel, lostForeground, SIGCONT);
}
