import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ALL, BareMachine, CODE, DATA, READ_WRITE, bytes } from '../../../test/machine/program.js';
import * as L from '../layout.js';
import { EXIT_BUDGET, EXIT_SYSCALL, PTE_FLEETING, PTE_READ, PTE_WRITE } from '../types.js';
import type { Optimisation } from './optimisations.js';

const { PAGE_SIZE } = L;
const PAGES = 8;

/** Reads and writes in all pages of data, over their ends, too; then asks for a change, again and again. */
const ALL_OVER = bytes(`
  ; outer
  bf 00 00 70 00       ; mov    edi,0x700000
  b9 00 0e 00 00       ; mov    ecx,0xe00
  ; inner, a
  48 03 07             ; add    rax,QWORD PTR [rdi]
  48 6b c0 1f          ; imul   rax,rax,0x1f
  48 89 47 3c          ; mov    QWORD PTR [rdi+0x3c],rax
  31 87 fe 07 00 00    ; xor    DWORD PTR [rdi+0x7fe],eax
  83 c7 08             ; add    edi,0x8
  ff c9                ; dec    ecx
  75 e8                ; jne    a <inner>
  0f 05                ; syscall
  eb da                ; jmp    0 <outer>`);

/** Goes down the stack, which it also writes to by another register. */
const DOWN_THE_STACK = bytes(`
  ; outer
  bc 00 48 70 00       ; mov    esp,0x704800
  bf 00 48 70 00       ; mov    edi,0x704800
  b9 00 02 00 00       ; mov    ecx,0x200
  ; inner, f
  50                   ; push   rax
  51                   ; push   rcx
  48 8b 44 24 10       ; mov    rax,QWORD PTR [rsp+0x10]
  48 03 44 24 08       ; add    rax,QWORD PTR [rsp+0x8]
  48 83 ec 40          ; sub    rsp,0x40
  48 89 44 24 08       ; mov    QWORD PTR [rsp+0x8],rax
  31 4c 24 10          ; xor    DWORD PTR [rsp+0x10],ecx
  48 8d 64 24 40       ; lea    rsp,[rsp+0x40]
  59                   ; pop    rcx
  5a                   ; pop    rdx
  eb 00                ; jmp    31
  48 8b 44 24 18       ; mov    rax,QWORD PTR [rsp+0x18]
  48 6b c0 1f          ; imul   rax,rax,0x1f
  48 8d 44 08 07       ; lea    rax,[rax+rcx*1+0x7]
  48 89 47 18          ; mov    QWORD PTR [rdi+0x18],rax
  48 03 44 24 18       ; add    rax,QWORD PTR [rsp+0x18]
  48 03 44 24 20       ; add    rax,QWORD PTR [rsp+0x20]
  48 83 ec 18          ; sub    rsp,0x18
  48 83 ef 18          ; sub    rdi,0x18
  ff c9                ; dec    ecx
  75 b6                ; jne    f <inner>
  0f 05                ; syscall
  eb a3                ; jmp    0 <outer>`);
/** Reads from the stack twice, and now and then writes there in between by another register: pages may become copies by that. */
const BEHIND_ITS_BACK = bytes(`
  ; outer
  bc 00 68 70 00       ; mov    esp,0x706800
  b9 00 02 00 00       ; mov    ecx,0x200
  ; inner, a
  bf 00 00 70 00       ; mov    edi,0x700000
  f6 c1 0f             ; test   cl,0xf
  48 0f 44 fc          ; cmove  rdi,rsp
  48 8b 44 24 18       ; mov    rax,QWORD PTR [rsp+0x18]
  48 03 44 24 10       ; add    rax,QWORD PTR [rsp+0x10]
  48 6b c0 1f          ; imul   rax,rax,0x1f
  48 8d 44 08 07       ; lea    rax,[rax+rcx*1+0x7]
  48 89 47 18          ; mov    QWORD PTR [rdi+0x18],rax
  48 03 44 24 18       ; add    rax,QWORD PTR [rsp+0x18]
  48 03 44 24 10       ; add    rax,QWORD PTR [rsp+0x10]
  48 01 c3             ; add    rbx,rax
  48 83 ec 28          ; sub    rsp,0x28
  ff c9                ; dec    ecx
  75 c8                ; jne    a <inner>
  0f 05                ; syscall
  eb ba                ; jmp    0 <outer>`);

const PROGRAMS = { ALL_OVER, DOWN_THE_STACK, BEHIND_ITS_BACK };

/** Writes into three pages, then into code in the second of them, which it calls. */
const TO_CODE = bytes(`
  41 bc 18 00 00 00    ; mov    r12d,0x18
  ; again, 6
  bf 00 00 70 00       ; mov    edi,0x700000
  b9 03 00 00 00       ; mov    ecx,0x3
  ; fill, 10
  48 89 07             ; mov    QWORD PTR [rdi],rax
  81 c7 00 10 00 00    ; add    edi,0x1000
  ff c9                ; dec    ecx
  75 f3                ; jne    10 <fill>
  bf 00 00 70 00       ; mov    edi,0x700000
  ff 87 01 11 00 00    ; inc    DWORD PTR [rdi+0x1101]
  ba 00 11 70 00       ; mov    edx,0x701100
  ff d2                ; call   rdx
  48 01 c3             ; add    rbx,rax
  41 ff cc             ; dec    r12d
  75 cf                ; jne    6 <again>
  0f 05                ; syscall`);
const AT_CODE = DATA + 0x1100;
const CALLED = bytes(`
  b8 07 00 00 00 ; mov eax,0x7
  c3 ; ret`);

type Change = (m: BareMachine) => void;

function pageAt(index: number): number {
  return DATA + index * PAGE_SIZE;
}

