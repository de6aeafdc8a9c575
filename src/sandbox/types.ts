/** The public API's types. Lengths are bytes, times milliseconds, names and paths ordinary strings (UTF-8 inside). */
import type { CpuLevel } from '../machine/level.js';
import type { Optimisation } from '../machine/translate/optimisations.js';

/**
 * Where a guest's files come from. `target` is absolute; missing folders above it appear as empty ones. What is mounted at
 * '/' is the root itself, in place of `rootfs`.
 */
export type MountSpec =
  /** A host folder or file, as it is: writes reach it unless `readOnly`. */
  | { readonly type: 'host'; readonly source: string; readonly target: string; readonly readOnly?: boolean }
  /** A host folder that is only read; what the guest writes stays in memory. */
  | { readonly type: 'overlay'; readonly source: string; readonly target: string }
  /** A host folder of encrypted files (Gramine's format) under the key of this name, by default 'default'. */
  | {
      readonly type: 'encrypted';
      readonly source: string;
      readonly target: string;
      readonly key?: string;
      /** Writes survive the end of the host's process in their midst, at the price of writing twice. */
      readonly recovery?: boolean;
      /** What the paths in the files begin with, to which they are bound; default `source`. */
      readonly boundAs?: string;
    }
  /** An empty filesystem in memory. */
  | {
      readonly type: 'tmpfs';
      readonly target: string;
      readonly size?: number | string;
      readonly mode?: number;
    }
  /** Files that the application makes up when they are asked for. */
  | { readonly type: 'app'; readonly target: string; readonly files: AppFiles };

export interface AppFileStat {
  readonly type: 'file' | 'directory';
  readonly size: number;
  /** Permission bits; default 0444 and 0555. */
  readonly mode?: number;
  /** Milliseconds since the epoch. */
  readonly mtime?: number;
}

/** A filesystem in the application's own functions. Paths are relative to the mount, without a leading slash. */
export interface AppFiles {
  /** What is at `path` ('' for the mount itself), or null for nothing. */
  stat(path: string): AppFileStat | null | Promise<AppFileStat | null>;
  list(path: string): readonly string[] | Promise<readonly string[]>;
  read(path: string): Uint8Array | string | Promise<Uint8Array | string>;
  /** Without it the mount is read-only. Called with the whole content when a written file is closed or synced. */
  write?(path: string, content: Uint8Array): void | Promise<void>;
  remove?(path: string): void | Promise<void>;
}

type MaybeLater<T> = T | Promise<T>;

/**
 * A pseudo-file of the application: it stands below /proc, /dev or /sys, and what it holds is told by functions each time
 * it is opened or written. An error that a function throws is the program's: its `code` names it ('EINVAL'), else EIO.
 * With thread: 'caller' the functions must not be asynchronous.
 */
export type PseudoSpec =
  /** Content is loaded when it is opened or read from its start again. One write is one value. */
  | {
      readonly type: 'file';
      readonly path: string;
      /** Permission bits; by default 0444 and 0200 as there are functions. */
      readonly mode?: number;
      read?(): MaybeLater<Uint8Array | string>;
      write?(content: Uint8Array): MaybeLater<void>;
    }
  | { readonly type: 'link'; readonly path: string; readonly target: string }
  /** Files whose names come and go. */
  | {
      readonly type: 'directory';
      readonly path: string;
      /** The files' permission bits. */
      readonly mode?: number;
      list(): MaybeLater<readonly string[]>;
      read?(name: string): MaybeLater<Uint8Array | string>;
      write?(name: string, content: Uint8Array): MaybeLater<void>;
    }
  /** A character device below /dev with these numbers; without numbers a regular file that is read and written likewise. */
  | {
      readonly type: 'device';
      readonly path: string;
      readonly mode?: number;
      readonly major?: number;
      readonly minor?: number;
      /** At most `length` bytes; empty at the end; null for "not yet": the reader waits for `sandbox.pseudo.notify`. */
      read?(length: number, position: number): MaybeLater<Uint8Array | string | null>;
      /** How many bytes it took; all by default. */
      write?(content: Uint8Array, position: number): MaybeLater<number | void>;
      /**
       * An ioctl among the sandbox's `allowedIoctls`; others fail with ENOTTY. The argument is as the program gave it, or the
       * memory that its struct describes. The result is the call's, 0 by default.
       */
      ioctl?(request: number, argument: number | IoctlMemory): MaybeLater<number | void>;
    };

