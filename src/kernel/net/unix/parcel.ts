/** What AF_UNIX messages carry: descriptors and credentials (SCM_RIGHTS, SCM_CREDENTIALS; net/core/scm.c). */
import { kind } from '../../checkpoint/registry.js';
import { CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN } from '../../abi/capability.js';
import { SCM_CREDENTIALS, SCM_MAX_FD, SCM_RIGHTS, SOL_SOCKET } from '../../abi/socket.js';
import { EBADF, EINVAL, EPERM, type Errno } from '../../errno.js';
import { releaseHandle, retainHandle } from '../../fs/handle.js';
import { capable } from '../../fs/permission.js';
import type { Handle } from '../../fs/types.js';
import type { Caller } from '../../types.js';
import type { ControlItem } from '../control.js';
import type { Parcel, Ucred } from '../socket.js';

export class UnixParcel implements Parcel {
  readonly handles: Handle[] = [];
  cred: Ucred | null = null;

  release(): void {
    for (const handle of this.handles.splice(0)) releaseHandle(handle);
  }
}

/** Reads control messages; the parcel has a reference to each descriptor's handle. */
export function makeParcel(caller: Caller, items: readonly ControlItem[]): UnixParcel | Errno {
  const parcel = new UnixParcel();
  for (const { level, type, data } of items) {
    if (level !== SOL_SOCKET) continue;
    const failed =
      type === SCM_RIGHTS
        ? addRights(caller, parcel, data)
        : type === SCM_CREDENTIALS
          ? addCredentials(caller, parcel, data)
          : EINVAL;
    if (failed === 0) continue;
    parcel.release();
    return failed;
  }
  return parcel;
}

function addRights({ process }: Caller, parcel: UnixParcel, data: Uint8Array): 0 | Errno {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const count = data.length >> 2;
  if (parcel.handles.length + count > SCM_MAX_FD) return EINVAL;
  for (let i = 0; i < count; i++) {
    const handle = process.files.get(view.getInt32(4 * i, true));
    if (typeof handle === 'number') return EBADF;
    parcel.handles.push(retainHandle(handle));
  }
  return 0;
}

/** Only who may says that he is somebody else. */
function addCredentials({ process }: Caller, parcel: UnixParcel, data: Uint8Array): 0 | Errno {
  if (data.length !== 12) return EINVAL;
  const view = new DataView(data.buffer, data.byteOffset, 12);
  const [pid, uid, gid] = [view.getInt32(0, true), view.getUint32(4, true), view.getUint32(8, true)];
  const { cred } = process.fs;
  const ownUid = uid === cred.ruid || uid === cred.euid || uid === cred.suid;
  const ownGid = gid === cred.rgid || gid === cred.egid || gid === cred.sgid;
  if (pid !== process.pid && !capable(cred, CAP_SYS_ADMIN)) return EPERM;
  if (!ownUid && !capable(cred, CAP_SETUID)) return EPERM;
  if (!ownGid && !capable(cred, CAP_SETGID)) return EPERM;
  parcel.cred = { pid, uid, gid, groups: [] };
  return 0;
}

kind('UnixParcel', UnixParcel);
