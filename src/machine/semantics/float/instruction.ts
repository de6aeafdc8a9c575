import { CPU, CPU_MXCSR, SCRATCH } from '../../layout.js';
import { I32 } from '../../wasm/expr.js';
import type { Helper, MachineViews } from '../helper.js';
import { BINARY32, BINARY64, OF_OPERANDS, ZERO, begin, endStage, env, type Format } from './env.js';
import {
  EQUAL,
  GREATER,
  LESS,
  PREDICATES,
  UNORDERED,
  addLane,
  compareLane,
  divideLane,
  fromIntegerLane,
  integerLane,
  maximumLane,
  minimumLane,
  multiplyLane,
  narrowLane,
  relation,
  roundLane,
  squareRootLane,
  subtractLane,
  widenLane,
  type Lane,
} from './lanes.js';
import { dotProduct } from './dot.js';
import { FUSED } from './fma.js';
import { narrowToHalves } from './half.js';

/** Where an instruction's operands and its result lie; 16 bytes each. */
export const OPERAND_A = SCRATCH;
export const OPERAND_B = SCRATCH + 16;
export const RESULT = SCRATCH + 32;

const MXCSR = (CPU + CPU_MXCSR) >> 2;

/** Does an instruction's work, in all lanes, from OPERAND_A and OPERAND_B to RESULT; `imm` is its immediate byte. */
type Run = (m: MachineViews, imm: number) => void;

const SHAPES = {
  ps: { format: BINARY32, lanes: 4 },
  pd: { format: BINARY64, lanes: 2 },
  ss: { format: BINARY32, lanes: 1 },
  sd: { format: BINARY64, lanes: 1 },
} as const;
type Shape = keyof typeof SHAPES;

/** `lane` for each lane; it may depend on the lane's number and the immediate. */
function vector(shape: Shape, lane: (index: number, imm: number) => Lane): Run {
  const { format, lanes } = SHAPES[shape];
  const { bytes } = format;
  return (m, imm) => {
    for (let i = 0; i < lanes; i++) {
      const at = i * bytes;
      lane(i, imm)(m, format, OPERAND_A + at, OPERAND_B + at, RESULT + at);
    }
  };
}

function sameInAllShapes(name: string, lane: (index: number, imm: number) => Lane): [string, Run][] {
  return (Object.keys(SHAPES) as Shape[]).map((shape) => [name + shape, vector(shape, lane)]);
}

/** roundps's immediate: mode, 4: MXCSR's mode instead, 8: no precision exception. */
function roundOf(_index: number, imm: number): Lane {
  return roundLane((imm & 4) === 0 ? imm & 3 : env.rounding, (imm & 8) === 0);
}

const addSub = (index: number): Lane => (index % 2 === 0 ? subtractLane : addLane);

/** Predicates and roundings are few, so their lanes are made once. */
const COMPARE = PREDICATES.map((_, predicate) => compareLane(predicate));

/** A conversion of `lanes` lanes of `from` bytes to lanes of `to` bytes; what is left of the result is cleared. */
function convert(
  lanes: number,
  from: number,
  to: number,
  lane: (m: MachineViews, at: number, to: number) => void,
): Run {
  return (m) => {
    m.u8.fill(0, RESULT, RESULT + 16);
    for (let i = 0; i < lanes; i++) lane(m, OPERAND_B + i * from, RESULT + i * to);
  };
}

function toInteger(lanes: number, format: Format, bytes: 4 | 8, truncate: boolean): Run {
  return convert(lanes, format.bytes, bytes, (m, at, to) =>
    integerLane(m, format, bytes, truncate ? ZERO : env.rounding, at, to),
  );
}
function fromInteger(lanes: number, bytes: 4 | 8, format: Format): Run {
  return convert(lanes, bytes, format.bytes, (m, at, to) => fromIntegerLane(m, format, bytes, at, to));
}

/** A binary64 that compares with 0 as the operands do with each other: -1, 0, 1 or a NaN. */
function order(format: Format, signaling: boolean): Run {
  const result: Readonly<Record<number, number>> = { [LESS]: -1, [EQUAL]: 0, [GREATER]: 1, [UNORDERED]: NaN };
  return (m) => {
    const found = result[relation(m, format, OPERAND_A, OPERAND_B, signaling)] as number;
    m.view.setFloat64(RESULT, found, true);
  };
}

