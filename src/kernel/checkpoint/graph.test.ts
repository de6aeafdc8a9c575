import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KernelBug } from '../errno.js';
import { findAnchors, type Anchors } from './anchors.js';
import { Damaged, Refused } from './damaged.js';
import { GraphReader } from './reader.js';
import { allKinds, constant, kind } from './registry.js';
import { GraphWriter } from './writer.js';

class Shape {
  derived = 0;
  constructor(
    public name: string,
    public next: Shape | null,
  ) {}
  get loud(): string {
    return this.name.toUpperCase();
  }
}
class Square extends Shape {
  side = 3;
}
class Unknown {}

kind('test.Shape', Shape, {
  rebuilt: ['derived'],
  restored(shape) {
    shape.derived = shape.name.length;
  },
});
kind('test.Square', Square);
const operations = constant('test.operations', { run: () => 1 });

const NONE = findAnchors({}, {});

function copy(root: object, anchors: Anchors = NONE, to: Anchors = anchors): object {
  return new GraphReader(new GraphWriter(anchors).write(root), to).read();
}

describe('a graph of objects', () => {
  it('keeps every value as it is', () => {
    const root = {
      numbers: [0, -0, 1, -1, 2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 53, 0.1, NaN, Infinity, -Infinity, 127, 128],
      big: [0n, -5n, 2n ** 70n],
      texts: ['', 'plain', '\0\xff', 'wide \u4e2d\ud83d\ude00'],
      others: [undefined, null, true, false],
      map: new Map<unknown, unknown>([
        ['b', 1],
        ['a', new Set([3, 1, 2])],
        [7, undefined],
      ]),
      bytes: new Uint8Array([1, 2, 255]),
      views: [new Int32Array([-1, 2]), new Float64Array([0.5]), new DataView(new ArrayBuffer(3))],
    };
    const again = copy(root);
    assert.deepEqual(again, root);
    assert.ok(Object.is((again as typeof root).numbers[1], -0));
  });

  it('keeps identity and cycles, at any depth', () => {
    let chain: Shape | null = null;
    for (let i = 0; i < 200_000; i++) chain = new Shape('link', chain);
    const bytes = new Uint8Array(3);
    const root = { chain, both: [bytes, bytes], self: null as unknown };
    root.self = root;
    const again = copy(root) as typeof root;
    assert.equal(again.self, again);
    assert.equal(again.both[0], again.both[1]);
    assert.notEqual(again.both[0], bytes);
    let length = 0;
    for (let at = again.chain; at !== null; at = at.next) length++;
    assert.equal(length, 200_000);
  });

  it('makes instances with their methods and rebuilds what is not sent', () => {
    const square = new Square('square', null);
    square.derived = 99;
    const again = (copy({ square }) as { square: Square }).square;
    assert.ok(again instanceof Square);
    assert.deepEqual([again.loud, again.side, again.derived], ['SQUARE', 3, 6]);
  });

  it('sends constants by name', () => {
    assert.equal((copy({ operations }) as { operations: unknown }).operations, operations);
  });

  it('fills what both sides have from the start, and keeps it', () => {
    const kernel = (name: string) => {
      const shape = new Shape(name, null);
      const host = { close: () => name };
      return { shape, host, later: [] as unknown[], tell: () => shape.name };
    };
    const from = kernel('from');
    const to = kernel('to');
    const [fromAnchors, toAnchors] = [from, to].map((one) =>
      findAnchors({ kernel: one }, { host: one.host }),
    );
    assert.ok(fromAnchors && toAnchors);
    from.later.push(from.tell, from.host, from.shape, new Shape('new', from.shape));
    const again = copy(from, fromAnchors, toAnchors) as typeof from;
    assert.equal(again, to);
    assert.equal(to.tell(), 'from');
    const [tell, host, shape, made] = to.later;
    assert.deepEqual([tell, host, shape], [to.tell, to.host, to.shape]);
    assert.equal((made as Shape).next, to.shape);
    assert.throws(() => copy(from, fromAnchors, NONE), Refused);
  });

  it('gives equal bytes for equal states, whatever the order in which fields came', () => {
    const one = new GraphWriter(NONE).write({ a: 1, b: new Map([[1, { x: 1, y: 2 }]]) });
    const two = new GraphWriter(NONE).write({ b: new Map([[1, { y: 2, x: 1 }]]), a: 1 });
    assert.deepEqual(one, two);
    const again = new GraphReader(one, NONE).read();
    assert.deepEqual(new GraphWriter(NONE).write(again), one);
  });

  it('names what it cannot hold', () => {
    const root = { list: [{ inner: new Unknown() }, { call: () => 1 }] };
    assert.throws(
      () => new GraphWriter(NONE).write(root),
      (error: unknown) =>
        error instanceof KernelBug &&
        error.message.includes('root.list.0.inner is an object of the unknown class Unknown') &&
        error.message.includes('root.list.1.call is the function call'),
    );
  });

  it('is refused when it is damaged, or read as what it says, without harm', () => {
    const root = {
      shapes: [new Shape('a', new Square('b', null))],
      map: new Map([['k', new Uint8Array(20)]]),
      n: -1.5,
    };
    const good = new GraphWriter(NONE).write(root);
    const attempts: Uint8Array[] = [];
    for (let length = 0; length < good.length; length++) attempts.push(good.slice(0, length));
    for (let at = 0; at < good.length; at++)
      for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
        const bad = good.slice();
        bad[at] = value;
        attempts.push(bad);
      }
    for (const bad of attempts) {
      try {
        new GraphReader(bad, NONE).read();
      } catch (error) {
        // A field of another type than it should be breaks what rebuilds others.
        assert.ok(
          error instanceof Damaged || error instanceof Refused || error instanceof TypeError,
          String(error),
        );
      }
    }
  });
});

describe('kinds', () => {
  it('have their state where it can be seen, and know the fields that they rebuild', () => {
    for (const { type } of allKinds()) {
      const source = String(type.prototype.constructor);
      assert.ok(!source.includes('this.#'), source.slice(0, 80));
    }
  });
});
