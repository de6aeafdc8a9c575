import { defineInterpreter } from '../interpret/interpreter.js';
import { DecoderTables } from '../interpret/decoder-tables.js';
import { defineDecoder } from '../interpret/decoder.js';
import { HandlerTable } from '../interpret/handler-table.js';
import { handlersOf, type HandlerInfo } from '../interpret/handlers.js';
import { DECODER, FRAME_BASE } from '../layout.js';
import type { Semantics } from '../semantics/emitter.js';
import { settleFlags } from '../semantics/flags.js';
import type { Helper } from '../semantics/helper.js';
import type { Form } from '../x86/insn.js';
import { defineAccess } from './access.js';
import { defineBlocks } from './blocks.js';
import { HOT, LOOK, SEARCH, STEP, SYSCALL, defineDispatch } from './dispatch.js';
import { CoreBuilder, type HostFunction } from './functions.js';
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
  /** By number. */
  readonly handlers: readonly HandlerInfo[];
  /** The JavaScript helpers that the module imports. */
  readonly helpers: readonly Helper[];
}

type SemanticsOf = (form: Form) => Semantics | undefined;

function build(forms: readonly Form[], semanticsOf: SemanticsOf, helpers: readonly Helper[]) {
  const core = new CoreBuilder(LEAST_PAGES, MOST_PAGES, HOST_FUNCTIONS, helpers);
  defineWalk(core);
  defineAccess(core);
  const keys = handlersOf(forms, semanticsOf);
  const handlers = defineInterpreter(core, keys, semanticsOf);
  const tables = new DecoderTables(new HandlerTable(handlers), handlers);
  core.module.data(DECODER, tables.bytes);
  defineDecoder(core, tables);
  defineBlocks(core);
  defineDispatch(core);
  core.helper(settleFlags);
  core.module.element(0, [core.index('runUntil')]);
  return { core, handlers };
}

/** Writes the core module with a handler for each of `forms` that has semantics. */
export function buildCore(forms: readonly Form[], semanticsOf: SemanticsOf): CoreModule {
  const helpers = build(forms, semanticsOf, []).core.helpersFound;
  const { core, handlers } = build(forms, semanticsOf, helpers);
  return { bytes: core.finish(), handlers, helpers };
}
