import type { Row } from './table.js';

/** Reads the table's notation: a row becomes encodings, whose sizes are worked out for each operand size. */

/** What the operand-size attribute is made of: nothing, a 66 prefix, REX.W. Sizes are triples in this order. */
export const SIZE_PLAIN = 0;
export const SIZE_66 = 1;
export const SIZE_W = 2;
export type Sizes = readonly [plain: number, with66: number, withW: number];

/** Columns of the prefix dimension. */
export const PREFIXES = ['NP', '66', 'F3', 'F2'] as const;
export type Prefix = (typeof PREFIXES)[number];

export interface OperandPattern {
  /** The addressing method's letter, or a fixed operand's name. */
  readonly method: string;
  /** Sizes of a register, of memory; an immediate's size after extension. */
  readonly sizes: Sizes;
  readonly memorySizes: Sizes;
  /** Bytes of an immediate, relative target or moffs in the instruction. */
  readonly bytes: Sizes;
  readonly signed: boolean;
  /** Decoded, but not reported. */
  readonly hidden: boolean;
}

/** Arithmetic flags and DF, as a set of letters of 'OSZAPCD'. */
export interface FlagEffects {
  readonly read: string;
  readonly written: string;
  /** In lower case: for some operands only. */
  readonly undefined: string;
}

export interface Encoding {
  readonly mnemonic: string;
  /** Condition code of a +cc row, else -1. */
  readonly cc: number;
  /** null: any prefix. */
  readonly prefix: Prefix | null;
  /** Required fields, or -1. `mod`: 0 memory, 1 register. */
  readonly reg: number;
  readonly rm: number;
  readonly mod: number;
  readonly w: number;
  readonly b: number;
  readonly modrm: boolean;
  /** VEX.vvvv names an operand; else it must be 1111. */
  readonly vvvv: boolean;
  readonly operands: readonly OperandPattern[];
  readonly sizes: Sizes;
  readonly lock: boolean;
  readonly rep: '' | 'rep' | 'repcc';
  readonly source: boolean;
  readonly addressSizeMatters: boolean;
  readonly flags: FlagEffects;
}

const SIZE_LETTERS: Readonly<Record<string, Sizes>> = {
  '': [0, 0, 0],
  b: [1, 1, 1],
  w: [2, 2, 2],
  d: [4, 4, 4],
  q: [8, 8, 8],
  dq: [16, 16, 16],
  qq: [32, 32, 32],
  t: [10, 10, 10],
  ss: [4, 4, 4],
  sd: [8, 8, 8],
  ps: [16, 16, 16],
  pd: [16, 16, 16],
  x: [16, 16, 16],
  v: [4, 2, 8],
  z: [4, 2, 4],
  y: [4, 4, 8],
  e: [28, 14, 28],
  s: [108, 94, 108],
};
const SIZE_RULES: Readonly<Record<string, Sizes>> = {
  b: [1, 1, 1],
  v: [4, 2, 8],
  y: [4, 4, 8],
  z: [4, 2, 4],
  q: [8, 8, 8],
  d64: [8, 2, 8],
  f64: [8, 8, 8],
};
const NO_SIZES: Sizes = [0, 0, 0];

interface FixedOperand {
  readonly kind: 'gpr' | 'seg' | 'st' | 'xmm' | 'imm';
  readonly index: number;
  readonly size: string;
}
/** Fixed operands; index is an immediate's value. */
export const FIXED: Readonly<Record<string, FixedOperand>> = {
  AL: { kind: 'gpr', index: 0, size: 'b' },
  AX: { kind: 'gpr', index: 0, size: 'w' },
  rAX: { kind: 'gpr', index: 0, size: 'v' },
  CL: { kind: 'gpr', index: 1, size: 'b' },
  DX: { kind: 'gpr', index: 2, size: 'w' },
  FS: { kind: 'seg', index: 4, size: 'w' },
  GS: { kind: 'seg', index: 5, size: 'w' },
  ST0: { kind: 'st', index: 0, size: 't' },
  XMM0: { kind: 'xmm', index: 0, size: 'dq' },
  '1': { kind: 'imm', index: 1, size: 'b' },
};

