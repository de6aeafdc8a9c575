import { BLOCK_COUNTDOWN, BLOCK_HEADER } from '../code/block-lists.js';
import { jumpIndex } from '../code/jump-cache.js';
import type { CoreBuilder } from '../core/functions.js';
import {
  CPU,
  CPU_ADDRESS,
  CPU_BUDGET,
  CPU_RIP,
  CPU_UNTIL,
  JUMP_BLOCK,
  JUMP_CACHE,
  RECORD_SIZE,
} from '../layout.js';
import { loadCpu, storeCpu } from '../semantics/base-emitter.js';
import type { Semantics } from '../semantics/emitter.js';
import { I32, I64, callIndirect, i32, i64, type Expr } from '../wasm/expr.js';
import { STORE, type FunctionBuilder, type Label } from '../wasm/function.js';
import type { Form } from '../x86/insn.js';
import { FLAGS_KEPT, HandlerEmitter, type HandlerExits, type HandlerKey } from './handler-emitter.js';
import { SPECIAL_NAMES, handlerName, type HandlerInfo } from './handlers.js';
import {
  RECORD_BASE,
  RECORD_DISP,
  RECORD_HANDLER,
  RECORD_IMM,
  RECORD_INDEX,
  RECORD_PLACE,
  RECORD_SCALE,
} from './record.js';

/** What a handler that is a function returns: go on; rip is set; the instruction faulted; rip is set and leave. */
const STATUS_NEXT = 0;
const STATUS_JUMP = 1;
const STATUS_FAULT = 2;
const STATUS_LEAVE = 3;

/** What `interpret` returns: look what is at rip; the code there is hot. */
const LOOK_AGAIN = i32.const(0);
const IS_HOT = i32.const(1);

const HANDLER_PARAMS = [I32] as const;
const HANDLER_RESULTS = [I32] as const;
const RECORD = 0;
const PAGE = i64.num(-4096);

type SemanticsOf = (form: Form) => Semantics | undefined;

function emit(emitter: HandlerEmitter, key: HandlerKey, semanticsOf: SemanticsOf): HandlerInfo {
  const semantics = semanticsOf(key.form);
  if (semantics === undefined) throw new Error(`${key.form.key} has no semantics`);
  semantics(emitter);
  return { name: handlerName(key), flagsAfter: emitter.flagsAfter, ends: emitter.ends };
}

/** A handler as a function of its own; returns its index in the module. */
function defineHandler(core: CoreBuilder, key: HandlerKey, semanticsOf: SemanticsOf): [number, HandlerInfo] {
  const infos: HandlerInfo[] = [];
  const index = core.anonymous(HANDLER_PARAMS, I32, (f) => {
    const exits: HandlerExits = {
      fault: () => f.return(i32.const(STATUS_FAULT)),
      jump: () => f.return(i32.const(STATUS_JUMP)),
      leave: () => f.return(i32.const(STATUS_LEAVE)),
    };
    infos.push(emit(new HandlerEmitter(f, core, f.get(RECORD), exits, key), key, semanticsOf));
    f.return(i32.const(STATUS_NEXT));
  });
  return [index, infos[0] as HandlerInfo];
}

/** Writes the loop; `emitters` are the handlers in it, by number. */
class LoopWriter {
  private readonly rip: number;
  private readonly record: Expr;
  private next: Label = { depth: 0 };
  private fault: Label = { depth: 0 };
  private jump: Label = { depth: 0 };

  constructor(
    private readonly f: FunctionBuilder,
    private readonly core: CoreBuilder,
  ) {
    this.rip = f.local(I64);
    this.record = f.get(RECORD);
  }

  /** Returns what is known of the handlers in the loop, without the special ones. */
  write(keys: readonly HandlerKey[], semanticsOf: SemanticsOf): HandlerInfo[] {
    const { f } = this;
    const [first] = keys;
    if (first === undefined) throw new Error('no handlers');
    const count = SPECIAL_NAMES.length + keys.length;
    this.next = f.loop();
    this.jump = f.block();
    this.fault = f.block();
    const outside = f.block();
    const labels = Array.from({ length: count }, () => f.block());
    f.brTable(labels.reverse(), outside, i32.load16_u(this.record, RECORD_HANDLER));
    this.writeSpecial();
    const emitter = new HandlerEmitter(f, this.core, this.record, this.exits(), first);
    const infos = keys.map((key) => this.writeHandler(emitter, key, semanticsOf));
    f.end();
    this.callHandler(count);
    f.end();
    storeCpu(f, CPU_RIP, this.thisAddress());
    f.return(LOOK_AGAIN);
    f.end();
    this.enterBlock();
    f.end();
    f.unreachable();
    return infos;
  }

  private exits(): HandlerExits {
    return {
      fault: () => this.f.br(this.fault),
      jump: (target) => this.goTo(target),
      leave: () => this.f.return(LOOK_AGAIN),
    };
  }

  private goTo(target: Expr): void {
    this.f.set(this.rip, target);
    this.f.br(this.jump);
  }

