import type { Helper, MachineViews } from '../../src/machine/semantics/helper.js';
import { FunctionBuilder } from '../../src/machine/wasm/function.js';
import { ModuleBuilder } from '../../src/machine/wasm/module.js';
import { wasm, type WasmFunction } from '../../src/machine/wasm/webassembly.js';

/** A module under test: adds functions, helpers among them, and instantiates them over one page of memory. */
export class HelperModule {
  private readonly module = new ModuleBuilder();
  private readonly indices = new Map<Helper, number>();
  readonly memory = new wasm.Memory({ initial: 1, maximum: 1, shared: true });

  constructor() {
    this.module.importMemory('m', 'memory', 1, 1);
  }

  /** Index of a helper written in WebAssembly, which is exported under its name. */
  readonly helper = (helper: Helper): number => {
    const known = this.indices.get(helper);
    if (known !== undefined) return known;
    const f = new FunctionBuilder(helper.params, helper.result === null ? [] : [helper.result]);
    const index = this.module.function(f);
    this.indices.set(helper, index);
    this.module.export(helper.name, index);
    helper.wasm?.(f, this.helper);
    return index;
  };

  add(name: string, f: FunctionBuilder): void {
    this.module.export(name, this.module.function(f));
  }

  instantiate(): Record<string, WasmFunction> {
    const module = new wasm.Module(this.module.finish());
    const instance = new wasm.Instance(module, { m: { memory: this.memory } });
    return instance.exports as Record<string, WasmFunction>;
  }

  views(): MachineViews {
    const { buffer } = this.memory;
    return {
      u8: new Uint8Array(buffer),
      i32: new Int32Array(buffer),
      u32: new Uint32Array(buffer),
      f64: new Float64Array(buffer),
      view: new DataView(buffer),
    };
  }
}
