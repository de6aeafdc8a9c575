/**
 * Reads a graph of objects only to look at it: nothing of it comes to life. An object of a class becomes a plain record
 * whose kind can be asked for; what all kernels have becomes a record of its name.
 */
import { findAnchors } from './anchors.js';
import { SHAPE_INSTANCE, type Shape } from './format.js';
import { GraphReader } from './reader.js';

export type Viewed = Record<string, unknown>;

export class GraphViewer extends GraphReader {
  private readonly kinds = new Map<object, string>();

  constructor(bytes: Uint8Array) {
    super(bytes, findAnchors({}, {}));
  }

  /** The kind's name of an object that has one. */
  kindOf(object: object): string {
    return this.kinds.get(object) ?? '';
  }

  /** How many objects there are of each kind. */
  counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const name of this.kinds.values()) counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts;
  }

  protected override thing(name: string): object {
    return { named: name };
  }

  protected override known(): null {
    return null;
  }

  protected override fresh(shape: Shape, size: number): object {
    if (shape.form !== SHAPE_INSTANCE) return super.fresh(shape, size);
    const record = {};
    this.kinds.set(record, shape.name);
    return record;
  }

  protected override restored(): void {}
}
