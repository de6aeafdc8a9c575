import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RAX, RBX, RCX, RDX, RSP } from '../layout.js';
import { KIND_LOGIC, KIND_SUB, packKind } from '../semantics/flags.js';
import { semanticsOf } from '../semantics/index.js';
import { decode } from '../x86/decode.js';
import { FLAGS_IN_CPU, FLAGS_IN_LOCALS, analyse, type Analysis } from './analysis.js';
import { discover } from './discover.js';
import type { Flow } from './flow.js';
import { orderGraph } from './graph.js';
import { optimisationsWithout } from './optimisations.js';
import { Scanner } from './scan.js';

const START = 0x1000;
const LIMITS = { instructions: 100, blocks: 20, calls: 2, stubs: true };

function flowOf(code: readonly number[], limits = LIMITS, stops: ReadonlySet<number> = new Set()): Flow {
  const bytes = Uint8Array.from(code);
  const flow = discover(
    START,
    {
      decode: (address) => {
        const insn = decode(bytes, address - START, bytes.length, address);
        return typeof insn === 'number' ? null : insn;
      },
      executions: () => 0,
      word: () => -1,
    },
    new Scanner(semanticsOf),
    limits,
    { hasRun: false, stops },
  );
  assert.ok(flow);
  return flow;
}

function analysisOf(code: readonly number[]): { flow: Flow; analysis: Analysis } {
  const flow = flowOf(code);
  return { flow, analysis: analyse(flow, orderGraph(flow.graph), optimisationsWithout([])) };
}

const exitsOf = (flow: Flow) => flow.blocks.filter(({ end }) => end === 'exit').map(({ address }) => address);
const nodeAt = (flow: Flow, address: number) =>
  1 + flow.blocks.findIndex((block) => block.address === address);
const bits = (...registers: number[]) => registers.reduce((mask, register) => mask | (1 << register), 0);

// add rax, rcx; sub rax, rdx; jz +3; mov [rbx], rax; ret
const BRANCH = [0x48, 0x01, 0xc8, 0x48, 0x29, 0xd0, 0x74, 0x03, 0x48, 0x89, 0x03, 0xc3];
// mov ecx, 5; top: dec ecx; jnz top; ret
const LOOP = [0xb9, 5, 0, 0, 0, 0xff, 0xc9, 0x75, 0xfc, 0xc3];

test('blocks end at branches and begin at their targets', () => {
  const flow = flowOf(BRANCH);
  assert.deepEqual(
    flow.blocks.map((block) => [block.address - START, block.steps.length]),
    [
      [0, 3],
      [11, 1],
      [8, 1],
    ],
  );
  assert.deepEqual(flow.graph.successors, [[1], [2, 3], [], [2]]);
  assert.deepEqual(flow.ranges, [START, START + BRANCH.length]);
});

test('a jump into a block splits it', () => {
  const flow = flowOf(LOOP);
  assert.deepEqual(
    flow.blocks.map((block) => block.address - START),
    [0, 5, 9],
  );
  assert.deepEqual(flow.graph.successors, [[1], [2], [2, 3], []]);
});

test('code beyond the limits and code that is none are left to', () => {
  const short = flowOf(BRANCH, { ...LIMITS, instructions: 2, blocks: 20 });
  assert.deepEqual(exitsOf(short), [START + 6]);
  assert.deepEqual(exitsOf(flowOf([0x90, 0x00, 0x00, 0xc3])), [START + 1]);
});

test('code that meets a region made with it jumps there', () => {
  const flow = flowOf(LOOP, LIMITS, new Set([START + 5]));
  assert.deepEqual(exitsOf(flow), [START + 5]);
  assert.equal(flow.cutAt, -1);
});

test('a small callee is part of the region, once for each call', () => {
  // call +6; call +1; ret; inc eax; ret
  const flow = flowOf([0xe8, 6, 0, 0, 0, 0xe8, 1, 0, 0, 0, 0xc3, 0xff, 0xc0, 0xc3]);
  assert.deepEqual(
    flow.blocks.map((block) => [block.address - START, block.end]),
    [
      [0, 'inside'],
      [11, 'guard'],
      [5, 'inside'],
      [11, 'guard'],
      [10, 'outside'],
    ],
  );
  assert.deepEqual(flow.ranges, [START, START + 14]);
});

test('a callee that calls itself is called', () => {
  const flow = flowOf([0xe8, 0xfb, 0xff, 0xff, 0xff, 0xc3]); // call self; ret
  assert.deepEqual(
    flow.blocks.map((block) => block.end),
    ['outside', 'outside'],
  );
});

test('flags are needed until they are set again with nothing between that could leave', () => {
  const { analysis } = analysisOf(BRANCH);
  assert.deepEqual(analysis.flagsNeededAfter[0], [false, true, true]);
  // add rax, rcx; mov rdx, [rbx]; sub rax, rdx; ret
  const fault = analysisOf([0x48, 0x01, 0xc8, 0x48, 0x8b, 0x13, 0x48, 0x29, 0xd0, 0xc3]);
  assert.deepEqual(fault.analysis.flagsNeededAfter[0], [true, false, true, true]);
});

test('a kind that all ways agree on is known where they meet', () => {
  const { flow, analysis } = analysisOf(BRANCH);
  assert.equal(analysis.flagsIn[1], FLAGS_IN_CPU);
  assert.equal(analysis.flagsIn[nodeAt(flow, START + 11)], packKind(KIND_SUB, 8));
  // jz +2; xor eax, eax; ret: one way comes with the caller's flags
  const other = analysisOf([0x74, 0x02, 0x31, 0xc0, 0xc3]);
  assert.equal(other.analysis.flagsIn[nodeAt(other.flow, START + 4)], FLAGS_IN_LOCALS);
  // jz +4; xor eax, eax; jmp +2; test ebx, ebx; ret: both kinds are those of logic
  const same = analysisOf([0x74, 0x04, 0x31, 0xc0, 0xeb, 0x02, 0x85, 0xdb, 0xc3]);
  assert.equal(same.analysis.flagsIn[nodeAt(same.flow, START + 8)], packKind(KIND_LOGIC, 4));
});

test('only registers that are read, or stored though not written on every way, are loaded', () => {
  const { analysis } = analysisOf(BRANCH);
  assert.equal(analysis.registers.liveIn[0], bits(RAX, RCX, RDX, RBX, RSP));
  // mov eax, 1; ret: rax need not be loaded
  assert.equal(analysisOf([0xb8, 1, 0, 0, 0, 0xc3]).analysis.registers.liveIn[0], bits(RSP));
  // test ebx, ebx; jz +5; mov eax, 1; ret: on one way rax is stored as it came
  const merge = analysisOf([0x85, 0xdb, 0x74, 0x05, 0xb8, 1, 0, 0, 0, 0xc3]);
  assert.equal(merge.analysis.registers.liveIn[0], bits(RAX, RBX, RSP));
});

test('what a loop changes is stored where its head is left', () => {
  const { flow, analysis } = analysisOf(LOOP);
  const head = nodeAt(flow, START + 5);
  assert.equal(analysis.registers.dirtyOut[head], bits(RCX));
  assert.equal(analysis.registers.liveIn[0], bits(RSP));
});
