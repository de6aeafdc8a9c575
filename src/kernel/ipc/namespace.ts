/**
 * System V IPC (sysvipc(7)): shared memory, semaphores and message queues, each in a table by id, which programs get by
 * key. Objects outlive the processes that made them. They know the VFS (shared memory is an unnamed file) and the threads
 * that wait, but no system call: syscalls/sysv-*.ts fetch, check and call.
 */
import { kind } from '../checkpoint/registry.js';
import type { QueueLimits } from '../fs/mqueue/mqueuefs.js';
import type { Timespec } from '../host.js';
import { MessageQueues } from './sysv/msg.js';
import { Semaphores } from './sysv/sem.js';
import { SharedMemory, type Doer } from './sysv/shm.js';

/** What this needs of the kernel. */
export interface IpcKernel {
  readonly clock: { realtime(out: Timespec): void };
  readonly current: { readonly process: { readonly pid: number } } | null;
}

export class IpcNamespace implements Doer {
  readonly shm = new SharedMemory(this);
  readonly sem = new Semaphores(this);
  readonly msg = new MessageQueues(this);
  /** Of POSIX message queues, whose names and files are fs/mqueue's. */
  readonly mqueue: { readonly limits: QueueLimits } = {
    limits: { queues_max: 256, msg_max: 10, msgsize_max: 8192, msg_default: 10, msgsize_default: 8192 },
  };
  private readonly time: Timespec = { sec: 0, nsec: 0 };

  constructor(private readonly kernel: IpcKernel) {}

  now(): number {
    this.kernel.clock.realtime(this.time);
    return this.time.sec;
  }

  /** All objects go: this is another kernel's copy, and what they are for is there. */
  clear(): void {
    for (const segment of this.shm.segments.list()) this.shm.remove(segment);
    for (const array of this.sem.arrays.list()) this.sem.remove(array);
    for (const queue of this.msg.queues.list()) this.msg.remove(queue);
  }

  pid(): number {
    return this.kernel.current?.process.pid ?? 0;
  }
}

kind('IpcNamespace', IpcNamespace);
