import { ByteWriter } from './bytes.js';
import type { ValType } from './expr.js';
import type { Body, BodySource } from './function.js';

interface Signature {
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}

const EXTERNAL = { func: 0, table: 1, memory: 2, global: 3 } as const;

/** By whom a body calls, that function's index. */
type IndexOf = (callee: number) => number;
const AS_THEY_ARE: IndexOf = (index) => index;

interface Defined {
  readonly type: number;
  readonly source: BodySource;
  readonly indexOf: IndexOf;
}

/**
 * Writes a module. Imports come before functions, as WebAssembly numbers them so. Equal calls give equal bytes: V8
 * shares compiled code between modules of equal bytes.
 */
export class ModuleBuilder {
  private readonly types: Signature[] = [];
  private readonly typeIndex = new Map<string, number>();
  private readonly imports = new ByteWriter();
  private importCount = 0;
  private importedFunctions = 0;
  private readonly functions: Defined[] = [];
  private readonly exports = new ByteWriter();
  private exportCount = 0;
  private readonly elements: { table: number; offset: number; functions: readonly number[] }[] = [];
  /** What goes into the imported table from the imported global's value on. */
  private movable: readonly number[] = [];
  private readonly segments: { offset: number; bytes: Uint8Array }[] = [];
  private ownTable = -1;
  private importedTables = 0;
  /** By index, ascending. */
  private readonly names: { index: number; name: string }[] = [];

  type(params: readonly ValType[], results: readonly ValType[]): number {
    const key = params.join() + ':' + results.join();
    const known = this.typeIndex.get(key);
    if (known !== undefined) return known;
    this.types.push({ params, results });
    this.typeIndex.set(key, this.types.length - 1);
    return this.types.length - 1;
  }

  private import(module: string, name: string, kind: number): void {
    this.imports.name(module);
    this.imports.name(name);
    this.imports.u8(kind);
    this.importCount++;
  }

  /** The memory, which threads share; sizes in 64 KiB pages. */
  importMemory(module: string, name: string, pages: number, maximum: number): void {
    this.import(module, name, EXTERNAL.memory);
    this.imports.u8(3);
    this.imports.uleb(pages);
    this.imports.uleb(maximum);
  }

  importTable(module: string, name: string, size: number): void {
    this.import(module, name, EXTERNAL.table);
    this.importedTables++;
    this.imports.u8(0x70);
    this.imports.u8(0);
    this.imports.uleb(size);
  }

  /** A constant; the one that `movableElement` refers to. */
  importGlobal(module: string, name: string, type: ValType): void {
    this.import(module, name, EXTERNAL.global);
    this.imports.u8(type);
    this.imports.u8(0);
  }

  /** Returns the function's index. All imports come before the first `function`. */
  importFunction(
    module: string,
    name: string,
    params: readonly ValType[],
    results: readonly ValType[],
  ): number {
    if (this.functions.length > 0) throw new Error('imports come before functions');
    this.import(module, name, EXTERNAL.func);
    this.imports.uleb(this.type(params, results));
    return this.importedFunctions++;
  }

  /** A table of this module's own, with no maximum; returns its number, which is that behind the imported ones. */
  table(size: number): number {
    this.ownTable = size;
    return this.importedTables;
  }

  /**
   * Adds a function; its body is written at `finish`, so it may be filled after others that call it. `name`: what engines
   * call it in profiles. `indexOf`: for a body that was written before there were indices.
   */
  function(source: BodySource, name?: string, indexOf = AS_THEY_ARE): number {
    this.functions.push({ type: this.type(source.params, source.results), source, indexOf });
    const index = this.importedFunctions + this.functions.length - 1;
    if (name !== undefined) this.names.push({ index, name });
    return index;
  }

  export(name: string, func: number): void {
    this.exportAs(name, EXTERNAL.func, func);
  }

  exportTable(name: string, table: number): void {
    this.exportAs(name, EXTERNAL.table, table);
  }

  private exportAs(name: string, kind: number, index: number): void {
    this.exports.name(name);
    this.exports.u8(kind);
    this.exports.uleb(index);
    this.exportCount++;
  }

  /** Puts functions into a table, from `offset` on. */
  element(offset: number, functions: readonly number[], table = 0): void {
    this.elements.push({ table, offset, functions });
  }

  /** Puts functions into the imported table, from the imported global's value on. */
  movableElement(functions: readonly number[]): void {
    this.movable = functions;
  }

