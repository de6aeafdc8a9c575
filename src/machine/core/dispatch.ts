import { jumpIndex } from '../code/jump-cache.js';
import { EXIT_CODE } from '../code/types.js';
import {
  CPU_BUDGET,
  CPU_CALL_DEPTH,
  CPU_CODE_STALE,
  CPU_EXIT,
  CPU_RIP,
  JUMP_BLOCK,
  JUMP_CACHE,
  JUMP_SLOT,
} from '../layout.js';
import { loadCpu, storeCpu } from '../semantics/base-emitter.js';
import { EXIT_BUDGET } from '../types.js';
import { F64, I32, I64, callIndirect, f64, i32, i64, type Expr } from '../wasm/expr.js';
import type { FunctionBuilder, Label } from '../wasm/function.js';
import { START_RECORD } from '../interpret/record.js';
import type { CoreBuilder, HostFunction } from './functions.js';

/*
 * What the dispatcher needs from JavaScript; about the code at CPU_RIP where nothing else is said.
 */
/** Finds or makes code for the jump cache's entry, or sets CPU_EXIT. */
export const LOOK: HostFunction = { name: 'look', params: [], result: null };
/** Says that the code is hot. */
export const HOT: HostFunction = { name: 'hot', params: [], result: null };
/** Decodes one instruction where nothing else finds it: the record's offset; 0: CPU_EXIT is set. */
export const STEP: HostFunction = { name: 'step', params: [], result: I32 };
/** The syscall instruction; 0: leave. */
export const SYSCALL: HostFunction = { name: 'syscall', params: [], result: I32 };
/** (address) -> slot of the code there, 0 where there is none; never faults. */
export const SEARCH: HostFunction = { name: 'search', params: [F64], result: I32 };

export const REGION_PARAMS = [I32] as const;
export const REGION_RESULTS = [I64] as const;

const ZERO = i32.const(0);
const GO_ON_AT_RIP = i64.num(-1);
/** The slot of parameter 0's code; where the jump cache has none, JavaScript looks further. */
function writeLookup(f: FunctionBuilder, core: CoreBuilder): void {
  const address = f.get(0);
  const entry = f.let(jumpIndex(i32.wrap_i64(address)));
  f.if(i64.eq(i64.load(entry, JUMP_CACHE), address));
  f.return(i32.load(entry, JUMP_CACHE + JUMP_SLOT));
  f.end();
  f.return(core.call(I32, SEARCH.name, f64.convert_i64_s(address)));
}

/** Leaves `run` if CPU_EXIT says so; first does the instruction that wrote to code, if that is why. */
function handleExit(f: FunctionBuilder, core: CoreBuilder, again: Label): void {
  const exit = f.let(loadCpu(I32, CPU_EXIT));
  f.if(exit);
  f.if(i32.ne(exit, i32.const(EXIT_CODE)));
  f.return();
  f.end();
  storeCpu(f, CPU_EXIT, ZERO);
  const record = f.let(core.call(I32, STEP.name));
  f.if(record);
  f.drop(core.call(I32, 'interpret', record));
  f.end();
  f.br(again);
  f.end();
}

function leaveIfUsedUp(f: FunctionBuilder): void {
  f.if(i32.lt_s(loadCpu(I32, CPU_BUDGET), ZERO));
  storeCpu(f, CPU_EXIT, i32.const(EXIT_BUDGET));
  f.return();
  f.end();
}

/** Runs the region in `slot`. */
function runRegion(f: FunctionBuilder, core: CoreBuilder, slot: Expr): void {
  storeCpu(f, CPU_BUDGET, i32.sub(loadCpu(I32, CPU_BUDGET), i32.const(1)));
  const type = core.module.type(REGION_PARAMS, REGION_RESULTS);
  const target = f.let(callIndirect(I64, type, [loadCpu(I32, CPU_CALL_DEPTH)], slot));
  f.if(i64.ne(target, GO_ON_AT_RIP));
  storeCpu(f, CPU_RIP, target);
  f.end();
}

/** Goes from code to code until CPU_EXIT is set. */
function writeRun(f: FunctionBuilder, core: CoreBuilder): void {
  const again = f.loop();
  storeCpu(f, CPU_CODE_STALE, ZERO);
  handleExit(f, core, again);
  leaveIfUsedUp(f);
  const rip = f.let(loadCpu(I64, CPU_RIP));
  const entry = f.let(jumpIndex(i32.wrap_i64(rip)));
  const slot = f.let(i32.load(entry, JUMP_CACHE + JUMP_SLOT));
  const known = i32.or(slot, i32.load(entry, JUMP_CACHE + JUMP_BLOCK));
  f.if(i32.or(i64.ne(i64.load(entry, JUMP_CACHE), rip), i32.eqz(known)));
  f.call(core.index(LOOK.name), []);
  f.br(again);
  f.end();
  f.if(slot);
  runRegion(f, core, slot);
  f.else();
  f.if(core.call(I32, 'interpret', i32.const(START_RECORD)));
  f.call(core.index(HOT.name), []);
  f.end();
  f.end();
  f.br(again);
  f.end();
}

/** `interpret` must be defined before. */
export function defineDispatch(core: CoreBuilder): void {
  core.define('lookup', [I64], I32, writeLookup);
  core.define('run', [], null, writeRun);
}
