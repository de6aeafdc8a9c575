/** What a thread or a process has transferred, as /proc/<pid>/io shows it (task_io_accounting). */
export interface IoCounts {
  readBytes: number;
  writtenBytes: number;
  reads: number;
  writes: number;
}

export function noIo(): IoCounts {
  return { readBytes: 0, writtenBytes: 0, reads: 0, writes: 0 };
}

/** Who transfers: a thread for itself and for its process. */
interface Accounts {
  readonly io: IoCounts;
  readonly process: { readonly io: IoCounts };
}

/** A call that reads has ended with `done` bytes or an error. */
export function countRead({ io, process }: Accounts, done: number): void {
  io.reads++;
  process.io.reads++;
  if (done <= 0) return;
  io.readBytes += done;
  process.io.readBytes += done;
}

export function countWrite({ io, process }: Accounts, done: number): void {
  io.writes++;
  process.io.writes++;
  if (done <= 0) return;
  io.writtenBytes += done;
  process.io.writtenBytes += done;
}
