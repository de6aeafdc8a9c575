/**
 * What a checkpoint has to know of each class, told next to the class. All own fields of an object are sent but those
 * listed as rebuilt; those a restored object gets from `restored`, or keeps, if it is one that every kernel has from its
 * start. A class that is not told of, and a function that is no constant, cannot be sent: the writer names them.
 *
 * This file knows nobody, so that all others can use it.
 */

/** A class whose objects are sent. */
export interface Kind {
  /** Its name in files: it stays when the class is renamed. */
  readonly name: string;
  readonly type: Type;
  /** Fields that are not sent, those of the base classes included. */
  readonly rebuilt: ReadonlySet<string>;
  /** Called in this order, base classes first, when all objects exist and have their fields. */
  readonly restored: readonly ((object: never) => void)[];
}

export interface KindOptions<T> {
  /** Fields that follow from others, or belong to the host. */
  readonly rebuilt?: readonly string[];
  /** Makes what was not sent. All other objects have their fields, but may still lack what their own call makes. */
  readonly restored?: (object: T) => void;
}

interface Type {
  readonly prototype: object;
}

const byName = new Map<string, Kind>();
const byPrototype = new Map<object, Kind>();
const constantNames = new Map<object, string>();
const constants = new Map<string, object>();

/** Registers a class; after the classes it extends. */
export function kind<T extends object>(
  name: string,
  type: { readonly prototype: T },
  { rebuilt = [], restored }: KindOptions<T> = {},
): void {
  if (byName.has(name)) throw new Error(`there are two kinds of objects named ${name}`);
  const base = kindOfPrototype(Object.getPrototypeOf(type.prototype) as object | null);
  const made: Kind = {
    name,
    type,
    rebuilt: new Set([...(base?.rebuilt ?? []), ...rebuilt]),
    restored: [...(base?.restored ?? []), ...(restored === undefined ? [] : [restored])],
  };
  byName.set(name, made);
  byPrototype.set(type.prototype, made);
}

/** Something that all kernels have and that never changes: sent by its name. */
export function constant<T extends object>(name: string, value: T): T {
  if (constants.has(name)) throw new Error(`there are two constants named ${name}`);
  constants.set(name, value);
  constantNames.set(value, name);
  return value;
}

/** Registers all objects and functions of a record as constants. */
export function constantsOf(name: string, values: Readonly<Record<string, object>>): void {
  for (const [key, value] of Object.entries(values)) constant(`${name}.${key}`, value);
}

export function kindOfPrototype(prototype: object | null): Kind | undefined {
  return prototype === null ? undefined : byPrototype.get(prototype);
}

export function kindNamed(name: string): Kind | undefined {
  return byName.get(name);
}

export function constantName(value: object): string | undefined {
  return constantNames.get(value);
}

export function constantNamed(name: string): object | undefined {
  return constants.get(name);
}

/** Freezes a table of plain objects and arrays, with all that is in it: all sandboxes share it, and none restores it. */
export function deepFrozen<T extends object>(table: T): T {
  const plain = Array.isArray(table) || Object.getPrototypeOf(table) === Object.prototype;
  if (!plain || Object.isFrozen(table)) return table;
  Object.freeze(table);
  for (const part of Object.values(table) as unknown[])
    if (typeof part === 'object' && part !== null) deepFrozen(part);
  return table;
}

/** For tests. */
export function allKinds(): Iterable<Kind> {
  return byName.values();
}
