import { kind } from '../../checkpoint/registry.js';
import { WaitQueue } from '../../process/waitqueue.js';

/** struct mq_attr, the part that stays. */
export interface QueueAttributes {
  readonly maxMessages: number;
  readonly messageSize: number;
}

export interface PriorityMessage {
  readonly priority: number;
  readonly bytes: Uint8Array;
}

/** Somebody in mq_timedsend or mq_timedreceive who waits: `result` is set when it is over. */
export class QueueWaiter {
  /** What a receiver gets; a sender's own message comes back to it when it has been taken. */
  result: PriorityMessage | null = null;

  constructor(
    /** A sender's message. */
    readonly message: PriorityMessage | null,
    private readonly sleeper: { makeReady(): void },
  ) {}

  end(result: PriorityMessage): void {
    this.result = result;
    this.sleeper.makeReady();
  }
}

/** Who has sent a message. */
export interface Sender {
  readonly pid: number;
  readonly uid: number;
}

/** Who is told when a message comes into the empty queue (mq_notify(3)). */
export interface Notification {
  /** SIGEV_*. */
  readonly kind: number;
  readonly pid: number;
  readonly signal: number;
  /** It has become the queue's. */
  begins?(): void;
  arrived(sender: Sender): void;
  removed(): void;
}

/** A POSIX message queue (mq_overview(7)). */
export class PosixQueue {
  /** By priority, then by age. */
  readonly messages: PriorityMessage[] = [];
  bytes = 0;
  notification: Notification | null = null;
  /** For poll(2). */
  readonly changed = new WaitQueue();
  private senders: QueueWaiter[] = [];
  private receivers: QueueWaiter[] = [];

  constructor(
    readonly attributes: QueueAttributes,
    /** Whose account it counts on, and with how many bytes. */
    readonly owner: number,
    readonly accounted: number,
  ) {}

  /** The process is not to be told any more. */
  forget(pid: number): void {
    const { notification } = this;
    if (notification?.pid !== pid) return;
    this.notification = null;
    notification.removed();
  }

  get full(): boolean {
    return this.messages.length >= this.attributes.maxMessages;
  }

  /** Puts a message in, or hands it to who waits for one. True: it came into the empty queue, and nobody waited. */
  send(message: PriorityMessage): boolean {
    const receiver = this.receivers.shift();
    if (receiver !== undefined) {
      receiver.end(message);
      return false;
    }
    this.insert(message);
    this.changed.wake();
    return this.messages.length === 1;
  }

  private insert(message: PriorityMessage): void {
    let at = this.messages.length;
    while (at > 0 && this.messages[at - 1].priority < message.priority) at--;
    this.messages.splice(at, 0, message);
    this.bytes += message.bytes.length;
  }

  /** Takes the first message; a sender that waits puts its own in. Undefined: there is none. */
  receive(): PriorityMessage | undefined {
    const message = this.messages.shift();
    if (message === undefined) return undefined;
    this.bytes -= message.bytes.length;
    const sender = this.senders.shift();
    if (sender !== undefined && sender.message !== null) {
      this.insert(sender.message);
      sender.end(sender.message);
    }
    this.changed.wake();
    return message;
  }

  waitToSend(waiter: QueueWaiter): void {
    this.senders.push(waiter);
  }

  waitToReceive(waiter: QueueWaiter): void {
    this.receivers.push(waiter);
  }

  cancel(waiter: QueueWaiter): void {
    this.senders = this.senders.filter((other) => other !== waiter);
    this.receivers = this.receivers.filter((other) => other !== waiter);
  }
}

kind('QueueWaiter', QueueWaiter);
kind('PosixQueue', PosixQueue);
