import type { Insn } from '../x86/insn.js';
import type { CodeReader } from './discover.js';
import { isZeros, targetOf, type Scanner } from './scan.js';

/** A callee of more instructions is called, not taken into its caller's region. */
const MOST_INSTRUCTIONS = 40;

/** Where an indirect jump through a fixed place in memory goes now: those of procedure linkage tables stay so. */
export function linkedTarget(insn: Insn, code: CodeReader): number {
  const [operand] = insn.operands;
  const isFixed = operand?.kind === 'mem' && operand.base < 0 && operand.index < 0 && operand.segment === 0;
  return isFixed ? code.word(operand.disp) : -1;
}

/** Decides which callees are small: few instructions, no calls, and a way to a return. */
export class CalleeFinder {
  constructor(
    private readonly code: CodeReader,
    private readonly scanner: Scanner,
  ) {}

  /** `fewest`: blocks that ran less often do not count. */
  isSmall(address: number, fewest: number): boolean {
    const seen = new Set<number>();
    const queue = [address];
    let returns = false;
    for (const start of queue) {
      if (start !== address && this.code.executions(start) < fewest) continue;
      for (let at = start; !seen.has(at);) {
        if (seen.size === MOST_INSTRUCTIONS) return false;
        seen.add(at);
        const insn = this.code.decode(at);
        const effects = insn === null || isZeros(insn) ? null : this.scanner.effects(insn);
        if (insn === null || effects === null) return false;
        at += insn.length;
        if (effects.control === 'next') continue;
        if (effects.control === 'call' || effects.control === 'syscall') return false;
        if (effects.control === 'ret') returns = true;
        if (effects.control === 'branch') queue.push(at);
        const target = effects.control === 'jump' ? jumpTarget(insn, this.code) : targetOf(insn);
        if (effects.control === 'jump' && target < 0) return false;
        if (target >= 0) queue.push(target);
        break;
      }
    }
    return returns;
  }
}

function jumpTarget(insn: Insn, code: CodeReader): number {
  const direct = targetOf(insn);
  return direct >= 0 ? direct : linkedTarget(insn, code);
}
