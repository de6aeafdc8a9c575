/** Kernels of children: sandboxes that nobody sees, each made when a child goes there and ended with its last process. */
import type { FromAway, FromHome } from '../kernel/placement/types.js';
import type { Backend, Bindings, PlacementId } from './backend.js';

/** How a child's kernel reaches the one that the child has left. */
export interface Annex {
  toHome(message: FromAway): void;
  /** It has no processes any more, or has failed. */
  deserted(): void;
}

/** As much of a sandbox as is needed here. */
interface Made {
  readonly kernel: Backend;
  dispose(): Promise<void>;
}

type Make = (pieces: readonly Uint8Array[], placed: Bindings['placed'], annex: Annex) => Promise<Made>;

/** Which pids a child's kernel gives: each other ones. */
let ranges = 0;

export class Annexes {
  private readonly made = new Map<PlacementId, Made>();
  private readonly starting = new Set<Promise<unknown>>();
  private ended = false;

  constructor(
    private readonly home: Backend,
    private readonly make: Make,
    /** Who is placed once will be again: a worker is made before it is asked for. */
    private readonly prepare: () => void,
  ) {}

  async place(id: PlacementId, pid: number, pieces: readonly Uint8Array[]): Promise<void> {
    // What it has to say before it is known that it has begun waits until then.
    let early: (() => void)[] | null = [];
    const inTurn = (say: () => void): void => void (early === null ? say() : early.push(say));
    const annex: Annex = {
      // Whoever ends has nobody to tell.
      toHome: (message) => inTurn(() => void this.home.fromAway(id, message).catch(() => undefined)),
      deserted: () => inTurn(() => this.end(id)),
    };
    const starting = this.make(pieces, { pid, range: ++ranges }, annex);
    const settled = starting.catch(() => undefined);
    this.starting.add(settled);
    try {
      const made = await starting;
      if (this.ended) return await made.dispose();
      this.made.set(id, made);
      void this.home.placed(id, null).catch(() => undefined);
      for (const say of early) say();
      early = null;
      this.prepare();
    } catch (error) {
      await this.home
        .placed(id, error instanceof Error ? error.message : String(error))
        .catch(() => undefined);
    } finally {
      this.starting.delete(settled);
    }
  }

  toAway(id: PlacementId, message: FromHome): void {
    void this.made
      .get(id)
      ?.kernel.fromHome(message)
      .catch(() => undefined);
  }

  private end(id: PlacementId): void {
    const made = this.made.get(id);
    this.made.delete(id);
    void this.home.awayEnded(id).catch(() => undefined);
    void made?.dispose().catch(() => undefined);
  }

  async dispose(): Promise<void> {
    this.ended = true;
    await Promise.all(this.starting);
    await Promise.all([...this.made.values()].map((made) => made.dispose()));
    this.made.clear();
  }
}
