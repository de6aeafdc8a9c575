import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BareMachine, DATA, bytes } from '../../../test/machine/program.js';
import * as L from '../layout.js';
import { EXIT_BUDGET, EXIT_SYSCALL, type MachineStats } from '../types.js';
import { OPTIMISATION_NAMES, optimisationsWithout, type Optimisation } from './optimisations.js';

/** Something for each of them to do. */
const PROGRAM = bytes(`
  ; _start, 400000
  41 bc 58 02 00 00 ; mov    r12d,0x258
  ; again, 400006
  e8 07 00 00 00 ; call   400012 <work>
  41 ff cc ; dec    r12d
  75 f6 ; jne    400006 <again>
  0f 05 ; syscall
  ; work, 400012
  41 bd 05 00 00 00 ; mov    r13d,0x5
  bf 00 00 70 00 ; mov    edi,0x700000
  be 00 04 70 00 ; mov    esi,0x700400
  b9 32 00 00 00 ; mov    ecx,0x32
  31 c0 ; xor    eax,eax
  ; inner, 400029
  48 03 07 ; add    rax,QWORD PTR [rdi]
  48 03 47 08 ; add    rax,QWORD PTR [rdi+0x8]
  48 89 47 10 ; mov    QWORD PTR [rdi+0x10],rax
  e8 52 00 00 00 ; call   40008b <small>
  48 39 c8 ; cmp    rax,rcx
  72 06 ; jb     400044 <less>
  48 29 d0 ; sub    rax,rdx
  48 39 c3 ; cmp    rbx,rax
  ; less, 400044
  76 03 ; jbe    400049 <over>
  48 ff c3 ; inc    rbx
  ; over, 400049
  83 c2 01 ; add    edx,0x1
  83 f2 02 ; xor    edx,0x2
  ff c9 ; dec    ecx
  75 d6 ; jne    400029 <inner>
  e8 39 00 00 00 ; call   400091 <large>
  41 f6 c4 01 ; test   r12b,0x1
  74 09 ; je     400067 <second>
  ; first, 40005e
  48 83 c0 03 ; add    rax,0x3
  41 ff cd ; dec    r13d
  78 0b ; js     400072 <out>
  ; second, 400067
  48 31 c3 ; xor    rbx,rax
  41 ff c5 ; inc    r13d
  f6 c3 01 ; test   bl,0x1
  74 ec ; je     40005e <first>
  ; out, 400072
  b9 40 00 00 00 ; mov    ecx,0x40
  be 00 00 70 00 ; mov    esi,0x700000
  bf 00 08 70 00 ; mov    edi,0x700800
  f3 a4 ; rep movs BYTE PTR es:[rdi],BYTE PTR ds:[rsi]
  ff 14 25 f8 0f 70 00 ; call   QWORD PTR ds:0x700ff8
  c3 ; ret
  ; small, 40008b
  48 8d 54 0a 07 ; lea    rdx,[rdx+rcx*1+0x7]
  c3 ; ret
  ; large, 400091
  53 ; push   rbx
  e8 02 00 00 00 ; call   400099 <deeper>
  5b ; pop    rbx
  c3 ; ret
  ; deeper, 400099
  50 ; push   rax
  e8 02 00 00 00 ; call   4000a1 <deepest>
  58 ; pop    rax
  c3 ; ret
  ; deepest, 4000a1
  52 ; push   rdx
  e8 e4 ff ff ff ; call   40008b <small>
  5a ; pop    rdx
  ff 24 25 f0 0f 70 00 ; jmp    QWORD PTR ds:0x700ff0
  ; back, 4000af
  48 8b 37 ; mov    rsi,QWORD PTR [rdi]
  48 03 77 08 ; add    rsi,QWORD PTR [rdi+0x8]
  c3 ; ret`);
const BACK = 0x4000af;
/** Calls itself three times, then straight code that is too long for a region: `inc eax` again and again, and `ret`. */
const LONG = 0x401000;
const LONG_CODE = bytes(`
  ff c1 ; inc    ecx
  83 f9 04 ; cmp    ecx,0x4
  72 02 ; jb     401009
  eb 05 ; jmp    40100e
  e8 f2 ff ff ff ; call   401000
  ${'ff c0 '.repeat(1100)} c3`);
const AT_LONG = DATA + 0xff8;
const AT_BACK = DATA + 0xff0;

function run(
  tier: 'interpret' | 'translate' | 'mixed',
  without: readonly Optimisation[],
): { state: unknown; stats: MachineStats } {
  const m = new BareMachine({ tier, without });
  m.load(PROGRAM);
  m.load(LONG_CODE, LONG);
  m.view.setBigUint64(m.offset(AT_LONG), BigInt(LONG), true);
  m.view.setBigUint64(m.offset(AT_BACK), BigInt(BACK), true);
  let exit = m.start();
  while (exit === EXIT_BUDGET) exit = m.machine.run(100_000);
  assert.equal(exit, EXIT_SYSCALL);
  const registers = Array.from({ length: 16 }, (_, i) => m.register(i));
  const data = m.machine.memory.u8.slice(m.offset(DATA), m.offset(DATA) + L.PAGE_SIZE);
  return { state: { registers, data, flags: m.machine.readFlags() }, stats: { ...m.machine.stats } };
}

describe('what only makes code fast', () => {
  /** Where the tier without counting makes no difference. */
  const MIXED = new Set<Optimisation>(['functions']);
  const all = { translate: run('translate', []), mixed: run('mixed', []) };

  for (const name of OPTIMISATION_NAMES)
    it(`can be left out: ${name}`, () => {
      const tier = MIXED.has(name) ? 'mixed' : 'translate';
      const { state, stats } = run(tier, [name]);
      assert.deepEqual(state, all[tier].state);
      const made = ({ wasmBytes, regionsTranslated }: MachineStats): number[] => [
        wasmBytes,
        regionsTranslated,
      ];
      assert.notDeepEqual(made(stats), made(all[tier].stats), 'the code is another');
    });

  it('can be left out altogether', () => {
    const names = OPTIMISATION_NAMES.filter((name) => name !== 'translation');
    const { state, stats } = run('translate', names);
    assert.deepEqual(state, run('interpret', []).state);
    assert.ok(stats.regionsTranslated > 0);
    assert.equal(run('translate', OPTIMISATION_NAMES).stats.regionsTranslated, 0);
  });

  it('is on unless it is named', () => {
    const on = optimisationsWithout(['flags', 'pages']);
    assert.deepEqual(
      OPTIMISATION_NAMES.filter((name) => !on[name]),
      ['flags', 'pages'],
    );
  });
});
