/** Sending and receiving messages (net/socket.c). */
import { IOV_MAX } from '../abi/limits.js';
import { MSG_CMSG_CLOEXEC, MSG_CMSG_COMPAT, MSG_DONTWAIT, MSG_WAITFORONE } from '../abi/socket.js';
import { putU64 } from '../abi/struct.js';
import { EFAULT, EINVAL, EMSGSIZE, WAIT, type Errno } from '../errno.js';
import type { Handle, Sink, Source } from '../fs/types.js';
import { doneBefore } from '../fs/transfer.js';
import { ControlWriter, closesOnExec, readControl, type ControlItem } from '../net/control.js';
import type { Incoming, Outgoing, Parcel, Socket } from '../net/socket.js';
import { socketOf } from '../net/sockfs.js';
import { Waiting, dropRights, receiveOn, sendOn, waitingOf } from '../net/transfer.js';
import { getU64 } from '../process/registers.js';
import type { Thread } from '../process/thread.js';
import { toMs } from '../time/clock.js';
import type { Args } from '../types.js';
import { fileOf } from './file-args.js';
import { bufferSink, bufferSource, vectorSink, vectorSource } from './file-vector.js';
import type { ThreadRow } from './row.js';
import { addressIn, addressOut, waits } from './socket-args.js';
import { isValidTime } from './time.js';
import { readPair } from './user.js';

/** sizeof(struct msghdr) and struct mmsghdr. */
const MSGHDR = 56;
const MMSGHDR = 64;
/** Where fields of struct msghdr lie. */
const NAMELEN = 8;
const CONTROLLEN = 40;
const FLAGS = 48;

class Message implements Outgoing {
  parcel: Parcel | null = null;
  constructor(
    readonly caller: Thread,
    readonly flags: number,
    readonly name: Uint8Array | null,
    readonly control: ControlItem[] | null,
  ) {}
}

class Received implements Incoming {
  name: Uint8Array | null = null;
  outFlags = 0;
  control: ControlItem[] | null = null;
  rights: Handle[] | null = null;
  ends = false;
  constructor(
    readonly flags: number,
    readonly wantsName: boolean,
    readonly wantsControl: boolean,
  ) {}
}

/** A descriptor's handle and socket, and whether a call on it may wait. */
interface Subject {
  readonly handle: Handle;
  readonly socket: Socket;
}

function subjectOf(thread: Thread, fd: number): Subject | Errno {
  const handle = fileOf(thread, fd);
  if (typeof handle === 'number') return handle;
  const socket = socketOf(handle);
  return typeof socket === 'number' ? socket : { handle, socket };
}

function sysSendto(thread: Thread, args: Args): number {
  const { memory } = thread.process;
  const source = bufferSource(memory, args.addr(1), args.size(2), doneBefore(thread));
  if (typeof source === 'number') return source;
  const subject = subjectOf(thread, args.int(0));
  if (typeof subject === 'number') return subject;
  const name = args.addr(4) === 0 ? null : addressIn(thread, args.addr(4), args.int(5));
  if (typeof name === 'number') return name;
  const flags = args.uint(3);
  const out = new Message(thread, flags, name, null);
  return sendOn(thread, subject.socket, source, out, waits(subject.handle, flags));
}

function sysRecvfrom(thread: Thread, args: Args): number {
  const { memory } = thread.process;
  const sink = bufferSink(memory, args.addr(1), args.size(2), doneBefore(thread));
  if (typeof sink === 'number') return sink;
  const subject = subjectOf(thread, args.int(0));
  if (typeof subject === 'number') return subject;
  const blocks = waits(subject.handle, args.uint(3));
  const wantsName = args.addr(4) !== 0;
  const into = intoOf(thread, args.uint(3), blocks, wantsName, false);
  const done = receiveOn(thread, subject.socket, sink, into, blocks);
  if (done < 0 || !wantsName) return done;
  const failed = addressOut(thread, into.name, args.addr(4), args.addr(5));
  return failed === 0 ? done : failed;
}

