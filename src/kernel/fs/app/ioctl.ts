/**
 * ioctls of the application's devices. What an argument points to is described part by part, in the language of Gramine's
 * `sys.ioctl_structs`: a region of memory is a list of parts one behind the other; a pointer leads to further regions. All
 * that the device may see is copied before it is asked, and what it may change is copied back.
 */
import { EFAULT, EINVAL, EIO, ENOMEM, type Errno } from '../../errno.js';
import type { UserMemory } from '../types.js';

/** A part of a region. Numbers, or the name of the part that holds the number. */
export interface IoctlRegion {
  readonly name: string | null;
  /** Bytes: size * unit + adjustment. A pointer has eight. */
  readonly size: number | string | null;
  readonly unit: number;
  readonly adjustment: number;
  /** As the program sees it: the device gets what goes out and gives what comes in. */
  readonly direction: 'none' | 'out' | 'in' | 'inout';
  /** What a pointer leads to: parts written in place, or a struct's name; so many regions one behind the other. */
  readonly ptr: readonly IoctlRegion[] | string | null;
  readonly arrayLength: number | string;
  /** The part is there only if this holds. */
  readonly onlyIf: IoctlCondition | null;
}
export interface IoctlCondition {
  readonly left: number | string;
  readonly equal: boolean;
  readonly right: number | string;
}

export interface IoctlRules {
  readonly structs: ReadonlyMap<string, readonly IoctlRegion[]>;
  /** Requests that reach devices, each with its argument's struct; '': the argument is passed as it is. */
  readonly allowed: ReadonlyMap<number, string>;
}

/** A region as a device sees it. */
export interface IoctlMemory {
  /** Its bytes as they lie in the program's memory; those that do not go out are 0. */
  readonly bytes: Uint8Array;
  /** What its pointers lead to, by name, or by number where a pointer has none; null for NULL. */
  readonly pointers: ReadonlyMap<string, readonly IoctlMemory[] | null>;
}

/** Regions of one argument, and their bytes together: lists that are linked to a ring end by it. */
const MOST_REGIONS = 1024;
const MOST_BYTES = 1 << 20;
const POINTER = 8;

interface Scope {
  readonly values: Map<string, number>;
  readonly outer: Scope | null;
}

/** Bytes of a region that come back, by the region's place in `regionsOf`. */
interface Answer {
  readonly region: number;
  readonly offset: number;
  readonly length: number;
  readonly address: number;
}

interface PendingPointer {
  readonly part: IoctlRegion;
  readonly key: string;
  readonly target: number;
}

/** All regions, each before those that its pointers lead to. */
export function regionsOf(memory: IoctlMemory): Uint8Array[] {
  const below = [...memory.pointers.values()].flatMap((regions) => (regions ?? []).flatMap(regionsOf));
  return [memory.bytes, ...below];
}

/** One call's copies. */
export class IoctlCopy {
  private regions = 0;
  private bytes = 0;
  private readonly answers: Answer[] = [];

  constructor(
    private readonly structs: IoctlRules['structs'],
    private readonly user: UserMemory,
  ) {}

  /** Reads the region that begins at `address`, and all that it leads to. */
  read(parts: readonly IoctlRegion[], address: number): IoctlMemory | Errno {
    const found = this.region(parts, address, null);
    return typeof found === 'number' ? found : found.memory;
  }

  /** Copies back what comes in, from regions in the order of `regionsOf`. */
  writeBack(regions: readonly Uint8Array[]): 0 | Errno {
    if (regions.length !== this.regions) return EIO;
    for (const { region, offset, length, address } of this.answers) {
      const bytes = regions[region];
      if (bytes === undefined || bytes.length < offset + length) return EIO;
      if (this.user.copyOut(address, bytes, offset, length) !== 0) return EFAULT;
    }
    return 0;
  }

