import { kind } from '../../checkpoint/registry.js';
import { CAP_IPC_OWNER, CAP_SYS_ADMIN } from '../../abi/capability.js';
import { IPC_PRIVATE } from '../../abi/ipc.js';
import { EACCES, EPERM, type Errno } from '../../errno.js';
import { capable, inGroup } from '../../fs/permission.js';
import type { Credentials } from '../../fs/types.js';

/** Read and write permission for all three classes. */
export const S_IRUGO = 0o444;
export const S_IWUGO = 0o222;
export const S_IXUGO = 0o111;
const PERMISSION_BITS = 0o777;

/** What shared memory, semaphores and message queues have in common (kern_ipc_perm). */
export class IpcObject {
  /** What programs name it by; set when it enters a table. */
  id = 0;
  seq = 0;
  uid: number;
  gid: number;
  readonly cuid: number;
  readonly cgid: number;
  mode: number;
  /** Seconds since the epoch of the making or the last change. */
  ctime: number;
  /** The process that has made it. */
  maker = 0;
  /** It has been removed: who still waits on it gets EIDRM. */
  removed = false;

  constructor(
    public key: number,
    mode: number,
    cred: Credentials,
    now: number,
  ) {
    this.mode = mode & PERMISSION_BITS;
    this.uid = this.cuid = cred.euid;
    this.gid = this.cgid = cred.egid;
    this.ctime = now;
  }

  /** It can no longer be found by its key. */
  forgetKey(): void {
    this.key = IPC_PRIVATE;
  }
}

/** Whether `cred` has the rights that `flags` ask for in any of its three classes (ipcperms). */
export function mayUse(object: IpcObject, flags: number, cred: Credentials): 0 | Errno {
  const wanted = ((flags >> 6) | (flags >> 3) | flags) & 7;
  let granted = object.mode;
  if (cred.euid === object.cuid || cred.euid === object.uid) granted >>= 6;
  else if (inGroup(cred, object.cgid) || inGroup(cred, object.gid)) granted >>= 3;
  return (wanted & ~granted) === 0 || capable(cred, CAP_IPC_OWNER) ? 0 : EACCES;
}

/** Whether `cred` may change or remove it. */
export function mayControl(object: IpcObject, cred: Credentials): 0 | Errno {
  const owner = cred.euid === object.cuid || cred.euid === object.uid;
  return owner || capable(cred, CAP_SYS_ADMIN) ? 0 : EPERM;
}

/** IPC_SET's new owner and permissions. */
export interface OwnerChange {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** No user or group: (uid_t) -1. */
export const INVALID_ID = 0xffffffff;

export function changeOwner(object: IpcObject, { uid, gid, mode }: OwnerChange, now: number): void {
  object.uid = uid;
  object.gid = gid;
  object.mode = (object.mode & ~PERMISSION_BITS) | (mode & PERMISSION_BITS);
  object.ctime = now;
}

kind('IpcObject', IpcObject);