  private goOn(): void {
    this.f.set(RECORD, i32.add(this.record, i32.const(RECORD_SIZE)));
    this.f.br(this.next);
  }

  private writeHandler(emitter: HandlerEmitter, key: HandlerKey, semanticsOf: SemanticsOf): HandlerInfo {
    this.f.end();
    emitter.begin(key);
    const info = emit(emitter, key, semanticsOf);
    if (!info.ends) this.goOn();
    return info;
  }

  /** START, END and ADDRESS, as handlers.ts numbers them. */
  private writeSpecial(): void {
    const { f, record } = this;
    f.end();
    this.goTo(loadCpu(I64, CPU_RIP));
    f.end();
    f.set(this.rip, i64.load(record, RECORD_IMM));
    storeCpu(f, CPU_RIP, f.get(this.rip));
    f.br(this.jump);
    f.end();
    const base = i64.add(i64.load(i32.load16_u(record, RECORD_BASE), CPU), i64.load(record, RECORD_DISP));
    const index = i64.load(i32.load16_u(record, RECORD_INDEX), CPU);
    const sum = i64.add(base, i64.shl(index, i64.load8_u(record, RECORD_SCALE)));
    storeCpu(f, CPU_ADDRESS, i64.and(sum, i64.const(-1, 0)));
    this.goOn();
  }

  private callHandler(count: number): void {
    const { f } = this;
    const type = this.core.module.type(HANDLER_PARAMS, HANDLER_RESULTS);
    const slot = i32.sub(i32.load16_u(this.record, RECORD_HANDLER), i32.const(count));
    const status = f.let(callIndirect(I32, type, [this.record], slot, HANDLER_TABLE));
    f.if(i32.eqz(status));
    this.goOn();
    f.end();
    f.brIf(this.fault, i32.eq(status, i32.const(STATUS_FAULT)));
    f.if(i32.eq(status, i32.const(STATUS_LEAVE)));
    f.return(LOOK_AGAIN);
    f.end();
    this.goTo(loadCpu(I64, CPU_RIP));
  }

  /** rip lies in the block's page; see HandlerEmitter.thisAddress. */
  private thisAddress(): Expr {
    const offset = i64.shr_u(i64.load16_u(this.record, RECORD_PLACE), i64.num(4));
    return i64.or(i64.and(loadCpu(I64, CPU_RIP), PAGE), offset);
  }

  /** Goes on at `rip` if the jump cache has a block there, and budget is left. */
  private enterBlock(): void {
    const { f } = this;
    f.if(i64.eq(f.get(this.rip), loadCpu(I64, CPU_UNTIL)));
    f.return(LOOK_AGAIN);
    f.end();
    const entry = f.let(jumpIndex(i32.wrap_i64(f.get(this.rip))));
    const known = i64.eq(i64.load(entry, JUMP_CACHE), f.get(this.rip));
    const block = f.let(i32.load(entry, JUMP_CACHE + JUMP_BLOCK));
    f.if(i32.eqz(i32.and(known, i32.ne(block, i32.const(0)))));
    f.return(LOOK_AGAIN);
    f.end();
    const budget = f.let(i32.sub(loadCpu(I32, CPU_BUDGET), i32.const(1)));
    storeCpu(f, CPU_BUDGET, budget);
    f.if(i32.lt_s(budget, i32.const(0)));
    f.return(LOOK_AGAIN);
    f.end();
    const countdown = f.let(i32.sub(i32.load(block, BLOCK_COUNTDOWN), i32.const(1)));
    f.store(STORE.i32, block, countdown, BLOCK_COUNTDOWN);
    f.if(i32.eqz(countdown));
    f.return(IS_HOT);
    f.end();
    f.set(RECORD, i32.add(block, i32.const(BLOCK_HEADER)));
    f.br(this.next);
  }
}

/**
 * Handlers that are functions stand in a table of their own, in order: an instance of a region's module takes time for
 * each entry of the regions' table.
 */
const HANDLER_TABLE = 1;

export interface InterpreterKeys {
  readonly common: readonly HandlerKey[];
  readonly others: readonly HandlerKey[];
}

/** Defines `interpret` and all handlers; puts those outside the loop into their table. */
export function defineInterpreter(
  core: CoreBuilder,
  { common, others }: InterpreterKeys,
  semanticsOf: SemanticsOf,
): readonly HandlerInfo[] {
  const infos: HandlerInfo[] = SPECIAL_NAMES.map((name) => ({
    name,
    flagsAfter: FLAGS_KEPT,
    ends: name !== 'address',
  }));
  core.define('interpret', [I32], I32, (f) => {
    infos.push(...new LoopWriter(f, core).write(common, semanticsOf));
  });
  const handlers = others.map((key) => defineHandler(core, key, semanticsOf));
  core.module.table(handlers.length);
  const functions = handlers.map(([index]) => index);
  core.module.element(0, functions, HANDLER_TABLE);
  infos.push(...handlers.map(([, info]) => info));
  return infos;
}
