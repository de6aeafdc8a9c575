import { FRAME_BASE, PAGE_SIZE } from '../layout.js';
import type { MachineViews } from '../semantics/helper.js';
import { wasm, type WasmMemory } from '../wasm/webassembly.js';

const WASM_PAGE = 0x10000;
/** Bytes of frames that a sandbox can have: WebAssembly's 4 GiB less what lies below the frames. */
export const MAX_MEMORY = 0x100000000 - FRAME_BASE;

export interface SandboxMemory {
  readonly memory: WasmMemory;
  readonly views: MachineViews;
  /** The first frame number past the memory. */
  readonly frameEnd: number;
}

/** What `prepareMemory` made and nobody has taken. */
let $prepared: SandboxMemory | null = null;

/** The whole memory of a sandbox with `bytes` of frames, rounded up. Throws RangeError for more than MAX_MEMORY. */
export function createMemory(bytes: number): SandboxMemory {
  if (!(bytes > 0 && bytes <= MAX_MEMORY)) throw new RangeError(`memory must be 1 to ${MAX_MEMORY} bytes`);
  const prepared = $prepared;
  $prepared = null;
  return prepared?.frameEnd === frameEndOf(bytes) ? prepared : makeMemory(bytes);
}

/** Makes the memory of the next sandbox of this size: V8 collects garbage whenever so much is asked for. */
export function prepareMemory(bytes: number): void {
  $prepared = makeMemory(bytes);
}

function frameEndOf(bytes: number): number {
  return FRAME_BASE / PAGE_SIZE + Math.ceil(bytes / PAGE_SIZE);
}

/** A memory as JavaScript sees it, in any thread. */
export function viewsOf(buffer: SharedArrayBuffer): MachineViews {
  return {
    u8: new Uint8Array(buffer),
    i32: new Int32Array(buffer),
    u32: new Uint32Array(buffer),
    f64: new Float64Array(buffer),
    view: new DataView(buffer),
  };
}

function makeMemory(bytes: number): SandboxMemory {
  const pages = Math.ceil((FRAME_BASE + bytes) / WASM_PAGE);
  const memory = new wasm.Memory({ initial: pages, maximum: pages, shared: true });
  const views = viewsOf(memory.buffer);
  return { memory, views, frameEnd: frameEndOf(bytes) };
}
