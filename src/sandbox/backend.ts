/**
 * The line between a Sandbox object and the kernel that it stands for. The same interface is spoken directly (kernel in
 * the caller's thread) and by messages (kernel in a worker): all that crosses is plain data.
 */
import type { CpuLevel } from '../machine/level.js';
import type { PseudoDeclaration } from '../kernel/fs/app/pseudo.js';
import type { FromAway, FromHome, PlacementSettings } from '../kernel/placement/types.js';
import type { Profile } from '../kernel/profile/types.js';
import type { Optimisation } from '../machine/translate/optimisations.js';
import type { PlainIoctls } from './ioctls.js';
import type {
  EtcFileName,
  FileCheck,
  FileEvent,
  FileStat,
  Limits,
  MountSpec,
  SandboxOptions,
  Statistics,
} from './types.js';

/** SandboxOptions checked and completed, as plain data; functions stay on the caller's side. */
export interface Settings {
  readonly rootfs: string | null;
  readonly readOnly: boolean;
  readonly mounts: readonly PlainMount[];
  /** The application's pseudo-files, without the functions: they are known by their index. */
  readonly pseudo: readonly PseudoDeclaration[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user: string;
  readonly hostname: string;
  readonly memory: number;
  readonly cpus: number;
  readonly cpu: CpuLevel;
  readonly tier: 'interpret' | 'translate' | 'mixed';
  readonly without: readonly Optimisation[];
  readonly profile: boolean;
  readonly strace: boolean;
  readonly logLevel: NonNullable<SandboxOptions['logLevel']>;
  readonly limits: PlainLimits;
  readonly aslr: boolean;
  readonly codeCache: boolean;
  readonly subprocesses: boolean;
  /** By number. */
  readonly mockSyscalls: ReadonlyMap<number, number>;
  readonly fileCheck: Required<FileCheck> | null;
  readonly keys: ReadonlyMap<string, Uint8Array>;
  readonly ioctls: PlainIoctls;
  readonly sysfs: boolean;
  readonly generatedEtc: readonly EtcFileName[];
  readonly resolvConf: string | null;
  /** Null: all children run here. */
  readonly placement: PlacementSettings | null;
}

/** Infinity is no limit. */
export type PlainLimits = { readonly [N in keyof Limits]-?: number };

/** Files of the application's own, without the functions: they are known by the mount's target. */
export interface AppMount {
  readonly type: 'app';
  readonly target: string;
  readonly writable: boolean;
  readonly removable: boolean;
}

/** A MountSpec as plain data. */
export type PlainMount = Exclude<MountSpec, { type: 'app' | 'tmpfs' }> | TmpfsMount | AppMount;

export interface TmpfsMount {
  readonly type: 'tmpfs';
  readonly target: string;
  readonly size?: number;
  readonly mode?: number;
}

export interface SpawnRequest {
  readonly program: string | null;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | null;
  readonly user: string | null;
  readonly terminal: { columns: number; rows: number } | null;
}

/** What a restorer says in place of what a snapshot was made with; the host is never taken from a snapshot. */
export interface Bindings {
  readonly rootfs: string | null;
  /** Host folders and files by where they are mounted. */
  readonly sources: Readonly<Record<string, string>>;
  /** Those mounts by which the host is written to; a snapshot can ask for less. */
  readonly writable: readonly string[];
  /** Mounts of the application's own files. */
  readonly apps: readonly AppMount[];
  readonly strace: boolean;
  readonly logLevel: Settings['logLevel'];
  readonly tier: Settings['tier'];
  readonly without: Settings['without'];
  readonly codeCache: boolean;
  readonly profile: boolean;
  readonly pseudo: Settings['pseudo'];
  readonly keys: Settings['keys'];
  /** The restored sandbox is the kernel of this child alone. `range`: which pids it gives. */
  readonly placed: { readonly pid: number; readonly range: number } | null;
}

/** What has come to life again. */
export interface Restored {
  readonly env: Readonly<Record<string, string>>;
  /** Programs that the API had started and that have not ended. */
  readonly programs: readonly { readonly id: ProcessId; readonly pid: number; readonly terminal: boolean }[];
}

/** A snapshot's bytes, whole or in pieces. */
export type SnapshotFile = Uint8Array | readonly Uint8Array[];

/** SnapshotOptions as plain data. */
export interface SnapshotRequest {
  readonly compress: boolean;
  readonly keys: boolean;
  /** Pages of host files are in it, too. */
  readonly hostPages: boolean;
  /** False: it has no digest, as it does not leave this host process. */
  readonly sealed?: boolean;
  /** Files on which the new one builds, the oldest first. */
  readonly parents: readonly Uint8Array[];
}

/** Which processes are to move: a program's or the one with a pid. */
export interface DetachRequest {
  readonly program: ProcessId | null;
  readonly pid: number;
  /** With all below it. */
  readonly tree: boolean;
  readonly compress: boolean;
}

/** Processes as a file, in pieces, and which programs of the API are among them. */
export interface Detached {
  readonly pieces: readonly Uint8Array[];
  readonly pids: readonly number[];
  readonly programs: readonly ProcessId[];
}

/** Processes that have come, and the programs among them by the numbers that they had. */
export interface Attached {
  readonly programs: readonly {
    readonly was: ProcessId;
    readonly id: ProcessId;
    readonly terminal: boolean;
  }[];
}

/** A started program, by the backend's own number. */
export type ProcessId = number;

/** A child in a kernel of its own, by the number that its parent's backend has given it. */
export type PlacementId = number;

/** Standard streams by their descriptor. */
export type OutputStream = 1 | 2;

export type FileRequest =
  | { readonly op: 'read' | 'list' | 'stat' | 'lstat' | 'readlink' | 'remove'; readonly path: string }
  | { readonly op: 'write'; readonly path: string; readonly content: Uint8Array; readonly mode: number }
  | { readonly op: 'mkdir'; readonly path: string; readonly recursive: boolean; readonly mode: number }
  | { readonly op: 'rename' | 'symlink'; readonly path: string; readonly to: string }
  | { readonly op: 'removeAll'; readonly path: string };

export type FileReply = Uint8Array | string | readonly string[] | FileStat | null;

export interface Backend {
  start(settings: Settings): Promise<void>;
  /** In place of `start`: goes on with what the last of these snapshots has, which builds on those before it. Pieces are given away. */
  restore(snapshots: readonly SnapshotFile[], bindings: Bindings): Promise<Restored>;
  /** The sandbox as a file, in pieces. It runs on. */
  snapshot(request: SnapshotRequest): Promise<Uint8Array[]>;
  /** Writes processes down that are to go on elsewhere. Nothing runs until `detached` says whether they do. */
  detach(request: DetachRequest): Promise<Detached>;
  detached(gone: boolean): Promise<void>;
  /** Takes processes in; those that do not fit change nothing. The pieces are given away. */
  attach(file: SnapshotFile): Promise<Attached>;
  /** A child has begun in the kernel that `BackendEvents.place` has asked for; null, or why it has not. */
  placed(id: PlacementId, problem: string | null): Promise<void>;
  /** From a child's kernel, and from the one that this one's child has left. */
  fromAway(id: PlacementId, message: FromAway): Promise<void>;
  fromHome(message: FromHome): Promise<void>;
  /** A child's kernel is no more: with its last process, or before. */
  awayEnded(id: PlacementId): Promise<void>;
  spawn(request: SpawnRequest): Promise<ProcessId>;
  /** Resolves once the program may be given more. */
  writeInput(id: ProcessId, bytes: Uint8Array): Promise<void>;
  endInput(id: ProcessId): Promise<void>;
  /** So many bytes of output have been taken by the reader: the guest's writes go on. */
  consumed(id: ProcessId, stream: OutputStream, count: number): Promise<void>;
  /** The reader has gone: the guest's writes get EPIPE and SIGPIPE. */
  closeOutput(id: ProcessId, stream: OutputStream): Promise<void>;
  kill(id: ProcessId, signal: number): Promise<void>;
  /** Ends the program and all that it has started. */
  end(id: ProcessId): Promise<void>;
  resize(id: ProcessId, columns: number, rows: number): Promise<void>;
  file(request: FileRequest): Promise<FileReply>;
  /** Starts to tell of a file's changes under the caller's number `id`. */
  watch(id: number, path: string, recursive: boolean): Promise<void>;
  unwatch(id: number): Promise<void>;
  notifyPseudo(path: string): Promise<void>;
  pseudoDigest(): Promise<string>;
  statistics(): Promise<Statistics>;
  /** What was recorded; null if nothing was to be. */
  profile(): Promise<Profile | null>;
  dispose(): Promise<void>;
}

/** What a backend tells of its own accord. */
export interface BackendEvents {
  output(id: ProcessId, stream: OutputStream, bytes: Uint8Array): void;
  exit(id: ProcessId, status: number, signal: number): void;
  /** `ended`: the watched file has gone. */
  watched(id: number, events: readonly FileEvent[], ended: boolean): void;
  /** A sandbox is wanted for the process `pid`, which waits: restored from these pieces, it is that child's kernel. */
  place(id: PlacementId, pid: number, pieces: readonly Uint8Array[]): void;
  toAway(id: PlacementId, message: FromHome): void;
  toHome(message: FromAway): void;
  /** A child's kernel has no processes any more. */
  deserted(): void;
  log(line: string): void;
  strace(line: string): void;
  /** The kernel has ended because of a fault of its own. */
  failed(message: string): void;
}
