/**
 * Pseudo-files of the embedding application: plain declarations become rows of the kernel's own trees, with numbers and a
 * place in the digest like all others. The application's functions are asked from inside the system call.
 */
import { kind } from '../../checkpoint/registry.js';
import { S_IFCHR } from '../../abi/stat.js';
import { EAGAIN, EINVAL, EIO, ENOTTY, type Errno } from '../../errno.js';
import { WaitQueue } from '../../process/waitqueue.js';
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../../abi/poll.js';
import { data, device, dir, family, file, link } from '../pseudo/row.js';
import type { Changes, Content, NamedRow } from '../pseudo/row.js';
import type { Handle, HandleOperations, PollMask, Sink, Source, UserMemory, Waiter } from '../types.js';
import { IoctlCopy, type IoctlMemory, type IoctlRules } from './ioctl.js';

/** One file, as plain data. `path` is where it stands, from the root of the guest's tree. */
export interface PseudoDeclaration {
  readonly kind: 'file' | 'link' | 'directory' | 'device';
  readonly path: string;
  readonly mode: number;
  readonly readable: boolean;
  readonly writable: boolean;
  /** A device that takes ioctls. */
  readonly controllable?: boolean;
  /** A link's. */
  readonly target?: string;
  /** A device's; without them it is a regular file that reads and writes at positions. */
  readonly major?: number;
  readonly minor?: number;
}

/** What the application can do for a declaration; a failure is a value. `name` is a file's in a directory. */
export interface PseudoFunctions {
  read(name: string, length: number, position: number): Uint8Array | null | Errno;
  write(name: string, bytes: Uint8Array, position: number): number | Errno;
  list(): readonly string[] | Errno;
  /** The call's result, and the argument's regions (ioctl.ts: `regionsOf`) as they are then. */
  ioctl(
    request: number,
    argument: number | IoctlMemory,
  ): { readonly result: unknown; readonly regions: readonly Uint8Array[] } | Errno;
}

/** The state of a declared file that its readers wait for. */
export class Notices implements Changes {
  count = 0;
  readonly queue = new WaitQueue();

  /** The content has changed, or a device has something to read or room to write. */
  notify(): void {
    this.count++;
    this.queue.wake();
  }
}

/** A declared file, and what it lives by. */
export interface AppNode {
  readonly declared: PseudoDeclaration;
  readonly functions: PseudoFunctions;
  readonly notices: Notices;
  readonly ioctls: IoctlRules;
}

const INT_MAX = 0x7fffffff;
/** Bytes that one call to the application may move. */
const LARGEST_TRANSFER = 1 << 20;
const READY_TO_READ = POLLIN | POLLRDNORM;
const READY_TO_WRITE = POLLOUT | POLLWRNORM;

/** A device: read and write go to the application, which says with null that there is nothing yet. */
class AppDevice implements HandleOperations {
  readonly seekable = true;
  /** How often there had been news when a read last found nothing; -1: it found something. */
  private emptyAt = -1;

  constructor(private readonly device: AppNode) {}

  private get functions(): PseudoFunctions {
    return this.device.functions;
  }
  private get notices(): Notices {
    return this.device.notices;
  }

  read(_handle: Handle, sink: Sink, position: number): number | Errno {
    if (!this.device.declared.readable) return EINVAL;
    const seen = this.notices.count;
    const found = this.functions.read('', Math.min(sink.remaining, LARGEST_TRANSFER), position);
    if (typeof found === 'number') return found;
    this.emptyAt = found === null ? seen : -1;
    return found === null ? EAGAIN : sink.put(found, 0, Math.min(found.length, sink.remaining));
  }

  write(_handle: Handle, source: Source, position: number): number | Errno {
    if (!this.device.declared.writable) return EINVAL;
    const bytes = new Uint8Array(Math.min(source.remaining, LARGEST_TRANSFER));
    const count = source.take(bytes, 0, bytes.length);
    return this.functions.write('', bytes.subarray(0, count), position);
  }

  ioctl(_handle: Handle, request: number, arg: number, user: UserMemory): number | Errno {
    const { declared, functions, ioctls } = this.device;
    const struct = declared.controllable === true ? ioctls.allowed.get(request) : undefined;
    if (struct === undefined) return ENOTTY;
    const parts = ioctls.structs.get(struct);
    const copy = new IoctlCopy(ioctls.structs, user);
    const argument = parts === undefined ? arg : copy.read(parts, arg);
    if (typeof argument === 'number' && parts !== undefined) return argument;
    const reply = functions.ioctl(request, argument);
    if (typeof reply === 'number') return reply;
    const failed = parts === undefined ? 0 : copy.writeBack(reply.regions);
    return failed !== 0 ? failed : resultOf(reply.result);
  }

  /** Readable until a read has found nothing, and again from the next notice on. */
  poll(_handle: Handle, waiter: Waiter | null): PollMask {
    waiter?.waitOn(this.notices.queue);
    return READY_TO_WRITE | (this.emptyAt === this.notices.count ? 0 : READY_TO_READ);
  }
}

/** A result of ioctl(2): what is none, or would be an error, is EIO. */
function resultOf(value: unknown): number | Errno {
  if (value === undefined || value === null) return 0;
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= INT_MAX ? value : EIO;
}

function content(functions: PseudoFunctions, name: string): Content {
  return functions.read(name, LARGEST_TRANSFER, 0) ?? '';
}

function saved(functions: PseudoFunctions, name: string, bytes: Uint8Array): 0 | Errno {
  const done = functions.write(name, bytes, 0);
  return done < 0 ? (done as Errno) : 0;
}

/** A directory whose names the application tells each time. */
function directory(
  { mode, readable, writable }: PseudoDeclaration,
  name: string,
  functions: PseudoFunctions,
): NamedRow<unknown> {
  const names = (): readonly string[] => {
    const listed = functions.list();
    return typeof listed === 'number' ? [] : listed;
  };
  const one = file<{ name: string }>(
    '',
    (subject) => (readable ? content(functions, subject.name) : EINVAL),
    {
      mode,
      ...(writable ? { save: (subject, bytes) => saved(functions, subject.name, bytes) } : {}),
    },
  );
  const find = (_subject: unknown, wanted: string) => (names().includes(wanted) ? { name: wanted } : null);
  const same = (a: { name: string }, b: { name: string }) => a.name === b.name;
  return dir(name, [family({ find, list: names, same }, one)]);
}

/** The row of a declaration whose last name is `name`. */
export function appRow(node: AppNode, name: string): NamedRow<unknown> {
  const { declared, functions, notices } = node;
  const { kind, mode, target, major, minor, writable } = declared;
  if (kind === 'link') return link(name, target ?? '');
  if (kind === 'directory') return directory(declared, name, functions);
  const open = () => new AppDevice(node);
  if (kind === 'device') {
    if (major === undefined || minor === undefined) return data(name, mode, open);
    return device(name, { type: S_IFCHR, major, minor }, open, { mode });
  }
  return file(name, () => content(functions, ''), {
    mode,
    changes: () => notices,
    ...(writable ? { save: (_subject, bytes) => saved(functions, '', bytes) } : {}),
  });
}

kind('Notices', Notices);
kind('AppDevice', AppDevice);
