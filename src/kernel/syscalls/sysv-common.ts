/** What the calls of System V IPC share (ipc/util.c). */
import type { Errno } from '../errno.js';
import { EFAULT, EINVAL } from '../errno.js';
import {
  INVALID_ID,
  mayControl,
  mayUse,
  S_IRUGO,
  type IpcObject,
  type OwnerChange,
} from '../ipc/sysv/object.js';
import type { IpcTable } from '../ipc/sysv/table.js';
import type { Process } from '../process/process.js';
import { $view, clearBuffer, readStruct, writeStruct } from './user.js';

/** Fields of struct ipc_perm by name. */
export function permFields(
  object: IpcObject,
): Record<'key' | 'uid' | 'gid' | 'cuid' | 'cgid' | 'mode' | 'seq', number> {
  const { key, uid, gid, cuid, cgid, mode, seq } = object;
  return { key, uid, gid, cuid, cgid, mode, seq };
}

interface Layout<K extends string> {
  readonly size: number;
  putAll(view: DataView, base: number, values: Partial<Record<K, number>>): void;
}

/** Writes a struct of which only `values` are not 0. */
export function putStruct<K extends string>(
  process: Process,
  addr: number,
  struct: Layout<K>,
  values: Partial<Record<K, number>>,
): 0 | Errno {
  clearBuffer(struct.size);
  struct.putAll($view, 0, values);
  return writeStruct(process.memory, addr, struct.size);
}

/** The object of an id for IPC_STAT (`bySlot` false) or, by its slot, for SHM_STAT and the like. */
export function objectForStat<T extends IpcObject>(
  process: Process,
  table: IpcTable<T>,
  id: number,
  bySlot: boolean,
  anybody: boolean,
): T | Errno {
  const object = bySlot ? table.bySlot(id) : table.byId(id);
  if (typeof object === 'number') return object;
  const refused = anybody ? 0 : mayUse(object, S_IRUGO, process.cred);
  return refused !== 0 ? refused : object;
}

/** The object of an id, if the caller may change or remove it. */
export function controlled<T extends IpcObject>(process: Process, table: IpcTable<T>, id: number): T | Errno {
  const object = table.byId(id);
  if (typeof object === 'number') return object;
  const refused = mayControl(object, process.cred);
  return refused !== 0 ? refused : object;
}

interface PermLayout {
  readonly size: number;
  get(view: DataView, base: number, name: 'uid' | 'gid' | 'mode'): number;
}

/** IPC_SET's argument; the rest of the struct is in $view. */
export function readOwnerChange(process: Process, addr: number, struct: PermLayout): OwnerChange | Errno {
  if (readStruct(process.memory, addr, struct.size) < 0) return EFAULT;
  return {
    uid: struct.get($view, 0, 'uid'),
    gid: struct.get($view, 0, 'gid'),
    mode: struct.get($view, 0, 'mode'),
  };
}

/** Whether it names a user and a group. */
export function isValidOwner({ uid, gid }: OwnerChange): 0 | Errno {
  return uid === INVALID_ID || gid === INVALID_ID ? EINVAL : 0;
}

/** IPC_RMID; `owner` is what makes and removes such objects. */
export function removeObject<T extends IpcObject>(
  process: Process,
  table: IpcTable<T>,
  owner: { remove(object: T): void },
  id: number,
): 0 | Errno {
  const object = controlled(process, table, id);
  if (typeof object === 'number') return object;
  owner.remove(object);
  return 0;
}
