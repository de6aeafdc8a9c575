import {
  CPU_BUDGET,
  CPU_EXIT,
  CPU_EXIT_ERROR,
  CPU_EXIT_VECTOR,
  CPU_RIP,
  JUMP_CACHE,
  JUMP_SLOT,
} from '../layout.js';
import { jumpEntry, jumpIndex } from '../code/jump-cache.js';
import { loadCpu, storeCpu } from '../semantics/base-emitter.js';
import type { Flag, JumpKind, Semantics } from '../semantics/emitter.js';
import type { Helper } from '../semantics/helper.js';
import { ZEROS } from '../semantics/sse/operands.js';
import { isConst, isNumber, width } from '../semantics/width.js';
import { EXIT_EXCEPTION } from '../types.js';
import { I32, I64, OP_I64_CONST, V128, call, callIndirect, i32, i64, type Expr } from '../wasm/expr.js';
import { VOID, type FunctionBuilder, type Hint } from '../wasm/function.js';
import type { Insn } from '../x86/insn.js';
import { Access, type AccessContext } from './access.js';
import type { Block, Step } from './flow.js';
import { FlagLocals } from './flag-locals.js';
import { LOOKUP, SELF, SYSCALL, type CoreFunction, type Symbols } from './imports.js';
import { emitLeave } from './leaves.js';
import { OperandEmitter } from './operand-emitter.js';
import type { Optimisations } from './optimisations.js';
import type { RangeSlots } from './range.js';
import type { RegisterAnalysis } from './register-analysis.js';
import { FLAGS_UNKNOWN } from './scan.js';
import { stackWindows, type StackWindow } from './stack-window.js';

/** Index of the signature of regions: link.ts makes it a module's first. */
const REGION_TYPE = 0;
const NO_STEP = { insn: null, effects: null } as const;
const ZERO = i32.const(0);
const ALL_ZEROED = 0xffff;
const NO_WINDOWS: ReadonlyMap<Step, StackWindow> = new Map();
const GO_ON_AT_RIP = i64.num(-1);
/** The region's parameters: nested calls that may still be made, and where the caller goes on. */
const DEPTH = 0;
const UNTIL = 1;

/** What a region's code shares: where it starts, the module around it, whether it has loops. */
export interface RegionFrame {
  readonly entry: number;
  readonly registers: RegisterAnalysis;
  readonly hasLoops: boolean;
  /** By node. */
  readonly slots: readonly RangeSlots[];
  readonly symbols: Symbols;
  readonly on: Optimisations;
}

/** How the last instruction of a block ended: gone, or with a condition under which it goes to its first successor. */
export type StepEnd = 'next' | 'gone' | { readonly cond: Expr };

/** The translator's emitter: code for known instructions, one after the other, of one region. */
export class RegionEmitter extends OperandEmitter implements AccessContext {
  readonly flags: FlagLocals;
  protected readonly access: Access;
  private step: Step | typeof NO_STEP = NO_STEP;
  private block: Block | null = null;
  private flagsNeeded = true;
  private nesting = 0;
  private isLooping = false;
  private end: StepEnd = 'next';
  /** The budget while it is not in the CPU block; undefined in a region without loops. */
  private readonly fuel: number | undefined;
  private loadMask = 0;
  private windows: ReadonlyMap<Step, StackWindow> = NO_WINDOWS;
  /** Vector registers whose upper half is known to be 0, as far as straight code goes. */
  private zeroed = 0;
  private readonly zero: Expr;

  constructor(
    override readonly f: FunctionBuilder,
    private readonly frame: RegionFrame,
  ) {
    super(f, frame.registers.used);
    this.flags = new FlagLocals(f, (helper, ...args) => this.callValue(helper, ...args));
    this.access = new Access(this);
    this.zero = f.get(f.local(V128));
    this.fuel = frame.hasLoops ? f.local(I32) : undefined;
  }

  // The region as a whole

  open(): void {
    this.reload(this.frame.registers.liveIn[0] ?? 0);
  }

  private reload(mask: number): void {
    this.registers.load(mask);
    this.zeroed = 0;
    this.flags.forget();
    this.pages.clear();
    this.closeWindow();
    if (this.fuel !== undefined) this.f.set(this.fuel, loadCpu(I32, CPU_BUDGET));
  }

