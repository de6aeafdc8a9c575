import type { MachineViews } from '../helper.js';
import { SCRATCH } from '../../layout.js';
import { endStage, type Format } from './env.js';
import { addLane, copy, multiplyLane, store } from './lanes.js';

const OPERAND_A = SCRATCH;
const OPERAND_B = SCRATCH + 16;
const RESULT = SCRATCH + 32;
const PRODUCTS = SCRATCH + 0x50;

/** dpps and dppd: the products that imm's high half selects, summed in pairs, to the lanes that its low half selects. */
export function dotProduct(m: MachineViews, format: Format, lanes: number, imm: number): void {
  const { bytes } = format;
  for (let i = 0; i < lanes; i++) {
    const at = i * bytes;
    if ((imm & (16 << i)) === 0) store(m, format, PRODUCTS + at, 0);
    else multiplyLane(m, format, OPERAND_A + at, OPERAND_B + at, PRODUCTS + at);
  }
  if (endStage()) return;
  for (let width = 1; width < lanes; width *= 2) {
    for (let i = 0; i < lanes; i += 2 * width) {
      const first = PRODUCTS + i * bytes;
      addLane(m, format, first, first + width * bytes, first);
    }
    if (endStage()) return;
  }
  for (let i = 0; i < lanes; i++) {
    const to = RESULT + i * bytes;
    if ((imm & (1 << i)) === 0) store(m, format, to, 0);
    else copy(m, format, PRODUCTS, to);
  }
}
