import type { Form } from '../x86/insn.js';
import type { Semantics } from './emitter.js';
import { avx } from './avx/index.js';
import { crypto } from './crypto/index.js';
import { integer } from './integer/index.js';
import { sse } from './sse/index.js';
import { x87 } from './x87/index.js';

/**
 * Each instruction's meaning, once, for the interpreter and for the translator.
 *
 * A semantic function is run when code is emitted: it gets an Emitter (emitter.ts) and tells it, in WebAssembly
 * expressions, what one form of the instruction does. The tables are keyed by the instruction table's mnemonics
 * (x86/table.ts, whose head says which operands a form has).
 *
 * - flags.ts: the arithmetic flags, lazily, and conditions from them; width.ts: arithmetic in an operand's type.
 * - integer/, sse/, avx/, crypto/, x87/: the instructions, one family a file; each folder's index merges them.
 * - helper.ts: what is too long to be emitted in place.
 *
 * Both emitters may import this; it knows neither of them, nor memory's layout beyond the CPU block.
 */
const SEMANTICS = new Map<string, Semantics>(
  [integer, sse, avx, crypto, x87].flatMap((table) => Object.entries(table)),
);

/** What `form` does; undefined for an instruction that is decoded but not known here, which is #UD. */
export function semanticsOf(form: Form): Semantics | undefined {
  return SEMANTICS.get(form.mnemonic);
}