  /** Only loops change the local alone. */
  private storeFuel(): void {
    if (this.frame.hasLoops) storeCpu(this.f, CPU_BUDGET, this.fuelLeft());
  }

  private fuelLeft(): Expr {
    return this.fuel === undefined ? loadCpu(I32, CPU_BUDGET) : this.f.get(this.fuel);
  }

  private storeRegisters(): void {
    this.registers.store(this.registers.dirty);
    this.flags.store();
  }

  private storeAll(): void {
    this.storeRegisters();
    this.storeFuel();
  }

  /** To go on at `address` later, with all as it is here. */
  private leaveAt(address: number): void {
    // What a loop within the instruction writes may have been written in the turn before.
    const written = this.isLooping ? (this.step.insn === null ? 0 : this.step.writes) : 0;
    const { symbols, on } = this.frame;
    emitLeave(this.f, symbols, !on.leaves, this.registers.dirty | written, (bit) => this.registers.at(bit), {
      rip: i64.num(address),
      budget: this.fuel === undefined ? null : this.f.get(this.fuel),
      flags: this.flags.toStore(),
    });
  }

  // Blocks and instructions

  beginNode(node: number, steps: readonly Step[]): void {
    const { dirtyIn, liveOut } = this.frame.registers;
    this.registers.dirty = dirtyIn[node] ?? 0;
    this.loadMask = liveOut[node] ?? 0;
    this.zeroed = 0;
    this.slots = this.frame.slots[node] ?? [];
    this.windows = this.frame.on.stack ? stackWindows(steps) : NO_WINDOWS;
    this.closeWindow();
  }

  /** Emits one instruction. */
  emit(step: Step, semantics: Semantics, flagsNeededAfter: boolean, block: Block): StepEnd {
    this.releaseValues();
    this.block = block;
    this.step = step;
    this.flagsNeeded = flagsNeededAfter;
    this.isLooping = false;
    this.end = 'next';
    const window = this.windows.get(step);
    if (window !== undefined) this.openWindow(window);
    semantics(this);
    this.closeWindow(step);
    return this.end;
  }

  /** Counts a jump back from `node`; leaves at its target's address when the budget is used up. */
  countBack(node: number, address: number): void {
    if (this.fuel === undefined) return;
    this.registers.dirty = this.frame.registers.dirtyOut[node] ?? 0;
    this.f.set(this.fuel, i32.sub(this.f.get(this.fuel), i32.const(1)));
    this.f.if(i32.lt_s(this.f.get(this.fuel), ZERO), VOID, 'unlikely');
    this.leaveAt(address);
    this.f.end();
  }

  /** Goes on at an exit's address; from a callee that is part of the region, only until it returns. */
  leaveTo({ address, expected, next }: Block): StepEnd {
    this.releaseValues();
    if (next.length === 0) {
      this.tailJump(i64.num(address));
      return 'gone';
    }
    this.callRegion(i64.num(address), i64.num(expected));
    return 'next';
  }

  protected get insn(): Insn {
    if (this.step.insn === null) throw new Error('no instruction is being emitted');
    return this.step.insn;
  }

  // Upper halves: most writes are of zeros that are there

  override setUpper(index: number, value: Expr): void {
    const bit = 1 << index;
    if (value !== ZEROS) {
      this.zeroed &= ~bit;
      return super.setUpper(index, value);
    }
    if ((this.zeroed & bit) !== 0) return;
    super.setUpper(index, this.zero);
    if (this.nesting === 0) this.zeroed |= bit;
  }

  override zeroUppers(): void {
    if (this.zeroed !== ALL_ZEROED) super.zeroUppers();
    if (this.nesting === 0) this.zeroed = ALL_ZEROED;
  }

  protected helperIndex(helper: Helper): number {
    return this.frame.symbols.helper(helper);
  }

  override get hasSpans(): boolean {
    return this.frame.on.spans;
  }

  override get isConditional(): boolean {
    return this.nesting > 0;
  }

  core(func: CoreFunction): number {
    return this.frame.symbols.core(func);
  }

