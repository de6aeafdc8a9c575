import { CAP_KILL, CAP_SYS_PTRACE } from '../abi/capability.js';
import type { Process } from './process.js';

/** Whether `caller` may look into `target` and change its limits: the same ids throughout, or all capabilities. */
export function mayInspect(caller: Process, target: Process): boolean {
  const { cred } = caller;
  const other = target.cred;
  const sameUser = [other.ruid, other.euid, other.suid].every((uid) => uid === cred.ruid);
  const sameGroup = [other.rgid, other.egid, other.sgid].every((gid) => gid === cred.rgid);
  return (sameUser && sameGroup) || (other.permitted.isSubsetOf(cred.effective) && cred.euid === 0);
}

/**
 * Whether `caller` may read the state of `target` through /proc, or trace it: __ptrace_may_access with
 * PTRACE_MODE_FSCREDS (ptrace(2)); the two differ only for security modules.
 */
export function mayAccess(caller: Process, target: Process): boolean {
  if (caller === target) return true;
  const { cred } = caller;
  if (cred.capable(CAP_SYS_PTRACE)) return true;
  const other = target.cred;
  const sameUser = [other.ruid, other.euid, other.suid].every((uid) => uid === cred.fsuid);
  const sameGroup = [other.rgid, other.egid, other.sgid].every((gid) => gid === cred.fsgid);
  if (!sameUser || !sameGroup || target.dumpable !== 1) return false;
  return other.permitted.isSubsetOf(cred.effective);
}

/** Whether `caller` may send a signal to `target` (kill(2)). */
export function maySignal(caller: Process, target: Process): boolean {
  const { ruid, euid } = caller.cred;
  const other = target.cred;
  const same = ruid === other.suid || ruid === other.ruid || euid === other.suid || euid === other.ruid;
  return same || caller.cred.capable(CAP_KILL);
}
