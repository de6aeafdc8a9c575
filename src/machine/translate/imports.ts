import { F32, F64, I32, I64, V128, type ValType } from '../wasm/expr.js';
import type { Helper } from '../semantics/helper.js';
import { nearSymbol } from './near.js';

/** The core module's functions that regions call. All may set CPU_EXIT, but `lookup`. */
export interface CoreFunction {
  readonly name: string;
  readonly params: readonly ValType[];
  readonly result: ValType | null;
}

function core(name: string, params: readonly ValType[], result: ValType | null): CoreFunction {
  return { name, params, result };
}

/** Where an access is that a region did not find: (address, access) and (address, value, access), see core/ranges.ts; 0 after a fault. */
export const RANGE_READ = core('rangeRead', [I64, I32], I32);
/** To be written; and to be changed, so that what is there matters. The place may be the bounce buffer. */
export const RANGE_WRITE = core('rangeWrite', [I64, I32], I32);
export const RANGE_MODIFY = core('rangeModify', [I64, I32], I32);
export const RANGE_STORE: Readonly<Record<number, CoreFunction>> = {
  1: core('rangeStore1', [I64, I32, I32], I32),
  2: core('rangeStore2', [I64, I32, I32], I32),
  4: core('rangeStore4', [I64, I32, I32], I32),
  8: core('rangeStore8', [I64, I64, I32], I32),
  16: core('rangeStore16', [I64, V128, I32], I32),
};
/** (count, address): the span's offset (Emitter.span). */
export const SPAN_READ = core('spanRead', [I32, I64], I32);
export const SPAN_WRITE = core('spanWrite', [I32, I64], I32);
/** The table slot of a guest address; the slot of code that is not translated returns -1. */
export const LOOKUP = core('lookup', [I64], I32);
/** Calls the kernel; 0: leave. */
export const SYSCALL = core('syscall', [], I32);
/** (address, size): copies the bounce buffer back. */
export const WRITE_BACK = core('writeBack', [I64, I32], null);

/** Who a region's body calls: of each, a name that any module can be linked by (link.ts). */
export class Symbols {
  private readonly numbers = new Map<string, number>();

  core({ name, params, result }: CoreFunction): number {
    return this.numberOf(importName('core', name, params, result));
  }

  helper(helper: Helper): number {
    const { name, params, result, near } = helper;
    return this.numberOf(near === true ? nearSymbol(helper) : importName('helper', name, params, result));
  }

  numberOf(name: string): number {
    const known = this.numbers.get(name);
    if (known !== undefined) return known;
    this.numbers.set(name, this.numbers.size);
    return this.numbers.size - 1;
  }

  /** By number. */
  get names(): string[] {
    return [...this.numbers.keys()];
  }
}

/** The region itself. */
export const SELF = 'self';

export interface Import {
  readonly from: string;
  readonly name: string;
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}

function importName(from: string, name: string, params: readonly ValType[], result: ValType | null): string {
  return `${from} ${name} ${params.map(letterOf).join('')}:${result === null ? '' : letterOf(result)}`;
}

/** What `importName` has written; null for another symbol. */
export function parseImport(symbol: string): Import | null {
  const [, from, name, params, results] = /^(core|helper) (\S+) ([a-e]*):([a-e]?)$/.exec(symbol) ?? [];
  if (from === undefined || name === undefined || params === undefined || results === undefined) return null;
  return { from, name, params: [...params].map(typeOf), results: [...results].map(typeOf) };
}

const TYPES: readonly ValType[] = [I32, I64, F32, F64, V128];

function letterOf(type: ValType): string {
  return String.fromCharCode(97 + TYPES.indexOf(type));
}
function typeOf(letter: string): ValType {
  return TYPES[letter.charCodeAt(0) - 97] ?? I32;
}
