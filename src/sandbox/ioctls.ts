/** ioctls of the application's devices: what may reach them, and what arguments lead to. */
import type { IoctlRegion } from '../kernel/fs/app/ioctl.js';
import { refuse } from './refuse.js';
import type { IoctlPart, SandboxOptions } from './types.js';

/** As plain data. */
export interface PlainIoctls {
  readonly structs: ReadonlyMap<string, readonly IoctlRegion[]>;
  readonly allowed: ReadonlyMap<number, string>;
}

type Structs = Readonly<Record<string, readonly IoctlPart[]>>;
const MOST_REQUEST = 0xffffffff;

/** What of an ioctl's structs means nothing, each problem in a sentence. */
export function* structProblems(structs: Structs): Generator<string> {
  for (const [name, parts] of Object.entries(structs)) yield* check(name, parts, structs, new Set());
}

/** Names are those of parts before and around: a length may stand behind the pointer that needs it. */
function* check(
  struct: string,
  parts: readonly IoctlPart[],
  structs: Structs,
  outer: ReadonlySet<string>,
): Generator<string> {
  const names = new Set(outer);
  for (const { name } of parts) {
    if (name === undefined || name === null) continue;
    if (names.has(name)) yield `${struct} has two parts named "${name}"`;
    names.add(name);
  }
  for (const part of parts) {
    for (const used of usedNames(part))
      if (!names.has(used)) yield `${struct} uses "${used}", which is no part of it`;
    const ptr = part.ptr ?? null;
    if (typeof ptr === 'string' && !Object.hasOwn(structs, ptr))
      yield `${struct} points to the struct "${ptr}", which is not defined`;
    if (ptr !== null && typeof ptr !== 'string') yield* check(struct, ptr, structs, names);
  }
}

function usedNames({ size, arrayLength, onlyIf }: IoctlPart): string[] {
  return [size, arrayLength, onlyIf?.left, onlyIf?.right].filter((used) => typeof used === 'string');
}

function isCount(value: unknown): boolean {
  return (
    value === undefined || typeof value === 'string' || (Number.isSafeInteger(value) && Number(value) >= 0)
  );
}

function complete(struct: string, part: IoctlPart): IoctlRegion {
  const { name = null, size = null, unit = 1, adjustment = 0, direction = 'none', ptr = null } = part;
  const { arrayLength = 1, onlyIf = null } = part;
  const bad = (what: string): never => refuse(`the ioctl struct ${struct}: ${what}`);
  if ((ptr === null) === (size === null)) bad('a part needs either "size" or "ptr"');
  if (!isCount(size ?? undefined) || !isCount(arrayLength)) bad('sizes are whole numbers or names of parts');
  if (!Number.isSafeInteger(unit) || unit < 1 || !Number.isSafeInteger(adjustment))
    bad('"unit" and "adjustment" must be whole numbers');
  if (!['none', 'out', 'in', 'inout'].includes(direction)) bad('"direction" must be none, out, in or inout');
  const target = typeof ptr === 'string' || ptr === null ? ptr : ptr.map((below) => complete(struct, below));
  return { name, size, unit, adjustment, direction, ptr: target, arrayLength, onlyIf };
}

export function checkIoctls({
  ioctlStructs = {},
  allowedIoctls = [],
}: Pick<SandboxOptions, 'ioctlStructs' | 'allowedIoctls'>): PlainIoctls {
  const structs = new Map<string, readonly IoctlRegion[]>();
  for (const [name, parts] of Object.entries(ioctlStructs))
    structs.set(
      name,
      parts.map((part) => complete(name, part)),
    );
  for (const problem of structProblems(ioctlStructs)) refuse(`the ioctl struct ${problem}`);
  const allowed = new Map<number, string>();
  for (const { request, struct = '' } of allowedIoctls) {
    if (!Number.isInteger(request) || request < 0 || request > MOST_REQUEST)
      refuse(`an allowed ioctl's "request" must be a whole number of 32 bits, not ${String(request)}`);
    if (struct !== '' && !structs.has(struct)) refuse(`there is no ioctl struct "${struct}"`);
    allowed.set(request, struct);
  }
  return { structs, allowed };
}
