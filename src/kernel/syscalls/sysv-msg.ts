/** msgget, msgsnd, msgrcv, msgctl (ipc/msg.c). */
import { kind } from '../checkpoint/registry.js';
import { CAP_SYS_RESOURCE } from '../abi/capability.js';
import {
  IPC_INFO,
  IPC_NOWAIT,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  MSGINFO,
  MSG_COPY,
  MSG_EXCEPT,
  MSG_INFO,
  MSG_NOERROR,
  MSG_STAT,
  MSG_STAT_ANY,
  MSQID_DS,
} from '../abi/ipc.js';
import {
  E2BIG,
  EAGAIN,
  EFAULT,
  EIDRM,
  EINVAL,
  ENOMSG,
  EPERM,
  ERESTARTNOHAND,
  WAIT,
  type Errno,
} from '../errno.js';
import {
  Receiver,
  SEARCH_ANY,
  SEARCH_EQUAL,
  SEARCH_LESSEQUAL,
  SEARCH_NOTEQUAL,
  SEARCH_NUMBER,
  type Message,
  type MessageQueue,
  type MessageQueues,
  type Search,
} from '../ipc/sysv/msg.js';
import { S_IRUGO, S_IWUGO, changeOwner, mayUse } from '../ipc/sysv/object.js';
import type { Process } from '../process/process.js';
import { getI64 } from '../process/registers.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import type { ThreadRow } from './row.js';
import {
  controlled,
  isValidOwner,
  objectForStat,
  permFields,
  putStruct,
  readOwnerChange,
  removeObject,
} from './sysv-common.js';
import { $view, readStruct, writeStruct } from './user.js';

function sysMsgget({ process }: Thread, args: Args): number {
  return process.kernel.ipc.msg.get(args.int(0), args.int(1), process.cred);
}

/** A sender that waits for room. */
interface Sending {
  readonly queue: MessageQueue;
  readonly message: Message;
}

function readMessage({ process }: Thread, addr: number, size: number): Message | Errno {
  if (readStruct(process.memory, addr, 8) < 0) return EFAULT;
  const type = getI64($view, 0);
  const [typeLo, typeHi] = [$view.getUint32(0, true), $view.getInt32(4, true)];
  const bytes = new Uint8Array(Math.min(size, process.kernel.ipc.msg.limits.msgmax));
  return { type, typeLo, typeHi, bytes };
}

function beginSending(thread: Thread, args: Args): Sending | Errno {
  const { memory, kernel } = thread.process;
  const [id, size] = [args.int(0), args.size(2)];
  const message = readMessage(thread, args.addr(1), size);
  if (typeof message === 'number') return message;
  if (size > kernel.ipc.msg.limits.msgmax || id < 0 || message.type < 1) return EINVAL;
  if (memory.copyIn(args.addr(1) + 8, message.bytes, 0, size) < 0) return EFAULT;
  const queue = kernel.ipc.msg.queues.byId(id);
  return typeof queue === 'number' ? queue : { queue, message };
}

function sysMsgsnd(thread: Thread, args: Args): number {
  const before = thread.callState as Sending | undefined;
  const sending = before ?? beginSending(thread, args);
  if (typeof sending === 'number') return sending;
  const { queue, message } = sending;
  if (queue.removed) return EIDRM;
  const refused = mayUse(queue, S_IWUGO, thread.process.cred);
  if (refused !== 0) return refused;
  if (queue.hasRoomFor(message.bytes.length)) {
    queue.send(message);
    return 0;
  }
  if ((args.int(3) & IPC_NOWAIT) !== 0) return EAGAIN;
  if (thread.signalled) return ERESTARTNOHAND;
  thread.callState = sending;
  thread.waitOn(queue.senders);
  return WAIT;
}

/** A call of msgrcv that waits. */
class Receiving {
  constructor(
    readonly queue: MessageQueue,
    readonly receiver: Receiver,
  ) {}

  abandon(): void {
    this.queue.cancel(this.receiver);
  }
}

/** msgrcv's type and flags as what to look for (convert_mode). */
function searchFor(type: number, flags: number, size: number): Search {
  const room = (flags & MSG_NOERROR) !== 0 ? Infinity : size;
  if ((flags & MSG_COPY) !== 0) return { mode: SEARCH_NUMBER, type, size };
  if (type === 0) return { mode: SEARCH_ANY, type, size: room };
  if (type < 0) return { mode: SEARCH_LESSEQUAL, type: -type, size: room };
  return { mode: (flags & MSG_EXCEPT) !== 0 ? SEARCH_NOTEQUAL : SEARCH_EQUAL, type, size: room };
}

function sysMsgrcv(thread: Thread, args: Args): number {
  const before = thread.callState as Receiving | undefined;
  const [id, size, flags] = [args.int(0), args.offset(2), args.int(4)];
  if (before === undefined) {
    if (id < 0 || size < 0) return EINVAL;
    const copies = (flags & MSG_COPY) !== 0;
    if (copies && ((flags & MSG_EXCEPT) !== 0 || (flags & IPC_NOWAIT) === 0)) return EINVAL;
  }
  const result = before === undefined ? lookFor(thread, args) : outcome(thread, args, before);
  return typeof result === 'number' ? result : deliver(thread, args, result);
}

