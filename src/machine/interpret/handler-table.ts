import { SEG_FLAT } from '../layout.js';
import type { Form, Insn } from '../x86/insn.js';
import { FLAGS_KEPT } from './handler-emitter.js';
import { BRANCH_FLAGS, flagsClass, formName, type HandlerInfo } from './handlers.js';

/** A form's handlers in one number: that of the general one, and which others follow it. 0: no handler. */
export const HANDLER_NUMBER = 0x3fff;
/** Next comes the handler for memory operands without index and segment. */
export const HANDLER_SIMPLE = 0x4000;
/** Next come those for the kinds in BRANCH_FLAGS. */
export const HANDLER_FLAGS = 0x8000;

/** Finds the handler for an instruction. */
export class HandlerTable {
  private readonly byName = new Map<string, number>();
  private readonly byForm: number[] = [];

  constructor(private readonly infos: readonly HandlerInfo[]) {
    infos.forEach(({ name }, number) => this.byName.set(name, number));
  }

  /** The number of the handler, or -1 when the instruction is not known; `flags` as the handler before it left them. */
  find(insn: Insn, flags: number): number {
    const handlers = this.ofForm(insn.form);
    if (handlers === 0) return -1;
    const general = handlers & HANDLER_NUMBER;
    if ((handlers & HANDLER_FLAGS) !== 0) return general + flagsClass(flags);
    return (handlers & HANDLER_SIMPLE) !== 0 && isSimple(insn) ? general + 1 : general;
  }

  /** The form's handlers: HANDLER_*. */
  ofForm(form: Form): number {
    return (this.byForm[form.id] ??= this.handlersOf(formName(form)));
  }

  private handlersOf(name: string): number {
    const general = this.byName.get(name);
    if (general === undefined) return 0;
    const follows = (suffix: string, by: number) => {
      const number = this.byName.get(`${name} ${suffix}`);
      if (number !== undefined && number !== general + by)
        throw new Error(`${name} ${suffix} is out of order`);
      return number !== undefined;
    };
    const simple = follows('simple', 1) ? HANDLER_SIMPLE : 0;
    const flags = BRANCH_FLAGS.filter((kind) => follows(`flags${kind}`, flagsClass(kind))).length;
    if (flags !== 0 && (flags !== BRANCH_FLAGS.length || simple !== 0))
      throw new Error(`${name}: odd handlers`);
    return general | simple | (flags === 0 ? 0 : HANDLER_FLAGS);
  }

  ends(handler: number): boolean {
    return (this.infos[handler] as HandlerInfo).ends;
  }

  /** The flags behind a handler: FLAGS_UNKNOWN or a packed kind. */
  flagsAfter(handler: number, before: number): number {
    const { flagsAfter } = this.infos[handler] as HandlerInfo;
    return flagsAfter === FLAGS_KEPT ? before : flagsAfter;
  }
}

function isSimple(insn: Insn): boolean {
  for (const operand of insn.operands) {
    if (operand.kind === 'mem')
      return operand.index < 0 && operand.segment === SEG_FLAT && operand.addressSize === 8;
  }
  return false;
}
