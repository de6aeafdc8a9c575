import { kind } from '../../checkpoint/registry.js';
import type { Sink, Source } from '../../fs/types.js';
import { Fifo } from '../fifo.js';
import { ByteRing } from '../ring.js';
import type { Ucred } from '../socket.js';
import type { Rights } from './inflight.js';
import type { UnixSocket } from './socket.js';

/** One write, or one datagram, as far as it has not been read (struct sk_buff). */
export interface Message {
  /** Bytes that are left. */
  length: number;
  /** Bytes before them in the ring that are to be skipped: they were urgent and have been read out of turn. */
  spent: number;
  /** What the sender is charged for it. */
  cost: number;
  sender: UnixSocket | null;
  rights: Rights | null;
  cred: Ucred | null;
}

const SPARE = 64;

/** What a socket has been sent: the bytes in one ring, and how they fall into messages. */
export class MessageQueue {
  readonly messages = new Fifo<Message>();
  private readonly ring = new ByteRing();
  private readonly spare: Message[] = [];
  private spent = 0;

  get bytes(): number {
    return this.ring.length - this.spent;
  }

  /** Queues `length` bytes as one message; null when the source's memory ends before. */
  add(source: Source, length: number): Message | null {
    const took = length === 0 ? 0 : this.ring.fill(source, length);
    if (took < length) {
      this.ring.unfill(took);
      return null;
    }
    const message = this.spare.pop() ?? {
      length: 0,
      spent: 0,
      cost: 0,
      sender: null,
      rights: null,
      cred: null,
    };
    message.length = length;
    this.messages.push(message);
    return message;
  }

  copy(sink: Sink, offset: number, count: number): number {
    return this.ring.copy(sink, offset, count);
  }

  /** Where in the ring the message at `index` begins to be unread. */
  offsetOf(index: number): number {
    let offset = this.messages.at(index)?.spent ?? 0;
    for (let before = 0; before < index; before++) {
      const message = this.messages.at(before);
      if (message !== undefined) offset += message.spent + message.length;
    }
    return offset;
  }

  /** Forgets the first bytes of the first message. */
  consume(message: Message, count: number): void {
    this.ring.skip(message.spent + count);
    this.spent -= message.spent;
    message.spent = 0;
    message.length -= count;
  }

  /** The bytes of a message somewhere in the queue have been read. */
  spend(message: Message): void {
    this.spent += message.length;
    message.spent += message.length;
    message.length = 0;
  }

  /** Takes a message without unread bytes out that stands before `next`. */
  remove(message: Message, next: Message): void {
    next.spent += message.spent;
    this.messages.remove(message);
    this.reuse(message);
  }

  /** Forgets the first message. */
  shift(): void {
    const message = this.messages.shift();
    if (message === undefined) return;
    const count = message.spent + message.length;
    if (count > 0) this.ring.skip(count);
    this.spent -= message.spent;
    this.reuse(message);
  }

  private reuse(message: Message): void {
    message.spent = 0;
    message.sender = null;
    message.rights = null;
    message.cred = null;
    if (this.spare.length < SPARE) this.spare.push(message);
  }
}

/** sizeof(struct sk_buff), what kmalloc gives at least, and what lies behind an skb's data. */
const SKB = 256;
const SHARED_INFO = 320;
const LEAST_DATA = 512;
const PAGE = 4096;
/** Data in one piece at most: of a stream's skb (SKB_MAX_HEAD(0)) and of a datagram's (SKB_MAX_ALLOC). */
const STREAM_HEAD = 3776;
const DATAGRAM_HEAD = 16064;
/** A stream's skb holds at most so much (UNIX_SKB_FRAGS_SZ and the head). */
export const STREAM_MESSAGE_MAX = STREAM_HEAD + 32768;

function inOnePiece(length: number): number {
  let size = LEAST_DATA;
  while (size < length + SHARED_INFO) size *= 2;
  return SKB + size;
}

function pages(length: number): number {
  return (length + PAGE - 1) & ~(PAGE - 1);
}

/** What a part of a stream counts against the sender's SO_SNDBUF (skb->truesize). */
export function streamCost(length: number): number {
  if (length <= STREAM_HEAD) return inOnePiece(length);
  const paged = Math.min(length, pages(length - STREAM_HEAD));
  return inOnePiece(length - paged) + pages(paged);
}

/** The same for a datagram. */
export function datagramCost(length: number): number {
  if (length <= DATAGRAM_HEAD) return inOnePiece(length);
  const paged = pages(length - DATAGRAM_HEAD);
  return inOnePiece(length - paged) + paged;
}

kind('UnixMessages', MessageQueue);
