import { defineInterpreter } from '../interpret/interpreter.js';
import { DecoderTables } from '../interpret/decoder-tables.js';
import { defineDecoder } from '../interpret/decoder.js';
import { HandlerTable } from '../interpret/handler-table.js';
import { handlersOf, type HandlerInfo } from '../interpret/handlers.js';
import { DECODED, DECODER, FRAME_BASE, SHUFFLE_MASKS } from '../layout.js';
import type { Semantics } from '../semantics/emitter.js';
import { settleFlags } from '../semantics/flags.js';
import type { Helper } from '../semantics/helper.js';
import { writeCryptoTables } from '../semantics/crypto/index.js';
import { writeVectorTables } from '../semantics/sse/index.js';
import type { Form } from '../x86/insn.js';
import { defineAccess } from './access.js';
import { defineBlocks } from './blocks.js';
import { HOT, LOOK, SEARCH, STEP, SYSCALL, defineDispatch } from './dispatch.js';
import { CoreBuilder, type HostFunction } from './functions.js';
import { defineRanges } from './ranges.js';
import { CODE_HIT, PAGE_FAULT, defineWalk } from './walk.js';

export const HOST_FUNCTIONS: readonly HostFunction[] = [
  PAGE_FAULT,
  CODE_HIT,
  LOOK,
  HOT,
  STEP,
  SYSCALL,
  SEARCH,
];

/** WebAssembly pages: the least that any sandbox's memory has. */
const LEAST_PAGES = FRAME_BASE / 0x10000;
const MOST_PAGES = 0x10000;

export interface CoreModule {
  readonly bytes: Uint8Array;
  /** The JavaScript helpers that the module imports. */
  readonly helpers: readonly Helper[];
}

/** What is known of it when it is made. */
export interface GeneratedCore extends CoreModule {
  /** By number. */
  readonly handlers: readonly HandlerInfo[];
}

type SemanticsOf = (form: Form) => Semantics | undefined;

/** What lies from SHUFFLE_MASKS on. */
function vectorTables(): Uint8Array {
  const buffer = new ArrayBuffer(DECODED);
  const u8 = new Uint8Array(buffer);
  const views = {
    u8,
    i32: new Int32Array(buffer),
    u32: new Uint32Array(buffer),
    f64: new Float64Array(buffer),
    view: new DataView(buffer),
  };
  writeVectorTables(views);
  writeCryptoTables(views);
  return u8.subarray(SHUFFLE_MASKS);
}

function build(forms: readonly Form[], semanticsOf: SemanticsOf, helpers: readonly Helper[]) {
  const core = new CoreBuilder(LEAST_PAGES, MOST_PAGES, HOST_FUNCTIONS, helpers);
  defineWalk(core);
  defineAccess(core);
  defineRanges(core);
  const keys = handlersOf(forms, semanticsOf);
  const handlers = defineInterpreter(core, keys, semanticsOf);
  const tables = new DecoderTables(new HandlerTable(handlers), handlers);
  core.module.data(DECODER, tables.bytes);
  core.module.data(SHUFFLE_MASKS, vectorTables());
  defineDecoder(core, tables);
  defineBlocks(core);
  defineDispatch(core);
  core.helper(settleFlags);
  core.module.element(0, [core.index('runUntil')]);
  return { core, handlers };
}

/** Writes the core module with a handler for each of `forms` that has semantics. */
export function buildCore(forms: readonly Form[], semanticsOf: SemanticsOf): GeneratedCore {
  const helpers = build(forms, semanticsOf, []).core.helpersFound;
  const { core, handlers } = build(forms, semanticsOf, helpers);
  return { bytes: core.finish(), handlers, helpers };
}
