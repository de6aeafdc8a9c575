import { I32, I64, V128, type Expr, type ValType, call } from '../wasm/expr.js';
import { FunctionBuilder } from '../wasm/function.js';
import type { Helper } from '../semantics/helper.js';
import { ModuleBuilder } from '../wasm/module.js';

/** A function that JavaScript gives to the core module; see machine.ts for what each does. */
export interface HostFunction {
  readonly name: string;
  readonly params: readonly ValType[];
  readonly result: ValType | null;
}

/** Types of parameters and results of the accesses of each size. */
export const ACCESS_TYPES: readonly (readonly [size: number, type: ValType])[] = [
  [1, I32],
  [2, I32],
  [4, I32],
  [8, I64],
  [16, V128],
];

const results = (type: ValType | null): readonly ValType[] => (type === null ? [] : [type]);

/** Fills a body in; the parameters are locals 0.. of `f`. */
export type Body = (f: FunctionBuilder, core: CoreBuilder) => void;

/**
 * The core module while it is written: functions are known by name and can call each other in any order. WebAssembly
 * numbers imports before functions, so the JavaScript helpers have to be known beforehand: a first builder is run to
 * find them (`helpersFound`), a second gets them.
 */
export class CoreBuilder {
  readonly module = new ModuleBuilder();
  private readonly indices = new Map<string, number>();
  private readonly found = new Map<string, Helper>();
  private readonly placeholder = new Set<string>();

  constructor(
    leastPages: number,
    mostPages: number,
    host: readonly HostFunction[],
    helpers: readonly Helper[],
  ) {
    this.module.importMemory('env', 'memory', leastPages, mostPages);
    this.module.importTable('env', 'table', 1);
    for (const { name, params, result } of host) this.import('host', name, params, result);
    for (const { name, params, result } of helpers) this.import('helper', name, params, result);
  }

  private import(from: string, name: string, params: readonly ValType[], result: ValType | null): void {
    this.indices.set(name, this.module.importFunction(from, name, params, results(result)));
  }

  /** The JavaScript helpers that were asked for. */
  get helpersFound(): readonly Helper[] {
    return [...this.found.values()].filter((helper) => helper.js !== undefined);
  }

  /** Defines a function and exports it by its name. */
  define(name: string, params: readonly ValType[], result: ValType | null, body: Body): void {
    const f = new FunctionBuilder(params, results(result));
    const index = this.module.function(f, name);
    this.indices.set(name, index);
    this.module.export(name, index);
    body(f, this);
  }

  /** Adds a function that nobody asks for by its name, which is for profiles; returns its index. */
  unlisted(name: string, params: readonly ValType[], result: ValType | null, body: Body): number {
    const f = new FunctionBuilder(params, results(result));
    const index = this.module.function(f, name);
    body(f, this);
    return index;
  }

  /** Index of a function that is defined, or imported from the host. */
  index(name: string): number {
    const index = this.indices.get(name);
    if (index === undefined) throw new Error(`the core has no function ${name} yet`);
    return index;
  }

  /** Calls a function that returns a value of `type`. */
  call(type: ValType, name: string, ...args: Expr[]): Expr {
    return call(type, this.index(name), args);
  }

  /** Index of a helper; a WebAssembly helper is written when it is first asked for. */
  helper(helper: Helper): number {
    this.found.set(helper.name, helper);
    const known = this.indices.get(helper.name);
    if (known !== undefined) return known;
    const { wasm } = helper;
    if (wasm === undefined) {
      this.placeholder.add(helper.name);
      return 0;
    }
    this.define(helper.name, helper.params, helper.result, (f) => wasm(f, (other) => this.helper(other)));
    return this.index(helper.name);
  }

  /** Throws if a JavaScript helper was used that was not imported: the module would call something else. */
  finish(): Uint8Array {
    const [missing] = this.placeholder;
    if (missing !== undefined) throw new Error(`helper ${missing} is not imported`);
    return this.module.finish();
  }
}