/** cvtsd2si's result size is told by a suffix. The order is that of the codes. */
const SSE_ROWS: readonly (readonly [string, Run])[] = [
  ...sameInAllShapes('add', () => addLane),
  ...sameInAllShapes('sub', () => subtractLane),
  ...sameInAllShapes('mul', () => multiplyLane),
  ...sameInAllShapes('div', () => divideLane),
  ...sameInAllShapes('min', () => minimumLane),
  ...sameInAllShapes('max', () => maximumLane),
  ...sameInAllShapes('sqrt', () => squareRootLane),
  ...sameInAllShapes('cmp', (_, imm) => COMPARE[imm] as Lane),
  ...sameInAllShapes('round', roundOf),
  ['addsubps', vector('ps', addSub)],
  ['addsubpd', vector('pd', addSub)],
  ['dpps', (m, imm) => dotProduct(m, BINARY32, 4, imm)],
  ['dppd', (m, imm) => dotProduct(m, BINARY64, 2, imm)],
  ['comiss', order(BINARY32, true)],
  ['comisd', order(BINARY64, true)],
  ['ucomiss', order(BINARY32, false)],
  ['ucomisd', order(BINARY64, false)],
  ['cvtss2sd', convert(1, 4, 8, widenLane)],
  ['cvtps2pd', convert(2, 4, 8, widenLane)],
  ['cvtsd2ss', convert(1, 8, 4, narrowLane)],
  ['cvtpd2ps', convert(2, 8, 4, narrowLane)],
  ['cvtdq2ps', fromInteger(4, 4, BINARY32)],
  ['cvtsi2ss.4', fromInteger(1, 4, BINARY32)],
  ['cvtsi2ss.8', fromInteger(1, 8, BINARY32)],
  ['cvtsi2sd.8', fromInteger(1, 8, BINARY64)],
  ['cvtps2dq', toInteger(4, BINARY32, 4, false)],
  ['cvttps2dq', toInteger(4, BINARY32, 4, true)],
  ['cvtpd2dq', toInteger(2, BINARY64, 4, false)],
  ['cvttpd2dq', toInteger(2, BINARY64, 4, true)],
  ['cvtss2si.4', toInteger(1, BINARY32, 4, false)],
  ['cvtss2si.8', toInteger(1, BINARY32, 8, false)],
  ['cvttss2si.4', toInteger(1, BINARY32, 4, true)],
  ['cvttss2si.8', toInteger(1, BINARY32, 8, true)],
  ['cvtsd2si.4', toInteger(1, BINARY64, 4, false)],
  ['cvtsd2si.8', toInteger(1, BINARY64, 8, false)],
  ['cvttsd2si.4', toInteger(1, BINARY64, 4, true)],
  ['cvttsd2si.8', toInteger(1, BINARY64, 8, true)],
];
const ROWS = [...SSE_ROWS, ...FUSED, ['cvtps2ph', narrowToHalves] as const];
const RUNS = ROWS.map(([, run]) => run);
const CODES = new Map(ROWS.map(([name], code) => [name, code]));

/** The number by which `softFloat` knows an instruction. */
export function operationCode(name: string): number {
  const code = CODES.get(name);
  if (code === undefined) throw new Error(`no software arithmetic for ${name}`);
  return code;
}
/** Those of SSE: the others are parts of VEX instructions. */
export const OPERATION_NAMES = SSE_ROWS.map(([name]) => name);

const RAISED_BY_RESULT = 1;
export const RAISED_BY_OPERANDS = 2;

/**
 * (code, immediate): an SSE instruction exactly, in every mode, from OPERAND_A and OPERAND_B to RESULT. Sets MXCSR's
 * flags. Returns not 0 if an exception is unmasked: then the result must not be used, and #XM is due.
 */
export const softFloat: Helper = {
  name: 'softFloat',
  params: [I32, I32],
  result: I32,
  js: (m) => (code, imm) => {
    const mxcsr = m.i32[MXCSR] as number;
    begin(mxcsr);
    (RUNS[code as number] as Run)(m, imm as number);
    endStage();
    m.i32[MXCSR] = mxcsr | env.settled;
    const raised = env.settled & env.unmasked;
    if ((raised & OF_OPERANDS) !== 0) return RAISED_BY_OPERANDS;
    return raised === 0 ? 0 : RAISED_BY_RESULT;
  },
};