  /** Puts bytes into the memory when the module is instantiated. */
  data(offset: number, bytes: Uint8Array): void {
    this.segments.push({ offset, bytes });
  }

  finish(): Uint8Array {
    const out = new ByteWriter(4096);
    out.bytes(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    this.section(out, 1, this.types.length, (w) => {
      for (const { params, results } of this.types) {
        w.u8(0x60);
        w.uleb(params.length);
        for (const p of params) w.u8(p);
        w.uleb(results.length);
        for (const r of results) w.u8(r);
      }
    });
    this.section(out, 2, this.importCount, (w) => w.bytes(this.imports.view()));
    this.section(out, 3, this.functions.length, (w) => {
      for (const f of this.functions) w.uleb(f.type);
    });
    this.section(out, 4, this.ownTable < 0 ? 0 : 1, (w) => {
      w.u8(0x70);
      w.u8(0);
      w.uleb(this.ownTable);
    });
    this.section(out, 7, this.exportCount, (w) => w.bytes(this.exports.view()));
    const elements = this.elements.length + (this.movable.length > 0 ? 1 : 0);
    this.section(out, 9, elements, (w) => {
      for (const { table, offset, functions } of this.elements) {
        // Kind 2 names its table; behind the offset comes what the elements are: 0, functions.
        w.u8(table === 0 ? 0 : 2);
        if (table !== 0) w.u8(table);
        w.u8(0x41);
        w.sleb(offset);
        w.u8(0x0b);
        if (table !== 0) w.u8(0);
        w.uleb(functions.length);
        for (const f of functions) w.uleb(f);
      }
      if (this.movable.length === 0) return;
      w.bytes(Uint8Array.of(0, 0x23, 0, 0x0b));
      w.uleb(this.movable.length);
      for (const f of this.movable) w.uleb(f);
    });
    const bodies = this.functions.map(({ source }) => source.body());
    this.branchHints(out, bodies);
    this.section(out, 10, this.functions.length, (w) => {
      this.functions.forEach(({ indexOf }, i) => writeBody(w, bodies[i] as Body, indexOf));
    });
    this.section(out, 11, this.segments.length, (w) => {
      for (const { offset, bytes } of this.segments) {
        w.u8(0);
        w.u8(0x41);
        w.sleb(offset);
        w.u8(0x0b);
        w.uleb(bytes.length);
        w.bytes(bytes);
      }
    });
    this.nameSection(out);
    return out.view().slice();
  }

  /** The custom section "name", with its part for functions (WebAssembly 2.0, 7.4.1). */
  private nameSection(out: ByteWriter): void {
    if (this.names.length === 0) return;
    const map = new ByteWriter(1024);
    map.uleb(this.names.length);
    for (const { index, name } of this.names) {
      map.uleb(index);
      map.name(name);
    }
    const body = new ByteWriter(1024);
    body.name('name');
    body.u8(1);
    body.uleb(map.length);
    body.bytes(map.view());
    out.u8(0);
    out.uleb(body.length);
    out.bytes(body.view());
  }

  /** https://github.com/WebAssembly/branch-hinting: a custom section before the code; engines may ignore it. */
  private branchHints(out: ByteWriter, bodies: readonly Body[]): void {
    const count = bodies.filter(({ hints }) => hints.length > 0).length;
    if (count === 0) return;
    const section = new ByteWriter(256);
    section.name('metadata.code.branch_hint');
    section.uleb(count);
    bodies.forEach(({ hints }, i) => {
      if (hints.length === 0) return;
      section.uleb(this.importedFunctions + i);
      section.uleb(hints.length / 2);
      for (let k = 0; k < hints.length; k += 2) {
        section.uleb(hints[k] as number);
        section.u8(1);
        section.u8(hints[k + 1] as number);
      }
    });
    out.u8(0);
    out.uleb(section.length);
    out.bytes(section.view());
  }

  private section(out: ByteWriter, id: number, count: number, write: (w: ByteWriter) => void): void {
    if (count === 0) return;
    const body = new ByteWriter(1024);
    body.uleb(count);
    write(body);
    out.u8(id);
    out.uleb(body.length);
    out.bytes(body.view());
  }
}

function writeBody(out: ByteWriter, { bytes, calls }: Body, indexOf: IndexOf): void {
  out.uleb(bytes.length);
  const start = out.length;
  out.bytes(bytes);
  for (let k = 0; k < calls.length; k += 2)
    out.settleUleb(indexOf(calls[k + 1] as number), start + (calls[k] as number));
}
