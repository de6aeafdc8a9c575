import { F32, F64, I32, I64, V128, f32, f64, i32, i64, v128, type Expr, type ValType } from '../wasm/expr.js';
import { STORE } from '../wasm/function.js';

/** Sizes of guest accesses, for both emitters. */
export type AccessSize = number | 'f32' | 'f64';

/** How a size is loaded and stored once its place is known, and by which type it goes to the core's functions. */
export interface Way {
  readonly bytes: number;
  readonly type: ValType;
  readonly load: (at: Expr) => Expr;
  readonly store: number;
  readonly coreType: ValType;
  readonly toCore: (value: Expr) => Expr;
  readonly fromCore: (value: Expr) => Expr;
}

const same = (value: Expr): Expr => value;
function way(bytes: number, type: ValType, load: (at: Expr) => Expr, store: number): Way {
  return { bytes, type, load, store, coreType: type, toCore: same, fromCore: same };
}
const WAYS: Readonly<Record<AccessSize, Way>> = {
  1: way(1, I32, i32.load8_u, STORE.i32_8),
  2: way(2, I32, i32.load16_u, STORE.i32_16),
  4: way(4, I32, i32.load, STORE.i32),
  8: way(8, I64, i64.load, STORE.i64),
  16: way(16, V128, v128.load, STORE.v128),
  f32: {
    ...way(4, F32, f32.load, STORE.f32),
    coreType: I32,
    toCore: i32.reinterpret_f32,
    fromCore: f32.reinterpret_i32,
  },
  f64: {
    ...way(8, F64, f64.load, STORE.f64),
    coreType: I64,
    toCore: i64.reinterpret_f64,
    fromCore: f64.reinterpret_i64,
  },
};

export function wayOf(size: AccessSize): Way {
  const found = WAYS[size];
  if (found === undefined) throw new Error(`no access of ${size} bytes`);
  return found;
}

/** The size of an access that takes `value`: floats say themselves what they are. */
export function accessSize(size: number, value: Expr): AccessSize {
  if (value.type === F32) return 'f32';
  return value.type === F64 ? 'f64' : size;
}
