/**
 * SIGIO and SIGURG (fcntl(2), socket(7); Linux's send_sigio and send_sigurg). A handle with O_ASYNC is watched like one in an
 * epoll set: a wake-up of its wait queues is a signal for its owner.
 */
import { F_OWNER_PGRP, F_OWNER_TID } from '../abi/fcntl.js';
import * as events from '../abi/poll.js';
import {
  POLL_HUP,
  POLL_IN,
  POLL_MSG,
  POLL_OUT,
  SIGBUS,
  SIGCHLD,
  SIGFPE,
  SIGILL,
  SIGIO,
  SIGSEGV,
  SIGSYS,
  SIGTRAP,
  SIGURG,
  SI_SIGIO,
} from '../abi/signal.js';
import type {
  Handle,
  HandleOwner,
  HandleWatch,
  PollMask,
  WaitQueue as Queue,
  Waiter,
  Wakeable,
} from '../fs/types.js';
import { canRead, canWrite } from '../fs/handle.js';
import { kind } from '../checkpoint/registry.js';
import type { Kernel } from '../kernel.js';
import { membersOf } from '../process/groups.js';
import type { Process } from '../process/process.js';
import type { Thread } from '../process/thread.js';
import { kernelInfo, readinessInfo } from './info.js';
import { sendSignal } from './send.js';

/** Signals whose si_code means something else. */
const OWN_CODES: ReadonlySet<number> = new Set([SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP, SIGCHLD, SIGSYS]);

/** si_band by si_code. */
const BANDS: ReadonlyMap<number, number> = new Map([
  [POLL_IN, events.POLLIN | events.POLLRDNORM],
  [POLL_OUT, events.POLLOUT | events.POLLWRNORM | events.POLLWRBAND],
  [POLL_MSG, events.POLLIN | events.POLLRDNORM | events.POLLMSG],
  [POLL_HUP, events.POLLHUP | events.POLLERR],
]);

/** Whom F_SETOWN names, and on whose behalf (struct fown_struct). */
export class FileOwner implements HandleOwner {
  signal = 0;

  constructor(
    private readonly kernel: Kernel,
    readonly type: number,
    private readonly number: number,
    private readonly uid: number,
    private readonly euid: number,
  ) {}

  get id(): number {
    for (const _ of this.targets()) return this.number;
    return 0;
  }

  ready(code: number, fd: number): void {
    const { signal } = this;
    const info =
      signal === 0
        ? kernelInfo(SIGIO)
        : readinessInfo(signal, OWN_CODES.has(signal) ? SI_SIGIO : code, BANDS.get(code) ?? 0, fd);
    for (const [process, thread] of this.targets())
      if (this.maySignal(process) && sendSignal(process, info, thread) !== 0)
        sendSignal(process, kernelInfo(SIGIO), thread);
  }

  urgent(): void {
    for (const [process, thread] of this.targets())
      if (this.maySignal(process)) sendSignal(process, kernelInfo(SIGURG), thread);
  }

  private *targets(): Iterable<readonly [Process, Thread | null]> {
    const { kernel, type, number } = this;
    if (type === F_OWNER_PGRP) {
      for (const member of membersOf(kernel, number)) yield [member, null];
    } else if (type === F_OWNER_TID) {
      const thread = kernel.threads.get(number);
      if (thread !== undefined) yield [thread.process, thread];
    } else {
      const process = kernel.processes.get(number);
      if (process !== undefined) yield [process, null];
    }
  }

  /** sigio_perm. */
  private maySignal({ cred: { ruid, suid } }: Process): boolean {
    const { uid, euid } = this;
    return euid === 0 || euid === suid || euid === ruid || uid === suid || uid === ruid;
  }
}

/** The owner that F_SETOWN names on behalf of `thread`; null when there is nobody. An id of 0 is nobody on purpose. */
export function fileOwner(thread: Thread, type: number, id: number): FileOwner | null {
  const { kernel, cred } = thread.process;
  const owner = new FileOwner(kernel, type, id, cred.ruid, cred.euid);
  return id === 0 || owner.id !== 0 ? owner : null;
}

/** Tells a handle's owner what comes to be (struct fasync_struct). */
export class SigioWatch implements Waiter, Wakeable, HandleWatch {
  private readonly queues: Queue[] = [];

  constructor(
    private readonly handle: Handle,
    public fd: number,
  ) {}

  waitOn(queue: Queue): void {
    queue.add(this);
    this.queues.push(queue);
  }

  wake(queue: Queue, what: PollMask): boolean {
    const { handle } = this;
    const code = what === 0 ? this.changed(queue) : direction(handle, what);
    if (code !== 0) handle.owner?.ready(code, this.fd);
    return true;
  }

  /** The state has changed, which all queues are told of: the end of one side, or of both. */
  private changed(queue: Queue): number {
    if (queue !== this.queues[0]) return 0;
    const { handle } = this;
    const now = handle.ops.poll?.(handle, null) ?? 0;
    if ((now & events.POLLHUP) !== 0 && (now & events.POLLOUT) !== 0) return POLL_HUP;
    if ((now & (events.POLLIN | events.POLLHUP)) !== 0) return POLL_IN;
    return (now & events.POLLERR) !== 0 ? POLL_OUT : 0;
  }

  handleReleased(): void {
    this.stop();
  }

  stop(): void {
    for (const queue of this.queues) queue.remove(this);
    this.queues.length = 0;
    this.handle.watches?.delete(this);
  }
}

function direction(handle: Handle, what: PollMask): number {
  if ((what & events.POLLIN) !== 0 && canRead(handle)) return POLL_IN;
  return (what & events.POLLOUT) !== 0 && canWrite(handle) ? POLL_OUT : 0;
}

/** O_ASYNC is set or taken away (fasync_helper); only for handles whose operations have `fasync`. */
export function setAsync(handle: Handle, fd: number, on: boolean): void {
  let watch: SigioWatch | null = null;
  for (const other of handle.watches ?? []) if (other instanceof SigioWatch) watch = other;
  if (!on) return watch?.stop();
  if (watch !== null) {
    watch.fd = fd;
    return;
  }
  watch = new SigioWatch(handle, fd);
  handle.watches ??= new Set();
  handle.watches.add(watch);
  handle.ops.poll?.(handle, watch);
}

kind('FileOwner', FileOwner);
kind('SigioWatch', SigioWatch);