/** What a page holds goes to another frame, as when it was shared until it was written. */
function move(m: BareMachine, index: number): void {
  const from = m.offset(pageAt(index));
  const to = m.map(pageAt(index), READ_WRITE) * PAGE_SIZE;
  m.machine.memory.u8.copyWithin(to, from, from + PAGE_SIZE);
}

const CHANGES: Readonly<Record<string, Change>> = {
  nothing: () => undefined,
  'two pages change places': (m) => {
    const [a, b] = [m.space.get(pageAt(2)), m.space.get(pageAt(5))];
    m.space.set(pageAt(2), b);
    m.space.set(pageAt(5), a);
  },
  'a page gets another frame': (m) => move(m, 3),
  'a page cannot be written': (m) => m.space.set(pageAt(4), m.space.get(pageAt(4)) & ~PTE_WRITE),
  'a page is gone': (m) => m.space.set(pageAt(6), 0),
  'pages are dropped': (m) => m.space.drop(pageAt(1), pageAt(3), { kernel1: 0, kernel2: 0 }),
  'pages are shared, and become copies when they are written': (m) => {
    const child = m.newSpace();
    m.space.share(child, pageAt(0), pageAt(PAGES), true, { kernel1: 0, kernel2: 0 });
  },
  'a page is read before it gets a frame of its own': (m) => m.map(pageAt(3), PTE_READ | PTE_FLEETING),
  'another space runs meanwhile': (m) => {
    m.machine.activate(m.newSpace());
    m.machine.activate(m.space);
  },
};

/** Runs until the program has asked for as many changes as there are; a page that is missing comes, as does a copy. */
function runAll(
  program: Uint8Array,
  tier: 'interpret' | 'translate',
  changes: readonly Change[],
  without: readonly Optimisation[] = [],
) {
  const m = new BareMachine({ tier, without });
  m.onFault = (address) => {
    const index = Math.floor((address - DATA) / PAGE_SIZE);
    if (m.space.get(address) === 0) m.map(pageAt(index), READ_WRITE);
    else move(m, index);
    return true;
  };
  let asked = 0;
  m.onSyscall = () => {
    changes[asked++]?.(m);
    return asked < changes.length;
  };
  // In frames that follow each other, as there are page tables now.
  for (let i = 0; i < PAGES; i++) m.map(pageAt(i), READ_WRITE);
  m.load(program);
  let exit = m.start();
  while (exit === EXIT_BUDGET) exit = m.machine.run(100_000);
  assert.equal(exit, EXIT_SYSCALL);
  const data = Array.from({ length: PAGES }, (_, i) => {
    const at = m.offset(pageAt(i));
    return m.machine.memory.u8.slice(at, at + PAGE_SIZE);
  });
  return { rax: m.register(L.RAX), rbx: m.register(L.RBX), data, faults: m.faults };
}

describe('ranges of pages', () => {
  for (const [name, change] of Object.entries(CHANGES))
    it(`tell the truth: ${name}`, () => {
      const changes = Array.from({ length: 6 }, () => change);
      for (const [which, program] of Object.entries(PROGRAMS)) {
        const expected = runAll(program, 'interpret', changes);
        assert.deepEqual(runAll(program, 'translate', changes), expected, which);
        for (const without of ['ranges', 'stack'] as const)
          assert.deepEqual(runAll(program, 'translate', changes, [without]), expected, which);
      }
    });

  it('tell the truth when all that happens in turn, and their epochs begin anew', () => {
    const changes = Object.values(CHANGES);
    const many = Array.from({ length: 3 * changes.length }, (_, i) => (m: BareMachine) => {
      changes[i % changes.length]?.(m);
      if (i % 2 === 0) m.view.setInt32(L.CPU + L.CPU_RANGES_EPOCH, L.RANGES_EPOCH_MASK, true);
    });
    for (const [which, program] of Object.entries(PROGRAMS))
      assert.deepEqual(runAll(program, 'translate', many), runAll(program, 'interpret', many), which);
  });

  it('have no page with code that could be written without being noticed', () => {
    const run = (tier: 'interpret' | 'translate') => {
      const m = new BareMachine({ tier });
      for (let i = 0; i < 3; i++) m.map(pageAt(i), ALL);
      m.machine.memory.u8.set(CALLED, m.offset(AT_CODE));
      m.load(TO_CODE);
      let exit = m.start();
      while (exit === EXIT_BUDGET) exit = m.machine.run(100_000);
      assert.equal(exit, EXIT_SYSCALL);
      return m.register(L.RBX);
    };
    assert.equal(run('interpret'), BigInt((24 * (8 + 31)) / 2));
    assert.equal(run('translate'), run('interpret'));
  });

  it('cover pages whose frames follow each other: what was found once is not asked for again', () => {
    const m = new BareMachine({ tier: 'translate' });
    // Now that there are page tables.
    for (let i = 0; i < PAGES; i++) m.map(pageAt(i), READ_WRITE);
    m.load(ALL_OVER);
    let exit = m.start();
    while (exit === EXIT_BUDGET) exit = m.machine.run(100_000);
    const missed = m.machine.stats.tlbMisses;
    assert.ok(missed < 60, `${missed}`);
    m.view.setBigUint64(L.CPU + L.CPU_RIP, BigInt(CODE), true);
    m.view.setInt32(L.CPU + L.CPU_RANGE_MISSES, 0, true);
    exit = m.machine.run(100_000);
    while (exit === EXIT_BUDGET) exit = m.machine.run(100_000);
    assert.equal(exit, EXIT_SYSCALL);
    assert.equal(m.view.getInt32(L.CPU + L.CPU_RANGE_MISSES, true), 0);
  });
});
