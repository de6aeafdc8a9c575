/**
 * Writes a graph of objects down. Each object gets a number when it is first reached; the objects are worked off in that
 * order, so that no depth of the graph costs stack. Three parts come of it: the strings and names; what each object is,
 * from which a reader makes them all; and their content, which may then refer to any of them.
 *
 * Fields are written in the order of their names and maps in their own, so that equal states give equal bytes.
 */
import { KernelBug } from '../errno.js';
import type { Anchors } from './anchors.js';
import { Writer } from './bytes.js';
import {
  SHAPE_ARRAY,
  SHAPE_INSTANCE,
  SHAPE_MAP,
  SHAPE_RECORD,
  SHAPE_SET,
  SHAPE_TYPED,
  VALUE_BIGINT,
  VALUE_FALSE,
  VALUE_FLOAT,
  VALUE_INTEGER,
  VALUE_NAMED,
  VALUE_NEGATIVE,
  VALUE_NULL,
  VALUE_OBJECT,
  VALUE_STRING,
  VALUE_TRUE,
  VALUE_UNDEFINED,
  typedName,
  type Shape,
  type TypedArray,
} from './format.js';
import { constantName, kindOfPrototype } from './registry.js';

/** Numbers things in order of their first mention. */
class Numbering<T> {
  private readonly numbers = new Map<T, number>();
  readonly list: T[] = [];

  of(value: T): number {
    const known = this.numbers.get(value);
    if (known !== undefined) return known;
    this.numbers.set(value, this.list.length);
    return this.list.push(value) - 1;
  }
}

interface NumberedShape extends Shape {
  readonly number: number;
}

type Fields = Record<string, unknown>;

export class GraphWriter {
  private readonly strings = new Numbering<string>();
  private readonly names = new Numbering<string>();
  protected readonly objects = new Numbering<object>();
  private readonly shapes = new Map<string, NumberedShape>();
  /** By the sameness of records' own order of fields: the sorted shape. */
  private readonly headers = new Writer();
  private readonly contents = new Writer();
  /** From where each object was first reached: for messages. */
  protected readonly from: number[] = [];
  private readonly via: string[] = [];
  protected current = -1;
  private readonly problems: string[] = [];

  constructor(protected readonly anchors: Anchors) {}

  /** Writes everything that can be reached from `root`. */
  write(root: object): Uint8Array {
    this.reach(root, 'root');
    for (let number = 0; number < this.objects.list.length; number++) {
      this.current = number;
      this.object(this.objects.list[number] as object);
    }
    if (this.problems.length > 0)
      throw new KernelBug(
        `a checkpoint cannot hold this: ${this.problems.slice(0, MOST_PROBLEMS).join('; ')}`,
      );
    const out = new Writer();
    out.count(this.strings.list.length);
    for (const text of this.strings.list) out.text(text);
    out.count(this.names.list.length);
    for (const name of this.names.list) out.text(name);
    out.count(this.shapes.size);
    for (const shape of this.shapes.values()) this.shape(out, shape);
    out.count(this.objects.list.length);
    out.raw(this.headers.done());
    out.raw(this.contents.done());
    return out.done();
  }

  private shape(out: Writer, { form, name, fields }: Shape): void {
    out.u8(form);
    out.text(name);
    out.count(fields.length);
    for (const field of fields) out.text(field);
  }

  private shapeOf(form: number, name: string, fields: readonly string[]): NumberedShape {
    const key = `${form} ${name} ${fields.join(' ')}`;
    const known = this.shapes.get(key);
    if (known !== undefined) return known;
    const shape = { form, name, fields, number: this.shapes.size };
    this.shapes.set(key, shape);
    return shape;
  }

  /** What the object is, then its content. `size`: elements of an array, which is made at its size. */
  private header(object: object, shape: NumberedShape, size: number): void {
    const anchor = this.anchors.names.get(object);
    this.headers.count(shape.number);
    this.headers.count(anchor === undefined ? 0 : this.names.of(anchor) + 1);
    this.headers.count(size);
  }

  protected object(object: object): void {
    if (Array.isArray(object)) return this.array(object);
    if (object instanceof Map) return this.map(object);
    if (object instanceof Set) return this.set(object);
    const typed = typedName(object);
    if (typed !== undefined) return this.typed(object as TypedArray, typed);
    const prototype = Object.getPrototypeOf(object) as object | null;
    const kind = kindOfPrototype(prototype);
    if (kind !== undefined) return this.fields(object, SHAPE_INSTANCE, kind.name, kind.rebuilt);
    if (prototype === Object.prototype) return this.fields(object, SHAPE_RECORD, '', NONE);
    this.refuse(`an object of the unknown class ${prototype?.constructor.name ?? 'null'}`);
  }

