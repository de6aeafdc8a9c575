import { kind } from '../../checkpoint/registry.js';
import { E2BIG, EAGAIN, EIDRM, ENOMSG, type Errno } from '../../errno.js';
import type { Credentials } from '../../fs/types.js';
import { WaitQueue } from '../../process/waitqueue.js';
import { IpcObject } from './object.js';
import type { Sleeper } from './sem.js';
import type { Doer } from './shm.js';
import { IpcTable } from './table.js';

export interface Message {
  /** For comparisons; beyond 2^53 rounded. */
  readonly type: number;
  /** The same exactly, in two halves. */
  readonly typeLo: number;
  readonly typeHi: number;
  readonly bytes: Uint8Array;
}

export const SEARCH_ANY = 1;
export const SEARCH_EQUAL = 2;
export const SEARCH_NOTEQUAL = 3;
export const SEARCH_LESSEQUAL = 4;
/** By place in the queue (MSG_COPY). */
export const SEARCH_NUMBER = 5;

/** Which message a receiver wants. */
export interface Search {
  readonly mode: number;
  readonly type: number;
  /** What it has room for; Infinity when it takes a part (MSG_NOERROR). */
  readonly size: number;
}

/** A thread in msgrcv(2). */
export class Receiver {
  /** null: it waits; EAGAIN: it must look again. */
  result: Message | Errno | null = null;

  constructor(
    readonly search: Search,
    readonly pid: number,
    private readonly sleeper: Sleeper,
  ) {}

  end(result: Message | Errno): void {
    this.result = result;
    this.sleeper.makeReady();
  }
}

function matches({ mode, type }: Search, message: Message): boolean {
  switch (mode) {
    case SEARCH_ANY:
    case SEARCH_NUMBER:
      return true;
    case SEARCH_EQUAL:
      return message.type === type;
    case SEARCH_NOTEQUAL:
      return message.type !== type;
    default:
      return message.type <= type;
  }
}

/** A queue of messages (msg_queue). */
export class MessageQueue extends IpcObject {
  stime = 0;
  rtime = 0;
  bytes = 0;
  maxBytes: number;
  lspid = 0;
  lrpid = 0;
  /** Woken when there may be room, or permissions have changed. */
  readonly senders = new WaitQueue();
  readonly messages: Message[] = [];
  private receivers: Receiver[] = [];

  constructor(
    making: { key: number; flags: number; cred: Credentials },
    maxBytes: number,
    private readonly doer: Doer,
  ) {
    super(making.key, making.flags, making.cred, doer.now());
    this.maxBytes = maxBytes;
  }

  hasRoomFor(size: number): boolean {
    return this.bytes + size <= this.maxBytes && this.messages.length + 1 <= this.maxBytes;
  }

  /** Hands the message to a receiver that waits for it, or keeps it. */
  send(message: Message): void {
    this.lspid = this.doer.pid();
    this.stime = this.doer.now();
    if (this.handOver(message)) return;
    this.messages.push(message);
    this.bytes += message.bytes.length;
  }

  private handOver(message: Message): boolean {
    for (const receiver of [...this.receivers]) {
      if (!matches(receiver.search, message)) continue;
      this.cancel(receiver);
      if (receiver.search.size < message.bytes.length) {
        receiver.end(E2BIG);
        continue;
      }
      this.lrpid = receiver.pid;
      this.rtime = this.doer.now();
      receiver.end(message);
      return true;
    }
    return false;
  }

  /** Takes the message that `search` wants out of the queue; ENOMSG, E2BIG. */
  take(search: Search): Message | Errno {
    const index = this.find(search);
    if (index < 0) return ENOMSG;
    const message = this.messages[index];
    if (search.size < message.bytes.length) return E2BIG;
    this.messages.splice(index, 1);
    this.bytes -= message.bytes.length;
    this.lrpid = this.doer.pid();
    this.rtime = this.doer.now();
    this.senders.wake();
    return message;
  }

  /** The message at a place, which stays; ENOMSG, E2BIG. */
  peek(search: Search): Message | Errno {
    const message = this.messages[search.type];
    if (message === undefined) return ENOMSG;
    return search.size < message.bytes.length ? E2BIG : message;
  }

  private find(search: Search): number {
    if (search.mode !== SEARCH_LESSEQUAL)
      return this.messages.findIndex((message) => matches(search, message));
    let found = -1;
    this.messages.forEach((message, index) => {
      if (matches(search, message) && (found < 0 || message.type < this.messages[found].type)) found = index;
    });
    return found;
  }

  wait(receiver: Receiver): void {
    this.receivers.push(receiver);
  }

  cancel(receiver: Receiver): void {
    this.receivers = this.receivers.filter((other) => other !== receiver);
  }

  /** IPC_SET: everybody looks again, as rights and room have changed. */
  reconsider(): void {
    for (const receiver of this.receivers.splice(0)) receiver.end(EAGAIN);
    this.senders.wake();
  }

  /** It is removed: all that wait get EIDRM. */
  dispose(): void {
    for (const receiver of this.receivers.splice(0)) receiver.end(EIDRM);
    this.senders.wake();
    this.messages.length = 0;
  }
}

export interface MsgLimits {
  msgmax: number;
  msgmnb: number;
  msgmni: number;
}

/** All message queues (msgget(2), msgctl(2)). */
export class MessageQueues {
  readonly limits: MsgLimits = { msgmax: 8192, msgmnb: 16384, msgmni: 32000 };
  readonly queues = new IpcTable<MessageQueue>(() => this.limits.msgmni);

  constructor(private readonly doer: Doer) {}

  get(key: number, flags: number, cred: Credentials): number | Errno {
    return this.queues.get(key, flags, cred, { make: () => this.make({ key, flags, cred }) });
  }

  private make(making: { key: number; flags: number; cred: Credentials }): MessageQueue | Errno {
    const full = this.queues.hasRoom();
    if (full !== 0) return full;
    const queue = new MessageQueue(making, this.limits.msgmnb, this.doer);
    queue.maker = this.doer.pid();
    this.queues.add(queue);
    return queue;
  }

  remove(queue: MessageQueue): void {
    this.queues.remove(queue);
    queue.dispose();
  }
}

kind('SysvReceiver', Receiver);
kind('SysvQueue', MessageQueue);
kind('MessageQueues', MessageQueues);
