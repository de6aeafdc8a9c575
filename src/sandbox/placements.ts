/** Children of this kernel that run in kernels of their own, and, in such a kernel, the one that its child has left. */
import type { Carrier, FromAway, FromHome, PlacementSettings } from '../kernel/placement/types.js';
import type { StandIn } from '../kernel/placement/stand-in.js';
import type { Kernel } from '../kernel/kernel.js';
import { sendSignal } from '../kernel/signal/send.js';
import type { BackendEvents, PlacementId } from './backend.js';
import { CulmError } from './types.js';

export class Placements implements Carrier {
  settings: PlacementSettings | null = null;
  private readonly standIns = new Map<PlacementId, StandIn>();
  private readonly ids = new Map<StandIn, PlacementId>();
  private waiting: StandIn[] = [];
  private nextId: PlacementId = 1;
  private over = false;

  constructor(private readonly events: BackendEvents) {}

  begin(standIn: StandIn): void {
    this.waiting.push(standIn);
  }

  get waits(): boolean {
    return this.waiting.length > 0;
  }

  /** Nothing has run since they began to wait; `write` writes the kernel down as it is. */
  async send(kernel: Kernel, write: () => Promise<readonly Uint8Array[]>): Promise<void> {
    for (const standIn of this.waiting.splice(0)) {
      const { process } = standIn;
      const id = this.nextId++;
      this.standIns.set(id, standIn);
      this.ids.set(standIn, id);
      try {
        this.events.place(id, process.pid, await write());
      } catch (error) {
        kernel.log(String(error));
        this.placed(id, String(error));
      }
    }
  }

  placed(id: PlacementId, problem: string | null): void {
    const standIn = this.standIns.get(id);
    if (standIn === undefined) return;
    if (problem === null) return standIn.begun();
    const { process } = standIn;
    process.kernel.log(`process ${process.pid} runs here, not in a kernel of its own: ${problem}`);
    this.forget(id, standIn);
    standIn.failed();
  }

  toAway(standIn: StandIn, message: FromHome): void {
    const id = this.ids.get(standIn);
    if (id !== undefined) this.events.toAway(id, message);
  }

  fromAway(id: PlacementId, message: FromAway): void {
    this.standIns.get(id)?.take(message);
  }

  awayEnded(id: PlacementId): void {
    const standIn = this.standIns.get(id);
    if (standIn === undefined) return;
    this.forget(id, standIn);
    standIn.lost();
  }

  private forget(id: PlacementId, standIn: StandIn): void {
    this.standIns.delete(id);
    this.ids.delete(standIn);
  }

  toHome(message: FromAway): void {
    this.events.toHome(message);
  }

  fromHome({ home, processes }: Kernel, message: FromHome): void {
    const child = [...processes.values()].find((process) => process.home === home);
    home?.take(message, (info) => void (child !== undefined && sendSignal(child, info)));
  }

  /** The last process has ended, of those that have come and those that they have made. */
  deserted({ home }: Kernel): void {
    if (home === null || this.over) return;
    this.over = true;
    this.events.deserted();
  }

  /** A file cannot hold what is in two kernels. */
  refuseSnapshot({ processes, home }: Kernel): void {
    const away = [...processes.values()].filter((process) => process.away !== null);
    const names = away.map(({ pid, leader }) => `process ${pid} (${leader?.name ?? ''})`);
    if (home !== null) names.push('what this sandbox has come from');
    if (names.length > 0)
      throw new CulmError(
        'snapshot',
        `${names.join(', ')} runs in another kernel: there is no snapshot of both`,
      );
  }
}
