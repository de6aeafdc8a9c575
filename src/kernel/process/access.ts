import { CAP_KILL } from '../abi/capability.js';
import type { Process } from './process.js';

/** Whether `caller` may look into `target` and change its limits: the same ids throughout, or all capabilities. */
export function mayInspect(caller: Process, target: Process): boolean {
  const { cred } = caller;
  const other = target.cred;
  const sameUser = [other.ruid, other.euid, other.suid].every((uid) => uid === cred.ruid);
  const sameGroup = [other.rgid, other.egid, other.sgid].every((gid) => gid === cred.rgid);
  return (sameUser && sameGroup) || (other.permitted.isSubsetOf(cred.effective) && cred.euid === 0);
}

/** Whether `caller` may send a signal to `target` (kill(2)). */
export function maySignal(caller: Process, target: Process): boolean {
  const { ruid, euid } = caller.cred;
  const other = target.cred;
  const same = ruid === other.suid || ruid === other.ruid || euid === other.suid || euid === other.ruid;
  return same || caller.cred.capable(CAP_KILL);
}
