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
import { I32, I64, i32, i64, type Expr } from '../wasm/expr.js';
import { STORE, type FunctionBuilder } from '../wasm/function.js';
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

/** What `interpret` returns: look what is at rip; the code there is hot. */
const LOOK_AGAIN = i32.const(0);
const IS_HOT = i32.const(1);

/** A handler gets its record, and returns what `interpret` does: it calls the next record's handler in its own place. */
const PARAMS = [I32] as const;
const RESULTS = [I32] as const;
const RECORD = 0;
const PAGE = i64.num(-4096);
/** All handlers, by number; a table of their own, since an instance of a region's module takes time for each entry of the regions'. */
const HANDLER_TABLE = 1;
/** (rip) -> as `interpret`: goes on at rip if the jump cache has a block there, and budget is left. */
const ENTER_BLOCK = 'enterBlock';
/** What all handlers are called in profiles. */
const HANDLER = 'op';

type SemanticsOf = (form: Form) => Semantics | undefined;

/** Goes on with the handler of `record`. */
function continueWith(f: FunctionBuilder, core: CoreBuilder, record: Expr): void {
  const type = core.module.type(PARAMS, RESULTS);
  f.returnCallIndirect(type, [record], i32.load16_u(record, RECORD_HANDLER), HANDLER_TABLE);
}

function goOn(f: FunctionBuilder, core: CoreBuilder): void {
  continueWith(f, core, f.let(i32.add(f.get(RECORD), i32.const(RECORD_SIZE))));
}

function goTo(f: FunctionBuilder, core: CoreBuilder, target: Expr): void {
  f.returnCall(core.index(ENTER_BLOCK), [target]);
}

/** rip lies in the block's page; see HandlerEmitter.thisAddress. */
function thisAddress(record: Expr): Expr {
  const offset = i64.shr_u(i64.load16_u(record, RECORD_PLACE), i64.num(4));
  return i64.or(i64.and(loadCpu(I64, CPU_RIP), PAGE), offset);
}

function writeEnterBlock(f: FunctionBuilder, core: CoreBuilder): void {
  const rip = f.get(0);
  f.if(i64.eq(rip, loadCpu(I64, CPU_UNTIL)));
  f.return(LOOK_AGAIN);
  f.end();
  const entry = f.let(jumpIndex(i32.wrap_i64(rip)));
  const known = i64.eq(i64.load(entry, JUMP_CACHE), rip);
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
  continueWith(f, core, f.let(i32.add(block, i32.const(BLOCK_HEADER))));
}

/** START, END and ADDRESS, as handlers.ts numbers them. */
const SPECIAL: readonly ((f: FunctionBuilder, core: CoreBuilder) => void)[] = [
  (f, core) => goTo(f, core, loadCpu(I64, CPU_RIP)),
  (f, core) => {
    const rip = f.let(i64.load(f.get(RECORD), RECORD_IMM));
    storeCpu(f, CPU_RIP, rip);
    goTo(f, core, rip);
  },
  (f, core) => {
    const record = f.get(RECORD);
    const base = i64.add(i64.load(i32.load16_u(record, RECORD_BASE), CPU), i64.load(record, RECORD_DISP));
    const index = i64.load(i32.load16_u(record, RECORD_INDEX), CPU);
    const sum = i64.add(base, i64.shl(index, i64.load8_u(record, RECORD_SCALE)));
    storeCpu(f, CPU_ADDRESS, i64.and(sum, i64.const(-1, 0)));
    goOn(f, core);
  },
];

/** Returns the handler's index in the module. */
function defineHandler(core: CoreBuilder, key: HandlerKey, semanticsOf: SemanticsOf): [number, HandlerInfo] {
  const semantics = semanticsOf(key.form);
  if (semantics === undefined) throw new Error(`${key.form.key} has no semantics`);
  const infos: HandlerInfo[] = [];
  const index = core.unlisted(HANDLER, PARAMS, I32, (f) => {
    const exits: HandlerExits = {
      fault: () => {
        storeCpu(f, CPU_RIP, thisAddress(f.get(RECORD)));
        f.return(LOOK_AGAIN);
      },
      jump: (target) => goTo(f, core, target),
      leave: () => f.return(LOOK_AGAIN),
    };
    const emitter = new HandlerEmitter(f, core, f.get(RECORD), exits, key);
    semantics(emitter);
    infos.push({ name: handlerName(key), flagsAfter: emitter.flagsAfter, ends: emitter.ends });
    if (emitter.ends) f.unreachable();
    else goOn(f, core);
  });
  return [index, infos[0] as HandlerInfo];
}

/** Defines `interpret` and all handlers, and puts these into their table. */
export function defineInterpreter(
  core: CoreBuilder,
  keys: readonly HandlerKey[],
  semanticsOf: SemanticsOf,
): readonly HandlerInfo[] {
  const infos: HandlerInfo[] = SPECIAL_NAMES.map((name) => ({
    name,
    flagsAfter: FLAGS_KEPT,
    ends: name !== 'address',
  }));
  core.define(ENTER_BLOCK, [I64], I32, writeEnterBlock);
  core.define('interpret', PARAMS, I32, (f) => continueWith(f, core, f.get(RECORD)));
  const special = SPECIAL.map((write) => core.unlisted(HANDLER, PARAMS, I32, write));
  const handlers = keys.map((key) => defineHandler(core, key, semanticsOf));
  const functions = [...special, ...handlers.map(([index]) => index)];
  core.module.table(functions.length);
  core.module.element(0, functions, HANDLER_TABLE);
  infos.push(...handlers.map(([, info]) => info));
  return infos;
}