/** Methods that mean a register only, and the method that has memory too and reads the same register. */
const REGISTER_ONLY: Readonly<Record<string, string>> = { R: 'E', U: 'W', N: 'Q' };
const USES_MODRM = 'EGRMWVUQPNSX';
const VECTOR = 'VWUH';

function sizesOf(letters: string, rule: Sizes | undefined): Sizes {
  if (letters === 'v' && rule !== undefined) return rule;
  const known = SIZE_LETTERS[letters];
  if (known !== undefined) return known;
  const bytes = Number(letters);
  if (!(bytes > 0)) throw new Error(`instruction table: no size ${letters}`);
  return [bytes, bytes, bytes];
}

function immediatePattern(
  method: string,
  letters: string,
  formSizes: Sizes,
  rule: Sizes | undefined,
): OperandPattern {
  const relative = method === 'J';
  const width = letters === 'bs' ? 'b' : letters;
  const bytes = relative && letters === 'z' ? SIZE_LETTERS.d : sizesOf(width, undefined);
  const extended = letters === 'bs' || letters === 'z';
  let sizes = extended ? formSizes : sizesOf(width, rule);
  if (relative) sizes = SIZE_LETTERS.q;
  return { method, sizes, memorySizes: NO_SIZES, bytes, signed: extended || relative, hidden: false };
}

function operandPattern(text: string, formSizes: Sizes, rule: Sizes | undefined): OperandPattern {
  if (text.startsWith('~')) return { ...operandPattern(text.slice(1), formSizes, rule), hidden: true };
  const plain = { memorySizes: NO_SIZES, bytes: NO_SIZES, signed: false, hidden: false };
  if (text === 'STi') return { ...plain, method: 'STi', sizes: SIZE_LETTERS.t };
  const fixed = FIXED[text];
  if (fixed !== undefined) return { ...plain, method: text, sizes: sizesOf(fixed.size, rule) };
  const method = text[0];
  if (method === 'L') return { ...plain, method, sizes: sizesOf(text.slice(1), rule), bytes: SIZE_LETTERS.b };
  if (method === 'I' || method === 'J') return immediatePattern(method, text.slice(1), formSizes, rule);
  const [first, second] = text.split('/');
  const sizes = sizesOf(first.slice(1), rule);
  if (second !== undefined) {
    return { ...plain, method: REGISTER_ONLY[method], sizes, memorySizes: sizesOf(second.slice(1), rule) };
  }
  if (method === 'O') return { ...plain, method, sizes: NO_SIZES, memorySizes: sizes, bytes: SIZE_LETTERS.q };
  return { ...plain, method, sizes, memorySizes: sizes };
}

/** The form's sizes, where no attribute says them: those of the registers worked on, or operand 0's. */
function formSizes(operands: readonly string[], mnemonic: string): Sizes {
  const shown = operands.filter((text) => !text.startsWith('~'));
  const has = (methods: string) =>
    shown.some((text) => FIXED[text] === undefined && methods.includes(text[0]));
  if (has(VECTOR)) return shown.some((text) => text.endsWith('qq')) ? SIZE_LETTERS.qq : SIZE_LETTERS.x;
  if (has('PQN')) return SIZE_LETTERS.q;
  if (mnemonic.startsWith('f')) return SIZE_LETTERS.t;
  if (shown.length === 0) return SIZE_LETTERS.d;
  const fixed = FIXED[shown[0]];
  return sizesOf(fixed === undefined ? shown[0].slice(1).split('/')[0] : fixed.size, undefined);
}

/** Whether the operands leave only memory (0), only registers (1), or both (-1). */
function modOf(operands: readonly string[], conditions: readonly string[]): number {
  if (conditions.includes('m')) return 0;
  if (conditions.includes('r')) return 1;
  for (const operand of operands) {
    const text = operand.replace('~', '');
    if (FIXED[text] !== undefined) continue;
    if (text.startsWith('M') || text.startsWith('X')) return 0;
    if (text === 'STi') return 1;
    if (text[0] in REGISTER_ONLY && !text.includes('/')) return 1;
  }
  return -1;
}

