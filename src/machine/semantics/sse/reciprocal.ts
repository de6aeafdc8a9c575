/**
 * rcpps, rsqrtps and their scalar forms: approximations with a relative error below 1.5 * 2^-12 (SDM volume 2). CPUs
 * differ in what they give; these are the results of AMD's Zen 4.
 *
 * The top 12 bits of the significand x, four by four a, b, c, give the result's significand as the sum of two table
 * entries: coarse[a, b] + fine[a, c].
 */
import { RECIPROCALS } from '../../layout.js';
import { I32, i32, i32x4, select, type Expr } from '../../wasm/expr.js';
import type { FunctionBuilder } from '../../wasm/function.js';
import type { Semantics, SemanticsTable } from '../emitter.js';
import type { Helper, MachineViews } from '../helper.js';
import { readVector } from './operands.js';

/** How far the result lies below 1, in units of 2^-13; both tables as differences in base 36. */
interface Table {
  readonly first: number;
  readonly coarse: string;
  readonly fine: string;
}
// prettier-ignore
const TABLES: readonly Table[] = [
  // 1 / x for x in [1, 2)
  {
    first: 2,
    coarse:
      '0wvwuvvuuuutttttussrsrrrrrqqqqqprpppopoooononnnnomnmmmmmlmlllllk' +
      'mkkkkkkjkjkjjjjijijiiiiiihihihhhihghhgghgggggfgggfgfffffffefefef' +
      'eefedeeedeeddeddedddcdddcdcdccdccccccccbccbcbcbbcbbbbbbbbbbababb' +
      'baabaaaabaaa9aaaa9aa9a9a9a999a99a9999989999899898989889888988888',
    fine:
      '0212222222122222012212212212212201211212121212120112112112112112' +
      '0111121112111121011211111111211101111111111111110111110111111111' +
      '0110111111011111010111101111011101101101110111010101101101101101' +
      '0011010110110101001101011010110100101010110101010010101101010101',
  },
  // 1 / sqrt(x) for x in [1, 2)
  {
    first: 1,
    coarse:
      '0ggfggffgffffffeffefeeeeeeeeededededddddddcddcdcdcdcccccccbccbcb' +
      'dbbcbbbbbbbbbbabbabababaaabaaaaaaaaaa9aa9a9a9a99a99a999999999899' +
      '8998989898988988988888888888878888788787878787787777877777777777' +
      '8776777767767767676767676676676676666667666666666666656666566656',
    fine:
      '0111111101111111011101111111011101101111011111010110110111011101' +
      '0011011101101101010110110101101100110101011011010010101101010110' +
      '0101010101010101001010101010101000101010010101010101001010101001' +
      '0010010100101010001010010100100100100101001010010001001010010010',
  },
  // 1 / sqrt(x) for x in [2, 4)
  {
    first: 2400,
    coarse:
      '0bbcbabbbbabbababaabaaaaa9aaa9a9aa99a999999999999899898988988988' +
      '8888888888788787878787787778777777777777677767767676767667667666' +
      '7666666666666665666566656566565655656556556555565555555555555555' +
      '6455555455545545545455454545454454544544544454445444444544444444',
    fine:
      '0101101101101101001101011011011000110101011010100011010101010101' +
      '0010101010101010010010101010100100101001010100100010100101001010' +
      '0001010010010100001001001001001000100100100100100100100100100010' +
      '0001001000100100000100100010010000100010001000100010001000100010',
  },
];
const [INVERSE, ROOT_ODD, ROOT_EVEN] = [0, 1, 2];
/** A table in memory: 256 u16 of coarse, 256 of fine. */
const TABLE_BYTES = 1024;
const FINE = 512;

/** Fills the tables in memory. To be called once for a machine's memory. */
export function writeReciprocals(m: MachineViews): void {
  TABLES.forEach(({ first, coarse, fine }, table) => {
    const at = RECIPROCALS + table * TABLE_BYTES;
    let below = first;
    let more = 0;
    for (let k = 0; k < 256; k++) {
      below += parseInt(coarse.charAt(k), 36);
      more = (k % 16 === 0 ? 0 : more) + parseInt(fine.charAt(k), 36);
      m.view.setUint16(at + 2 * k, below, true);
      m.view.setUint16(at + FINE + 2 * k, more, true);
    }
  });
}

