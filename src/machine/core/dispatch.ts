import { jumpIndex, jumpTableIndex } from '../code/jump-cache.js';
import { EXIT_CODE } from '../code/types.js';
import {
  CPU_BUDGET,
  CPU_CALL_DEPTH,
  CPU_CODE_STALE,
  CPU_EPOCH,
  CPU_EXIT,
  CPU_RIP,
  CPU_UNTIL,
  JUMP_BLOCK,
  JUMP_CACHE,
  JUMP_EPOCH,
  JUMP_SLOT,
  JUMP_TABLE,
  START_RECORD,
} from '../layout.js';
import { loadCpu, storeCpu } from '../semantics/base-emitter.js';
import { EXIT_BUDGET } from '../types.js';
import { F64, I32, I64, callIndirect, f64, i32, i64, type Expr } from '../wasm/expr.js';
import { STORE, type FunctionBuilder, type Label } from '../wasm/function.js';
import type { CoreBuilder, HostFunction } from './functions.js';
import { emitLogJump } from './log.js';

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

/** Nested calls that may still be made; the address at which the caller goes on (ARCHITECTURE.md). */
export const REGION_PARAMS = [I32, I64] as const;
export const REGION_RESULTS = [I64] as const;

const ZERO = i32.const(0);
const GO_ON_AT_RIP = i64.num(-1);
/** As `until`: an address that no code has. */
const NOWHERE = i64.num(-1);
/** (address) -> whether the table behind the jump cache had a good entry, which the jump cache now has. */
function writeRefill(f: FunctionBuilder): void {
  const address = f.get(0);
  const low = f.let(i32.wrap_i64(address));
  const kept = f.let(jumpTableIndex(low));
  const good = i32.eq(i32.load(kept, JUMP_TABLE + JUMP_EPOCH), loadCpu(I32, CPU_EPOCH));
  f.if(i32.eqz(i32.and(i64.eq(i64.load(kept, JUMP_TABLE), address), good)));
  f.return(ZERO);
  f.end();
  const code = f.let(i64.load(kept, JUMP_TABLE + JUMP_SLOT));
  f.if(i64.eqz(code));
  f.return(ZERO);
  f.end();
  const entry = f.let(jumpIndex(low));
  f.store(STORE.i64, entry, address, JUMP_CACHE);
  f.store(STORE.i64, entry, code, JUMP_CACHE + JUMP_SLOT);
  emitLogJump(f, i32.add(entry, i32.const(JUMP_CACHE)));
  f.return(i32.const(1));
}

/** The slot of parameter 0's code; where neither jump cache nor table know it, JavaScript looks further. */
function writeLookup(f: FunctionBuilder, core: CoreBuilder): void {
  const address = f.get(0);
  const entry = f.let(jumpIndex(i32.wrap_i64(address)));
  f.if(i64.eq(i64.load(entry, JUMP_CACHE), address));
  f.return(i32.load(entry, JUMP_CACHE + JUMP_SLOT));
  f.end();
  f.if(core.call(I32, 'refill', address));
  f.return(i32.load(entry, JUMP_CACHE + JUMP_SLOT));
  f.end();
  f.if(core.call(I32, 'enter', address, ZERO));
  f.return(ZERO);
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

/** Runs the code at CPU_RIP: its region, whose result goes to `target`, or its blocks; or makes it known, and again. */
function runCode(
  f: FunctionBuilder,
  core: CoreBuilder,
  again: Label,
  callRegion: (slot: Expr) => void,
): void {
  const rip = f.let(loadCpu(I64, CPU_RIP));
  const entry = f.let(jumpIndex(i32.wrap_i64(rip)));
  const slot = f.let(i32.load(entry, JUMP_CACHE + JUMP_SLOT));
  const known = i32.or(slot, i32.load(entry, JUMP_CACHE + JUMP_BLOCK));
  f.if(i32.or(i64.ne(i64.load(entry, JUMP_CACHE), rip), i32.eqz(known)));
  f.if(i32.eqz(core.call(I32, 'refill', rip)));
  f.if(i32.eqz(core.call(I32, 'enter', rip, i32.const(1))));
  f.call(core.index(LOOK.name), []);
  f.end();
  f.end();
  f.br(again);
  f.end();
  f.if(slot);
  storeCpu(f, CPU_BUDGET, i32.sub(loadCpu(I32, CPU_BUDGET), i32.const(1)));
  callRegion(slot);
  f.else();
  f.if(core.call(I32, 'interpret', i32.const(START_RECORD)));
  f.call(core.index(HOT.name), []);
  f.end();
  f.end();
  f.br(again);
}

/** Goes from code to code until CPU_EXIT is set. */
function writeRun(f: FunctionBuilder, core: CoreBuilder): void {
  const type = core.module.type(REGION_PARAMS, REGION_RESULTS);
  const again = f.loop();
  storeCpu(f, CPU_CODE_STALE, ZERO);
  handleExit(f, core, again);
  leaveIfUsedUp(f);
  storeCpu(f, CPU_UNTIL, NOWHERE);
  runCode(f, core, again, (slot) => {
    const target = f.let(callIndirect(I64, type, [loadCpu(I32, CPU_CALL_DEPTH), NOWHERE], slot));
    f.if(i64.ne(target, GO_ON_AT_RIP));
    storeCpu(f, CPU_RIP, target);
    f.end();
  });
  f.end();
}

/**
 * What slot 0 holds: a region's calls and jumps to code that is not translated come here. Goes from code to code, as
 * `run` does, until the caller's address is reached, so that its frames need not be given up for a cold function.
 */
function writeRunUntil(f: FunctionBuilder, core: CoreBuilder): void {
  const [depth, until] = [f.get(0), f.get(1)];
  const type = core.module.type(REGION_PARAMS, REGION_RESULTS);
  f.if(i32.eqz(depth));
  f.return(GO_ON_AT_RIP);
  f.end();
  const outer = f.let(loadCpu(I64, CPU_UNTIL));
  const less = f.let(i32.sub(depth, i32.const(1)));
  const leave = f.block();
  const again = f.loop();
  f.brIf(leave, i32.or(loadCpu(I32, CPU_EXIT), loadCpu(I32, CPU_CODE_STALE)));
  f.brIf(leave, i32.lt_s(loadCpu(I32, CPU_BUDGET), ZERO));
  f.if(i64.eq(loadCpu(I64, CPU_RIP), until));
  storeCpu(f, CPU_UNTIL, outer);
  f.return(until);
  f.end();
  storeCpu(f, CPU_UNTIL, until);
  runCode(f, core, again, (slot) => {
    const target = f.let(callIndirect(I64, type, [less, until], slot));
    f.brIf(leave, i64.eq(target, GO_ON_AT_RIP));
    storeCpu(f, CPU_RIP, target);
  });
  f.end();
  f.end();
  storeCpu(f, CPU_UNTIL, outer);
  f.return(GO_ON_AT_RIP);
}

/** `interpret` and `enter` must be defined before. */
export function defineDispatch(core: CoreBuilder): void {
  core.define('refill', [I64], I32, writeRefill);
  core.define('lookup', [I64], I32, writeLookup);
  core.define('run', [], null, writeRun);
  core.define('runUntil', REGION_PARAMS, I64, writeRunUntil);
}
