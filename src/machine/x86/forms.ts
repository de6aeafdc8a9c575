import { FIXED, SIZE_W, type Encoding, type OperandPattern } from './encoding.js';
import type { Form, OperandForm, OperandKind, Rep } from './insn.js';

/** Interned forms, and the variants of an encoding that decide between them. */

const forms: Form[] = [];
const formByKey = new Map<string, Form>();
const operandByKey = new Map<string, OperandForm>();

function internOperand(kind: OperandKind, size: number): OperandForm {
  const key = `${kind}${size}`;
  const known = operandByKey.get(key);
  if (known !== undefined) return known;
  const operand: OperandForm = { kind, size };
  operandByKey.set(key, operand);
  return operand;
}

/** `mnemonic size operands`, then what is unusual: 'add 4 gpr4,imm4', 'jcc 8 imm8 cc5', 'movs 8 rep a4'. */
function keyOf(form: Omit<Form, 'id' | 'key'>): string {
  let key = `${form.mnemonic} ${form.size}`;
  if (form.operands.length > 0)
    key += ` ${form.operands.map((operand) => operand.kind + operand.size).join()}`;
  if (form.cc >= 0) key += ` cc${form.cc}`;
  if (form.rep !== '') key += ` ${form.rep}`;
  return form.addressSize === 4 ? `${key} a4` : key;
}

function intern(form: Omit<Form, 'id' | 'key'>): Form {
  const key = keyOf(form);
  const known = formByKey.get(key);
  if (known !== undefined) return known;
  const made: Form = { id: forms.length, key, ...form };
  forms.push(made);
  formByKey.set(key, made);
  return made;
}

/** The forms made so far, by their ids. */
export function knownForms(): readonly Form[] {
  return forms;
}

const KIND_BY_METHOD: Readonly<Record<string, OperandKind>> = {
  E: 'gpr',
  G: 'gpr',
  R: 'gpr',
  Z: 'gpr',
  M: 'mem',
  O: 'mem',
  B: 'mem',
  X: 'vsib',
  W: 'xmm',
  V: 'xmm',
  U: 'xmm',
  H: 'xmm',
  L: 'xmm',
  T: 'gpr',
  Q: 'mmx',
  P: 'mmx',
  N: 'mmx',
  S: 'seg',
  STi: 'st',
  I: 'imm',
  J: 'imm',
};
const BY_RM = 'EWQ';

/** Whether the operand is memory when modrm's mod field says memory. */
export function isMemory(pattern: OperandPattern, memory: boolean): boolean {
  return 'MOBX'.includes(pattern.method) || (memory && BY_RM.includes(pattern.method));
}

/** Whether the operand may be one of ah, ch, dh, bh: without REX, which REX.W is too. */
function mayBeHigh(pattern: OperandPattern, size: number, memory: boolean): boolean {
  return (
    size !== SIZE_W && 'EGZ'.includes(pattern.method) && pattern.sizes[0] === 1 && !isMemory(pattern, memory)
  );
}

/** Bytes that follow opcode and modrm. */
export function immediateBytes(encoding: Encoding, size: number): number {
  return encoding.operands.reduce(
    (sum, pattern) => sum + (pattern.method === 'O' ? 0 : pattern.bytes[size]),
    0,
  );
}

/** Which of an encoding's forms: an index made of bits. For string instructions and loops: */
export const STRING_SOURCE = 1;
export const STRING_ADDRESS_32 = 2;
export const STRING_REP = 4;
export const STRING_REPNE = 8;
/** For others, bit k: operand k is a high byte register. */

function operandForm(pattern: OperandPattern, size: number, memory: boolean, high: boolean): OperandForm {
  if (isMemory(pattern, memory))
    return internOperand(pattern.method === 'X' ? 'vsib' : 'mem', pattern.memorySizes[size]);
  const kind = KIND_BY_METHOD[pattern.method] ?? FIXED[pattern.method].kind;
  return internOperand(high ? 'high' : kind, pattern.sizes[size]);
}

function stringForms(encoding: Encoding, size: number): (Form | undefined)[] {
  const reps: Rep[] =
    encoding.rep === 'repcc' ? ['', 'rep', 'repne'] : encoding.rep === 'rep' ? ['', 'rep'] : [''];
  const sources = encoding.source ? [0, STRING_SOURCE] : [0];
  const formSize = encoding.sizes[size];
  const plain = encoding.operands.map((pattern) => operandForm(pattern, size, false, false));
  const found: (Form | undefined)[] = [];
  for (const rep of reps) {
    const repBit = rep === 'rep' ? STRING_REP : rep === 'repne' ? STRING_REPNE : 0;
    for (const source of sources) {
      const operands = source === 0 ? plain : [internOperand('mem', formSize)];
      const shared = { mnemonic: encoding.mnemonic, size: formSize, operands, cc: -1, rep };
      found[repBit | source] = intern({ ...shared, addressSize: 8 });
      found[repBit | source | STRING_ADDRESS_32] = intern({ ...shared, addressSize: 4 });
    }
  }
  return found;
}

function plainForms(encoding: Encoding, size: number, memory: boolean): (Form | undefined)[] {
  const reported = encoding.operands.filter((pattern) => !pattern.hidden);
  let highs = 0;
  reported.forEach((pattern, k) => (highs |= mayBeHigh(pattern, size, memory) ? 1 << k : 0));
  const found: (Form | undefined)[] = [];
  for (let mask = 0; mask <= highs; mask++) {
    if ((mask & ~highs) !== 0) continue;
    const operands = reported.map((pattern, k) =>
      operandForm(pattern, size, memory, ((mask >> k) & 1) === 1),
    );
    const { mnemonic, cc } = encoding;
    found[mask] = intern({ mnemonic, size: encoding.sizes[size], operands, cc, rep: '', addressSize: 8 });
  }
  return found;
}

/** The forms of an encoding for one operand size (SIZE_*), with a register or memory by r/m. */
export function formsOf(encoding: Encoding, size: number, memory: boolean): readonly (Form | undefined)[] {
  return encoding.addressSizeMatters ? stringForms(encoding, size) : plainForms(encoding, size, memory);
}