const ONE = 0x3f800000;
const INFINITY = 0x7f800000;
const QUIET = 0x400000;
const SIGN = i32.const(0x80000000);

/** The result for x's significand by a table, in [0.5, 1): a binary32 with exponent 126, or 1 itself less. */
function approximate(f: FunctionBuilder, bits: Expr, table: Expr): Expr {
  const at = f.let(i32.mul(table, i32.const(TABLE_BYTES)));
  const entry = (index: Expr, offset: number) =>
    i32.load16_u(i32.add(at, i32.shl(index, i32.const(1))), RECIPROCALS + offset);
  const a = i32.and(i32.shr_u(bits, i32.const(15)), i32.const(0xf0));
  const ab = i32.and(i32.shr_u(bits, i32.const(15)), i32.const(0xff));
  const c = i32.and(i32.shr_u(bits, i32.const(11)), i32.const(15));
  const below = i32.add(entry(ab, 0), entry(i32.or(a, c), FINE));
  return f.let(i32.sub(i32.const(ONE), i32.shl(below, i32.const(11))));
}

function returnIf(f: FunctionBuilder, cond: Expr, value: Expr): void {
  f.if(cond);
  f.return(value);
  f.end();
}

/** What both have in common, for bits in parameter 0: NaNs, and numbers that count as 0. Returns sign and magnitude. */
function commonCases(f: FunctionBuilder): [Expr, Expr] {
  const bits = f.get(0);
  const sign = f.let(i32.and(bits, SIGN));
  const magnitude = f.let(i32.xor(bits, sign));
  returnIf(f, i32.gt_u(magnitude, i32.const(INFINITY)), i32.or(bits, i32.const(QUIET)));
  returnIf(f, i32.lt_u(magnitude, i32.const(0x800000)), i32.or(sign, i32.const(INFINITY)));
  return [sign, magnitude];
}

const TOP = i32.const(23);
const exponentOf = (magnitude: Expr): Expr => i32.shr_u(magnitude, TOP);

/** (bits) to bits; results that would be denormal are 0. */
export const reciprocal: Helper = {
  name: 'rcp',
  params: [I32],
  result: I32,
  wasm: (f) => {
    const [sign, magnitude] = commonCases(f);
    const change = f.let(i32.sub(i32.const(127), exponentOf(magnitude)));
    returnIf(f, i32.le_s(change, i32.const(-126)), sign);
    const found = approximate(f, magnitude, i32.const(INVERSE));
    f.return(i32.or(sign, i32.add(found, i32.shl(change, TOP))));
  },
};

/** (bits) to bits; negative numbers give the default NaN. */
export const reciprocalRoot: Helper = {
  name: 'rsqrt',
  params: [I32],
  result: I32,
  wasm: (f) => {
    const [sign, magnitude] = commonCases(f);
    returnIf(f, sign, i32.const(0xffc00000));
    returnIf(f, i32.eq(magnitude, i32.const(INFINITY)), i32.const(0));
    const exponent = f.let(i32.sub(exponentOf(magnitude), i32.const(127)));
    const table = select(i32.and(exponent, i32.const(1)), i32.const(ROOT_EVEN), i32.const(ROOT_ODD));
    const found = approximate(f, magnitude, table);
    const change = i32.shr_s(exponent, i32.const(1));
    f.return(i32.sub(found, i32.shl(change, TOP)));
  },
};

function scalar(helper: Helper): Semantics {
  return (e) => e.write(0, e.callValue(helper, e.read(1)));
}
function packed(helper: Helper): Semantics {
  return (e) => {
    const b = e.let(readVector(e, 1));
    const lanes = [0, 1, 2, 3].map((i) => e.callValue(helper, i32x4.extract_lane(i, b)));
    e.write(
      0,
      lanes.reduce((v, lane, i) => i32x4.replace_lane(i, v, lane), b),
    );
  };
}

export const RECIPROCAL: SemanticsTable = {
  rcpss: scalar(reciprocal),
  rcpps: packed(reciprocal),
  rsqrtss: scalar(reciprocalRoot),
  rsqrtps: packed(reciprocalRoot),
};