/** What an earlier try has begun, or a new one. */
function intoOf(thread: Thread, flags: number, blocks: boolean, name: boolean, control: boolean): Incoming {
  const all = blocks ? flags : flags | MSG_DONTWAIT;
  return waitingOf(thread)?.into ?? new Received(all, name, control);
}

/** A struct msghdr as it was read. */
class Header {
  readonly name: number;
  readonly nameLength: number;
  readonly vector: number;
  readonly pieces: number;
  readonly control: number;
  readonly controlLength: number;

  constructor(view: DataView) {
    this.name = getU64(view, 0);
    this.nameLength = view.getInt32(NAMELEN, true);
    this.vector = getU64(view, 16);
    this.pieces = getU64(view, 24);
    this.control = getU64(view, 32);
    this.controlLength = getU64(view, CONTROLLEN);
  }
}

function readHeader(thread: Thread, addr: number): Header | Errno {
  const bytes = new Uint8Array(MSGHDR);
  if (thread.process.memory.copyIn(addr, bytes, 0, MSGHDR) < 0) return EFAULT;
  const header = new Header(new DataView(bytes.buffer));
  if (header.name !== 0 && header.nameLength < 0) return EINVAL;
  return header.pieces > IOV_MAX ? EMSGSIZE : header;
}

function sendOne(thread: Thread, { handle, socket }: Subject, addr: number, flags: number): number {
  const header = readHeader(thread, addr);
  if (typeof header === 'number') return header;
  const message = messageOf(thread, header, flags);
  if (typeof message === 'number') return message;
  const source = vectorSource(thread.process.memory, header.vector, header.pieces, doneBefore(thread));
  if (typeof source === 'number') return source;
  return sendOn(thread, socket, source as Source, message, waits(handle, flags));
}

function messageOf(thread: Thread, header: Header, flags: number): Message | Errno {
  const named = header.name !== 0 && header.nameLength > 0;
  const length = Math.min(header.nameLength, 128);
  const name = named ? addressIn(thread, header.name, length) : null;
  if (typeof name === 'number') return name;
  const control = readControl(thread, header.control, header.controlLength);
  return typeof control === 'number' ? control : new Message(thread, flags, name, control);
}

function sysSendmsg(thread: Thread, args: Args): number {
  const flags = args.uint(2);
  if ((flags & MSG_CMSG_COMPAT) !== 0) return EINVAL;
  const subject = subjectOf(thread, args.int(0));
  return typeof subject === 'number' ? subject : sendOne(thread, subject, args.addr(1), flags);
}

function receiveOne(thread: Thread, { handle, socket }: Subject, addr: number, flags: number): number {
  const header = readHeader(thread, addr);
  if (typeof header === 'number') return header;
  const { memory } = thread.process;
  const sink = vectorSink(memory, header.vector, header.pieces, doneBefore(thread));
  if (typeof sink === 'number') return sink;
  const blocks = waits(handle, flags);
  const into = intoOf(thread, flags, blocks, header.name !== 0, true);
  const done = receiveOn(thread, socket, sink as Sink, into, blocks);
  if (done < 0) {
    if (done !== WAIT) dropRights(socket, into);
    return done;
  }
  return deliver(thread, addr, header, into) || done;
}

/** Writes what came besides the bytes. */
function deliver(thread: Thread, addr: number, header: Header, into: Incoming): 0 | Errno {
  const { memory } = thread.process;
  const writer = new ControlWriter(thread, header.control, header.controlLength);
  let failed: 0 | Errno = 0;
  for (const item of into.control ?? []) failed ||= writer.put(item);
  if (into.rights !== null) writer.putRights(into.rights, closesOnExec(into.flags));
  into.rights = null;
  if (header.name !== 0) failed ||= addressOut(thread, into.name, header.name, addr + NAMELEN);
  const flags = into.outFlags | writer.flags | (into.flags & MSG_CMSG_CLOEXEC);
  const bytes = new Uint8Array(8);
  failed ||= memory.writeU32(addr + FLAGS, flags);
  putU64(new DataView(bytes.buffer), 0, writer.length);
  return failed || memory.copyOut(addr + CONTROLLEN, bytes, 0, 8);
}