  leaveAtFault(): void {
    this.leaveAt(this.insn.address);
  }

  // Structure: flags set in an arm must find those that the other arm leaves

  override if(cond: Expr, then: () => void, otherwise?: () => void, hint?: Hint): void {
    this.settleBeforeArms();
    this.nesting++;
    super.if(cond, then, otherwise, hint);
    this.nesting--;
  }

  override loop(body: () => Expr): void {
    this.settleBeforeArms();
    this.nesting++;
    this.isLooping = true;
    super.loop(body);
    this.nesting--;
  }

  private settleBeforeArms(): void {
    if (this.flagsNeeded && this.step.effects?.flags === FLAGS_UNKNOWN) this.flags.toLocals();
  }

  // Flags

  setFlags(kind: number, size: number, x: Expr, y?: Expr, onlyIf?: Expr): void {
    if (!this.flagsNeeded || (onlyIf !== undefined && isNumber(onlyIf, 0))) return;
    const w = width(size);
    const setY = y ?? w.num(0);
    if (onlyIf === undefined || isConst(onlyIf)) {
      if (this.nesting === 0) this.flags.set(kind, size, x, setY);
      else this.flags.setInLocals(kind, size, x, setY);
      return;
    }
    this.flags.toLocals();
    this.f.if(onlyIf);
    this.flags.setInLocals(kind, size, x, setY);
    this.f.end();
  }

  flag(flag: Flag): Expr {
    return this.flags.flag(flag);
  }
  condition(cc: number): Expr {
    return this.flags.condition(cc);
  }
  arithmeticFlags(): Expr {
    return this.flags.all();
  }

  // Control

  branchIf(cond: Expr): void {
    this.end = { cond };
  }

  /** Of a callee that is part of the region, behind the call; else where the region's caller goes on. */
  likelyReturn(): Expr {
    return this.block?.end === 'guard' ? i64.num(this.block.expected) : this.f.get(UNTIL);
  }

  jump(kind: JumpKind, target?: Expr): void {
    if (this.block?.end === 'inside') return;
    const to = this.let(target ?? this.imm(0, 8));
    if (this.block?.end === 'guard') return this.guard(kind, to, i64.num(this.block.expected));
    this.end = kind === 'call' ? 'next' : 'gone';
    if (kind === 'call') this.callRegion(to, this.nextAddress());
    else this.goOutside(kind, to);
  }

  private goOutside(kind: JumpKind, to: Expr): void {
    if (kind === 'jump') return this.tailJump(to);
    this.returnTo(to);
  }

  /** Whoever has called goes on at `to`. */
  private returnTo(to: Expr): void {
    this.storeAll();
    this.f.return(to);
  }

  /** Stays in the region if the target is what it was found to be. */
  private guard(kind: JumpKind, to: Expr, expected: Expr): void {
    this.f.if(i64.ne(to, expected), VOID, 'unlikely');
    this.goOutside(kind, to);
    this.f.end();
  }

  private tailJump(to: Expr): void {
    if (!this.frame.on.links) return this.returnTo(to);
    this.storeRegisters();
    const left = this.countDown();
    const args = [this.f.get(DEPTH), this.f.get(UNTIL)];
    if (this.isEntry(to)) {
      this.leaveIf(i32.lt_s(left, ZERO), to);
      this.f.returnCall(this.frame.symbols.numberOf(SELF), args);
    } else this.f.returnCallIndirect(REGION_TYPE, args, this.slotToEnter(to, left));
  }

  /** Calls the region at `to`; if that does not come back to `until`, the caller has to see to it. */
  private callRegion(to: Expr, until: Expr): void {
    // What follows is then never reached from here.
    if (!this.frame.on.links) this.returnTo(to);
    this.storeRegisters();
    const depth = this.let(i32.sub(this.f.get(DEPTH), i32.const(1)));
    const result = this.enter(to, i32.or(this.countDown(), depth), [depth, until]);
    this.f.if(i64.ne(result, until), VOID, 'unlikely');
    this.f.return(result);
    this.f.end();
    this.reload(this.loadMask);
  }

