/** What an instruction leaves undefined, beyond what the table can say in letters. */
import { encodingOf, opcodesOf, type FlagEffects } from '../../src/machine/x86/encoding.js';
import type { Insn } from '../../src/machine/x86/insn.js';
import { TABLE } from '../../src/machine/x86/table.js';
import { NOTHING_IGNORED, type Ignored } from './compare.js';
import * as S from './state.js';

const FLAG_BIT: Readonly<Record<string, number>> = { C: 0x1, P: 0x4, A: 0x10, Z: 0x40, S: 0x80, O: 0x800 };

function effectsByMnemonic(): ReadonlyMap<string, FlagEffects> {
  const found = new Map<string, FlagEffects>();
  for (const rows of TABLE) {
    for (const row of rows) {
      const [opcode] = opcodesOf(row);
      if (opcode === undefined) continue;
      // imul's encodings and bt's differ in nothing that matters here.
      if (!found.has(row[1])) found.set(row[1], encodingOf(row, opcode).flags);
    }
  }
  return found;
}
const EFFECTS = effectsByMnemonic();

const NO_EFFECTS: FlagEffects = { read: '', written: '', undefined: '' };

/** What the table says of a mnemonic's flags. */
export function tableFlags(mnemonic: string): FlagEffects {
  return EFFECTS.get(mnemonic) ?? NO_EFFECTS;
}

/** Flags by their letters, at their places in RFLAGS. */
export const flagBits = (letters: string) =>
  [...letters].reduce((bits, letter) => bits | FLAG_BIT[letter.toUpperCase()], 0);

const isUpper = (letter: string) => letter === letter.toUpperCase();

/** The count of a shift, as the instruction masks it. */
function shiftCount(insn: Insn, state: S.State): number {
  const last = insn.operands[insn.operands.length - 1];
  const raw = last.kind === 'imm' ? last.lo : Number(state.gpr(1) & 0xffn);
  return raw & (insn.form.size === 8 ? 63 : 31);
}

function shiftUndefined(insn: Insn, state: S.State): number {
  const count = shiftCount(insn, state);
  if (count === 0) return 0;
  const bits = insn.form.size * 8;
  const { mnemonic } = insn.form;
  let undefinedBits = mnemonic.startsWith('s') ? FLAG_BIT.A : 0;
  if (count !== 1) undefinedBits |= FLAG_BIT.O;
  if (count >= bits && (mnemonic === 'shl' || mnemonic === 'shr')) undefinedBits |= FLAG_BIT.C;
  return undefinedBits;
}

/** A 16-bit double shift by more than 16 leaves everything undefined. */
function doubleShift(insn: Insn, state: S.State): Ignored {
  const flags = shiftUndefined(insn, state);
  if (shiftCount(insn, state) <= insn.form.size * 8) return { ...NOTHING_IGNORED, flags };
  return { ...NOTHING_IGNORED, ...destination(insn, state), flags: flagBits('OSZPAC') };
}

const shift = (insn: Insn, state: S.State): Ignored => ({
  ...NOTHING_IGNORED,
  flags: shiftUndefined(insn, state),
});

/** Operand 0, as what is not to be compared. */
function destination(insn: Insn, state: S.State): Partial<Ignored> {
  const [operand] = insn.operands;
  if (operand.kind === 'gpr') return { gpr: operand.index };
  if (operand.kind !== 'mem') return {};
  const at = state.windowOffset(addressOf(insn, state));
  return { ranges: [at, at + insn.form.operands[0].size] };
}

/** The guest address of the memory operand. */
function addressOf(insn: Insn, state: S.State): number {
  for (const operand of insn.operands) {
    if (operand.kind !== 'mem') continue;
    let sum = BigInt(operand.disp);
    if (operand.base >= 0) sum += state.gpr(operand.base);
    if (operand.index >= 0) sum += state.gpr(operand.index) << BigInt(operand.scale);
    const linear =
      BigInt.asUintN(operand.addressSize * 8, sum) + (operand.segment === 0 ? 0n : BigInt(S.GS_BASE));
    return Number(BigInt.asUintN(64, linear));
  }
  return 0;
}

