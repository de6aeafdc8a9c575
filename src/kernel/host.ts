import type { Compile, KeptCode, TranslatorSetup, TranslatorThread } from '../machine/types.js';

/**
 * All that the kernel needs from JavaScript's surroundings. `host/node` implements it; a browser can. Everything is
 * synchronous but `sleep`: a system call is a plain function. Names and paths are byte strings (fs/types.ts).
 */
export interface Host {
  readonly clock: HostClock;
  readonly files: HostFiles | null;
  readonly crypto: HostCrypto;
  /** Reports of the hardware about what runs here; null where there are none. */
  readonly reports: HostReports | null;
  /** What was compressed with gzip, all at once; a host without it does that in streams. */
  gunzip?(bytes: Uint8Array): Uint8Array;
  /** Fills `into` with random bytes, good enough for keys. */
  random(into: Uint8Array): void;
  /** Samples of what this thread does; null where the host has none. */
  profiler(): HostProfiler | null;
  /** Starts a thread that makes regions of a machine's code, where there can be one. */
  readonly keptCode?: KeptCode;
  /** Compiles a module of regions, if there is more to it than that. */
  readonly compile?: Compile;
  readonly startTranslator?: (setup: TranslatorSetup) => TranslatorThread;
}

/** A sampling profiler of JavaScript and WebAssembly. */
export interface HostProfiler {
  /** Milliseconds on the samples' clock. */
  now(): number;
  start(intervalMs: number): void;
  stop(): HostSamples;
}
export interface HostSamples {
  /** A tree of calls: who was called in whom. */
  readonly nodes: readonly HostSampleNode[];
  /** Of each sample: the node by its id, and when it was taken, in milliseconds. */
  readonly ids: readonly number[];
  readonly times: readonly number[];
}
export interface HostSampleNode {
  readonly id: number;
  readonly functionName: string;
  /** Where it comes from; what begins with 'wasm:' is WebAssembly. */
  readonly url: string;
  readonly children: readonly number[];
}

/** Cryptography, all at once and by a library that is made for it. */
export interface HostCrypto {
  sha256(): HostHash;
  /** AES-128-GCM without further data under an initialization vector of 12 zeros: each key is used once. */
  seal(key: Uint8Array, plain: Uint8Array, cipher: Uint8Array, mac: Uint8Array): void;
  /** False, with `plain` of no use, if `mac` does not fit. */
  open(key: Uint8Array, cipher: Uint8Array, plain: Uint8Array, mac: Uint8Array): boolean;
  /** AES-128-CMAC (RFC 4493), 16 bytes. */
  cmac(key: Uint8Array, message: Uint8Array): Uint8Array;
}
export interface HostHash {
  /** Adds the first `length` bytes. */
  update(bytes: Uint8Array, length: number): void;
  digest(): Uint8Array;
}

/** A hardware report interface, such as Linux's configfs TSM (TDX, SEV-SNP). */
export interface HostReports {
  /** As the host calls it, 'tdx_guest' or 'sev_guest'. */
  readonly provider: string;
  /** A report that holds 64 bytes of the caller's; an Errno if the host cannot make one. */
  report(data: Uint8Array): Uint8Array | number;
}

export interface HostClock {
  /** Nanoseconds since the epoch, as whole seconds and the rest. */
  realtime(out: Timespec): void;
  /** Never steps back. */
  monotonic(out: Timespec): void;
  /** Processor time of this thread of the host. */
  cpuTime(out: Timespec): void;
}
export interface Timespec {
  sec: number;
  nsec: number;
}

/** A host folder that the guest may see. No operation follows a symbolic link or leaves the folder. */
export interface HostFiles {
  /** Opens a folder for `hostfs`, or returns an Errno. */
  openRoot(path: string): HostFolder | number;
  /** Where a path leads, links followed; what does not exist is taken as it is written. */
  canonical(path: string): HostCanonical | number;
}

export interface HostCanonical {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /** The symbolic links on the way, with what they say. */
  readonly links: readonly { readonly path: string; readonly target: string }[];
}

export interface HostStat {
  ino: number;
  dev: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  rdev: number;
  size: number;
  blocks: number;
  atime: Timespec;
  mtime: Timespec;
  ctime: Timespec;
  /** When the file was made; 0 where that is not known. */
  btime: Timespec;
}

/**
 * Operations on an open folder by the name of an entry, as the *at calls of Linux have them. `name` has no slash and is
 * neither '.' nor '..', except that lookup, chmod, chown and utimes take '.' for the folder itself. Results are values or negative error numbers. Folders and files stay good when the host renames
 * or removes them.
 */
export interface HostFolder {
  stat(): HostStat | number;
  lookup(name: string): HostStat | number;
  /** Without '.' and '..'. */
  list(): readonly HostEntry[] | number;
  openFolder(name: string): HostFolder | number;
  /** A regular file, for reading or for both; anything else is ENXIO and is not opened. */
  openFile(name: string, write: boolean): HostFile | number;
  /** For a file that may be written but not read. */
  openWriteOnly(name: string): HostFile | number;
  /** Makes a regular file with exactly this mode and opens it for both; EEXIST if there is anything. */
  create(name: string, mode: number): HostFile | number;
  mkdir(name: string, mode: number): number;
  symlink(name: string, target: string): number;
  readlink(name: string): string | number;
  link(from: HostFolder, fromName: string, name: string): number;
  unlink(name: string): number;
  rmdir(name: string): number;
  rename(name: string, to: HostFolder, toName: string): number;
  /** EOPNOTSUPP on a symbolic link. */
  chmod(name: string, mode: number): number;
  chown(name: string, uid: number, gid: number): number;
  utimes(name: string, atime: Timespec, mtime: Timespec): number;
  statfs(): HostStatfs | number;
  close(): void;
}
export interface HostEntry {
  readonly name: string;
  /** As d_type in getdents64(2). */
  readonly type: number;
}
export interface HostFile {
  /** What it was when it was opened. */
  readonly opened: HostStat;
  stat(): HostStat | number;
  read(into: Uint8Array, start: number, length: number, position: number): number;
  write(from: Uint8Array, start: number, length: number, position: number): number;
  truncate(size: number): number;
  chmod(mode: number): number;
  chown(uid: number, gid: number): number;
  utimes(atime: Timespec, mtime: Timespec): number;
  sync(): number;
  /** Nobody has it open any more, or a descriptor has been closed: what is kept back is written. */
  settle?(): number;
  /** The same file opened again for reading and writing, whatever its name is by now; EOPNOTSUPP if the host cannot. */
  reopen(): HostFile | number;
  close(): void;
}
export interface HostStatfs {
  type: number;
  bsize: number;
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
}
