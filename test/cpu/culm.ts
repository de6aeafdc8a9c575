/** Culm's machine as an executor: the bare machine with the pages of a case, and no kernel. */
import * as L from '../../src/machine/layout.js';
import { createMachine } from '../../src/machine/machine.js';
import type { Optimisation } from '../../src/machine/translate/optimisations.js';
import {
  EXIT_BUDGET,
  EXIT_EXCEPTION,
  PTE_EXEC,
  PTE_READ,
  PTE_WRITE,
  type Machine,
  type Supervisor,
} from '../../src/machine/types.js';
import type { Batch } from './batch.js';
import * as S from './state.js';
import type { Executor } from './suite.js';

const MEMORY = 16 << 20;
/** Back edges, calls and returns in one go, and how often that may be used up. */
const BUDGET = 10_000;
const ROUNDS = 100;
const PAGES = S.DATA_SIZE / L.PAGE_SIZE;
const PAGE_FAULT = 14;
const ST_REGISTERS = 8;

/** No page comes by itself, and there are no system calls. */
const BARE: Supervisor = { syscall: () => false, pageFault: () => false };

export const TIERS = ['interpret', 'translate', 'mixed'] as const;
export type Tier = (typeof TIERS)[number];

class CulmExecutor implements Executor {
  private readonly machine: Machine;
  private readonly data: number;
  private readonly code: number;
  private readonly background = S.background();

  constructor(
    readonly name: string,
    tier: Tier,
    without: readonly Optimisation[],
  ) {
    this.machine = createMachine({ memory: MEMORY, tier, without }, BARE);
    const space = this.machine.createSpace();
    if (space === null) throw new Error('no memory for an address space');
    const map = (address: number, flags: number): number => {
      const frames = Array.from({ length: PAGES }, () => this.machine.frames.allocate());
      frames.forEach((frame, k) => space.set(address + k * L.PAGE_SIZE, frame * L.PAGE_SIZE + flags));
      if (frames.some((frame, k) => frame !== frames[0] + k)) throw new Error('frames are not adjacent');
      return frames[0];
    };
    this.data = map(S.DATA, PTE_READ | PTE_WRITE);
    this.code = map(S.CODE, PTE_READ | PTE_EXEC);
    this.machine.activate(space);
  }

  run(batch: Batch): DataView {
    const results = new Uint8Array(batch.count * S.RESULT_SIZE);
    const view = new DataView(results.buffer);
    for (let k = 0; k < batch.count; k++) {
      const code = batch.codeAt(k);
      if (code !== null) this.putCode(batch.caseAt(k).getUint32(S.AT_CODE_OFFSET, true), code);
      this.load(batch, k);
      const vector = this.execute();
      this.save(view, results, k * S.RESULT_SIZE, vector);
    }
    return view;
  }

  private putCode(offset: number, code: Uint8Array): void {
    const { frames, memory } = this.machine;
    const start = this.code * L.PAGE_SIZE;
    for (let k = 0; k < PAGES; k++) frames.willWrite(this.code + k, 0, L.PAGE_SIZE);
    memory.u8.fill(0xcc, start, start + S.CODE_SIZE);
    memory.u8.set(code, start + offset);
  }

  private load(batch: Batch, k: number): void {
    const { u8, view } = this.machine.memory;
    const start = batch.caseAt(k);
    const bytes = batch.stateAt(k);
    const data = this.data * L.PAGE_SIZE;
    u8.set(this.background, data);
    u8.set(bytes.subarray(S.AT_WINDOW, S.STATE_SIZE), data + S.WINDOW - S.DATA);
    u8.set(bytes.subarray(S.AT_GPR, S.AT_RIP + 8), L.CPU + L.CPU_GPR);
    this.machine.writeFlags(start.getUint32(S.AT_RFLAGS, true));
    const put = (field: number, value: number) => view.setInt32(L.CPU + field, value, true);
    put(L.CPU_FCW, start.getUint16(S.AT_FX + S.FX_FCW, true));
    put(L.CPU_FSW, start.getUint16(S.AT_FX + S.FX_FSW, true));
    put(L.CPU_FTW, start.getUint8(S.AT_FX + S.FX_FTW));
    put(L.CPU_MXCSR, start.getUint32(S.AT_FX + S.FX_MXCSR, true));
    u8.set(bytes.subarray(S.AT_FX + S.FX_XMM, S.AT_FX + S.FX_END), L.CPU + L.CPU_XMM);
    u8.set(bytes.subarray(S.AT_UPPER, S.AT_UPPER + S.UPPER_SIZE), L.CPU + L.CPU_YMM_HIGH);
    for (let i = 0; i < ST_REGISTERS; i++) {
      const at = S.AT_FX + S.FX_ST + 16 * i;
      u8.set(bytes.subarray(at, at + 16), this.stAddress(i));
    }
    view.setBigUint64(L.CPU + L.CPU_SEGMENT + 8 * L.SEG_GS, BigInt(S.GS_BASE), true);
  }

