/** A child's ties to the kernel that it has left: open files that are there, its parent, and who waits for it. */
import { kind } from '../checkpoint/registry.js';
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../abi/poll.js';
import { SIGPIPE } from '../abi/signal.js';
import { EAGAIN, EFAULT, EPIPE, ERESTARTSYS, WAIT, type Errno } from '../errno.js';
import { canRead, canWrite } from '../fs/handle.js';
import type { Handle, HandleOperations, PollMask, Sink, Source, Waiter } from '../fs/types.js';
import type { Kernel } from '../kernel.js';
import type { Process } from '../process/process.js';
import { WaitQueue } from '../process/waitqueue.js';
import { totalUsage } from '../process/usage.js';
import type { SigInfo } from '../signal/info.js';
import type { Caller } from '../types.js';
import { changesSince, type Baseline } from './changes.js';
import { MOST_BYTES } from './stand-in.js';
import type { FromAway, FromHome } from './types.js';

const READABLE = POLLIN | POLLRDNORM | POLLHUP | POLLERR;
const WRITABLE = POLLOUT | POLLWRNORM | POLLERR;

/** A read or a write that is done there: the thread that has asked sleeps until the answer has come, which is soon. */
class FarCall {
  /** Bytes that earlier requests of the same system call have moved. */
  done = 0;
  result: number | null = null;
  bytes: Uint8Array | null = null;
  /** The answer was that it would have to wait: the thread does, and asks anew. */
  blocked = false;
  readonly queue = new WaitQueue();

  constructor(
    readonly number: number,
    readonly file: FarFile,
  ) {}
}

/** An open file that is in the other kernel: it can be read, written and waited for. */
export class FarFile implements HandleOperations {
  readonly seekable = false;
  private ready = 0;
  private asked = 0;
  private readonly queue = new WaitQueue();
  /** A request on nobody's behalf (splice, another kernel's child). */
  private own: FarCall | null = null;

  constructor(
    private readonly home: Home,
    readonly number: number,
  ) {}

  read(_handle: Handle, sink: Sink): number | Errno {
    this.own ??= this.home.read(this, sink.remaining);
    const answer = this.takeOwn();
    return answer === null ? EAGAIN : deliver(answer, sink);
  }

  write(_handle: Handle, source: Source): number | Errno {
    const bytes = take(source);
    if (bytes === null) return EFAULT;
    this.own ??= this.home.write(this, bytes);
    return this.takeOwn()?.result ?? EAGAIN;
  }

  private takeOwn(): FarCall | null {
    const { own } = this;
    if (own === null || own.result === null) return null;
    this.own = null;
    return own;
  }

  readFor(thread: Caller, _handle: Handle, sink: Sink, waits: boolean): number | Errno {
    if (sink.remaining === 0) return 0;
    let call = callOf(thread);
    if (call === null || (call.blocked && (this.ready & READABLE) !== 0))
      call = this.begin(thread, this.home.read(this, sink.remaining), 0);
    if (call.blocked) return this.waitFor(thread, READABLE);
    if (call.result === null) return sleep(thread, call);
    thread.uninterruptible = false;
    if (call.result !== EAGAIN || !waits) return deliver(call, sink);
    call.blocked = true;
    return this.waitFor(thread, READABLE);
  }

  writeFor(thread: Caller, _handle: Handle, source: Source, waits: boolean): number | Errno {
    let call = callOf(thread);
    let done = call?.done ?? 0;
    if (call !== null && call.result !== null && !call.blocked) {
      thread.uninterruptible = false;
      const { result } = call;
      if (result === EAGAIN && waits) call.blocked = true;
      else if (result < 0) return this.failed(thread, done, result);
      else {
        done += result;
        if (take(source, result) === null || source.remaining === 0 || result === 0 || !waits) return done;
        call = null;
      }
    }
    if (call?.blocked === true && (this.ready & WRITABLE) === 0) {
      const waiting = this.waitFor(thread, WRITABLE);
      return waiting !== WAIT && done > 0 ? done : waiting;
    }
    if (call === null || call.blocked) {
      const bytes = take(source);
      if (bytes === null) return done > 0 ? done : EFAULT;
      call = this.begin(thread, this.home.write(this, bytes), done);
    }
    return sleep(thread, call);
  }

  private failed(thread: Caller, done: number, errno: number): number {
    if (done > 0) return done;
    if (errno === EPIPE) thread.raise(SIGPIPE);
    return errno;
  }

  private begin(thread: Caller, call: FarCall, done: number): FarCall {
    call.done = done;
    thread.callState = call;
    return call;
  }

