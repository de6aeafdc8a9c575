import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ALL, BareMachine, CODE, DATA, READ_WRITE, bytes } from '../../../test/machine/program.js';
import * as L from '../layout.js';
import { EXIT_BUDGET, EXIT_EXCEPTION, EXIT_SYSCALL } from '../types.js';
import { OPTIMISATION_NAMES, type Optimisation } from './optimisations.js';

/** What a program ends with, to be the same however it is run. */
interface Outcome {
  readonly exit: number;
  readonly registers: readonly bigint[];
  readonly rip: number;
  readonly flags: number;
  readonly exception: unknown;
  readonly data: Uint8Array;
}

const LAST_DATA_PAGE = DATA + 7 * L.PAGE_SIZE;
const LOWEST_STACK = DATA - (1 << 20);

function run(
  tier: 'interpret' | 'translate' | 'mixed',
  code: Uint8Array,
  budget: number,
  without: readonly Optimisation[] = [],
): Outcome {
  const m = new BareMachine({ tier, without });
  m.onFault = (address) =>
    address >= LOWEST_STACK && address < DATA && m.map(page(address), READ_WRITE) !== 0;
  m.load(code, CODE, ALL);
  m.setRegister(L.RDI, LAST_DATA_PAGE);
  let exit = m.start(CODE, budget);
  while (exit === EXIT_BUDGET) exit = m.machine.run(budget);
  return {
    exit,
    registers: Array.from({ length: 16 }, (_, i) => m.register(i)),
    rip: m.rip,
    flags: m.machine.readFlags(),
    exception: exit === EXIT_EXCEPTION ? m.exception : null,
    data: m.machine.memory.u8.slice(m.offset(DATA), m.offset(DATA) + 8 * L.PAGE_SIZE),
  };
}

function page(address: number): number {
  return address - (address % L.PAGE_SIZE);
}

function ends(name: string, listing: string, exit: number, budgets = [1, 3, 1_000_000]): void {
  it(name, () => {
    const code = bytes(listing);
    const expected = run('interpret', code, 1_000_000);
    assert.equal(expected.exit, exit);
    assert.deepEqual(run('mixed', code, 5000), expected, 'mixed');
    for (const budget of budgets) {
      assert.deepEqual(run('translate', code, budget), expected, `budget ${budget}`);
    }
    for (const without of [...OPTIMISATION_NAMES.map((name) => [name]), OPTIMISATION_NAMES.slice(1)])
      assert.deepEqual(run('translate', code, 3, without), expected, `without ${without.join()}`);
  });
}

