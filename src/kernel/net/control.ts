/** Control messages (cmsg(3)): what a program gives and gets beside a message's bytes. */
import { MSG_CMSG_CLOEXEC, MSG_CTRUNC, SCM_RIGHTS, SOL_SOCKET } from '../abi/socket.js';
import { EFAULT, EINVAL, ENOBUFS, type Errno } from '../errno.js';
import { releaseHandle } from '../fs/handle.js';
import type { Handle } from '../fs/types.js';
import type { Caller } from '../types.js';

export interface ControlItem {
  readonly level: number;
  readonly type: number;
  readonly data: Uint8Array;
}

/** sizeof(struct cmsghdr). */
const HEADER = 16;
/** net.core.optmem_max: longer control messages are refused. */
const OPTMEM_MAX = 131072;
const TWO_32 = 0x100000000;

function align(length: number): number {
  return (length + 7) & ~7;
}

/** All control messages at `addr`, or null for none. */
export function readControl(caller: Caller, addr: number, length: number): ControlItem[] | null | Errno {
  if (length === 0) return null;
  if (length > OPTMEM_MAX) return ENOBUFS;
  const bytes = new Uint8Array(length);
  if (caller.process.memory.copyIn(addr, bytes, 0, length) < 0) return EFAULT;
  const view = new DataView(bytes.buffer);
  const items: ControlItem[] = [];
  for (let at = 0; at + HEADER <= length;) {
    const size = view.getUint32(at, true) + view.getUint32(at + 4, true) * TWO_32;
    if (size < HEADER || size > length - at) return EINVAL;
    items.push({
      level: view.getInt32(at + 8, true),
      type: view.getInt32(at + 12, true),
      data: bytes.subarray(at + HEADER, at + size),
    });
    at += align(size);
  }
  return items.length === 0 ? null : items;
}

/** The place in user memory where received control messages go (msg_control of struct msghdr). */
export class ControlWriter {
  flags = 0;
  private used = 0;

  constructor(
    private readonly caller: Caller,
    private readonly addr: number,
    private readonly room: number,
  ) {}

  /** Bytes written, as msg_controllen says in the end. */
  get length(): number {
    return this.used;
  }

  /** put_cmsg: what does not fit is cut off and MSG_CTRUNC says so. */
  put({ level, type, data }: ControlItem): 0 | Errno {
    const left = this.room - this.used;
    if (this.addr === 0 || left < HEADER) {
      this.flags |= MSG_CTRUNC;
      return 0;
    }
    const whole = HEADER + data.length;
    const size = Math.min(whole, left);
    if (size < whole) this.flags |= MSG_CTRUNC;
    const bytes = new Uint8Array(size);
    header(bytes, size, level, type);
    bytes.set(data.subarray(0, size - HEADER), HEADER);
    const failed = this.caller.process.memory.copyOut(this.addr + this.used, bytes, 0, size);
    if (failed === 0) this.used += Math.min(align(whole), left);
    return failed;
  }

  /** scm_detach_fds: as many descriptors as there is room for; the others are closed. */
  putRights(handles: readonly Handle[], closeOnExec: boolean): void {
    const left = this.room - this.used;
    const room = this.addr === 0 ? 0 : Math.max(0, Math.floor((left - HEADER) / 4));
    const numbers: number[] = [];
    const { files, memory } = this.caller.process;
    for (const [index, handle] of handles.entries()) {
      const fd = index < room && numbers.length === index ? files.install(handle, closeOnExec) : -1;
      if (fd >= 0) numbers.push(fd);
      else releaseHandle(handle);
    }
    if (numbers.length < handles.length) this.flags |= MSG_CTRUNC;
    if (numbers.length === 0) return;
    const bytes = new Uint8Array(HEADER + 4 * numbers.length);
    header(bytes, bytes.length, SOL_SOCKET, SCM_RIGHTS);
    const view = new DataView(bytes.buffer);
    numbers.forEach((fd, i) => view.setInt32(HEADER + 4 * i, fd, true));
    if (memory.copyOut(this.addr + this.used, bytes, 0, bytes.length) === 0)
      this.used += Math.min(align(bytes.length), left);
  }
}

function header(bytes: Uint8Array, size: number, level: number, type: number): void {
  const view = new DataView(bytes.buffer);
  view.setUint32(0, size, true);
  view.setInt32(8, level, true);
  view.setInt32(12, type, true);
}

/** Whether descriptors that come are to be closed by execve. */
export function closesOnExec(flags: number): boolean {
  return (flags & MSG_CMSG_CLOEXEC) !== 0;
}

/** A control message of one 32-bit number. */
export function intItem(level: number, type: number, value: number): ControlItem {
  const data = new Uint8Array(4);
  new DataView(data.buffer).setInt32(0, value, true);
  return { level, type, data };
}