  private region(
    parts: readonly IoctlRegion[],
    address: number,
    outer: Scope | null,
  ): { memory: IoctlMemory; length: number } | Errno {
    if (this.regions >= MOST_REGIONS) return ENOMEM;
    const region = this.regions++;
    const scope: Scope = { values: new Map(), outer };
    const pointers: PendingPointer[] = [];
    let bytes = new Uint8Array(0);
    for (const part of parts) {
      const holds = part.onlyIf === null ? true : compare(part.onlyIf, scope);
      if (typeof holds === 'number') return holds;
      if (!holds) continue;
      const offset = bytes.length;
      const length = lengthOf(part, scope);
      if (length < 0) return length as Errno;
      this.bytes += length;
      if (this.bytes > MOST_BYTES) return ENOMEM;
      bytes = grown(bytes, length);
      const failed = this.part(part, { region, offset, length, address: address + offset }, bytes, scope);
      if (failed !== 0) return failed;
      if (part.ptr === null) continue;
      const target = numberAt(bytes, offset, POINTER);
      pointers.push({ part, key: part.name ?? `${pointers.length}`, target });
    }
    const followed = this.follow(pointers, scope);
    if (typeof followed === 'number') return followed;
    return { memory: { bytes, pointers: followed }, length: bytes.length };
  }

  /** Copies a part in if it goes out, notes it if it comes back, and its number if it has a name. */
  private part(part: IoctlRegion, at: Answer, bytes: Uint8Array, scope: Scope): 0 | Errno {
    const { offset, length, address } = at;
    const isPointer = part.ptr !== null;
    const goesOut = isPointer || part.direction === 'out' || part.direction === 'inout';
    if (goesOut && this.user.copyIn(address, bytes, offset, length) !== 0) return EFAULT;
    if (!isPointer && (part.direction === 'in' || part.direction === 'inout')) this.answers.push(at);
    if (part.name === null || length < 1 || length > 8) return 0;
    if (this.user.copyIn(address, $number, 0, length) !== 0) return EFAULT;
    scope.values.set(part.name, numberAt($number, 0, length));
    return 0;
  }

  /** Once the region has been read: a length may stand behind the pointer that needs it. */
  private follow(
    pointers: readonly PendingPointer[],
    scope: Scope,
  ): Map<string, readonly IoctlMemory[] | null> | Errno {
    const found = new Map<string, readonly IoctlMemory[] | null>();
    for (const { part, key, target } of pointers) {
      const regions = target === 0 ? null : this.array(part, target, scope);
      if (typeof regions === 'number') return regions;
      found.set(key, regions);
    }
    return found;
  }

  private array({ ptr, arrayLength }: IoctlRegion, address: number, scope: Scope): IoctlMemory[] | Errno {
    const parts = typeof ptr === 'string' ? this.structs.get(ptr) : ptr;
    const count = valueOf(arrayLength, scope);
    if (parts === undefined || parts === null || count === undefined) return EINVAL;
    const regions: IoctlMemory[] = [];
    for (let at = address, left = count; left > 0; left--) {
      const one = this.region(parts, at, typeof ptr === 'string' ? null : scope);
      if (typeof one === 'number') return one;
      regions.push(one.memory);
      at += one.length;
    }
    return regions;
  }
}

const $number = new Uint8Array(8);

function numberAt(bytes: Uint8Array, offset: number, length: number): number {
  let value = 0;
  for (let i = length - 1; i >= 0; i--) value = value * 256 + (bytes[offset + i] ?? 0);
  return value;
}

function grown(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(bytes.length + length);
  larger.set(bytes);
  return larger;
}

/** A number, or what the part of this name holds: of the region itself before those around it. */
function valueOf(value: number | string, scope: Scope | null): number | undefined {
  if (typeof value === 'number') return value;
  for (let at = scope; at !== null; at = at.outer) {
    const found = at.values.get(value);
    if (found !== undefined) return found;
  }
  return undefined;
}

function lengthOf({ ptr, size, unit, adjustment }: IoctlRegion, scope: Scope): number | Errno {
  if (ptr !== null) return POINTER;
  const count = size === null ? undefined : valueOf(size, scope);
  if (count === undefined) return EINVAL;
  const length = count * unit + adjustment;
  return length < 0 ? EINVAL : length;
}

function compare({ left, equal, right }: IoctlCondition, scope: Scope): boolean | Errno {
  const [a, b] = [valueOf(left, scope), valueOf(right, scope)];
  return a === undefined || b === undefined ? EINVAL : (a === b) === equal;
}