/** Files of /etc that Culm can make: of the sandbox's own name, two users, and no servers. */
export type EtcFileName =
  'group' | 'hostname' | 'hosts' | 'localtime' | 'nsswitch.conf' | 'passwd' | 'resolv.conf';

/** A part of the memory that an ioctl's argument leads to, as in Gramine's `sys.ioctl_structs`. */
export interface IoctlPart {
  readonly name?: string | null;
  /** Bytes, or the name of the part that holds their number; times `unit`, plus `adjustment`. */
  readonly size?: number | string | null;
  readonly unit?: number;
  readonly adjustment?: number;
  /** As the program sees it: the device gets what goes out, gives what comes in. Default none. */
  readonly direction?: 'none' | 'out' | 'in' | 'inout';
  /** The part is a pointer to these parts, or to the struct of this name. */
  readonly ptr?: readonly IoctlPart[] | string | null;
  /** So many of them, one behind the other. */
  readonly arrayLength?: number | string;
  readonly onlyIf?: IoctlCondition | null;
  /** Gramine's, for memory of the host; of no use here. */
  readonly alignment?: number;
}
/** Whether two numbers, or what the parts of these names hold, are equal or not. */
export interface IoctlCondition {
  readonly left: number | string;
  readonly equal: boolean;
  readonly right: number | string;
}
export interface AllowedIoctl {
  readonly request: number;
  /** Empty, or absent: the argument is passed as it is. */
  readonly struct?: string;
}

/** A region of a program's memory that an ioctl is about. What is written to `bytes` goes back where parts come in. */
export interface IoctlMemory {
  /** The parts one behind the other; those that do not go out are 0. */
  readonly bytes: Uint8Array;
  /** What pointers lead to, by name, or by number where a pointer has none; null for NULL. */
  readonly pointers: ReadonlyMap<string, readonly IoctlMemory[] | null>;
}

/** What all programs of a sandbox may use together, and each process by itself. Without an entry: as on Linux. */
export interface Limits {
  /** Stack of a thread in bytes (RLIMIT_STACK). */
  readonly stack?: number | string;
  /** How far brk(2) can grow the heap, in bytes. */
  readonly brk?: number | string;
  /** Descriptors of a process (RLIMIT_NOFILE). */
  readonly files?: number;
  /** Processes and threads at a time, 2048 by default; more fail with EAGAIN. */
  readonly processes?: number;
  /** Seconds of processor time; then all processes are killed. */
  readonly cpuTime?: number;
  /** Bytes written to standard output and error; then all processes are killed. */
  readonly output?: number | string;
}

/**
 * Children that run in another kernel from the start, each in one of its own: as in Gramine, where every process has one.
 * It begins as a copy of this one, when a child executes one of the programs, and runs beside it, on another core. Here
 * the child can be waited for and gets signals; open files that it shares are read and written from there; files in memory
 * that it has changed come back when it ends.
 */
export interface Placement {
  /** Files of programs (links are followed), or '*' for all that children execute. */
  readonly programs: readonly string[];
  /** What happens where the child would be torn from what it shares: execve fails with EREMOTE, or it runs here. Default 'refuse'. */
  readonly otherwise?: 'refuse' | 'stay';
}

/** Which host files may be used, by paths on the host; what mounts show of others can be seen but not opened. */
export interface FileCheck {
  /** 'allow_all_but_log': files that are listed nowhere may be used, with a warning. Default 'strict'. */
  readonly policy?: 'strict' | 'allow_all_but_log';
  /** Files that may be read as long as what is read is what the SHA-256 (64 hexadecimal digits) says. */
  readonly trusted?: readonly { readonly path: string; readonly sha256: string }[];
  /** Files and directories that may be used without any check. */
  readonly allowed?: readonly string[];
}