function sysRecvmsg(thread: Thread, args: Args): number {
  const flags = args.uint(2);
  if ((flags & MSG_CMSG_COMPAT) !== 0) return EINVAL;
  const subject = subjectOf(thread, args.int(0));
  return typeof subject === 'number' ? subject : receiveOne(thread, subject, args.addr(1), flags);
}

type Each = (thread: Thread, subject: Subject, addr: number, flags: number) => number;

/**
 * Moves up to `count` messages. One that waits is gone on with at the next try: the state of the wait says which it is.
 * Once there is a result, an error is not told.
 */
function several(thread: Thread, subject: Subject, args: Args, each: Each, until: number): number {
  const { memory, kernel } = thread.process;
  const count = Math.min(args.uint(2), IOV_MAX);
  let flags = args.uint(3);
  let index = waitingOf(thread)?.messages ?? 0;
  while (index < count) {
    const addr = args.addr(1) + index * MMSGHDR;
    const forOne = (flags & MSG_WAITFORONE) !== 0;
    if (forOne && index > 0) flags |= MSG_DONTWAIT;
    const done = each(thread, subject, addr, flags & ~MSG_WAITFORONE);
    if (done === WAIT) {
      if (thread.callState instanceof Waiting) {
        thread.callState.messages = index;
        thread.callState.deadline = until;
      }
      return WAIT;
    }
    if (done < 0) return index > 0 ? index : done;
    thread.callState = undefined;
    if (memory.writeU32(addr + MSGHDR, done) < 0) return index > 0 ? index : EFAULT;
    index++;
    if (kernel.clock.nowMs() >= until) break;
  }
  return index;
}

function sysSendmmsg(thread: Thread, args: Args): number {
  if ((args.uint(3) & MSG_CMSG_COMPAT) !== 0) return EINVAL;
  const subject = subjectOf(thread, args.int(0));
  return typeof subject === 'number' ? subject : several(thread, subject, args, sendOne, Infinity);
}

const $time = { sec: 0, nsec: 0 };

function sysRecvmmsg(thread: Thread, args: Args): number {
  if ((args.uint(3) & MSG_CMSG_COMPAT) !== 0) return EINVAL;
  let until = Infinity;
  if (args.addr(4) !== 0) {
    if (readPair(thread.process.memory, args.addr(4), $time) < 0) return EFAULT;
    if (!isValidTime($time)) return EINVAL;
    until = waitingOf(thread)?.deadline ?? thread.process.kernel.clock.nowMs() + toMs($time);
  }
  const subject = subjectOf(thread, args.int(0));
  return typeof subject === 'number' ? subject : several(thread, subject, args, receiveOne, until);
}

export const messageRows: readonly ThreadRow[] = [
  { number: 44, name: 'sendto', args: ['fd', 'buffer-in', 'size', 'hex', 'sockaddr', 'int'], run: sysSendto },
  {
    number: 45,
    name: 'recvfrom',
    args: ['fd', 'buffer-out', 'size', 'hex', 'sockaddr-out', 'addr'],
    run: sysRecvfrom,
  },
  { number: 46, name: 'sendmsg', args: ['fd', 'addr', 'hex'], run: sysSendmsg },
  { number: 47, name: 'recvmsg', args: ['fd', 'addr', 'hex'], run: sysRecvmsg },
  { number: 299, name: 'recvmmsg', args: ['fd', 'addr', 'uint', 'hex', 'timespec'], run: sysRecvmmsg },
  { number: 307, name: 'sendmmsg', args: ['fd', 'addr', 'uint', 'hex'], run: sysSendmmsg },
];
