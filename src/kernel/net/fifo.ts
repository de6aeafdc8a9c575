import { kind } from '../checkpoint/registry.js';
const FIRST_SIZE = 16;

/** A queue that can be looked into: a ring of references. */
export class Fifo<T> {
  private items: (T | undefined)[] = [];
  private start = 0;
  length = 0;

  push(item: T): void {
    if (this.length === this.items.length) this.grow();
    this.items[(this.start + this.length) & (this.items.length - 1)] = item;
    this.length++;
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.items[this.start];
    this.items[this.start] = undefined;
    this.start = (this.start + 1) & (this.items.length - 1);
    this.length--;
    return item;
  }

  /** The item that is shifted after `index` others; undefined behind the last. */
  at(index: number): T | undefined {
    return index < this.length ? this.items[(this.start + index) & (this.items.length - 1)] : undefined;
  }

  remove(item: T): void {
    const left: T[] = [];
    for (let next = this.shift(); next !== undefined; next = this.shift()) if (next !== item) left.push(next);
    for (const other of left) this.push(other);
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let i = 0; i < this.length; i++) {
      const item = this.at(i);
      if (item !== undefined) yield item;
    }
  }

  private grow(): void {
    const items: (T | undefined)[] = [...this];
    items.length = Math.max(FIRST_SIZE, 2 * this.items.length);
    this.items = items;
    this.start = 0;
  }
}

kind('Fifo', Fifo);