  /** Calls the region at `to`. What is being run is not stale, so a call of itself needs no look-up. */
  private enter(to: Expr, left: Expr, args: readonly Expr[]): Expr {
    if (!this.isEntry(to)) return this.let(callIndirect(I64, REGION_TYPE, args, this.slotToEnter(to, left)));
    this.leaveIf(i32.lt_s(left, ZERO), to);
    const result = this.temporaries.take(I64);
    this.f.callTo(result, this.frame.symbols.numberOf(SELF), args);
    return this.temporaries.settle(result);
  }

  private isEntry(to: Expr): boolean {
    const { imm, hi } = i64.num(this.frame.entry);
    return this.frame.on.recursion && to.op === OP_I64_CONST && to.imm === imm && to.hi === hi;
  }

  /** Leaves, to go on at `to`. */
  private leaveIf(cond: Expr, to: Expr): void {
    this.f.if(cond, VOID, 'unlikely');
    storeCpu(this.f, CPU_RIP, to);
    this.f.return(GO_ON_AT_RIP);
    this.f.end();
  }

  /** Counts the budget down, in the CPU block; below 0 when it is used up. */
  private countDown(): Expr {
    const left = this.let(i32.sub(this.fuelLeft(), i32.const(1)));
    storeCpu(this.f, CPU_BUDGET, left);
    return left;
  }

  /** The slot of the code at `to`; leaves, to go on there, if `left` is below 0. */
  private slotToEnter(to: Expr, left: Expr): Expr {
    const mayEnter = this.let(left);
    const slot = this.slotOf(to);
    // Below 0, too, where there is no code.
    this.f.if(i32.lt_s(i32.or(mayEnter, i32.sub(slot, i32.const(1))), ZERO), VOID, 'unlikely');
    storeCpu(this.f, CPU_RIP, to);
    this.f.if(i32.lt_s(mayEnter, ZERO));
    this.f.return(GO_ON_AT_RIP);
    this.f.end();
    this.f.end();
    return slot;
  }

  /** The table slot of guest address `to`: from the jump cache, or by a search. */
  private slotOf(to: Expr): Expr {
    const entry =
      to.op === OP_I64_CONST
        ? i32.const(jumpEntry(to.imm) - JUMP_CACHE)
        : this.let(jumpIndex(i32.wrap_i64(to)));
    const slot = this.temporaries.take(I32);
    this.f.if(i64.ne(i64.load(entry, JUMP_CACHE), to), VOID, 'unlikely');
    this.f.set(slot, call(I32, this.core(LOOKUP), [to]));
    this.f.else();
    this.f.set(slot, i32.load(entry, JUMP_CACHE + JUMP_SLOT));
    this.f.end();
    return this.temporaries.settle(slot);
  }

  /** The kernel may have changed any register, rip among them. */
  syscall(): void {
    this.storeAll();
    storeCpu(this.f, CPU_RIP, this.nextAddress());
    this.f.if(i32.eqz(call(I32, this.core(SYSCALL), [])));
    this.f.return(GO_ON_AT_RIP);
    this.f.end();
    const rip = this.let(loadCpu(I64, CPU_RIP));
    this.f.if(i64.ne(rip, this.nextAddress()), VOID, 'unlikely');
    this.f.return(rip);
    this.f.end();
    this.reload(this.loadMask);
  }

  raise(vector: number, kind: 'fault' | 'trap'): void {
    if (this.nesting === 0) this.end = 'gone';
    this.leaveWithException(vector, kind);
  }

  raiseIf(cond: Expr, vector: number, kind: 'fault' | 'trap' = 'fault'): void {
    this.f.if(cond, VOID, 'unlikely');
    this.leaveWithException(vector, kind);
    this.f.end();
  }

  private leaveWithException(vector: number, kind: 'fault' | 'trap'): void {
    const { address, length } = this.insn;
    storeCpu(this.f, CPU_EXIT, i32.const(EXIT_EXCEPTION));
    storeCpu(this.f, CPU_EXIT_VECTOR, i32.const(vector));
    storeCpu(this.f, CPU_EXIT_ERROR, ZERO);
    this.leaveAt(kind === 'fault' ? address : address + length);
  }
}
