/** What a file of moving processes says before any of them is made. */
import type { CpuLevel } from '../../../machine/level.js';
import type { PortEntries } from '../../net/inet/ports.js';
import type { RecordLock } from '../../fs/locks.js';
import type { Inode, Timespec } from '../../fs/types.js';
import type { FutexQueues } from '../../futex/table.js';
import type { Socket } from '../../net/socket.js';
import type { Vma } from '../../mm/vma.js';
import type { Process } from '../../process/process.js';
import type { Terminal } from '../../tty/terminal.js';

/** A mount that every kernel of the same settings has from its start. */
export interface MovedMount {
  readonly path: string;
  readonly type: string;
}

/**
 * A file that is open, mapped or somebody's working directory, by its name: the other kernel has to have it. What is the
 * host's has to be unchanged; what is in memory comes along.
 */
export interface MovedFile {
  readonly mount: number;
  /** Below the mount's root; '' is the root itself. */
  readonly path: string;
  readonly origin: 'host' | 'memory' | 'given';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: Timespec;
  /** It has no name any more. */
  readonly deleted: boolean;
  /** Of a regular file in memory. */
  readonly content: Uint8Array | null;
}

/** What has to be true of the kernel that takes them in. */
export interface MoveHeader {
  /** Digest of the pseudo-filesystems' nodes. */
  readonly nodes: string;
  /** Which instructions CPUID has told its programs of. */
  readonly cpu: CpuLevel;
  readonly mounts: readonly MovedMount[];
  readonly nowMs: number;
  readonly pids: readonly number[];
  /** Threads' ids, and those of process groups and sessions. */
  readonly tids: readonly number[];
  readonly groups: readonly number[];
  readonly spaces: number;
  readonly files: readonly MovedFile[];
}

/** A lock on a file by its name. */
export interface MovedLock extends RecordLock {
  readonly inode: Inode;
}

/** A lock on a whole file (flock(2)); its owner is a handle. */
export interface MovedFlock {
  readonly inode: Inode;
  readonly owner: object;
  readonly exclusive: boolean;
}

export interface MovedPort extends PortEntries {
  readonly table: 'tcp' | 'udp' | 'udplite';
  readonly socket: Socket;
}

/** Those who wait on words in a file that is found by its name. */
export interface MovedFutexes {
  readonly vma: Vma;
  readonly queues: FutexQueues;
}

/** Where the graph begins. */
export interface MoveRoot {
  readonly processes: readonly Process[];
  /** The embedder's programs among them, and what it keeps with each. */
  readonly programs: ReadonlyMap<number, object>;
  readonly locks: readonly MovedLock[];
  readonly flocks: readonly MovedFlock[];
  readonly ports: readonly MovedPort[];
  /** AF_UNIX sockets that have an abstract name. */
  readonly abstract: readonly Socket[];
  /** Those that have a name in /dev/pts. */
  readonly terminals: readonly Terminal[];
  readonly futexes: readonly MovedFutexes[];
}
