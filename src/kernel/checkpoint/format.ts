/** How a graph of objects lies in a checkpoint: see writer.ts. */

export const VALUE_UNDEFINED = 0;
export const VALUE_NULL = 1;
export const VALUE_FALSE = 2;
export const VALUE_TRUE = 3;
/** A whole number, twice itself, or twice its distance below 0 less 1. */
export const VALUE_INTEGER = 4;
export const VALUE_NEGATIVE = 5;
export const VALUE_FLOAT = 6;
export const VALUE_STRING = 7;
export const VALUE_BIGINT = 8;
/** An object that is in the checkpoint, by its number. */
export const VALUE_OBJECT = 9;
/** One that is not: a name of something that all kernels have. */
export const VALUE_NAMED = 10;

export const SHAPE_RECORD = 0;
export const SHAPE_INSTANCE = 1;
export const SHAPE_ARRAY = 2;
export const SHAPE_MAP = 3;
export const SHAPE_SET = 4;
export const SHAPE_TYPED = 5;
export const SHAPE_KINDS = 6;

export type TypedArray =
  Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array | Int32Array | Float64Array | DataView;

interface TypedConstructor {
  new (buffer: ArrayBuffer, offset: number, length: number): TypedArray;
  readonly BYTES_PER_ELEMENT?: number;
}

/** Arrays of numbers, by the name that files have for them. */
export const TYPED: ReadonlyMap<string, TypedConstructor> = new Map<string, TypedConstructor>([
  ['u8', Uint8Array as unknown as TypedConstructor],
  ['u16', Uint16Array as unknown as TypedConstructor],
  ['u32', Uint32Array as unknown as TypedConstructor],
  ['i8', Int8Array as unknown as TypedConstructor],
  ['i16', Int16Array as unknown as TypedConstructor],
  ['i32', Int32Array as unknown as TypedConstructor],
  ['f64', Float64Array as unknown as TypedConstructor],
  ['view', DataView as unknown as TypedConstructor],
]);

const typedNames = new Map<object, string>(
  [...TYPED].map(([name, type]) => [type.prototype as object, name]),
);

/** A typed array's name; of Node's Buffer, which is one, too. */
export function typedName(value: object): string | undefined {
  const prototype = Object.getPrototypeOf(value) as object;
  return typedNames.get(prototype) ?? (value instanceof Uint8Array ? 'u8' : undefined);
}

export interface Shape {
  readonly form: number;
  /** The kind's or the typed array's. */
  readonly name: string;
  readonly fields: readonly string[];
}
