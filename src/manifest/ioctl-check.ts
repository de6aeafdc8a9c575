/** Whether the names in ioctl structs mean something. */
import type { IoctlRegion } from './ioctls.js';

type Structs = Readonly<Record<string, readonly IoctlRegion[]>>;

/** Problems of all structs, each in a sentence. */
export function* structProblems(structs: Structs): Generator<string> {
  for (const [name, regions] of Object.entries(structs)) yield* check(name, regions, structs, new Set());
}

/** Names are those of parts before and around: a length may stand behind the pointer that needs it. */
function* check(
  struct: string,
  regions: readonly IoctlRegion[],
  structs: Structs,
  outer: ReadonlySet<string>,
): Generator<string> {
  const names = new Set(outer);
  for (const { name } of regions) {
    if (name === null) continue;
    if (names.has(name)) yield `${struct} has two parts named "${name}"`;
    names.add(name);
  }
  for (const region of regions) {
    for (const used of usedNames(region))
      if (!names.has(used)) yield `${struct} uses "${used}", which is no part of it`;
    if (typeof region.ptr === 'string' && !Object.hasOwn(structs, region.ptr))
      yield `${struct} points to the struct "${region.ptr}", which is not defined`;
    if (region.ptr !== null && typeof region.ptr !== 'string')
      yield* check(struct, region.ptr, structs, names);
  }
}

function usedNames({ size, arrayLength, onlyIf }: IoctlRegion): string[] {
  return [size, arrayLength, onlyIf?.left, onlyIf?.right].filter((used) => typeof used === 'string');
}
