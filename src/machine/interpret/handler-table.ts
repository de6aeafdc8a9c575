import { SEG_FLAT } from '../layout.js';
import type { Form, Insn } from '../x86/insn.js';
import { FLAGS_KEPT } from './handler-emitter.js';
import { formName, type HandlerInfo } from './handlers.js';

/** A form's handlers, by number. */
interface FormHandlers {
  readonly general: number;
  /** For memory operands without index and segment, or -1. */
  readonly simple: number;
  /** By the flags' packed kind. */
  readonly byFlags: ReadonlyMap<number, number> | null;
}

/** Finds the handler for an instruction. */
export class HandlerTable {
  private readonly byName = new Map<string, number>();
  private readonly byForm: (FormHandlers | null)[] = [];
  /** By the form's name, what follows `flags` in its handlers' names. */
  private readonly flagKinds = new Map<string, number[]>();

  constructor(private readonly infos: readonly HandlerInfo[]) {
    infos.forEach(({ name }, number) => {
      this.byName.set(name, number);
      const at = name.indexOf(' flags');
      if (at < 0) return;
      const form = name.slice(0, at);
      const kinds = this.flagKinds.get(form) ?? [];
      kinds.push(Number(name.slice(at + 6)));
      this.flagKinds.set(form, kinds);
    });
  }

  /** The number of the handler, or -1 when the instruction is not known; `flags` as the handler before it left them. */
  find(insn: Insn, flags: number): number {
    const { form } = insn;
    let handlers = this.byForm[form.id];
    if (handlers === undefined) handlers = this.byForm[form.id] = this.handlersOf(form);
    if (handlers === null) return -1;
    if (handlers.byFlags !== null) return handlers.byFlags.get(flags) ?? handlers.general;
    return handlers.simple >= 0 && isSimple(insn) ? handlers.simple : handlers.general;
  }

  private handlersOf(form: Form): FormHandlers | null {
    const name = formName(form);
    const general = this.byName.get(name);
    if (general === undefined) return null;
    const kinds = this.flagKinds.get(name);
    const number = (suffix: string) => this.byName.get(`${name} ${suffix}`) ?? -1;
    const byFlags = kinds && new Map(kinds.map((kind) => [kind, number(`flags${kind}`)]));
    return { general, simple: number('simple'), byFlags: byFlags ?? null };
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
