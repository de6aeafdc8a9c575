import {
  P_PGID,
  P_PID,
  WALL,
  WCLONE,
  WCONTINUED,
  WEXITED,
  WNOTHREAD,
  WNOWAIT,
  WSTOPPED,
} from '../abi/sched.js';
import { SIGCHLD } from '../abi/signal.js';
import { STATUS_CONTINUED } from './state.js';
import type { Process, Usage } from './process.js';
import type { Thread } from './thread.js';
import { addUsage, totalUsage } from './usage.js';

/** Which children wait4 and waitid ask for. */
export interface ChildFilter {
  /** P_ALL, P_PID or P_PGID. */
  readonly type: number;
  readonly id: number;
  readonly options: number;
}

/** A child's change of state. */
export interface ChildEvent {
  readonly pid: number;
  readonly uid: number;
  /** As wait4 has it. */
  readonly status: number;
  readonly usage: Usage;
}

/** A change that the filter asks for; null if there is none yet; undefined without any such child. */
export function findChildEvent(thread: Thread, filter: ChildFilter): ChildEvent | null | undefined {
  let known = false;
  const { process } = thread;
  for (const child of process.children) {
    if ((filter.options & WNOTHREAD) !== 0 && child.parentThread !== thread) continue;
    if (!matches(child, filter)) continue;
    known = true;
    const event = takeEvent(child, filter.options);
    if (event !== null) return event;
  }
  return known ? null : undefined;
}

function matches(child: Process, { type, id, options }: ChildFilter): boolean {
  if (type === P_PID && child.pid !== id) return false;
  if (type === P_PGID && child.pgid !== id) return false;
  if ((options & WALL) !== 0) return true;
  return (child.exitSignal !== SIGCHLD) === ((options & WCLONE) !== 0);
}

function takeEvent(child: Process, options: number): ChildEvent | null {
  if (child.zombie) return (options & WEXITED) === 0 ? null : takeExit(child, options);
  const { report } = child;
  if (report === null) return null;
  const wanted = report === STATUS_CONTINUED ? WCONTINUED : WSTOPPED;
  if ((options & wanted) === 0) return null;
  if ((options & WNOWAIT) === 0) child.report = null;
  return { pid: child.pid, uid: child.cred.ruid, status: report, usage: totalUsage(child) };
}

/** A child's usage as its parent sees it includes that of its own children. */
function takeExit(child: Process, options: number): ChildEvent {
  const usage = totalUsage(child);
  addUsage(usage, child.childUsage);
  const event = { pid: child.pid, uid: child.cred.ruid, status: child.status, usage };
  if ((options & WNOWAIT) === 0) child.kernel.reap(child);
  return event;
}