describe('regions end as the interpreter does, with any budget', () => {
  ends(
    'a loop that is entered in two places',
    `b9 b8 0b 00 00 ; mov    ecx,0xbb8
    31 c0 ; xor    eax,eax
    31 d2 ; xor    edx,edx
    85 ff ; test   edi,edi
    75 07 ; jne    0x14
    83 c0 03 ; add    eax,0x3
    ff c9 ; dec    ecx
    74 08 ; je     0x1c
    01 c2 ; add    edx,eax
    31 d0 ; xor    eax,edx
    ff c9 ; dec    ecx
    75 f1 ; jne    0xd
    0f 05 ; syscall`,
    EXIT_SYSCALL,
  );

  ends(
    'a callee that returns elsewhere, a return used as a jump, and one that drops arguments',
    `b9 32 00 00 00 ; mov    ecx,0x32
    31 c0 ; xor    eax,eax
    e8 20 00 00 00 ; call   0x2c
    05 e8 03 00 00 ; add    eax,0x3e8
    48 8d 15 07 00 00 00 ; lea    rdx,[rip+0x7]
    52 ; push   rdx
    c3 ; ret
    05 e8 03 00 00 ; add    eax,0x3e8
    50 ; push   rax
    50 ; push   rax
    e8 0e 00 00 00 ; call   0x34
    ff c9 ; dec    ecx
    75 dd ; jne    0x7
    0f 05 ; syscall
    48 83 04 24 05 ; add    QWORD PTR [rsp],0x5
    ff c0 ; inc    eax
    c3 ; ret
    83 c0 02 ; add    eax,0x2
    c2 10 00 ; ret    0x10`,
    EXIT_SYSCALL,
  );

  ends(
    'calls through a table',
    `b9 32 00 00 00 ; mov    ecx,0x32
    31 c0 ; xor    eax,eax
    48 8d 1d 13 00 00 00 ; lea    rbx,[rip+0x13]
    89 ca ; mov    edx,ecx
    83 e2 03 ; and    edx,0x3
    8b 14 93 ; mov    edx,DWORD PTR [rbx+rdx*4]
    48 01 da ; add    rdx,rbx
    ff d2 ; call   rdx
    ff c9 ; dec    ecx
    75 ef ; jne    0xe
    0f 05 ; syscall
    10 00 00 00 14 00 00 00 18 00 00 00 1c 00 00 00 ; the table
    83 c0 01 ; add    eax,0x1
    c3 ; ret
    83 e8 05 ; sub    eax,0x5
    c3 ; ret
    83 f0 55 ; xor    eax,0x55
    c3 ; ret
    c1 c0 03 ; rol    eax,0x3
    eb ef ; jmp    0x31`,
    EXIT_SYSCALL,
  );

  ends(
    'a fault behind instructions that set flags and registers',
    `31 c0 ; xor    eax,eax
    b9 01 00 00 00 ; mov    ecx,0x1
    48 01 c9 ; add    rcx,rcx
    19 d2 ; sbb    edx,edx
    0f b6 1c 07 ; movzx  ebx,BYTE PTR [rdi+rax*1]
    81 c3 ff ff ff 7f ; add    ebx,0x7fffffff
    48 ff c0 ; inc    rax
    eb ec ; jmp    0x7`,
    EXIT_EXCEPTION,
  );

  ends(
    'a change of memory that lies over the last page end',
    `b8 a0 0f 00 00 ; mov    eax,0xfa0
    29 c5 ; sub    ebp,eax
    01 2c 07 ; add    DWORD PTR [rdi+rax*1],ebp
    8d 0c 01 ; lea    ecx,[rcx+rax*1]
    48 11 4c 07 03 ; adc    QWORD PTR [rdi+rax*1+0x3],rcx
    83 c0 07 ; add    eax,0x7
    eb ee ; jmp    0x5`,
    EXIT_EXCEPTION,
  );

  ends(
    'calls through a linkage table, whose entry changes',
    `bd 00 00 70 00 ; mov    ebp,0x700000
    b9 32 00 00 00 ; mov    ecx,0x32
    31 c0 ; xor    eax,eax
    48 8d 15 1f 00 00 00 ; lea    rdx,[rip+0x1f]
    48 89 55 00 ; mov    QWORD PTR [rbp+0x0],rdx
    e8 1d 00 00 00 ; call   0x39
    83 f9 14 ; cmp    ecx,0x14
    75 0b ; jne    0x2c
    48 8d 15 0e 00 00 00 ; lea    rdx,[rip+0xe]
    48 89 55 00 ; mov    QWORD PTR [rbp+0x0],rdx
    ff c9 ; dec    ecx
    75 e7 ; jne    0x17
    0f 05 ; syscall
    83 c0 03 ; add    eax,0x3
    c3 ; ret
    31 c8 ; xor    eax,ecx
    c3 ; ret
    ff 24 25 00 00 70 00 ; jmp    QWORD PTR ds:0x700000`,
    EXIT_SYSCALL,
  );

  ends(
    'small callees with a loop, and a fault in one',
    `b9 1e 00 00 00 ; mov    ecx,0x1e
    31 c0 ; xor    eax,eax
    be 03 00 00 00 ; mov    esi,0x3
    e8 0e 00 00 00 ; call   0x1f
    ff c9 ; dec    ecx
    75 f2 ; jne    0x7
    bf 10 00 00 00 ; mov    edi,0x10
    e8 0d 00 00 00 ; call   0x2c
    e8 08 00 00 00 ; call   0x2c
    48 01 c8 ; add    rax,rcx
    ff ce ; dec    esi
    75 f4 ; jne    0x1f
    c3 ; ret
    03 07 ; add    eax,DWORD PTR [rdi]
    11 07 ; adc    DWORD PTR [rdi],eax
    c3 ; ret`,
    EXIT_EXCEPTION,
  );

  ends(
    'recursion deeper than the stack of the engine',
    `bf 20 4e 00 00 ; mov    edi,0x4e20
    e8 02 00 00 00 ; call   0xc
    0f 05 ; syscall
    85 ff ; test   edi,edi
    75 03 ; jne    0x13
    31 c0 ; xor    eax,eax
    c3 ; ret
    57 ; push   rdi
    ff cf ; dec    edi
    e8 f1 ff ff ff ; call   0xc
    5f ; pop    rdi
    48 01 f8 ; add    rax,rdi
    c3 ; ret`,
    EXIT_SYSCALL,
    [100, 1_000_000],
  );

  ends(
    'code that changes a function, and itself behind the change',
    `b9 0a 00 00 00 ; mov    ecx,0xa
    31 c0 ; xor    eax,eax
    88 0d 1b 00 00 00 ; mov    BYTE PTR [rip+0x1b],cl
    e8 15 00 00 00 ; call   0x27
    01 d0 ; add    eax,edx
    88 0d 01 00 00 00 ; mov    BYTE PTR [rip+0x1],cl
    bb 00 00 00 00 ; mov    ebx,0x0
    01 d8 ; add    eax,ebx
    ff c9 ; dec    ecx
    75 e2 ; jne    0x7
    0f 05 ; syscall
    ba 00 00 00 00 ; mov    edx,0x0
    c3 ; ret`,
    EXIT_SYSCALL,
    [3],
  );

  ends(
    'a callee that changes its caller behind the call',
    `b9 0a 00 00 00 ; mov    ecx,0xa
    31 c0 ; xor    eax,eax
    e8 0d 00 00 00 ; call   0x19
    bb 00 00 00 00 ; mov    ebx,0x0
    01 d8 ; add    eax,ebx
    ff c9 ; dec    ecx
    75 f0 ; jne    0x7
    0f 05 ; syscall
    88 0d ee ff ff ff ; mov    BYTE PTR [rip+0xffffffffffffffee],cl
    c3 ; ret`,
    EXIT_SYSCALL,
    [3],
  );
});
