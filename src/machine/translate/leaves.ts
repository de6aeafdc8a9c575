import { CPU_BUDGET, CPU_CC_KIND, CPU_CC_X, CPU_CC_Y, CPU_RIP } from '../layout.js';
import { storeCpu } from '../semantics/base-emitter.js';
import { I32, I64, V128, i64, type Expr, type ValType } from '../wasm/expr.js';
import { FunctionBuilder } from '../wasm/function.js';
import type { Symbols } from './imports.js';
import { XMM_BIT, offsetOf } from './registers.js';

const GO_ON_AT_RIP = i64.num(-1);

/** What is written down on a way out, besides the registers. */
export interface Leaving {
  readonly rip: Expr;
  /** Null: the CPU block has it. */
  readonly budget: Expr | null;
  /** Kind, x and y; null: the CPU block has them. */
  readonly flags: readonly [Expr, Expr, Expr] | null;
}

/**
 * The ways out of regions in the middle: functions that write all their parameters into the CPU block, one for each set
 * of them. So each stores just what is dirty there, no register is loaded only to be stored, and there is no code that
 * the ways out share, where all locals would have to meet. They are called by what they write, and made by whoever links
 * the module. `inPlace`: there are none, all is written out.
 */
export function emitLeave(
  f: FunctionBuilder,
  symbols: Symbols,
  inPlace: boolean,
  mask: number,
  registers: (bit: number) => Expr,
  { rip, budget, flags }: Leaving,
): void {
  const args = [rip, ...(budget === null ? [] : [budget]), ...(flags ?? [])];
  const bits = bitsOf(mask);
  args.push(...bits.map(registers));
  if (inPlace) return writeOut(f, placesOf(bits, budget !== null, flags !== null), args);
  const name = `leave ${budget === null ? 0 : 1}${flags === null ? 0 : 1} ${(mask >>> 0).toString(16)}`;
  f.returnFrom(symbols.numberOf(name), args);
}

/** The way out that is called so; null for another symbol. */
export function leaveNamed(symbol: string): FunctionBuilder | null {
  const [, budget, flags, mask] = /^leave ([01])([01]) ([0-9a-f]{1,8})$/.exec(symbol) ?? [];
  if (mask === undefined) return null;
  return writeLeave(bitsOf(Number.parseInt(mask, 16) | 0), budget === '1', flags === '1');
}

function bitsOf(mask: number): number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < 32; bit++) if ((mask & (1 << bit)) !== 0) bits.push(bit);
  return bits;
}

type PlaceInCpu = readonly [type: ValType, offset: number];

function placesOf(bits: readonly number[], hasBudget: boolean, hasFlags: boolean): PlaceInCpu[] {
  const places: PlaceInCpu[] = [[I64, CPU_RIP]];
  if (hasBudget) places.push([I32, CPU_BUDGET]);
  if (hasFlags) places.push([I32, CPU_CC_KIND], [I64, CPU_CC_X], [I64, CPU_CC_Y]);
  for (const bit of bits) places.push([bit < XMM_BIT ? I64 : V128, offsetOf(bit)]);
  return places;
}

function writeOut(f: FunctionBuilder, places: readonly PlaceInCpu[], values: readonly Expr[]): void {
  places.forEach(([, offset], i) => {
    const value = values[i];
    if (value !== undefined) storeCpu(f, offset, value);
  });
  f.return(GO_ON_AT_RIP);
}

function writeLeave(bits: readonly number[], hasBudget: boolean, hasFlags: boolean): FunctionBuilder {
  const places = placesOf(bits, hasBudget, hasFlags);
  const types = places.map(([type]) => type);
  const f = new FunctionBuilder(types, [I64]);
  const parameters = types.map((_, i) => f.get(i));
  writeOut(f, places, parameters);
  return f;
}
