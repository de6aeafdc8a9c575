import { CPU, CPU_GPR, RBP, RSP } from './layout.js';
import type { MachineViews } from './semantics/helper.js';
import type { Insn, MemoryOperand } from './x86/insn.js';

/*
 * Addresses that are not canonical raise #SS instead of #GP where the stack segment is meant (SDM volume 1, 3.7.4): base
 * register rsp or rbp, or an implied access to the stack. What raises faults does not know; as they are rare, it is found
 * out behind them from the instruction and the registers.
 */

/** Bytes that a push puts below rsp come into it; pops and returns begin at rsp. */
const PUSHES = new Set(['push', 'push_seg', 'pushf', 'call', 'enter']);
const POPS = new Set(['pop', 'pop_seg', 'popf', 'ret']);

function register(memory: MachineViews, index: number): bigint {
  return memory.view.getBigUint64(CPU + CPU_GPR + 8 * index, true);
}

const isCanonical = (address: bigint): boolean => BigInt.asIntN(48, address) === BigInt.asIntN(64, address);

/** Whether `size` bytes at `address` are not all canonical. */
function misses(address: bigint, size: number): boolean {
  return !isCanonical(address) || !isCanonical(address + BigInt(Math.max(size, 1) - 1));
}

function addressOf(memory: MachineViews, { base, index, scale, disp, addressSize }: MemoryOperand): bigint {
  let sum = BigInt(disp);
  if (base >= 0) sum += register(memory, base);
  if (index >= 0) sum += register(memory, index) << BigInt(scale);
  return BigInt.asUintN(8 * addressSize, sum);
}

/** Whether the access that the instruction implies is one that misses. */
function impliedMisses(memory: MachineViews, { form: { mnemonic, size } }: Insn): boolean {
  if (mnemonic === 'leave') return misses(register(memory, RBP), size);
  if (POPS.has(mnemonic)) return misses(register(memory, RSP), size);
  return PUSHES.has(mnemonic) && misses(register(memory, RSP) - BigInt(size), size);
}

/** Whether the #GP that `insn` has raised is a #SS. */
export function isStackFault(memory: MachineViews, insn: Insn): boolean {
  const at = insn.operands.findIndex(({ kind }) => kind === 'mem');
  const operand = insn.operands[at];
  if (operand?.kind === 'mem' && !POPS.has(insn.form.mnemonic)) {
    const isStack = operand.segment === 0 && (operand.base === RSP || operand.base === RBP);
    if (misses(addressOf(memory, operand), insn.form.operands[at]?.size ?? 1)) return isStack;
  }
  return impliedMisses(memory, insn);
}