  /** Where ST(i) lies: the registers in the CPU block do not turn with TOP. */
  private stAddress(i: number): number {
    const top = (this.machine.memory.view.getInt32(L.CPU + L.CPU_FSW, true) >> 11) & 7;
    return L.CPU + L.CPU_X87 + 16 * ((top + i) & 7);
  }

  private execute(): number {
    const { view } = this.machine.memory;
    for (let round = 0; round < ROUNDS; round++) {
      const exit = this.machine.run(BUDGET);
      if (exit === EXIT_EXCEPTION) return view.getInt32(L.CPU + L.CPU_EXIT_VECTOR, true);
      if (exit !== EXIT_BUDGET) throw new Error(`the machine stopped with ${exit}`);
    }
    return S.TIMED_OUT;
  }

  private save(results: DataView, bytes: Uint8Array, at: number, vector: number): void {
    const { u8, u32, view } = this.machine.memory;
    const data = this.data * L.PAGE_SIZE;
    const window = data + S.WINDOW - S.DATA;
    bytes.set(u8.subarray(L.CPU + L.CPU_GPR, L.CPU + L.CPU_RIP + 8), at);
    results.setUint32(at + S.AT_RFLAGS, this.machine.readFlags(), true);
    const get = (field: number) => view.getInt32(L.CPU + field, true);
    results.setUint16(at + S.AT_FX + S.FX_FCW, get(L.CPU_FCW), true);
    results.setUint16(at + S.AT_FX + S.FX_FSW, get(L.CPU_FSW), true);
    results.setUint8(at + S.AT_FX + S.FX_FTW, get(L.CPU_FTW));
    results.setUint32(at + S.AT_FX + S.FX_MXCSR, get(L.CPU_MXCSR), true);
    for (let i = 0; i < ST_REGISTERS; i++) {
      const from = this.stAddress(i);
      bytes.set(u8.subarray(from, from + 16), at + S.AT_FX + S.FX_ST + 16 * i);
    }
    bytes.set(u8.subarray(L.CPU + L.CPU_XMM, L.CPU + L.CPU_XMM + 256), at + S.AT_FX + S.FX_XMM);
    const upper = L.CPU + L.CPU_YMM_HIGH;
    bytes.set(u8.subarray(upper, upper + S.UPPER_SIZE), at + S.AT_UPPER);
    bytes.set(u8.subarray(window, window + S.WINDOW_SIZE), at + S.AT_WINDOW);
    results.setUint32(at + S.AT_VECTOR, vector, true);
    if (vector === PAGE_FAULT) {
      results.setInt32(at + S.AT_ERROR, get(L.CPU_EXIT_ERROR), true);
      results.setBigInt64(at + S.AT_ADDRESS, view.getBigInt64(L.CPU + L.CPU_EXIT_ADDRESS, true), true);
    }
    const words = u32.subarray(data / 4, (data + S.DATA_SIZE) / 4);
    results.setUint32(at + S.AT_CHECKSUM, S.checksum(words), true);
  }
}

/** Culm in one of its tiers, perhaps without some of its optimisations. */
export function culmExecutor(tier: Tier, without: readonly Optimisation[] = []): Executor {
  const name = without.length === 0 ? tier : `${tier} without ${without.join()}`;
  return new CulmExecutor(name, tier, without);
}