interface Opcode {
  readonly prefix: Prefix | null;
  readonly base: number;
  readonly suffix: string;
  /** The modrm byte as a whole, or -1; `any`: its low three bits are free. */
  readonly modrm: number;
  readonly any: boolean;
  readonly digit: number;
  readonly conditions: readonly string[];
}

const BYTE = /^[0-9A-F]{2}(\+\w+)?$/;
const isPrefix = (text: string): text is Prefix => PREFIXES.some((prefix) => prefix === text);

function parseOpcode(text: string): Opcode {
  const tokens = text.split(' ');
  const first = tokens[0];
  const prefix = isPrefix(first) && tokens.length > 1 && BYTE.test(tokens[1]) ? first : null;
  if (prefix !== null) tokens.shift();
  const [opcode = '', suffix = ''] = (tokens.shift() ?? '').split('+');
  const whole = tokens.find((token) => BYTE.test(token)) ?? '';
  const digit = tokens.find((token) => token.startsWith('/'));
  return {
    prefix,
    base: parseInt(opcode, 16),
    suffix,
    modrm: whole === '' ? -1 : parseInt(whole, 16),
    any: whole.endsWith('+i'),
    digit: digit === undefined ? -1 : Number(digit.slice(1)),
    conditions: tokens,
  };
}

function flagEffects(attributes: readonly string[]): FlagEffects {
  const letters = (mark: string) => attributes.find((word) => word.startsWith(mark))?.slice(1) ?? '';
  return { read: letters('<'), written: letters('>'), undefined: letters('?') };
}

const condition = (conditions: readonly string[], letter: string) =>
  conditions.includes(`${letter}0`) ? 0 : conditions.includes(`${letter}1`) ? 1 : -1;

const PREFIXED = /^(?:NP|66|F3|F2) [0-9A-F]{2}/;

/** The opcodes of a row in its map: eight for +r, sixteen for +cc. Asked of every row when the decoder starts, and so it looks no further. */
export function opcodesOf([text]: Row): number[] {
  const at = PREFIXED.test(text) ? 3 : 0;
  const opcode = parseInt(text.slice(at, at + 2), 16);
  if (text[at + 2] !== '+') return [opcode];
  return Array.from({ length: text[at + 3] === 'r' ? 8 : 16 }, (_, k) => opcode + k);
}

/** What a row says for one of its opcodes. */
export function encodingOf(row: Row, code: number): Encoding {
  const [text, mnemonic, operandText, attributeText] = row;
  const attributes = attributeText.split(' ');
  const opcode = parseOpcode(text);
  const operands = operandText === '' ? [] : operandText.split(',');
  const ruleName = attributes.find((word) => word in SIZE_RULES);
  const rule = ruleName === undefined ? undefined : SIZE_RULES[ruleName];
  const sizes = rule ?? formSizes(operands, mnemonic);
  return {
    mnemonic,
    cc: opcode.suffix === 'cc' ? code - opcode.base : -1,
    prefix: opcode.prefix,
    reg: opcode.modrm >= 0 ? (opcode.modrm >> 3) & 7 : opcode.digit,
    rm: opcode.modrm >= 0 && !opcode.any ? opcode.modrm & 7 : -1,
    mod: opcode.modrm >= 0 ? 1 : modOf(operands, opcode.conditions),
    w: condition(opcode.conditions, 'w'),
    b: condition(opcode.conditions, 'b'),
    modrm: opcode.modrm >= 0 || opcode.digit >= 0 || operands.some(usesModrm),
    vvvv: operands.some((text) => text[0] === 'H' || text[0] === 'T'),
    operands: operands.map((operand) => operandPattern(operand, sizes, rule)),
    sizes,
    lock: attributes.includes('lock'),
    rep: attributes.includes('rep') ? 'rep' : attributes.includes('repcc') ? 'repcc' : '',
    source: attributes.includes('source'),
    addressSizeMatters: attributes.includes('addr'),
    flags: flagEffects(attributes),
  };
}

function usesModrm(operand: string): boolean {
  const text = operand.replace('~', '');
  return text === 'STi' || (FIXED[text] === undefined && USES_MODRM.includes(text[0]));
}
