/** Reads the graph of processes that have come: what is only named in it is this kernel's. */
import type { Anchors } from '../anchors.js';
import { Refused } from '../damaged.js';
import { GraphReader } from '../reader.js';

export class MoveReader extends GraphReader {
  constructor(
    bytes: Uint8Array,
    anchors: Anchors,
    /** What is neither a constant nor known to all kernels by its place in them. */
    private readonly find: (name: string) => object | undefined,
  ) {
    super(bytes, anchors);
  }

  protected override thing(name: string): object | undefined {
    return this.find(name) ?? super.thing(name);
  }

  /** A graph that comes to live among others changes nothing that was there. */
  protected override known(): never {
    throw new Refused('it is no file of processes');
  }
}
