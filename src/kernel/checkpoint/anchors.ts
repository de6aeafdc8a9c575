/**
 * What every kernel of the same settings has from its start: the kernel itself, its tables and filesystems, and the
 * functions in them. It is known by the way on which it is first reached from the roots, so that a checkpoint can name
 * it, and a restored object gets the new kernel's.
 */
import { constantName, kindOfPrototype } from './registry.js';
import { typedName } from './format.js';

export interface Anchors {
  /** Names, of objects and functions. */
  readonly names: ReadonlyMap<object, string>;
  readonly things: ReadonlyMap<string, object>;
  /** Those that are only named, never sent: they have no state, or it is not the checkpoint's. So are all that are frozen. */
  readonly opaque: ReadonlySet<object>;
}

type Visit = (child: unknown, name: string) => void;

/** `opaque` are named by their keys and not looked into. */
export function findAnchors(
  roots: Readonly<Record<string, object>>,
  opaque: Readonly<Record<string, object>>,
): Anchors {
  const names = new Map<object, string>();
  const things = new Map<string, object>();
  const closed = new Set<object>();
  const queue: object[] = [];
  const add = (thing: object, name: string): void => {
    names.set(thing, name);
    things.set(name, thing);
    if (typeof thing === 'function') return;
    // Tables, which all sandboxes of this process share: a checkpoint must not change them.
    if (Object.isFrozen(thing)) closed.add(thing);
    queue.push(thing);
  };
  for (const [name, thing] of Object.entries(opaque)) {
    names.set(thing, name);
    things.set(name, thing);
    closed.add(thing);
  }
  for (const [name, thing] of Object.entries(roots)) add(thing, name);
  for (let i = 0; i < queue.length; i++) {
    const thing = queue[i] as object;
    const base = names.get(thing) ?? '';
    visitChildren(thing, (child, key) => {
      if (child === null || (typeof child !== 'object' && typeof child !== 'function')) return;
      if (names.has(child) || constantName(child) !== undefined) return;
      add(child, `${base}.${key}`);
    });
  }
  return { names, things, opaque: closed };
}

function visitChildren(thing: object, visit: Visit): void {
  if (Array.isArray(thing)) return thing.forEach((child: unknown, i) => visit(child, String(i)));
  if (thing instanceof Map) return visitMap(thing, visit);
  if (thing instanceof Set) return [...thing].forEach((child: unknown, i) => visit(child, String(i)));
  if (typedName(thing) !== undefined) return;
  const prototype = Object.getPrototypeOf(thing) as object | null;
  const kind = kindOfPrototype(prototype);
  // What the writer would refuse has no anchors below it, either.
  if (kind === undefined && prototype !== Object.prototype) return;
  for (const [key, child] of Object.entries(thing)) if (kind?.rebuilt.has(key) !== true) visit(child, key);
}

function visitMap(map: ReadonlyMap<unknown, unknown>, visit: Visit): void {
  let i = 0;
  for (const [key, child] of map) {
    visit(key, `key${i}`);
    visit(child, typeof key === 'string' ? key : String(i));
    i++;
  }
}
