import { ByteWriter } from './bytes.js';
import type { ValType } from './expr.js';
import { FunctionBuilder } from './function.js';

interface Signature {
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}

const EXTERNAL = { func: 0, table: 1, memory: 2 } as const;

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
  private readonly functions: { type: number; builder: FunctionBuilder }[] = [];
  private readonly exports = new ByteWriter();
  private exportCount = 0;
  private readonly elements: { table: number; offset: number; functions: readonly number[] }[] = [];
  private readonly segments: { offset: number; bytes: Uint8Array }[] = [];
  private ownTable = -1;
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

  /** The memory; sizes in 64 KiB pages. */
  importMemory(module: string, name: string, pages: number, maximum: number): void {
    this.import(module, name, EXTERNAL.memory);
    this.imports.u8(1);
    this.imports.uleb(pages);
    this.imports.uleb(maximum);
  }

  importTable(module: string, name: string, size: number): void {
    this.import(module, name, EXTERNAL.table);
    this.imports.u8(0x70);
    this.imports.u8(0);
    this.imports.uleb(size);
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

  /** A table of this module's own, with no maximum; its number is that behind the imported ones. */
  table(size: number): void {
    this.ownTable = size;
  }

  /**
   * Adds a function; its body is written at `finish`, so it may be filled after others that call it. `name`: what engines
   * call it in profiles.
   */
  function(builder: FunctionBuilder, name?: string): number {
    this.functions.push({ type: this.type(builder.params, builder.results), builder });
    const index = this.importedFunctions + this.functions.length - 1;
    if (name !== undefined) this.names.push({ index, name });
    return index;
  }

  export(name: string, func: number): void {
    this.exports.name(name);
    this.exports.u8(EXTERNAL.func);
    this.exports.uleb(func);
    this.exportCount++;
  }

  /** Puts functions into a table, from `offset` on. */
  element(offset: number, functions: readonly number[], table = 0): void {
    this.elements.push({ table, offset, functions });
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
    this.section(out, 9, this.elements.length, (w) => {
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
    });
    this.branchHints(out);
    this.section(out, 10, this.functions.length, (w) => {
      for (const f of this.functions) f.builder.writeTo(w, this.importedFunctions);
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
  private branchHints(out: ByteWriter): void {
    const hinted = this.functions.map((f, i) => ({ f, i })).filter(({ f }) => f.builder.hasHints);
    if (hinted.length === 0) return;
    const body = new ByteWriter(256);
    body.name('metadata.code.branch_hint');
    body.uleb(hinted.length);
    for (const { f, i } of hinted) {
      body.uleb(this.importedFunctions + i);
      f.builder.writeHintsTo(body);
    }
    out.u8(0);
    out.uleb(body.length);
    out.bytes(body.view());
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