/** One look into the queue; without the message the thread begins to wait. */
function lookFor(thread: Thread, args: Args): Message | Errno {
  const { process } = thread;
  const flags = args.int(4);
  const search = searchFor(args.offset(3), flags, args.size(2));
  const queue = process.kernel.ipc.msg.queues.byId(args.int(0));
  if (typeof queue === 'number') return queue;
  const refused = mayUse(queue, S_IRUGO, process.cred);
  if (refused !== 0) return refused;
  if (search.mode === SEARCH_NUMBER) return copyOf(queue, search, flags);
  const message = queue.take(search);
  if (message !== ENOMSG || (flags & IPC_NOWAIT) !== 0) return message;
  const receiver = new Receiver(search, process.pid, thread);
  queue.wait(receiver);
  return outcome(thread, args, new Receiving(queue, receiver));
}

/** MSG_COPY: what does not fit is refused as too large, or, where a part would do, as impossible. */
function copyOf(queue: MessageQueue, search: Search, flags: number): Message | Errno {
  const message = queue.peek(search);
  return message === E2BIG && (flags & MSG_NOERROR) !== 0 ? EINVAL : message;
}

function outcome(thread: Thread, args: Args, waiting: Receiving): Message | Errno {
  const { result } = waiting.receiver;
  if (result === EAGAIN) {
    thread.callState = undefined;
    return waiting.queue.removed ? EIDRM : lookFor(thread, args);
  }
  if (result !== null) return result;
  if (thread.signalled) {
    waiting.abandon();
    return ERESTARTNOHAND;
  }
  thread.callState = waiting;
  return WAIT;
}

function deliver({ process }: Thread, args: Args, message: Message): number {
  $view.setUint32(0, message.typeLo, true);
  $view.setInt32(4, message.typeHi, true);
  if (writeStruct(process.memory, args.addr(1), 8) < 0) return EFAULT;
  const count = Math.min(args.size(2), message.bytes.length);
  const failed = process.memory.copyOut(args.addr(1) + 8, message.bytes, 0, count);
  return failed < 0 ? EFAULT : count;
}

const MSGPOOL = 512000;
const MSGSSZ = 16;
const MSGSEG = 0xffff;

function writeInfo(process: Process, msg: MessageQueues, command: number, addr: number): number {
  const { msgmax, msgmnb, msgmni } = msg.limits;
  const values = { msgmax, msgmnb, msgmni, msgssz: MSGSSZ, msgseg: MSGSEG };
  const all = msg.queues.list();
  const sum = (of: (queue: MessageQueue) => number): number =>
    all.reduce((total, queue) => total + of(queue), 0);
  const counts =
    command === MSG_INFO
      ? {
          msgpool: all.length,
          msgmap: sum(({ messages }) => messages.length),
          msgtql: sum(({ bytes }) => bytes),
        }
      : { msgpool: MSGPOOL, msgmap: 16384, msgtql: 16384 };
  return putStruct(process, addr, MSGINFO, { ...values, ...counts }) || msg.queues.highest;
}

function stat(process: Process, msg: MessageQueues, id: number, command: number, addr: number): number {
  const bySlot = command !== IPC_STAT;
  const queue = objectForStat(process, msg.queues, id, bySlot, command === MSG_STAT_ANY);
  if (typeof queue === 'number') return queue;
  const written = putStruct(process, addr, MSQID_DS, {
    ...permFields(queue),
    msg_stime: queue.stime,
    msg_rtime: queue.rtime,
    msg_ctime: queue.ctime,
    msg_cbytes: queue.bytes,
    msg_qnum: queue.messages.length,
    msg_qbytes: queue.maxBytes,
    msg_lspid: queue.lspid,
    msg_lrpid: queue.lrpid,
  });
  return written || (bySlot ? queue.id : 0);
}

function setOwner(process: Process, msg: MessageQueues, id: number, addr: number): number {
  const change = readOwnerChange(process, addr, MSQID_DS);
  if (typeof change === 'number') return change;
  const maxBytes = MSQID_DS.get($view, 0, 'msg_qbytes');
  const queue = controlled(process, msg.queues, id);
  if (typeof queue === 'number') return queue;
  if (maxBytes > msg.limits.msgmnb && !process.cred.capable(CAP_SYS_RESOURCE)) return EPERM;
  const refused = isValidOwner(change);
  if (refused !== 0) return refused;
  changeOwner(queue, change, process.kernel.ipc.now());
  queue.maxBytes = maxBytes;
  queue.reconsider();
  return 0;
}

function sysMsgctl({ process }: Thread, args: Args): number {
  const { msg } = process.kernel.ipc;
  const [id, command, addr] = [args.int(0), args.int(1), args.addr(2)];
  if (id < 0 || command < 0) return EINVAL;
  switch (command) {
    case IPC_INFO:
    case MSG_INFO:
      return writeInfo(process, msg, command, addr);
    case IPC_STAT:
    case MSG_STAT:
    case MSG_STAT_ANY:
      return stat(process, msg, id, command, addr);
    case IPC_SET:
      return setOwner(process, msg, id, addr);
    case IPC_RMID:
      return removeObject(process, msg.queues, msg, id);
    default:
      return EINVAL;
  }
}

export const sysvMsgRows: readonly ThreadRow[] = [
  { number: 68, name: 'msgget', args: ['hex', 'hex'], run: sysMsgget },
  { number: 69, name: 'msgsnd', args: ['int', 'addr', 'size', 'hex'], run: sysMsgsnd },
  { number: 70, name: 'msgrcv', args: ['int', 'addr', 'size', 'offset', 'hex'], run: sysMsgrcv },
  { number: 71, name: 'msgctl', args: ['int', 'int', 'addr'], run: sysMsgctl },
];

kind('Receiving', Receiving);