  /** Until there is something to read, or room to write. Signals end it: nothing is under way. */
  private waitFor(thread: Caller, events: PollMask): Errno {
    if (thread.signalled) return ERESTARTSYS;
    thread.waitOn(this.queue);
    this.ready &= ~events;
    this.ask(events);
    return WAIT;
  }

  poll(handle: Handle, waiter: Waiter | null): PollMask {
    const wanted =
      (canRead(handle) ? POLLIN | POLLRDNORM : 0) | (canWrite(handle) ? POLLOUT | POLLWRNORM : 0);
    waiter?.waitOn(this.queue);
    if ((wanted & ~this.ready) !== 0) this.ask(wanted & ~this.ready);
    return this.ready & (wanted | POLLERR | POLLHUP);
  }

  private ask(events: PollMask): void {
    if ((events & ~this.asked) === 0) return;
    this.asked |= events;
    this.home.send({ kind: 'poll', file: this.number, events });
  }

  /** What can be done with it by now. */
  becomes(ready: PollMask, told: boolean): void {
    if (told) this.asked = 0;
    this.ready = ready;
    if (ready !== 0) this.queue.wake(Infinity, ready);
  }

  release(): void {
    this.home.closed(this);
  }
}

function callOf({ callState }: Caller): FarCall | null {
  return callState instanceof FarCall ? callState : null;
}

function sleep(thread: Caller, call: FarCall): Errno {
  thread.uninterruptible = true;
  thread.waitOn(call.queue);
  return WAIT;
}

function deliver({ result, bytes }: FarCall, sink: Sink): number | Errno {
  if (result === null) return EAGAIN;
  if (bytes === null || result <= 0) return result;
  const put = sink.put(bytes, 0, bytes.length);
  return put === 0 ? EFAULT : put;
}

/** The next bytes; null if they cannot be read. */
function take(source: Source, count = MOST_BYTES): Uint8Array | null {
  const bytes = new Uint8Array(Math.min(source.remaining, count));
  const taken = source.take(bytes, 0, bytes.length);
  if (taken === 0 && bytes.length > 0) return null;
  return taken === bytes.length ? bytes : bytes.slice(0, taken);
}

export class Home {
  private readonly calls = new Map<number, FarCall>();
  private readonly files = new Map<number, FarFile>();
  private nextCall = 1;
  /** This is a copy of the kernel that it speaks for. */
  silent = false;

  constructor(
    private readonly kernel: Kernel,
    /** The parent's there. */
    readonly ppid: number,
    private readonly baseline: Baseline,
  ) {}

  file(number: number): FarFile {
    const file = new FarFile(this, number);
    this.files.set(number, file);
    return file;
  }

  read(file: FarFile, count: number): FarCall {
    const call = this.call(file);
    this.send({ kind: 'read', call: call.number, file: file.number, count });
    return call;
  }

  write(file: FarFile, bytes: Uint8Array): FarCall {
    const call = this.call(file);
    this.send({ kind: 'write', call: call.number, file: file.number, bytes });
    return call;
  }

  private call(file: FarFile): FarCall {
    const call = new FarCall(this.nextCall++, file);
    this.calls.set(call.number, call);
    return call;
  }

  closed({ number }: FarFile): void {
    if (this.files.delete(number)) this.send({ kind: 'close', file: number });
  }

  send(message: FromAway): void {
    if (!this.silent) this.kernel.carrier?.toHome(message);
  }

  /** What the other kernel says; `signal`: gives the child one. */
  take(message: FromHome, signal: (info: SigInfo) => void): void {
    if (message.kind === 'signal') return signal(message.info);
    if (message.kind === 'ready') return this.files.get(message.file)?.becomes(message.ready, true);
    const call = this.calls.get(message.call);
    this.calls.delete(message.call);
    if (call === undefined) return;
    call.result = message.result;
    call.bytes = message.bytes;
    call.file.becomes(message.ready, false);
    call.queue.wake();
  }

  stopped(signo: number): void {
    this.send({ kind: 'stopped', signo });
  }

  continued(): void {
    this.send({ kind: 'continued' });
  }

  /** A signal for the parent. */
  kill(info: SigInfo): void {
    this.send({ kind: 'kill', info });
  }

  exited(process: Process): void {
    const { status, childUsage } = process;
    const changes = changesSince(this.baseline);
    this.send({ kind: 'exit', status, usage: totalUsage(process), childUsage: { ...childUsage }, changes });
  }
}

kind('FarCall', FarCall);
kind('FarFile', FarFile);
kind('Home', Home);
