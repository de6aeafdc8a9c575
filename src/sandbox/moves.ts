/** Processes that go to another sandbox, and those that come. */
import { arrive } from '../kernel/checkpoint/move/arrive.js';
import { depart, type Departure, type MoveKernel } from '../kernel/checkpoint/move/depart.js';
import { leave } from '../kernel/checkpoint/move/leave.js';
import { Damaged, Refused } from '../kernel/checkpoint/damaged.js';
import type { Kernel } from '../kernel/kernel.js';
import { Process } from '../kernel/process/process.js';
import type { DetachRequest, Detached, ProcessId } from './backend.js';
import type { Guest, Streams } from './guest.js';
import { packFile, unpackFile, type Opener } from './snapshot.js';
import { CulmError } from './types.js';

/** One at a time: the sandbox stands still until it is known whether the processes have gone. */
export class Moves {
  private departure: Departure | null = null;
  private waiting: (() => void)[] = [];

  constructor(private readonly host: Opener) {}

  get held(): boolean {
    return this.departure !== null;
  }

  /** Until nothing is under way. */
  async over(): Promise<void> {
    while (this.held) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  async detach(
    from: MoveKernel,
    guests: ReadonlyMap<ProcessId, Guest>,
    { program, pid, tree, compress }: DetachRequest,
  ): Promise<Detached> {
    const process =
      program === null ? from.kernel.processes.get(pid) : (guests.get(program)?.process ?? undefined);
    if (process === undefined)
      throw new CulmError('move', program === null ? `there is no process ${pid}` : 'the program has ended');
    let departure: Departure;
    try {
      departure = depart(from, process, tree, guests);
    } catch (error) {
      throw moveError(error);
    }
    this.departure = departure;
    const { programs, processes } = departure;
    const pieces = await packFile(this.host.crypto, [departure.bytes], compress, 'processes');
    return { pieces, programs, pids: [...processes].map((one) => one.pid) };
  }

  /** They have gone, or stay after all. */
  finish(kernel: Kernel, guests: Map<ProcessId, Guest>, gone: boolean): void {
    const { departure } = this;
    if (departure === null) return;
    if (gone) {
      leave(kernel, departure);
      for (const id of departure.programs) {
        guests.get(id)?.streams.release();
        guests.delete(id);
      }
    }
    this.departure = null;
    for (const resume of this.waiting.splice(0)) resume();
  }

  /** Calls `adopt` for each program that has come with the number that it had, before anything of it runs. */
  async attach(
    into: () => MoveKernel,
    file: Uint8Array,
    adopt: (was: ProcessId, guest: Guest) => void,
  ): Promise<void> {
    try {
      const content = await unpackFile(this.host, file, 'processes');
      for (const [id, guest] of arrive(into(), content).programs) adopt(id, guestOf(guest));
    } catch (error) {
      throw moveError(error);
    }
  }
}

function guestOf(known: object): Guest {
  const { process, streams } = known as { process?: unknown; streams?: Streams };
  if (!(process instanceof Process) || streams === undefined) throw new Damaged('a program is none');
  return { process, streams };
}

/** What was thrown while processes were moved, as users see it. */
function moveError(error: unknown): CulmError {
  if (error instanceof CulmError) return error;
  if (error instanceof Damaged)
    return new CulmError('move', `the file of processes is damaged: ${error.message}`);
  if (error instanceof Refused) return new CulmError('move', `the process cannot move: ${error.message}`);
  const text = error instanceof Error ? error.message : String(error);
  return new CulmError('move', `the file of processes does not fit this Culm: ${text}`);
}
