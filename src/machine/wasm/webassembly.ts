/** The part of JavaScript's WebAssembly interface that the machine uses; the language's own types do not declare it. */
export interface WasmMemory {
  readonly buffer: SharedArrayBuffer;
}
export interface WasmTable {
  readonly length: number;
  grow(count: number, value: unknown): number;
  get(index: number): unknown;
  set(index: number, value: unknown): void;
}
export interface WasmGlobal {
  readonly value: number;
}
export interface WasmModule {
  readonly wasmModule?: never;
}
export type WasmFunction = (...args: number[]) => number;
export type WasmExport = WasmFunction | WasmMemory | WasmTable;
export type WasmImports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
export interface WasmInstance {
  readonly exports: Readonly<Record<string, WasmExport>>;
}

interface WebAssemblyApi {
  readonly Memory: new (descriptor: { initial: number; maximum: number; shared: true }) => WasmMemory;
  readonly Global: new (descriptor: { value: 'i32' }, value: number) => WasmGlobal;
  readonly Table: new (descriptor: { initial: number; element: 'anyfunc' }) => WasmTable;
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (module: WasmModule, imports: WasmImports) => WasmInstance;
}

export const wasm = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
