import { CPU_CC_KIND, CPU_CC_X, CPU_CC_Y } from '../layout.js';
import { loadCpu, storeCpu } from '../semantics/base-emitter.js';
import type { Flag } from '../semantics/emitter.js';
import {
  KIND_LOGIC,
  KIND_RAW,
  allFlagsExpr,
  conditionExpr,
  dynamicConditions,
  dynamicFlags,
  flagExpr,
  packKind,
} from '../semantics/flags.js';
import type { Helper } from '../semantics/helper.js';
import { isConst, low32 } from '../semantics/width.js';
import { I32, I64, i32, i64, type Expr } from '../wasm/expr.js';
import type { FunctionBuilder } from '../wasm/function.js';
import { FLAGS_IN_CPU, FLAGS_IN_LOCALS } from './analysis.js';

/** How the flags are known at a place in the code. */
export interface FlagState {
  /** FLAGS_IN_CPU; FLAGS_IN_LOCALS, all three; or a packed kind, with x and y in locals unless they are constants. */
  readonly kind: number;
  readonly x: Expr | null;
  readonly y: Expr | null;
}

const IN_CPU: FlagState = { kind: FLAGS_IN_CPU, x: null, y: null };
const IN_LOCALS: FlagState = { kind: FLAGS_IN_LOCALS, x: null, y: null };

type CallHelper = (helper: Helper, ...args: Expr[]) => Expr;

function wide(value: Expr): Expr {
  if (value.type === I64) return value;
  return isConst(value) ? i64.const(value.imm, 0) : i64.extend_i32_u(value);
}

/**
 * The lazy flags in a region: three locals, of which kind is written only where code from several sides meets, or the
 * region is left.
 */
export class FlagLocals {
  state: FlagState = IN_CPU;
  private readonly kind: number;
  private readonly x: number;
  private readonly y: number;

  constructor(
    private readonly f: FunctionBuilder,
    private readonly callHelper: CallHelper,
  ) {
    this.kind = f.local(I32);
    this.x = f.local(I64);
    this.y = f.local(I64);
  }

  /** The flags are what the CPU block has. */
  forget(): void {
    this.state = IN_CPU;
  }

  /** As all ways to a node have agreed to leave them. */
  enter(kind: number): void {
    this.state =
      kind === FLAGS_IN_CPU ? IN_CPU : kind === FLAGS_IN_LOCALS ? IN_LOCALS : { kind, x: null, y: null };
  }

  set(kind: number, size: number, x: Expr, y: Expr): void {
    const constX = isConst(x) ? wide(x) : null;
    const constY = isConst(y) ? wide(y) : null;
    if (constX === null) this.f.push(wide(x));
    if (constY === null) this.f.push(wide(y));
    if (constY === null) this.f.setTop(this.y);
    if (constX === null) this.f.setTop(this.x);
    this.state = { kind: packKind(kind, size), x: constX, y: constY };
  }

  /** Sets them where they lie in locals and stay so; between `if` and `end`. */
  setInLocals(kind: number, size: number, x: Expr, y: Expr): void {
    this.set(kind, size, x, y);
    this.toLocals();
  }

  /** Brings them all into locals. */
  toLocals(): void {
    this.settle(FLAGS_IN_LOCALS);
    this.state = IN_LOCALS;
  }

  /** Emits what makes the locals agree with a state entered as `kind`; the state here remains. */
  settle(kind: number): void {
    const { state, f } = this;
    if (kind >= 0 && kind !== state.kind) throw new Error(`flags of kind ${state.kind}, found to be ${kind}`);
    if (kind === FLAGS_IN_CPU || state.kind === FLAGS_IN_LOCALS) return;
    if (state.kind === FLAGS_IN_CPU) {
      f.set(this.kind, loadCpu(I32, CPU_CC_KIND));
      f.set(this.x, loadCpu(I64, CPU_CC_X));
      f.set(this.y, loadCpu(I64, CPU_CC_Y));
      return;
    }
    if (kind === FLAGS_IN_LOCALS) f.set(this.kind, i32.const(state.kind));
    if (state.x !== null) f.set(this.x, state.x);
    if (state.y !== null) f.set(this.y, state.y);
  }

  /** Stores them where they are not in the CPU block already. */
  store(): void {
    const { kind, x, y } = this.state;
    if (kind === FLAGS_IN_CPU) return;
    storeCpu(this.f, CPU_CC_KIND, kind === FLAGS_IN_LOCALS ? this.f.get(this.kind) : i32.const(kind));
    if (kind < 0 || kind >> 2 !== KIND_RAW) storeCpu(this.f, CPU_CC_X, x ?? this.f.get(this.x));
    if (kind < 0 || kind >> 2 !== KIND_LOGIC) storeCpu(this.f, CPU_CC_Y, y ?? this.f.get(this.y));
  }

  /** Kind, x and y, to be stored; null where the CPU block has them. */
  toStore(): readonly [Expr, Expr, Expr] | null {
    const { kind, x, y } = this.state;
    if (kind === FLAGS_IN_CPU) return null;
    const kindValue = kind === FLAGS_IN_LOCALS ? this.f.get(this.kind) : i32.const(kind);
    return [kindValue, x ?? this.f.get(this.x), y ?? this.f.get(this.y)];
  }

  private narrow(size: number, local: number, constant: Expr | null): Expr {
    if (size === 8) return constant ?? this.f.get(local);
    return constant === null ? i32.wrap_i64(this.f.get(local)) : low32(constant);
  }

  /** Kind, size, x and y where the kind is known; null where it is not. */
  private known(): { kind: number; size: number; x: Expr; y: Expr } | null {
    const packed = this.state.kind;
    if (packed < 0) return null;
    const size = 1 << (packed & 3);
    return {
      kind: packed >> 2,
      size,
      x: this.narrow(size, this.x, this.state.x),
      y: this.narrow(size, this.y, this.state.y),
    };
  }

  private dynamic(helper: Helper): Expr {
    if (this.state.kind === FLAGS_IN_CPU) {
      return this.callHelper(
        helper,
        loadCpu(I32, CPU_CC_KIND),
        loadCpu(I64, CPU_CC_X),
        loadCpu(I64, CPU_CC_Y),
      );
    }
    return this.callHelper(helper, this.f.get(this.kind), this.f.get(this.x), this.f.get(this.y));
  }

  condition(cc: number): Expr {
    const now = this.known();
    if (now !== null) return conditionExpr(now.kind, now.size, now.x, now.y, cc);
    const helper = dynamicConditions[cc & ~1];
    if (helper === undefined) throw new Error(`no condition ${cc}`);
    const value = this.dynamic(helper);
    return (cc & 1) === 0 ? value : i32.eqz(value);
  }

  flag(flag: Flag): Expr {
    const now = this.known();
    if (now !== null) return flagExpr(now.kind, now.size, now.x, now.y, flag);
    const all = this.dynamic(dynamicFlags);
    return flagExpr(KIND_RAW, 4, all, all, flag);
  }

  all(): Expr {
    const now = this.known();
    return now === null ? this.dynamic(dynamicFlags) : allFlagsExpr(now.kind, now.size, now.x, now.y);
  }
}
