/** The memory devices (null(4), zero(4), full(4), random(4)) and the table of all devices by number. */
import { constant, kind } from '../../checkpoint/registry.js';
import { S_IFCHR } from '../../abi/stat.js';
import { EINVAL, ENOSPC, ENXIO, EPERM } from '../../errno.js';
import type { Errno } from '../../errno.js';
import { O_ACCMODE, O_WRONLY, SEEK_CUR } from '../../abi/fcntl.js';
import { POLLIN, POLLRDNORM } from '../../abi/poll.js';
import { AnonymousPages } from '../../mm/pages.js';
import type { AttestationView } from './attestation.js';
import type { FrameMemory, Handle, HandleOperations, PollMask, Sink, Source, UserMemory } from '../types.js';

/** What devices need of the kernel. */
export interface DeviceView {
  readonly memory: FrameMemory;
  random(into: Uint8Array): void;
  readonly attestation: AttestationView;
  /** A line for whoever watches the sandbox. */
  log(line: string): void;
  /** Opens the calling process's controlling terminal: ENXIO without one. */
  openTerminal(flags: number): HandleOperations | Errno;
  /** Makes a pseudo-terminal and opens its master: ENOSPC when there are too many. */
  openMaster(): HandleOperations | Errno;
  /** Opens the system's console: ENXIO (as on Linux: EIO) without one. */
  openConsole(flags: number): HandleOperations | Errno;
}

export interface DeviceEntry {
  readonly name: string;
  readonly type: number;
  readonly major: number;
  readonly minor: number;
  readonly mode: number;
  readonly open: (view: DeviceView, flags: number) => HandleOperations | Errno;
}

function ignore(_handle: Handle, source: Source): number {
  return source.remaining;
}

function zeros(_handle: Handle, sink: Sink): number {
  return sink.zero(sink.remaining);
}

/** null_lseek: succeeds and stays at 0. */
function seekNowhere(): number {
  return 0;
}

const nullDevice: HandleOperations = { seekable: true, seek: seekNowhere, read: () => 0, write: ignore };
const fullDevice: HandleOperations = { seekable: true, seek: seekNowhere, read: zeros, write: () => ENOSPC };

class ZeroDevice implements HandleOperations {
  readonly seekable = true;

  constructor(private readonly view: DeviceView) {}

  seek(): number {
    return seekNowhere();
  }

  read(handle: Handle, sink: Sink): number {
    return zeros(handle, sink);
  }

  write(handle: Handle, source: Source): number {
    return ignore(handle, source);
  }

  /** Each mapping gets pages of its own, shared only with what inherits it. */
  mmap(): AnonymousPages {
    return new AnonymousPages(this.view.memory.frames);
  }
}

const $random = new Uint8Array(4096);

function readRandom(view: DeviceView, sink: Sink): number {
  let done = 0;
  while (sink.remaining > 0) {
    const length = Math.min(sink.remaining, $random.length);
    const chunk = $random.subarray(0, length);
    view.random(chunk);
    const put = sink.put(chunk, 0, length);
    done += put;
    if (put < length) break;
  }
  $random.fill(0);
  return done;
}

const RNDGETENTCNT = 0x80045200;
const ENTROPY = 256;

class RandomDevice implements HandleOperations {
  readonly seekable = true;

  constructor(private readonly view: DeviceView) {}

  seek(handle: Handle, _offset: number, whence: number): number {
    return whence === SEEK_CUR ? handle.position : 0;
  }

  read(_handle: Handle, sink: Sink): number {
    return readRandom(this.view, sink);
  }

  write(handle: Handle, source: Source): number {
    return ignore(handle, source);
  }

  ioctl(_handle: Handle, request: number, arg: number, user: UserMemory): number | Errno {
    return request === RNDGETENTCNT ? user.writeU32(arg, ENTROPY) : EINVAL;
  }
}

/** /dev/random: there is always something to read; to write is not waited for (random_poll). */
class WatchedRandomDevice extends RandomDevice {
  poll(): PollMask {
    return POLLIN | POLLRDNORM;
  }
}

const LONGEST_LINE = 1024 - 32;

/** /dev/kmsg: what is written is logged, with its <priority> taken away; the kernel's own log is not for reading. */
class LogDevice implements HandleOperations {
  readonly seekable = false;

  constructor(private readonly view: DeviceView) {}

  read(): Errno {
    return EPERM;
  }

  write(_handle: Handle, source: Source): number | Errno {
    if (source.remaining > LONGEST_LINE) return EINVAL;
    const bytes = new Uint8Array(source.remaining);
    const count = source.take(bytes, 0, bytes.length);
    const text = String.fromCharCode(...bytes.subarray(0, count));
    this.view.log(`kmsg: ${text.replace(/^<\d+>/, '').trimEnd()}`);
    return count;
  }
}

function openLog(view: DeviceView, flags: number): HandleOperations | Errno {
  return (flags & O_ACCMODE) === O_WRONLY ? new LogDevice(view) : EPERM;
}

const memory = { type: S_IFCHR, major: 1, mode: 0o666 };
const terminal = { type: S_IFCHR, major: 5 };

export const DEVICES: readonly DeviceEntry[] = [
  { ...memory, name: 'null', minor: 3, open: () => nullDevice },
  { ...memory, name: 'zero', minor: 5, open: (view) => new ZeroDevice(view) },
  { ...memory, name: 'full', minor: 7, open: () => fullDevice },
  { ...memory, name: 'random', minor: 8, open: (view) => new WatchedRandomDevice(view) },
  { ...memory, name: 'urandom', minor: 9, open: (view) => new RandomDevice(view) },
  { ...memory, name: 'kmsg', minor: 11, mode: 0o644, open: openLog },
  { ...terminal, name: 'tty', minor: 0, mode: 0o666, open: (view, flags) => view.openTerminal(flags) },
  { ...terminal, name: 'console', minor: 1, mode: 0o600, open: (view, flags) => view.openConsole(flags) },
  { ...terminal, name: 'ptmx', minor: 2, mode: 0o666, open: (view) => view.openMaster() },
];

/** Opens a device node of another filesystem (mknod(2)) by its number; ENXIO when there is no such device. */
export function openDevice(
  view: DeviceView,
  type: number,
  rdev: number,
  flags: number,
): HandleOperations | Errno {
  const major = (rdev >>> 8) & 0xfff;
  const minor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
  const entry = DEVICES.find((e) => e.type === type && e.major === major && e.minor === minor);
  return entry === undefined ? ENXIO : entry.open(view, flags);
}

kind('ZeroDevice', ZeroDevice);
kind('RandomDevice', RandomDevice);
kind('WatchedRandomDevice', WatchedRandomDevice);
kind('LogDevice', LogDevice);
constant('dev.null', nullDevice);
constant('dev.full', fullDevice);
