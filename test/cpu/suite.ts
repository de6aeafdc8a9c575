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
  /** The form's key, or 'program'. */
  readonly subject: string;
  /** The case's number within its form, or the program's. */
  readonly at: number;
  readonly code: string;
  readonly differences: readonly string[];
}

/** Cases that share their code: translation is what costs most. */
const SETS_PER_CODE = 25;
const TRIES = 400;
const PAGE = 0x1000;

interface Trial {
  readonly subject: Subject;
  /** Its place among the form's cases, and where in the batch its code stands. */
  readonly number: number;
  readonly codeAt: number;
  readonly insn: Insn;
  readonly state: State;
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

/** Appends `count` cases of a form to the batch; false when no code could be made for it. */
function addTrials(batch: Batch, trials: Trial[], subject: Subject, seed: number, count: number): boolean {
  const random = new Random(seedOf(seed, subject.form.key));
  let code: Code | null = null;
  let codeAt = 0;
  for (let number = 0; number < count; number++) {
    const fresh = number % SETS_PER_CODE === 0;
    if (fresh) code = chooseCode(random, subject);
    if (code === null) return false;
    if (fresh) codeAt = batch.count;
    const state = prepare(random, code.insn, targetFor(random, subject, code));
    batch.add(state, fresh ? code.bytes : null);
    trials.push({ subject, number, codeAt, insn: code.insn, state });
  }
  return true;
}

const hexBytes = (bytes: Uint8Array | null) =>
  [...(bytes ?? [])].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

export interface Outcome {
  readonly failures: readonly Failure[];
  /** Forms for which no code could be made. */
  readonly untried: readonly Subject[];
}

/** Compares `count` operand sets of each form. A form's sets do not depend on the other forms. */
export function testSubjects(
  subjects: readonly Subject[],
  seed: number,
  count: number,
  native: Executor,
  executors: readonly Executor[],
): Outcome {
  const batch = new Batch();
  const trials: Trial[] = [];
  const untried = subjects.filter((subject) => !addTrials(batch, trials, subject, seed, count));
  const want = native.run(batch);
  const failures: Failure[] = [];
  for (const executor of executors) {
    const got = executor.run(batch);
    trials.forEach((trial, k) => {
      const differences = compareTrial(trial, want, got, k * RESULT_SIZE);
      if (differences.length === 0) return;
      const code = `${disassemble(trial.insn)} [${hexBytes(batch.codeAt(trial.codeAt))}]`;
      failures.push({
        executor: executor.name,
        subject: trial.subject.form.key,
        at: trial.number,
        code,
        differences,
      });
    });
  }
  return { failures, untried };
}

function compareTrial({ insn, state }: Trial, want: DataView, got: DataView, at: number): string[] {
  const ignored = ignoredFor(insn, state, want.getUint32(at + AT_VECTOR, true));
  return ignored === null ? [] : compare({ view: want, at }, { view: got, at }, ignored);
}
