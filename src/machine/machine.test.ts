import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ALL, BareMachine, CODE, DATA, READ_EXEC, READ_WRITE, bytes } from '../../test/machine/program.js';
import * as L from './layout.js';
import {
  ACCESS_EXEC,
  ACCESS_READ,
  ACCESS_WRITE,
  EXIT_BUDGET,
  EXIT_EXCEPTION,
  EXIT_SYSCALL,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_EXEC,
  PTE_READ,
} from './types.js';

const NOWHERE = 0x800000;
const RDI_IS = (address: number) => `48 c7 c7 ${little(address)} ; mov rdi, address\n`;
const SYSCALL = '0f 05 ; syscall\n';

function little(value: number): string {
  return [0, 8, 16, 24].map((shift) => ((value >>> shift) & 255).toString(16).padStart(2, '0')).join('');
}

const SUM = bytes(`
  b9 0a 00 00 00 ; mov ecx, 10
  31 c0          ; xor eax, eax
  01 c8          ; add eax, ecx
  83 e9 01       ; sub ecx, 1
  75 f9          ; jne -7
  0f 05          ; syscall`);

for (const tier of ['interpret', 'translate', 'mixed'] as const) {
  describe(`machine, ${tier}`, () => {
    it('runs to a syscall, rip behind it', () => {
      const m = new BareMachine({ tier });
      m.load(SUM);
      assert.equal(m.start(), EXIT_SYSCALL);
      assert.equal(m.register(L.RAX), 55n);
      assert.equal(m.rip, CODE + SUM.length);
    });

    it('goes on behind a syscall that says so', () => {
      const m = new BareMachine({ tier });
      m.load(bytes(`0f 05 ff c0 0f 05`)); // syscall; inc eax; syscall
      let calls = 0;
      m.onSyscall = () => {
        m.setRegister(L.RAX, 41);
        return ++calls < 2;
      };
      assert.equal(m.start(), EXIT_SYSCALL);
      assert.equal(calls, 2);
      assert.equal(m.rip, CODE + 6);
    });

    it('leaves when the budget is used up, and can go on', () => {
      const m = new BareMachine({ tier });
      m.load(SUM);
      let slices = 1;
      let exit = m.start(CODE, 2);
      for (; exit === EXIT_BUDGET; slices++) exit = m.machine.run(2);
      assert.ok(slices > 2, `${slices} slices`);
      assert.equal(exit, EXIT_SYSCALL);
      assert.equal(m.register(L.RAX), 55n);
    });

    it('ends an endless loop by the budget', () => {
      const m = new BareMachine({ tier });
      m.load(bytes('eb fe')); // jmp self
      assert.equal(m.start(), EXIT_BUDGET);
      assert.equal(m.rip, CODE);
    });

    it('reports a fault with the address, and registers as before the instruction', () => {
      const m = new BareMachine({ tier });
      m.load(
        bytes(`${RDI_IS(NOWHERE)} 31 c0 ff c0 ; xor eax, eax; inc eax
        48 03 47 08 ; add rax, [rdi+8]`),
      );
      assert.equal(m.start(), EXIT_EXCEPTION);
      assert.deepEqual(m.exception, { vector: 14, error: 4, address: BigInt(NOWHERE + 8) });
      assert.equal(m.rip, CODE + 11);
      assert.equal(m.register(L.RAX), 1n);
      assert.deepEqual(m.faults, [{ address: NOWHERE + 8, access: ACCESS_READ }]);
    });

    it('tries an access again once the supervisor has mapped the page', () => {
      const m = new BareMachine({ tier });
      m.load(bytes(`${RDI_IS(NOWHERE)} c7 07 2a 00 00 00 8b 07 ${SYSCALL}`)); // mov [rdi], 42; mov eax, [rdi]
      m.onFault = (address) => m.map(address, READ_WRITE) !== 0;
      assert.equal(m.start(), EXIT_SYSCALL);
      assert.equal(m.register(L.RAX), 42n);
      assert.deepEqual(m.faults, [{ address: NOWHERE, access: ACCESS_WRITE }]);
    });

    it('tells a write to a present page from one to none', () => {
      const m = new BareMachine({ tier });
      m.map(NOWHERE, PTE_READ);
      m.load(bytes(`${RDI_IS(NOWHERE)} 8b 07 89 07`)); // mov eax, [rdi]; mov [rdi], eax
      assert.equal(m.start(), EXIT_EXCEPTION);
      assert.deepEqual(m.exception, { vector: 14, error: 7, address: BigInt(NOWHERE) });
    });

    it('counts a page without any right as not present', () => {
      const m = new BareMachine({ tier });
      m.map(NOWHERE, PTE_ACCESSED);
      m.load(bytes(`${RDI_IS(NOWHERE)} 8b 07`));
      assert.equal(m.start(), EXIT_EXCEPTION);
      assert.equal(m.exception.error, 4);
    });

    it('copies on write: the new frame is seen by later reads', () => {
      const m = new BareMachine({ tier });
      const old = m.map(NOWHERE, PTE_READ);
      m.load(bytes(`${RDI_IS(NOWHERE)} 8b 07 83 07 05 8b 07 ${SYSCALL}`)); // mov; add [rdi], 5; mov
      m.onFault = (address) => m.map(address, READ_WRITE) !== old;
      assert.equal(m.start(), EXIT_SYSCALL);
      assert.equal(m.register(L.RAX), 5n);
      assert.equal(m.view.getInt32(old * L.PAGE_SIZE, true), 0);
      assert.deepEqual(m.faults, [{ address: NOWHERE, access: ACCESS_WRITE }]);
    });

    it('reads and writes over a page end', () => {
      const m = new BareMachine({ tier });
      const at = DATA + L.PAGE_SIZE - 3;
      m.load(bytes(`${RDI_IS(at)} 48 b8 01 02 03 04 05 06 07 08 48 89 07 48 83 07 01 48 8b 1f ${SYSCALL}`));
      assert.equal(m.start(), EXIT_SYSCALL); // mov rax, ...; mov [rdi], rax; add qword [rdi], 1; mov rbx, [rdi]
      assert.equal(m.register(L.RBX), 0x0807060504030202n);
      assert.equal(m.view.getUint8(m.offset(at + 3)), 4);
      assert.equal(m.view.getUint8(m.offset(at)), 2);
    });

    it('writes nothing when the second page faults, and names it', () => {
      const m = new BareMachine({ tier });
      const at = NOWHERE + L.PAGE_SIZE - 4;
      m.map(NOWHERE, READ_WRITE);
      m.load(bytes(`${RDI_IS(at)} 48 c7 07 ff ff ff ff`)); // mov qword [rdi], -1
      assert.equal(m.start(), EXIT_EXCEPTION);
      assert.deepEqual(m.exception, { vector: 14, error: 6, address: BigInt(NOWHERE + L.PAGE_SIZE) });
      assert.equal(m.view.getInt32(m.offset(at), true), 0);
    });

    it('faults on addresses that are not canonical with #GP, on the kernel half with #PF', () => {
      const m = new BareMachine({ tier });
      m.load(bytes(`48 bf 00 00 00 00 00 80 00 00 8b 07`)); // mov rdi, 0x800000000000; mov eax, [rdi]
      assert.equal(m.start(), EXIT_EXCEPTION);
      assert.deepEqual(m.exception, { vector: 13, error: 0, address: 0n });
      const k = new BareMachine({ tier });
      k.load(bytes(`48 c7 c7 00 f0 ff ff 8b 07`)); // mov rdi, -4096
      assert.equal(k.start(), EXIT_EXCEPTION);
      assert.deepEqual(k.exception, { vector: 14, error: 5, address: 0xfffffffffffff000n });
      assert.deepEqual([...m.faults, ...k.faults], []);
    });

    it('marks pages accessed and dirty', () => {
      const m = new BareMachine({ tier });
      m.load(bytes(`${RDI_IS(DATA)} 8b 07 c6 87 00 10 00 00 01 ${SYSCALL}`)); // mov eax, [rdi]; mov byte [rdi+4096], 1
      assert.equal(m.start(), EXIT_SYSCALL);
      const marks = (address: number) => m.space.get(address) & (PTE_ACCESSED | PTE_DIRTY);
      assert.equal(marks(DATA), PTE_ACCESSED);
      assert.equal(marks(DATA + L.PAGE_SIZE), PTE_ACCESSED | PTE_DIRTY);
      assert.equal(marks(DATA + 2 * L.PAGE_SIZE), 0);
    });

    it('faults on a fetch where there is no right to execute', () => {
      const m = new BareMachine({ tier });
      m.load(bytes(`${RDI_IS(DATA)} ff e7`)); // jmp rdi
      assert.equal(m.start(), EXIT_EXCEPTION);
      assert.deepEqual(m.exception, { vector: 14, error: 0x15, address: BigInt(DATA) });
      assert.equal(m.rip, DATA);
      assert.deepEqual(m.faults, [{ address: DATA, access: ACCESS_EXEC }]);
    });

    it('jumps to addresses outside user space only to fault there', () => {
      for (const [target, vector] of [
        ['ff ff ff ff', 14],
        ['00 00 00 80', 14],
      ] as const) {
        const m = new BareMachine({ tier });
        m.load(bytes(`48 c7 c7 ${target} ff e7`));
        assert.equal(m.start(), EXIT_EXCEPTION);
        assert.equal(m.exception.vector, vector);
      }
      const m = new BareMachine({ tier });
      m.load(bytes('48 bf 00 00 00 00 00 80 00 00 ff e7'));
      assert.equal(m.start(), EXIT_EXCEPTION);
      assert.equal(m.exception.vector, 13);
    });

    it('runs an instruction that lies over a page end, and faults at its second page', () => {
      const code = bytes(`b8 2a 00 00 00 ${SYSCALL}`); // mov eax, 42
      const m = new BareMachine({ tier });
      const start = CODE + L.PAGE_SIZE - 2;
      m.load(code, start);
      assert.equal(m.start(start), EXIT_SYSCALL);
      assert.equal(m.register(L.RAX), 42n);
      const cut = new BareMachine({ tier });
      cut.load(code.subarray(0, 2), start);
      assert.equal(cut.start(start), EXIT_EXCEPTION);
      assert.deepEqual(cut.exception, { vector: 14, error: 0x14, address: BigInt(CODE + L.PAGE_SIZE) });
      assert.equal(cut.rip, start);
    });

    it('raises #UD for an unknown instruction, and logs its bytes', () => {
      const m = new BareMachine({ tier });
      m.load(bytes('ff c0 0f ff 90')); // inc eax; ud0 without operands
      m.load(bytes('62 f1 7c 48 58 c0'), CODE + L.PAGE_SIZE); // vaddps zmm0, zmm0, zmm0
      assert.equal(m.start(CODE + L.PAGE_SIZE), EXIT_EXCEPTION);
      assert.equal(m.exception.vector, 6);
      assert.equal(m.rip, CODE + L.PAGE_SIZE);
      assert.equal(m.lines.length, 1);
      assert.match(m.lines[0] ?? '', /401000: 62 f1 7c 48 58 c0/);
    });
  });

  describe(`code that changes, ${tier}`, () => {
    it('sees its own next instruction rewritten', () => {
      const m = new BareMachine({ tier });
      // mov byte [rip+1], 7; mov eax, 1 (becomes mov eax, 7); syscall
      m.load(bytes(`c6 05 01 00 00 00 07 b8 01 00 00 00 ${SYSCALL}`), CODE, ALL);
      assert.equal(m.start(), EXIT_SYSCALL);
      assert.equal(m.register(L.RAX), 7n);
    });

    it('sees a function that it writes, calls, rewrites and calls again', () => {
      const m = new BareMachine({ tier });
      m.map(NOWHERE, ALL);
      m.load(
        bytes(`${RDI_IS(NOWHERE)}
          31 db                ; xor ebx, ebx
          b9 40 00 00 00       ; mov ecx, 64
          c6 07 b8             ; mov byte [rdi], 0xb8
          89 4f 01             ; mov [rdi+1], ecx
          c6 47 05 c3          ; mov byte [rdi+5], 0xc3
          ff d7                ; call rdi: mov eax, ecx; ret
          01 c3                ; add ebx, eax
          ff c9                ; dec ecx
          75 ee                ; jne to the first store
          ${SYSCALL}`),
      );
      assert.equal(m.start(), EXIT_SYSCALL);
      assert.equal(m.register(L.RBX), BigInt((64 * 65) / 2));
    });

    it('sees code that the supervisor writes', () => {
      const m = new BareMachine({ tier });
      const frame = m.load(SUM);
      assert.equal(m.start(), EXIT_SYSCALL);
      m.machine.frames.willWrite(frame, 1, 1);
      m.view.setUint8(frame * L.PAGE_SIZE + 1, 4);
      assert.equal(m.start(), EXIT_SYSCALL);
      assert.equal(m.register(L.RAX), 10n);
    });

    it('runs what another mapping of its frame writes', () => {
      const m = new BareMachine({ tier });
      const frame = m.load(SUM);
      m.space.set(NOWHERE, (frame << L.PAGE_SHIFT) | READ_WRITE);
      m.load(bytes(`${RDI_IS(NOWHERE)} c6 47 01 03 e9 00 00 00 00`), CODE + L.PAGE_SIZE); // mov byte [rdi+1], 3
      const jump = m.offset(CODE + L.PAGE_SIZE) + 12;
      m.view.setInt32(jump, CODE - (CODE + L.PAGE_SIZE + 16), true);
      assert.equal(m.start(), EXIT_SYSCALL);
      assert.equal(m.start(CODE + L.PAGE_SIZE), EXIT_SYSCALL);
      assert.equal(m.register(L.RAX), 6n);
    });

    it('follows a page that gets another frame, or loses its right to be executed', () => {
      const m = new BareMachine({ tier });
      m.load(SUM);
      assert.equal(m.start(), EXIT_SYSCALL);
      const other = SUM.slice();
      other[1] = 2;
      m.load(other);
      assert.equal(m.start(), EXIT_SYSCALL);
      assert.equal(m.register(L.RAX), 3n);
      m.space.set(CODE, m.space.get(CODE) & ~PTE_EXEC);
      assert.equal(m.start(), EXIT_EXCEPTION);
      assert.equal(m.rip, CODE);
    });

    it('is shared by spaces that map the same frame, and told apart in those that do not', () => {
      const m = new BareMachine({ tier });
      const frame = m.load(SUM);
      const same = m.newSpace();
      const different = m.newSpace();
      same.set(CODE, (frame << L.PAGE_SHIFT) | READ_EXEC);
      const other = SUM.slice();
      other[1] = 4;
      m.load(other, CODE, READ_EXEC, different);
      const run = (space: typeof same) => {
        m.machine.activate(space);
        assert.equal(m.start(), EXIT_SYSCALL);
        return m.register(L.RAX);
      };
      const count = () => m.machine.stats.blocksDecoded + m.machine.stats.regionsTranslated;
      assert.equal(run(m.space), 55n);
      const before = count();
      assert.equal(run(same), 55n);
      assert.equal(count(), before);
      assert.equal(run(different), 10n);
      assert.equal(run(same), 55n);
    });

    it('is looked up anew in a space that changed while another one ran', () => {
      const m = new BareMachine({ tier });
      const frame = m.load(SUM);
      assert.equal(m.start(), EXIT_SYSCALL);
      const other = m.newSpace();
      other.set(CODE, (frame << L.PAGE_SHIFT) | READ_EXEC);
      m.machine.activate(other);
      assert.equal(m.start(), EXIT_SYSCALL);
      const changed = SUM.slice();
      changed[1] = 2;
      m.load(changed);
      m.machine.activate(m.space);
      assert.equal(m.start(), EXIT_SYSCALL);
      assert.equal(m.register(L.RAX), 3n);
    });

    it('is found again when more of it runs than the jump cache holds', () => {
      const m = new BareMachine({ tier: 'interpret' });
      const jumps = new Uint8Array(3 * L.PAGE_SIZE).fill(0x90);
      for (let at = 0; at + 2 < jumps.length; at += 2) jumps.set([0xeb, 0x00], at); // jmp to the next
      jumps.set([0x0f, 0x05], jumps.length - 2);
      m.load(jumps);
      assert.equal(m.start(), EXIT_SYSCALL);
      const { blocksDecoded } = m.machine.stats;
      assert.ok(blocksDecoded > L.JUMP_ENTRIES);
      assert.equal(m.start(), EXIT_SYSCALL);
      assert.equal(m.machine.stats.blocksDecoded, blocksDecoded);
    });

    it('begins anew when there is no room for more of it', () => {
      const m = new BareMachine({ tier: 'interpret', memory: 16 << 20 });
      const count = 300_000;
      const jumps = new Uint8Array(2 * count + 4);
      for (let k = 0; k < count; k++) jumps.set([0xeb, 0x00], 2 * k); // jmp to the next
      jumps.set(bytes('ff c0 0f 05'), 2 * count); // inc eax; syscall
      m.load(jumps);
      const run = () => {
        m.setRegister(L.RAX, 0);
        assert.equal(m.start(CODE, 2 * count), EXIT_SYSCALL);
        return m.register(L.RAX);
      };
      assert.ok(count * 64 > L.DECODED_END - L.DECODED);
      assert.equal(run(), 1n);
      assert.equal(m.machine.stats.instructions, count + 2);
      const last = m.offset(CODE + 2 * count);
      m.machine.frames.willWrite(last >>> L.PAGE_SHIFT, last & L.PAGE_MASK, 2);
      m.machine.memory.u8.set([0xff, 0xc8], last); // dec eax
      assert.equal(run(), 0xffffffffn);
      assert.equal(m.machine.stats.instructions, 2 * (count + 2));
      assert.equal(m.machine.stats.codeInvalidations, 1);
    });

    it('is forgotten on demand', () => {
      const m = new BareMachine({ tier });
      m.load(SUM);
      m.start();
      m.machine.flushCode();
      assert.equal(m.start(), EXIT_SYSCALL);
      assert.equal(m.register(L.RAX), 55n);
    });
  });
}

describe('registers', () => {
  it('are saved and loaded as a block', () => {
    const m = new BareMachine();
    m.setRegister(L.RBX, 77);
    const state = new Uint8Array(L.CPU_STATE_SIZE);
    m.machine.saveCpu(state);
    m.setRegister(L.RBX, 1);
    m.machine.loadCpu(state);
    assert.equal(m.register(L.RBX), 77n);
  });

  it('have flags that can be read and written', () => {
    const m = new BareMachine();
    m.load(SUM);
    m.start();
    assert.equal(m.machine.readFlags(), 0x246); // 1 - 1: ZF, PF
    m.machine.writeFlags(-1);
    assert.equal(m.machine.readFlags(), 0x244fd7);
    m.machine.writeFlags(0);
    assert.equal(m.machine.readFlags(), 0x202);
  });
});