export interface SandboxOptions {
  /** A host folder with the guest's root filesystem. The guest writes to memory above it. Without it: an empty root. */
  readonly rootfs?: string;
  /** Nothing in the root can be written, not even in memory. */
  readonly readOnly?: boolean;
  readonly mounts?: readonly MountSpec[];
  /** Pseudo-files and devices of the application's own. */
  readonly pseudo?: readonly PseudoSpec[];
  /** The environment of every program; the host's is never passed on. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A user as 'uid', 'uid:gid', or a name that the root's /etc/passwd knows. Default 0. */
  readonly user?: string | number;
  readonly hostname?: string;
  /** The guest's memory in bytes, or with a suffix ('512m', '2g'). Default 1 GiB. */
  readonly memory?: number | string;
  /** Processors that the guest sees. Default 1. */
  readonly cpus?: number;
  /** Which instructions programs find by CPUID. Default 'x86-64-v2'. */
  readonly cpu?: CpuLevel;
  /** 'worker' (default): in a thread of its own. 'caller': in the caller's, in slices of a few milliseconds. */
  readonly thread?: 'worker' | 'caller';
  /** A line for each system call, as strace prints it. */
  readonly strace?: (line: string) => void;
  readonly log?: (line: string) => void;
  readonly logLevel?: LogLevel;
  readonly limits?: Limits;
  /** Puts programs at addresses that cannot be foreseen. Default false: runs repeat, and translations are shared. */
  readonly aslr?: boolean;
  /**
   * Keeps translated code for the next run, in the user's cache folder (CULM_CACHE, or culm in XDG_CACHE_HOME or ~/.cache).
   * Default true.
   */
  readonly codeCache?: boolean;
  /** False: making processes fails with EAGAIN; threads can still be made. */
  readonly subprocesses?: boolean;
  /** System calls that only return a number, by name. */
  readonly mockSyscalls?: Readonly<Record<string, number>>;
  /** Without it every file of a mount may be used. */
  readonly fileCheck?: FileCheck;
  /** Keys of encrypted mounts, 32 hexadecimal digits each, by name; see also /dev/attestation/keys. */
  readonly keys?: Readonly<Record<string, string>>;
  /** The memory to which arguments of ioctls lead, by the struct's name. */
  readonly ioctlStructs?: Readonly<Record<string, readonly IoctlPart[]>>;
  /** ioctls that reach the application's devices. */
  readonly allowedIoctls?: readonly AllowedIoctl[];
  /** False: there is no /sys. */
  readonly sysfs?: boolean;
  /** Files of /etc that are made even if the root has them; those that the root lacks are made if it is an overlay. */
  readonly generatedEtc?: readonly EtcFileName[];
  /** What /etc/resolv.conf says, above whatever is mounted there. */
  readonly resolvConf?: string;
  /** Programs that run in kernels of their own when children execute them. */
  readonly placement?: Placement;
  /** Parts of the translator to do without (`OPTIMISATIONS`): programs do the same, more slowly. For finding faults. */
  readonly without?: readonly Optimisation[];
  /** Records what takes the time, for `profile()`. Runs take somewhat longer. Default false. */
  readonly profile?: boolean;
  /** 'interpret', 'translate' or 'mixed' (default): which of the machine's tiers to use. */
  readonly tier?: 'interpret' | 'translate' | 'mixed';
}

export type LogLevel = 'none' | 'error' | 'warning' | 'debug';

export interface SpawnOptions {
  /** The program's file; without it argv[0] names it. */
  readonly program?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly user?: string | number;
  /** Ends the program and all that it has started with SIGKILL after so many milliseconds; its status is then 137. */
  readonly timeout?: number;
  /** The same, when it is aborted. */
  readonly signal?: AbortSignal;
  /** Gives the program a terminal of this size for all three streams; its output comes through stdout. */
  readonly terminal?: { readonly columns: number; readonly rows: number; readonly term?: string };
}

export interface ExecOptions extends SpawnOptions {
  /** What the program reads from standard input; default nothing. */
  readonly stdin?: string | Uint8Array;
}

export interface ExitStatus {
  /** The exit status as a shell has it: 0..255, 128 + n after signal n. */
  readonly status: number;
  /** The signal's number, or 0. */
  readonly signal: number;
}

export interface ExecResult extends ExitStatus {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** The same as text. */
  readonly stdoutText: string;
  readonly stderrText: string;
}