  private fields(object: object, form: number, name: string, rebuilt: ReadonlySet<string>): void {
    const names = Object.keys(object)
      .filter((field) => !rebuilt.has(field))
      .sort();
    const shape = this.shapeOf(form, name, names);
    this.header(object, shape, 0);
    const content = this.content(object) as Fields;
    for (const field of shape.fields) this.value(content[field], field);
  }

  /** What is sent of an object's fields. */
  protected content(object: object): object {
    return object;
  }

  private array(array: readonly unknown[]): void {
    this.header(array, this.shapeOf(SHAPE_ARRAY, '', []), array.length);
    for (let i = 0; i < array.length; i++) this.value(array[i], String(i));
  }

  private map(map: ReadonlyMap<unknown, unknown>): void {
    this.header(map, this.shapeOf(SHAPE_MAP, '', []), map.size);
    for (const [key, value] of map) {
      this.value(key, 'key');
      this.value(value, String(typeof key === 'object' ? 'value' : key));
    }
  }

  private set(set: ReadonlySet<unknown>): void {
    this.header(set, this.shapeOf(SHAPE_SET, '', []), set.size);
    for (const value of set) this.value(value, 'element');
  }

  private typed(array: TypedArray, name: string): void {
    if (array.buffer.byteLength > MOST_BYTES)
      return this.refuse('an array of numbers that lies in large memory');
    this.header(array, this.shapeOf(SHAPE_TYPED, name, []), array.byteLength);
    this.contents.raw(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  }

  private value(value: unknown, field: string): void {
    const out = this.contents;
    switch (typeof value) {
      case 'undefined':
        return out.u8(VALUE_UNDEFINED);
      case 'boolean':
        return out.u8(value ? VALUE_TRUE : VALUE_FALSE);
      case 'number':
        return this.number(value);
      case 'string':
        out.u8(VALUE_STRING);
        return out.count(this.strings.of(value));
      case 'bigint':
        out.u8(VALUE_BIGINT);
        return out.count(this.strings.of(value.toString(16)));
      case 'object':
      case 'function':
        return value === null ? out.u8(VALUE_NULL) : this.reference(value, field);
      default:
        this.refuse(`a ${typeof value}`, field);
    }
  }

  private number(value: number): void {
    const out = this.contents;
    const whole = Number.isSafeInteger(value) && !Object.is(value, -0);
    out.u8(!whole ? VALUE_FLOAT : value < 0 ? VALUE_NEGATIVE : VALUE_INTEGER);
    if (!whole) out.f64(value);
    else out.count(value < 0 ? -1 - value : value);
  }

  protected reference(thing: object, field: string): void {
    const constant = constantName(thing);
    if (constant !== undefined) return this.name(CONSTANT + constant);
    const anchor = this.anchors.names.get(thing);
    if (anchor !== undefined && (typeof thing === 'function' || this.anchors.opaque.has(thing)))
      return this.name(anchor);
    if (typeof thing === 'function') return this.refuse(`the function ${thing.name}`, field);
    this.contents.u8(VALUE_OBJECT);
    this.contents.count(this.reach(thing, field));
  }

  protected name(name: string): void {
    this.contents.u8(VALUE_NAMED);
    this.contents.count(this.names.of(name));
  }

  protected reach(object: object, field: string): number {
    const number = this.objects.of(object);
    if (number === this.from.length) {
      this.from.push(this.current);
      this.via.push(field);
    }
    return number;
  }

  protected refuse(what: string, field?: string): void {
    const path: string[] = field === undefined ? [] : [field];
    for (let number = this.current; number >= 0; number = this.from[number] as number)
      path.unshift(this.via[number] as string);
    this.problems.push(`${path.join('.')} is ${what}`);
  }
}

/** Begins the names of what registry.ts has as constants. */
export const CONSTANT = '=';

const MOST_PROBLEMS = 50;
const NONE: ReadonlySet<string> = new Set();
/** Arrays of numbers in buffers above this one are views of a sandbox's memory. */
const MOST_BYTES = 1 << 28;
