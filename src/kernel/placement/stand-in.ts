/** What remains of a child that goes on in another kernel: its place here, and the open files that stay here. */
import { kind } from '../checkpoint/registry.js';
import { IN_ACCESS, IN_MODIFY } from '../abi/inotify.js';
import { POLLERR, POLLHUP } from '../abi/poll.js';
import { SIGKILL } from '../abi/signal.js';
import { EBADF } from '../errno.js';
import { BufferSink, BufferSource } from '../fs/buffer.js';
import { releaseHandle, retainHandle } from '../fs/handle.js';
import { notifyHandle } from '../fs/notify.js';
import { writePosition } from '../fs/transfer.js';
import type { Handle, PollMask, WaitQueue, Waiter } from '../fs/types.js';
import { maySignal } from '../process/access.js';
import { exitGroup, reportContinued, stopProcess } from '../process/exit.js';
import type { Process } from '../process/process.js';
import { STATUS_CONTINUED } from '../process/state.js';
import { addUsage } from '../process/usage.js';
import { kernelInfo, type SigInfo } from '../signal/info.js';
import { sendSignal } from '../signal/send.js';
import { applyChanges } from './changes.js';
import type { FromAway, FromHome } from './types.js';

/** What one request moves at most. */
export const MOST_BYTES = 1 << 16;

/** Waits for events of a file on behalf of the child. */
class FileWatch implements Waiter {
  events = 0;
  private readonly queues: WaitQueue[] = [];

  constructor(
    private readonly standIn: StandIn,
    private readonly number: number,
    private readonly handle: Handle,
  ) {}

  waitOn(queue: WaitQueue): void {
    queue.add(this);
    this.queues.push(queue);
  }

  wake(): boolean {
    this.look();
    return true;
  }

  watch(events: PollMask): void {
    this.events |= events;
    if (this.queues.length === 0) pollOf(this.handle, this);
    this.look();
  }

  private look(): void {
    const ready = pollOf(this.handle, null) & (this.events | POLLERR | POLLHUP);
    if (ready === 0 || this.events === 0) return;
    this.stop();
    this.standIn.send({ kind: 'ready', file: this.number, ready });
  }

  stop(): void {
    this.events = 0;
    for (const queue of this.queues.splice(0)) queue.remove(this);
  }
}

/** A file that cannot be waited for is always ready, as poll(2) has it. */
const ALWAYS = 0x145;

function pollOf(handle: Handle, waiter: Waiter | null): PollMask {
  return handle.ops.poll?.(handle, waiter) ?? ALWAYS;
}

/** Messages that mean something when the child itself has ended, too. */
const OF_FILES: ReadonlySet<FromAway['kind']> = new Set(['read', 'write', 'poll', 'close'] as const);

export class StandIn {
  /** Open files that the child uses from where it is, by their numbers. */
  readonly files = new Map<number, Handle>();
  private readonly watches = new Map<number, FileWatch>();
  private waiting: SigInfo[] | null = [];

  constructor(readonly process: Process) {}

  /** The file stays here. */
  keep(handle: Handle): void {
    this.files.set(this.files.size + 1, retainHandle(handle));
  }

  /** It has begun to run elsewhere; here it needs nothing any more. */
  begun(): void {
    const { process, waiting } = this;
    this.waiting = null;
    process.timers?.destroy();
    for (const fd of process.files.list()) process.files.close(fd);
    for (const info of waiting ?? []) this.send({ kind: 'signal', info });
  }

  /** It could not go: it runs here after all. */
  failed(): void {
    const { process, waiting } = this;
    process.away = null;
    this.release();
    process.leader?.makeReady();
    for (const info of waiting ?? []) sendSignal(process, info);
  }

  signal(info: SigInfo): 0 {
    if (this.waiting === null) this.send({ kind: 'signal', info });
    else this.waiting.push(info);
    return 0;
  }

  /** Its place here has ended. */
  ended(): void {
    this.process.away = null;
    if (this.waiting === null) this.send({ kind: 'signal', info: kernelInfo(SIGKILL) });
  }