export interface SnapshotOptions {
  /** Smaller files, at the cost of some time; default true. */
  readonly compress?: boolean;
  /** Keys of encrypted mounts, too: whoever has the file has them. Without it their restorer names them; default false. */
  readonly keys?: boolean;
  /**
   * False: a smaller file, without what programs have mapped of the host's files (their own code, libraries), which is read
   * from there again; these files have to be there unchanged in any case. Default true.
   */
  readonly hostPages?: boolean;
  /**
   * A snapshot of the same sandbox, taken before (with those on which it builds, the oldest first): only what has changed
   * since is in the new one, which can be restored together with its parents alone.
   */
  readonly parent?: SnapshotSource | readonly SnapshotSource[];
}

/** A snapshot's bytes, at once or as they come. */
export type SnapshotSource = Uint8Array | ReadableStream<Uint8Array>;

/**
 * What a restored sandbox is given. All else comes from the snapshot; but what was the host's is bound again as is said
 * here, so that a snapshot cannot reach for anything: its root filesystem, its mounts by their targets.
 */
export type RestoreOptions = Pick<
  SandboxOptions,
  | 'rootfs'
  | 'mounts'
  | 'pseudo'
  | 'keys'
  | 'thread'
  | 'tier'
  | 'without'
  | 'codeCache'
  | 'log'
  | 'logLevel'
  | 'strace'
  | 'profile'
>;

/** How a process moves to another sandbox. */
export interface MoveOptions {
  /** All processes that it has made, and those that they have made, move with it; default false. */
  readonly tree?: boolean;
}

/** Processes that are to go on in a sandbox of another host process (`Sandbox.exportProcess`). */
export interface MovingProcess {
  readonly bytes: Uint8Array;
  readonly pids: readonly number[];
  /** The other sandbox has them: here they are no more. */
  gone(): Promise<void>;
  /** They go on here, as if nothing had been. */
  stays(): Promise<void>;
}

/** What may differ in a sandbox's copy. */
export type ForkOptions = Pick<SandboxOptions, 'thread' | 'log' | 'logLevel' | 'strace' | 'profile'>;

export interface FileStat {
  readonly type: 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'character' | 'block';
  readonly mode: number;
  readonly size: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
}

/** What has happened to a file that is watched (`sandbox.fs.watch`). */
export type FileEvent =
  /** 'overflow': nobody took the events, and from here on some are missing. */
  | {
      readonly type: 'create' | 'remove' | 'modify' | 'attributes' | 'overflow';
      readonly path: string;
    }
  /** Moved within what is watched; what comes from elsewhere is 'create', what goes elsewhere 'remove'. */
  | { readonly type: 'rename'; readonly path: string; readonly from: string };

/** What a sandbox has done so far. */
export interface Statistics {
  readonly instructions: number;
  readonly blocksDecoded: number;
  readonly regionsTranslated: number;
  readonly regionsKept: number;
  /** Kept functions that had been optimised before. */
  readonly functionsReady: number;
  readonly modules: number;
  readonly wasmBytes: number;
  readonly tlbMisses: number;
  readonly pageFaults: number;
  readonly codeInvalidations: number;
  readonly syscalls: number;
  /** Bytes of guest memory in use now, and there at all. */
  readonly memoryUsed: number;
  readonly memoryTotal: number;
  /** The part of it in which files are cached. */
  readonly memoryCached: number;
  readonly processes: number;
  readonly threads: number;
  readonly openFiles: number;
  /** Inodes in use that have no cached name. */
  readonly inodes: number;
  readonly cachedNames: number;
  /** How often names are held: by open files, mounts, and processes that stand there. */
  readonly heldNames: number;
  readonly timers: number;
  /** System V shared memory, semaphores and message queues. */
  readonly ipcObjects: number;
}

/** What a call of this API throws: `code` is for programs, the message one sentence for people. */
export class CulmError extends Error {
  override readonly name = 'CulmError';
  constructor(
    readonly code: CulmErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/**
 * 'option': a setting is wrong. 'not-found', 'not-executable': the program. 'snapshot': it cannot be restored. 'move': a process cannot go to another sandbox. 'kernel': Culm's own fault, the sandbox has
 * ended. 'disposed': the sandbox has ended already. 'E...': a file operation's error, as errno names it.
 */
export type CulmErrorCode =
  'option' | 'snapshot' | 'move' | 'not-found' | 'not-executable' | 'kernel' | 'disposed' | `E${string}`;
