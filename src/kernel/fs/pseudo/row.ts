/**
 * How pseudo-files are declared: a row each. `S` is what a row is about, its subject: the kernel, a process, an open
 * file. Rows of a directory share its subject; a family makes one of a name, for the row below it.
 *
 *   const rows = dir<KernelView>('', [
 *     file('uptime', (kernel) => `${kernel.uptime()}\n`),
 *     family({ find: findProcess, list: listPids }, dir('', [file('comm', (process) => `${process.name}\n`)])),
 *   ]);
 */
import type { Errno } from '../../errno.js';
import type { Attributes, Credentials, HandleOperations, Location, WaitQueue } from '../types.js';

/** A byte string or bytes; a file's error is that of open(2), or of read(2) after a rewind. */
export type Content = string | Uint8Array | Errno;

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** For poll(2) and relatives: how often the content has changed, and who waits for that. */
export interface Changes {
  readonly count: number;
  readonly queue: WaitQueue;
}

interface Common<S> {
  /** Empty for what stands in a family, and for a filesystem's root. */
  readonly name: string;
  /** Permission bits. */
  readonly mode: number | ((subject: S) => number);
  /** Whether the name is there; without it, always. */
  readonly exists?: (subject: S) => boolean;
  /** Whose the file is, and what is below it in the same way; without it, root's. */
  readonly owner?: (subject: S) => Owner;
  /** chmod and chown: keeps what `mode` and `owner` then tell. Without it they are refused. */
  readonly change?: (subject: S, changes: Attributes) => 0 | Errno;
  /** st_size; without it what the filesystem gives such files. */
  readonly size?: number | ((subject: S) => number);
  /** In place of the permission bits, for what is below too; null leaves it to them. `mask` of MAY_*. */
  readonly permission?: (subject: S, mask: number, cred: Credentials) => 0 | Errno | null;
  /** Asked when a file is opened or a link followed or read, once the permission bits allow it. */
  readonly access?: (subject: S) => 0 | Errno;
  /** A file without `save` cannot be opened for writing (EACCES), nor can those below, whatever the bits say to root. */
  readonly strict?: boolean;
  /** For the documentation: how the content differs from Linux's, or where it comes from. */
  readonly note?: string;
}
export interface DirRow<S> extends Common<S> {
  readonly kind: 'dir';
  readonly rows: readonly Row<S>[];
}
export interface LinkRow<S> extends Common<S> {
  readonly kind: 'link';
  readonly target: (subject: S) => string | Location | Errno;
}
export interface FileRow<S> extends Common<S> {
  readonly kind: 'file';
  readonly content: (subject: S) => Content;
  /** One write is one save: gets what was written, whole. Its error is write's. Without it the file is read-only. */
  readonly save?: (subject: S, bytes: Uint8Array) => 0 | Errno;
  /** An open file does not keep the content, so that no checkpoint has it: each read loads it. */
  readonly secret?: boolean;
  /** For files whose changes can be waited for: POLLPRI and POLLERR until they have been read again. */
  readonly changes?: (subject: S) => Changes;
}
/** A regular file that reads and writes at positions itself. */
export interface DataRow<S> extends Common<S> {
  readonly kind: 'data';
  readonly open: (subject: S, flags: number) => HandleOperations | Errno;
}
export interface DeviceRow<S> extends Common<S> {
  readonly kind: 'device';
  /** S_IFCHR or S_IFBLK. */
  readonly type: number;
  readonly major: number;
  readonly minor: number | ((subject: S) => number);
  readonly open: (subject: S, flags: number) => HandleOperations | Errno;
}
export interface FamilyRow<S> {
  readonly kind: 'family';
  /** The subject of a name, or null when there is no such name. */
  readonly find: (subject: S, name: string) => unknown;
  /** The names there are, in order; without it they are found but not listed. */
  readonly list?: (subject: S) => readonly string[];
  /**
   * A name's place in the listing, a whole number from 0 that grows along `list`: a listing that goes on later does so
   * behind it, whatever has come and gone. Without it a listing shows the names that there were when it began.
   */
  readonly order?: (name: string) => number;
  /** Whether a name still means what it meant; by default its subject must be the very same. */
  readonly same: (before: unknown, now: unknown) => boolean;
  readonly row: NamedRow<unknown>;
  /** How the documentation writes such a name: '<pid>'. */
  readonly label: string;
}
export type NamedRow<S> = DirRow<S> | LinkRow<S> | FileRow<S> | DataRow<S> | DeviceRow<S>;
export type Row<S> = NamedRow<S> | FamilyRow<S>;

type Options<R> = Partial<Omit<R, 'kind' | 'name' | 'rows' | 'target' | 'content'>>;

export function dir<S>(name: string, rows: readonly Row<S>[], options: Options<DirRow<S>> = {}): DirRow<S> {
  return { kind: 'dir', mode: 0o555, ...options, name, rows };
}

export function file<S>(
  name: string,
  content: string | ((subject: S) => Content),
  options: Options<FileRow<S>> = {},
): FileRow<S> {
  const mode = options.save === undefined ? 0o444 : 0o644;
  return {
    kind: 'file',
    mode,
    ...options,
    name,
    content: typeof content === 'string' ? () => content : content,
  };
}

/** What the documentation says of files that always hold the same. */
export const CONSTANT = 'always the same';

/** A file that holds one constant and a newline. */
export function constant<S>(name: string, value: string | number, options?: Options<FileRow<S>>): FileRow<S> {
  return file(name, `${value}\n`, { note: CONSTANT, ...options });
}

export function link<S>(
  name: string,
  target: string | ((subject: S) => string | Location | Errno),
  options: Options<LinkRow<S>> = {},
): LinkRow<S> {
  return {
    kind: 'link',
    mode: 0o777,
    ...options,
    name,
    target: typeof target === 'string' ? () => target : target,
  };
}

export function device<S>(
  name: string,
  number: Pick<DeviceRow<S>, 'type' | 'major' | 'minor'>,
  open: DeviceRow<S>['open'],
  options: Options<DeviceRow<S>> = {},
): DeviceRow<S> {
  return { kind: 'device', mode: 0o666, ...options, ...number, name, open };
}

export function data<S>(
  name: string,
  mode: number,
  open: DataRow<S>['open'],
  options: Options<DataRow<S>> = {},
): DataRow<S> {
  return { kind: 'data', ...options, mode, name, open };
}

/** Names that come and go, all alike: one row stands for each of them. */
export function family<S, T>(
  names: {
    find: (subject: S, name: string) => T | null;
    list?: (subject: S) => readonly string[];
    order?: (name: string) => number;
    same?: (before: T, now: T) => boolean;
    label?: string;
  },
  row: NamedRow<T>,
): FamilyRow<S> {
  const same = (names.same ?? Object.is) as FamilyRow<S>['same'];
  const { find, list, order } = names;
  return {
    kind: 'family',
    find,
    same,
    row: row as NamedRow<unknown>,
    label: names.label ?? '<name>',
    ...(list === undefined ? {} : { list }),
    ...(order === undefined ? {} : { order }),
  };
}

/** Rows by name, families last. */
export function sorted<S>(rows: readonly Row<S>[]): readonly Row<S>[] {
  const nameOf = (row: Row<S>): string => (row.kind === 'family' ? '\uffff' : row.name);
  return [...rows].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

/** The number that a name spells in canonical decimals (no sign, no leading zero), or -1. */
export function parseNumber(name: string): number {
  return /^(0|[1-9][0-9]{0,9})$/.test(name) ? Number(name) : -1;
}