  /** Its kernel has ended without a word. */
  lost(): void {
    const { process } = this;
    this.release();
    if (process.away !== this) return;
    process.away = null;
    exitGroup(process, SIGKILL);
  }

  /** Nobody uses the files any more that stay here: what it has started may do so longer than it lives. */
  release(): void {
    for (const watch of this.watches.values()) watch.stop();
    this.watches.clear();
    for (const handle of this.files.values()) releaseHandle(handle);
    this.files.clear();
  }

  send(message: FromHome): void {
    this.process.kernel.carrier?.toAway(this, message);
  }

  /** What the child's kernel says. */
  take(message: FromAway): void {
    if (this.process.away !== this && !OF_FILES.has(message.kind)) return;
    switch (message.kind) {
      case 'read':
        return this.read(message);
      case 'write':
        return this.write(message);
      case 'poll':
        return this.watch(message.file, message.events);
      case 'close':
        return this.close(message.file);
      case 'stopped':
        return stopProcess(this.process, message.signo);
      case 'continued':
        return this.continued();
      case 'kill':
        return this.tellParent(message.info);
      case 'exit':
        return this.exit(message);
    }
  }

  private read({ call, file, count }: FromAway & { kind: 'read' }): void {
    const handle = this.files.get(file);
    if (handle === undefined) return this.answer(call, null, EBADF, null);
    const sink = new BufferSink(new Uint8Array(Math.min(count, MOST_BYTES)));
    const { ops } = handle;
    const result = ops.read(handle, sink, handle.position);
    if (result > 0) {
      if (ops.seekable) handle.position += result;
      notifyHandle(handle, IN_ACCESS);
    }
    this.answer(call, handle, result, sink.length === 0 ? null : sink.bytes.slice(0, sink.length));
  }

  private write({ call, file, bytes }: FromAway & { kind: 'write' }): void {
    const handle = this.files.get(file);
    if (handle === undefined) return this.answer(call, null, EBADF, null);
    const { ops } = handle;
    const position = writePosition(handle, handle.position);
    const result = ops.write(handle, new BufferSource(bytes), position);
    if (result > 0) {
      if (ops.seekable) handle.position = position + result;
      notifyHandle(handle, IN_MODIFY);
    }
    this.answer(call, handle, result, null);
  }

  private answer(call: number, handle: Handle | null, result: number, bytes: Uint8Array | null): void {
    const ready = handle === null ? ALWAYS : pollOf(handle, null);
    this.send({ kind: 'answer', call, result, bytes, ready });
  }

  private watch(file: number, events: PollMask): void {
    const handle = this.files.get(file);
    if (handle === undefined) return this.send({ kind: 'ready', file, ready: ALWAYS });
    let watch = this.watches.get(file);
    if (watch === undefined) this.watches.set(file, (watch = new FileWatch(this, file, handle)));
    watch.watch(events);
  }

  private close(file: number): void {
    const handle = this.files.get(file);
    if (handle === undefined) return;
    this.watches.get(file)?.stop();
    this.watches.delete(file);
    this.files.delete(file);
    releaseHandle(handle);
  }

  private continued(): void {
    const { process } = this;
    process.stopped = false;
    process.report = STATUS_CONTINUED;
    process.parent?.childEvents.wake();
    reportContinued(process);
  }

  private tellParent(info: SigInfo): void {
    const { parent } = this.process;
    if (parent !== null && maySignal(this.process, parent)) sendSignal(parent, info);
  }

  private exit({ status, usage, childUsage, changes }: FromAway & { kind: 'exit' }): void {
    const { process } = this;
    applyChanges(process.fs.root.mount.vfs, changes, (line) => process.kernel.log(line));
    if (process.away !== this) return;
    process.away = null;
    addUsage(process.usage, usage);
    addUsage(process.childUsage, childUsage);
    exitGroup(process, status);
  }
}

kind('FileWatch', FileWatch);
kind('StandIn', StandIn);
