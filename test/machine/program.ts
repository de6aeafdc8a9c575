import * as L from '../../src/machine/layout.js';
import { createMachine } from '../../src/machine/machine.js';
import {
  PTE_EXEC,
  PTE_READ,
  PTE_WRITE,
  type Access,
  type AddressSpace,
  type Exit,
  type Machine,
  type MachineOptions,
  type Supervisor,
} from '../../src/machine/types.js';

export const CODE = 0x400000;
export const DATA = 0x700000;
/** The stack's top; its page is the last of eight from DATA on. */
export const STACK = DATA + 8 * L.PAGE_SIZE;
export const READ_EXEC = PTE_READ | PTE_EXEC;
export const READ_WRITE = PTE_READ | PTE_WRITE;
export const ALL = PTE_READ | PTE_WRITE | PTE_EXEC;

/** Bytes written as hexadecimal, with what they mean behind a semicolon on each line. */
export function bytes(listing: string): Uint8Array {
  const digits = listing.replaceAll(/;.*/g, '').replaceAll(/\s/g, '');
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** A machine without a kernel: a program at CODE, eight pages of data and stack, and a record of what it asked for. */
export class BareMachine implements Supervisor {
  readonly machine: Machine;
  readonly space: AddressSpace;
  readonly faults: { address: number; access: Access }[] = [];
  readonly lines: string[] = [];
  onFault: (address: number, access: Access) => boolean = () => false;
  onSyscall: () => boolean = () => false;

  constructor(options: Partial<MachineOptions> = {}) {
    const log = (line: string) => this.lines.push(line);
    this.machine = createMachine({ memory: 4 << 20, tier: 'interpret', log, ...options }, this);
    this.space = this.newSpace();
    for (let i = 0; i < 8; i++) this.map(DATA + i * L.PAGE_SIZE, READ_WRITE);
    this.machine.activate(this.space);
  }

  syscall(): boolean {
    return this.onSyscall();
  }
  pageFault(address: number, access: Access): boolean {
    this.faults.push({ address, access });
    return this.onFault(address, access);
  }

  newSpace(): AddressSpace {
    const space = this.machine.createSpace();
    if (space === null) throw new Error('no memory for an address space');
    return space;
  }

  /** Maps a fresh frame and returns its number. */
  map(address: number, flags: number, space = this.space): number {
    const frame = this.machine.frames.allocate();
    space.set(address, (frame << L.PAGE_SHIFT) | flags);
    return frame;
  }

  /** Maps code at `address`; returns the first page's frame. */
  load(code: Uint8Array, address = CODE, flags = READ_EXEC, space = this.space): number {
    const first = address - (address % L.PAGE_SIZE);
    let frame = 0;
    for (let page = first; page < address + code.length; page += L.PAGE_SIZE) {
      const made = this.map(page, flags, space);
      if (frame === 0) frame = made;
      const at = Math.max(page, address);
      const part = code.subarray(at - address, page + L.PAGE_SIZE - address);
      this.machine.memory.u8.set(part, made * L.PAGE_SIZE + (at - page));
    }
    return frame;
  }

  /** Runs from `rip` with an empty stack. */
  start(rip = CODE, budget = 100_000): Exit {
    this.setRegister(L.RSP, STACK);
    this.view.setBigUint64(L.CPU + L.CPU_RIP, BigInt(rip), true);
    return this.machine.run(budget);
  }

  get view(): DataView {
    return this.machine.memory.view;
  }
  register(index: number): bigint {
    return this.view.getBigUint64(L.CPU + L.CPU_GPR + 8 * index, true);
  }
  setRegister(index: number, value: number | bigint): void {
    this.view.setBigUint64(L.CPU + L.CPU_GPR + 8 * index, BigInt.asUintN(64, BigInt(value)), true);
  }
  get rip(): number {
    return Number(this.view.getBigUint64(L.CPU + L.CPU_RIP, true));
  }

  /** Vector, error code and address of the exception that ended the run. */
  get exception(): { vector: number; error: number; address: bigint } {
    return {
      vector: this.view.getInt32(L.CPU + L.CPU_EXIT_VECTOR, true),
      error: this.view.getInt32(L.CPU + L.CPU_EXIT_ERROR, true),
      address: this.view.getBigUint64(L.CPU + L.CPU_EXIT_ADDRESS, true),
    };
  }

  /** Offset in the memory of a guest address that is mapped. */
  offset(address: number): number {
    return (this.space.get(address) >>> L.PAGE_SHIFT) * L.PAGE_SIZE + (address % L.PAGE_SIZE);
  }
}