/** Parts of a stored image: last instruction, last operand and opcode of the x87, and what the kernel may use. */
function image(insn: Insn, state: S.State, parts: readonly number[]): Ignored {
  const at = state.windowOffset(addressOf(insn, state));
  return { ...NOTHING_IGNORED, ranges: parts.map((offset) => at + offset) };
}

const environment = (insn: Insn, state: S.State): Ignored =>
  image(insn, state, insn.form.size === 2 ? [6, 14] : [12, 28]);

/** rcpps and rsqrtps: the manual's bound, twice since either side may be off. */
const APPROXIMATE: Ignored = { ...NOTHING_IGNORED, floatError: 3 / 4096 };
/** Vendors differ in the last bits, and so in C1, PE and UE, and with these in ES and B. */
const TRANSCENDENTAL: Ignored = { ...NOTHING_IGNORED, extendedError: 4, status: 0x82b0 };

/** Null: nothing of the result is defined. */
type Rule = (insn: Insn, state: S.State) => Ignored | null;

const bswap: Rule = (insn) =>
  insn.form.size === 2 && insn.operands[0].kind === 'gpr'
    ? { ...NOTHING_IGNORED, gpr: insn.operands[0].index }
    : NOTHING_IGNORED;

const approximate: Rule = () => APPROXIMATE;
const transcendental: Rule = () => TRANSCENDENTAL;

const EXPONENT = 0x7fff;
/** A transcendental instruction of an st0 whose magnitude is below 2^power; others are undefined. */
const transcendentalBelow =
  (power: number): Rule =>
  (_insn, state) => {
    const word = state.view.getUint16(S.AT_FX + S.FX_ST + 8, true);
    return (word & EXPONENT) < 0x3fff + power ? TRANSCENDENTAL : null;
  };

const UNMASKED_RANGE = 0x18;
/** With overflow or underflow unmasked, vendors differ in how far they adjust the exponent. */
const scaling: Rule = (_insn, state) =>
  (state.view.getUint16(S.AT_FX + S.FX_FCW, true) & UNMASKED_RANGE) === UNMASKED_RANGE
    ? NOTHING_IGNORED
    : null;

const RULES: Readonly<Record<string, Rule>> = {
  rol: shift,
  ror: shift,
  rcl: shift,
  rcr: shift,
  shl: shift,
  shr: shift,
  sar: shift,
  shld: doubleShift,
  shrd: doubleShift,
  bswap,
  rcpps: approximate,
  rcpss: approximate,
  rsqrtps: approximate,
  rsqrtss: approximate,
  vrcpps: approximate,
  vrcpss: approximate,
  vrsqrtps: approximate,
  vrsqrtss: approximate,
  f2xm1: transcendentalBelow(0),
  fyl2x: transcendental,
  fyl2xp1: transcendentalBelow(-2),
  fptan: transcendental,
  fpatan: transcendental,
  fsin: transcendental,
  fcos: transcendental,
  fsincos: transcendental,
  fscale: scaling,
  fnstenv: environment,
  fnsave: environment,
  fxsave: (insn, state) => image(insn, state, [6, 24, 28, 32, 416, 512]),
};

const VECTOR_PF = 14;

/** What of the result of `insn`, started in `state` and ended by exception `vector`, is undefined. */
export function ignoredFor(insn: Insn, state: S.State, vector: number): Ignored | null {
  // A comparison that faults under way: Intel gives the flags back, AMD leaves those of the last element.
  if (insn.form.rep !== '' && vector === VECTOR_PF) return { ...NOTHING_IGNORED, flags: flagBits('OSZAPC') };
  const rule = RULES[insn.form.mnemonic];
  if (rule !== undefined) return rule(insn, state);
  const letters = tableFlags(insn.form.mnemonic).undefined;
  if (letters === '') return NOTHING_IGNORED;
  return { ...NOTHING_IGNORED, flags: flagBits([...letters].filter(isUpper).join('')) };
}
