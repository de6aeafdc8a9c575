import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostSamples } from '../host.js';
import { StackReader } from './stacks.js';

const WASM = 'wasm://wasm/1';
const JS = 'file:///culm/x.js';
const FUNCTIONS: Readonly<Record<string, string>> = { 'region 1.0': 'main', 'region 1.1': 'work' };

/** Samples whose one stack is these functions, outermost first; those in angle brackets are WebAssembly. */
function chain(names: readonly string[]): HostSamples {
  const nodes = names.map((name, i) => ({
    id: i,
    functionName: name.replace(/[<>]/g, ''),
    url: name.startsWith('<') ? WASM : JS,
    children: i + 1 < names.length ? [i + 1] : [],
  }));
  return { nodes, ids: [names.length - 1], times: [0] };
}

/** What a sample there means: its frames, its part, whose own time it is. */
function meaningOf(...names: string[]): { frames: string; part: string | undefined; owner: string } {
  const samples = chain(names);
  const reader = new StackReader(
    samples,
    (name) => (FUNCTIONS[name] === undefined ? null : { name: FUNCTIONS[name], file: '/prog' }),
    (number) => `call ${number}`,
  );
  const meaning = reader.meanings.get(names.length - 1);
  const frames: string[] = [];
  for (let at = meaning?.stack ?? -1; at >= 0; at = reader.stacks[at].caller)
    frames.unshift(reader.frames[reader.stacks[at].frame].name);
  return {
    frames: frames.join(' > '),
    part: meaning?.part,
    owner: reader.frames[meaning?.owner ?? -1]?.name ?? '',
  };
}

const LOOP = ['(root)', 'step', 'runThread', 'run', '<run>'];
const GUEST = [...LOOP, '<region 1.0>', '<region 1.1>'];

describe('stacks of samples', () => {
  it('are those of the guest in translated code, helpers and ways out included', () => {
    const expected = { frames: 'main > work', part: 'translated', owner: 'work' };
    assert.deepEqual(meaningOf(...GUEST), expected);
    assert.deepEqual(meaningOf(...GUEST, '<wasm-function[9]>'), expected);
    assert.deepEqual(meaningOf(...GUEST, 'crc32'), expected);
  });

  it('show what code that is not translated is busy with', () => {
    assert.deepEqual(meaningOf(...LOOP, '<op>', '<helper>'), {
      frames: '[interpreter]',
      part: 'interpreter',
      owner: '[interpreter]',
    });
    assert.equal(meaningOf(...GUEST, '<runUntil>', '<interpret>').frames, 'main > work > [interpreter]');
    assert.equal(meaningOf(...GUEST, '<runUntil>', '<op>', '<load8>').part, 'interpreter');
    assert.equal(meaningOf(...GUEST, '<load8>').part, 'memory');
    assert.equal(meaningOf(...LOOP).part, 'dispatcher');
    assert.equal(meaningOf(...LOOP, '<region 1.0>', '<runUntil>', '<region 1.1>').frames, 'main > work');
  });

  it('name a call by the digits of its number, and keep what it does below it', () => {
    const call = [
      ...GUEST,
      'syscall',
      'call',
      'numbered',
      'nr1',
      'numbered',
      'nr4',
      'numbered',
      'nr0',
      'numbered',
    ];
    assert.deepEqual(meaningOf(...call), {
      frames: 'main > work > [call 33]',
      part: 'calls',
      owner: '[call 33]',
    });
    assert.deepEqual(meaningOf(...call, 'sysDup2', 'install'), {
      frames: 'main > work > [call 33] > sysDup2 > install',
      part: 'calls',
      owner: '[call 33]',
    });
    assert.equal(meaningOf(...GUEST, 'syscall', 'call').frames, 'main > work > [system calls]');
    const again = ['(root)', 'step', 'runThread', 'prepare', 'retry', 'nr1', 'nr4', 'nr0', 'sysDup2'];
    assert.equal(meaningOf(...again).part, 'calls');
    assert.match(meaningOf(...again).frames, /\[call 33\] > sysDup2$/);
  });

  it('have Culm’s other work in brackets', () => {
    assert.equal(meaningOf(...GUEST, 'pageFault').owner, '[page faults]');
    assert.equal(meaningOf(...LOOP, 'hot', 'discover', 'straight').owner, '[translating]');
    assert.equal(meaningOf(...LOOP.slice(0, 3), 'prepare').owner, '[scheduling and signals]');
    assert.equal(meaningOf('(root)', '(garbage collector)').owner, '[garbage collection]');
  });

  it('are none outside of programs', () => {
    assert.equal(meaningOf('(root)', 'serve', 'build').frames, '');
    assert.equal(meaningOf('(root)', '(program)').frames, '');
  });
});
