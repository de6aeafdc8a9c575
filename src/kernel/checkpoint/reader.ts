/** Makes a graph of objects again from what writer.ts has written. All that is read is checked; what is wrong throws Damaged. */
import type { Anchors } from './anchors.js';
import { Reader } from './bytes.js';
import { Damaged, Refused } from './damaged.js';
import {
  SHAPE_ARRAY,
  SHAPE_INSTANCE,
  SHAPE_KINDS,
  SHAPE_MAP,
  SHAPE_RECORD,
  SHAPE_SET,
  SHAPE_TYPED,
  TYPED,
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
import { constantNamed, kindNamed, kindOfPrototype, type Kind } from './registry.js';
import { CONSTANT } from './writer.js';

interface Header {
  readonly shape: Shape;
  readonly size: number;
}

type Fields = Record<string, unknown>;

export class GraphReader {
  private readonly input: Reader;
  private strings: string[] = [];
  private named: (object | undefined)[] = [];
  private names: string[] = [];
  protected readonly objects: object[] = [];
  private readonly headers: Header[] = [];

  constructor(
    bytes: Uint8Array,
    protected readonly anchors: Anchors,
  ) {
    this.input = new Reader(bytes);
  }

  /** All objects that have been made. */
  get made(): readonly object[] {
    return this.objects;
  }

  /** The root, with all objects restored. */
  read(): object {
    const { input } = this;
    this.strings = this.texts();
    this.names = this.texts();
    this.named = this.names.map((name) => this.thing(name));
    const shapes = Array.from({ length: input.countOf(3) }, () => this.shape());
    const count = input.countOf(3);
    for (let i = 0; i < count; i++) this.make(shapes);
    for (const [i, object] of this.objects.entries()) this.fill(object, this.headers[i] as Header);
    if (input.left > 0) throw new Damaged('something follows its end');
    const [root] = this.objects;
    if (root === undefined) throw new Damaged('it is empty');
    for (const object of this.objects) this.restored(object);
    return root;
  }

  private texts(): string[] {
    return Array.from({ length: this.input.countOf(1) }, () => this.input.text());
  }

  protected thing(name: string): object | undefined {
    return name.startsWith(CONSTANT)
      ? constantNamed(name.slice(CONSTANT.length))
      : this.anchors.things.get(name);
  }

  private namedThing(index: number): object {
    const thing = this.named[index];
    if (thing === undefined) throw new Refused(`there is no ${this.names[index]} in this sandbox`);
    return thing;
  }

  private shape(): Shape {
    const { input } = this;
    const form = input.u8();
    if (form >= SHAPE_KINDS) throw new Damaged('there is an object of no kind');
    const name = input.text();
    const fields = Array.from({ length: input.countOf(1) }, () => input.text());
    if (fields.includes('__proto__')) throw new Damaged('a field has a bad name');
    if (form === SHAPE_TYPED && !TYPED.has(name)) throw new Damaged(`there are no arrays of ${name}`);
    const kind = form === SHAPE_INSTANCE ? kindNamed(name) : undefined;
    if (form === SHAPE_INSTANCE && kind === undefined)
      throw new Refused(`there are no objects named ${name}`);
    if (kind !== undefined && fields.some((field) => kind.rebuilt.has(field)))
      throw new Damaged(`${name} has a field that is not sent`);
    return { form, name, fields };
  }

  private make(shapes: readonly Shape[]): void {
    const { input } = this;
    const shape = shapes[input.index(shapes.length)] as Shape;
    const anchor = input.index(this.named.length + 1);
    const size = input.countOf(shape.form === SHAPE_TYPED ? 1 : 0);
    if (shape.form !== SHAPE_TYPED && size > input.left)
      throw new Damaged('there are fewer parts than it says');
    const known = anchor === 0 ? null : this.known(anchor - 1, shape, size);
    const object = known ?? this.fresh(shape, size);
    this.objects.push(object);
    this.headers.push({ shape, size });
  }

  protected fresh({ form, name }: Shape, size: number): object {
    switch (form) {
      case SHAPE_RECORD:
        return {};
      case SHAPE_INSTANCE:
        return Object.create((kindNamed(name) as Kind).type.prototype) as object;
      case SHAPE_ARRAY:
        return [];
      case SHAPE_MAP:
        return new Map();
      case SHAPE_SET:
        return new Set();
      default: {
        const type = TYPED.get(name);
        if (type === undefined) throw new Damaged(`there are no arrays of ${name}`);
        const bytes = type.BYTES_PER_ELEMENT ?? 1;
        if (size % bytes !== 0) throw new Damaged('an array of numbers has a bad length');
        return new type(new ArrayBuffer(size), 0, size / bytes);
      }
    }
  }

  /**
   * An object that this kernel has already, to be filled anew; null where what is mounted differs so that there is none, or
   * another one that nobody will ask for.
   */
  protected known(anchor: number, shape: Shape, size: number): object | null {
    const object = this.named[anchor];
    if (object === undefined) return null;
    const fits =
      (shape.form === SHAPE_ARRAY && Array.isArray(object)) ||
      (shape.form === SHAPE_MAP && object instanceof Map) ||
      (shape.form === SHAPE_SET && object instanceof Set) ||
      (shape.form === SHAPE_TYPED &&
        typedName(object) === shape.name &&
        (object as TypedArray).byteLength === size) ||
      (shape.form === SHAPE_RECORD && Object.getPrototypeOf(object) === Object.prototype) ||
      (shape.form === SHAPE_INSTANCE &&
        kindOfPrototype(Object.getPrototypeOf(object) as object)?.name === shape.name);
    if (typeof object === 'function' || this.anchors.opaque.has(object))
      throw new Refused(`${this.names[anchor]} is something else in this sandbox`);
    return fits ? object : null;
  }

  private fill(object: object, { shape, size }: Header): void {
    switch (shape.form) {
      case SHAPE_ARRAY: {
        const array = object as unknown[];
        array.length = 0;
        for (let i = 0; i < size; i++) array.push(this.value());
        return;
      }
      case SHAPE_MAP: {
        const map = object as Map<unknown, unknown>;
        map.clear();
        for (let i = 0; i < size; i++) map.set(this.value(), this.value());
        return;
      }
      case SHAPE_SET: {
        const set = object as Set<unknown>;
        set.clear();
        for (let i = 0; i < size; i++) set.add(this.value());
        return;
      }
      case SHAPE_TYPED: {
        const { buffer, byteOffset } = object as TypedArray;
        new Uint8Array(buffer, byteOffset, size).set(this.input.raw(size));
        return;
      }
      default:
        this.fields(object as Fields, shape);
    }
  }

  private fields(object: Fields, { form, name, fields }: Shape): void {
    const rebuilt = form === SHAPE_INSTANCE ? kindNamed(name)?.rebuilt : undefined;
    for (const old of Object.keys(object))
      if (rebuilt?.has(old) !== true && !fields.includes(old)) Reflect.deleteProperty(object, old);
    for (const field of fields) object[field] = this.value();
  }

  private value(): unknown {
    const { input } = this;
    switch (input.u8()) {
      case VALUE_UNDEFINED:
        return undefined;
      case VALUE_NULL:
        return null;
      case VALUE_FALSE:
        return false;
      case VALUE_TRUE:
        return true;
      case VALUE_INTEGER:
        return input.count();
      case VALUE_NEGATIVE:
        return -1 - input.count();
      case VALUE_FLOAT:
        return input.f64();
      case VALUE_STRING:
        return this.strings[input.index(this.strings.length)];
      case VALUE_BIGINT:
        return parseBigInt(this.strings[input.index(this.strings.length)] as string);
      case VALUE_OBJECT:
        return this.objects[input.index(this.objects.length)];
      case VALUE_NAMED:
        return this.namedThing(input.index(this.named.length));
      default:
        throw new Damaged('there is a value of no kind');
    }
  }

  protected restored(object: object): void {
    const kind = kindOfPrototype(Object.getPrototypeOf(object) as object | null);
    for (const restore of kind?.restored ?? []) restore(object as never);
  }
}

function parseBigInt(hex: string): bigint {
  if (!/^-?[0-9a-f]+$/.test(hex)) throw new Damaged('a number is none');
  return hex.startsWith('-') ? -BigInt(`0x${hex.slice(1)}`) : BigInt(`0x${hex}`);
}
