/** Every form against the real CPU. */
import { disassemble } from '../../src/machine/x86/disassemble.js';
import type { Insn } from '../../src/machine/x86/insn.js';
import { Batch } from './batch.js';
import { compare } from './compare.js';
import { encode, type Encoded, type Subject } from './encode.js';
import { chooseTarget, prepare } from './prepare.js';
import { Random, seedOf } from './random.js';
import { AT_VECTOR, CODE, RESULT_SIZE, type State } from './state.js';
import { ignoredFor } from './undefined.js';

/** Runs a batch; results lie one after the other, as state.ts has them. */
export interface Executor {
  readonly name: string;
  run(batch: Batch): DataView;
}

export interface Failure {
  readonly executor: string;
  /** The case's number within its form, or its program's. */
  readonly at: number;
  readonly code: string;
  readonly differences: readonly string[];
}

/** Cases that share their code: translation is what costs most. */
const SETS_PER_CODE = 25;
const TRIES = 400;
const PAGE = 0x1000;

interface Trials {
  readonly batch: Batch;
  readonly insns: readonly Insn[];
  readonly states: readonly State[];
}

/** Code lies in the first page, or over its end. */
function chooseAddress(random: Random): number {
  return random.oneIn(4) ? CODE + PAGE - 1 - random.below(7) : CODE + 0x100 + random.below(64);
}

function memorySize(subject: Subject): number {
  return subject.form.operands.find((operand) => operand.kind === 'mem')?.size ?? 0;
}

interface Code extends Encoded {
  readonly target: number;
}

function chooseCode(random: Random, subject: Subject): Code | null {
  for (let tries = 0; tries < TRIES; tries++) {
    const target = chooseTarget(random, subject.form.mnemonic, memorySize(subject));
    const encoded = encode(random, subject, chooseAddress(random), target);
    if (encoded !== null) return { ...encoded, target };
  }
  return null;
}

/** Where the memory operand's address is in registers, every set may have its own. */
function targetFor(random: Random, subject: Subject, code: Code): number {
  const fixed = code.insn.operands.some(
    (operand) => operand.kind === 'mem' && operand.base < 0 && operand.index < 0,
  );
  return fixed ? code.target : chooseTarget(random, subject.form.mnemonic, memorySize(subject));
}

function makeTrials(random: Random, subject: Subject, count: number): Trials | null {
  const batch = new Batch();
  const insns: Insn[] = [];
  const states: State[] = [];
  let code: Code | null = null;
  for (let k = 0; k < count; k++) {
    const fresh = k % SETS_PER_CODE === 0;
    if (fresh) code = chooseCode(random, subject);
    if (code === null) return null;
    const state = prepare(random, code.insn, targetFor(random, subject, code));
    batch.add(state, fresh ? code.bytes : null);
    insns.push(code.insn);
    states.push(state);
  }
  return { batch, insns, states };
}

const hexBytes = (bytes: Uint8Array) =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

function codeOf(batch: Batch, k: number): string {
  for (let at = k; at >= 0; at--) {
    const code = batch.codeAt(at);
    if (code !== null) return hexBytes(code);
  }
  return '';
}

/** Compares `count` operand sets of a form; null when no code could be made for it. */
export function testSubject(
  subject: Subject,
  seed: number,
  count: number,
  native: Executor,
  executors: readonly Executor[],
): Failure[] | null {
  const random = new Random(seedOf(seed, subject.form.key));
  const trials = makeTrials(random, subject, count);
  if (trials === null) return null;
  const { batch, insns, states } = trials;
  const want = native.run(batch);
  const failures: Failure[] = [];
  for (const executor of executors) {
    const got = executor.run(batch);
    for (let k = 0; k < count; k++) {
      const at = k * RESULT_SIZE;
      const vector = want.getUint32(at + AT_VECTOR, true);
      const ignored = ignoredFor(insns[k], states[k], vector);
      if (ignored === null) continue;
      const differences = compare({ view: want, at }, { view: got, at }, ignored);
      if (differences.length === 0) continue;
      const code = `${disassemble(insns[k])} [${codeOf(batch, k)}]`;
      failures.push({ executor: executor.name, at: k, code, differences });
    }
  }
  return failures;
}
