import { KIND_LOGIC, KIND_SUB, packKind } from '../semantics/flags.js';
import type { Semantics } from '../semantics/emitter.js';
import type { Form } from '../x86/insn.js';
import type { HandlerKey } from './handler-emitter.js';

/**
 * Which handlers the interpreter has: one a form, but high byte registers share those of other byte registers, and the
 * common forms have more than one.
 */

/** The form's name with its byte registers all alike. */
export function formName(form: Form): string {
  return form.key.includes('high') ? form.key.replaceAll('high', 'gpr') : form.key;
}

/** A handler's name: that of the form, `simple`, and the flags' kind. */
export function handlerName({ form, simple, flags }: HandlerKey): string {
  return `${formName(form)}${simple ? ' simple' : ''}${flags >= 0 ? ` flags${flags}` : ''}`;
}

/** Handlers that no instruction has; the first ones. START looks rip up, END goes to its immediate. */
export const HANDLER_START = 0;
export const HANDLER_END = 1;
/** Puts the 32-bit sum of a memory operand, without segment, into CPU_ADDRESS. */
export const HANDLER_ADDRESS = 2;
export const SPECIAL_NAMES = ['start', 'end', 'address'] as const;

/** What the interpreter must know of a handler to decode blocks. */
export interface HandlerInfo {
  readonly name: string;
  /** FLAGS_KEPT, FLAGS_UNKNOWN or a packed kind. */
  readonly flagsAfter: number;
  /** Always leaves its block. */
  readonly ends: boolean;
}

const COMMON = [
  /^mov [48] (gpr\d,(gpr|imm|mem)\d|mem\d,(gpr|imm)\d)$/,
  /^mov 1 (gpr1,mem1|mem1,gpr1|mem1,imm1)$/,
  /^(add|sub|and|or|xor|cmp) [48] gpr\d,(gpr|imm|mem)\d$/,
  /^cmp [48] mem\d,(gpr|imm)\d$/,
  /^(add|sub) [48] mem\d,(gpr|imm)\d$/,
  /^cmp 1 (gpr1,(gpr|imm|mem)1|mem1,(gpr|imm)1)$/,
  /^test [148] gpr\d,(gpr|imm)\d$/,
  /^lea [48] /,
  /^push 8 (gpr8|imm8)$/,
  /^pop 8 gpr8$/,
  /^(movzx|movsx|movsxd) [48] /,
  /^(shl|shr|sar) [48] gpr\d,imm1$/,
  /^imul [48] gpr\d,gpr\d$/,
  /^(inc|dec|neg|not) [48] gpr\d$/,
  /^call 8 /,
  /^jmp 8 /,
  /^ret 8/,
  /^jcc /,
];

function isCommon(form: Form): boolean {
  const name = formName(form);
  return COMMON.some((pattern) => pattern.test(name));
}

/** Kinds of flags that have handlers of their own, which follow the general one in this order. */
export const BRANCH_FLAGS = [KIND_SUB, KIND_LOGIC].flatMap((kind) =>
  [1, 2, 4, 8].map((size) => packKind(kind, size)),
);
/** 1 + the kind's place in BRANCH_FLAGS, or 0: how far its handler is from the general one. */
export function flagsClass(packed: number): number {
  return BRANCH_FLAGS.indexOf(packed) + 1;
}
const READS_FLAGS = new Set(['jcc', 'setcc', 'cmovcc']);

function variantsOf(form: Form): HandlerKey[] {
  const plain = { form, simple: false, flags: -1 };
  if (READS_FLAGS.has(form.mnemonic)) return [plain, ...BRANCH_FLAGS.map((flags) => ({ ...plain, flags }))];
  const inMemory = form.operands.some(({ kind }) => kind === 'mem');
  return inMemory && isCommon(form) ? [plain, { ...plain, simple: true }] : [plain];
}

/** All handlers but the special ones. */
export function handlersOf(
  forms: readonly Form[],
  semanticsOf: (form: Form) => Semantics | undefined,
): readonly HandlerKey[] {
  const seen = new Set<string>();
  const keys: HandlerKey[] = [];
  for (const form of forms) {
    const name = formName(form);
    if (seen.has(name) || semanticsOf(form) === undefined) continue;
    seen.add(name);
    keys.push(...variantsOf(form));
  }
  return keys;
}
