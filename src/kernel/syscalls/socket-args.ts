/** Arguments that calls on sockets share. */
import { O_NONBLOCK } from '../abi/fcntl.js';
import { ADDRESS_MAX, MSG_DONTWAIT } from '../abi/socket.js';
import { EFAULT, EINVAL, type Errno } from '../errno.js';
import type { Handle } from '../fs/types.js';
import type { Socket } from '../net/socket.js';
import { socketOf } from '../net/sockfs.js';
import type { Caller } from '../types.js';
import { fileOf } from './file-args.js';

/** The socket of a descriptor. */
export function socketAt(thread: Caller, fd: number): Socket | Errno {
  const handle = fileOf(thread, fd);
  return typeof handle === 'number' ? handle : socketOf(handle);
}

/** A socket address from user memory (move_addr_to_kernel). */
export function addressIn(thread: Caller, addr: number, length: number): Uint8Array | Errno {
  if (length < 0 || length > ADDRESS_MAX) return EINVAL;
  const bytes = new Uint8Array(length);
  return thread.process.memory.copyIn(addr, bytes, 0, length) < 0 ? EFAULT : bytes;
}

/** Writes as much of an address as there is room for, and its length to `lengthAddr` (move_addr_to_user). */
export function addressOut(
  thread: Caller,
  address: Uint8Array | null,
  addr: number,
  lengthAddr: number,
): 0 | Errno {
  const { memory } = thread.process;
  const room = memory.readU32(lengthAddr);
  if (room < 0) return EFAULT;
  if (room >= 0x80000000) return EINVAL;
  const length = address?.length ?? 0;
  const failed = address === null ? 0 : memory.copyOut(addr, address, 0, Math.min(room, length));
  return failed !== 0 ? failed : memory.writeU32(lengthAddr, length);
}

/** Whether a call with MSG_* `flags` may wait. */
export function waits(handle: Handle, flags: number): boolean {
  return (handle.flags & O_NONBLOCK) === 0 && (flags & MSG_DONTWAIT) === 0;
}
