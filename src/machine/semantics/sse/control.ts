import { CPU_FTW, CPU_MXCSR } from '../../layout.js';
import { I32, V128, i32 } from '../../wasm/expr.js';
import { VECTOR_GP, type Semantics, type SemanticsTable } from '../emitter.js';
import { raiseIfUnmasked } from './arithmetic.js';
import { checkMmx, enterMmx, immediate, readVector } from './operands.js';
import { softBinary } from './slow.js';

/** The bits of MXCSR that exist (FXSAVE's MXCSR_MASK); setting others is #GP. */
export const MXCSR_MASK = 0xffff;

const ldmxcsr: Semantics = (e) => {
  const value = e.let(e.read(0));
  e.raiseIf(i32.and(value, i32.const(~MXCSR_MASK)), VECTOR_GP);
  e.setState(CPU_MXCSR, value);
};
const stmxcsr: Semantics = (e) => e.write(0, e.state(I32, CPU_MXCSR));

const emms: Semantics = (e) => {
  checkMmx(e);
  enterMmx(e);
  e.setState(CPU_FTW, i32.const(0));
};

/** Rounded and checked several times over: left to the software. */
function dotProduct(name: string): Semantics {
  const helper = softBinary(name, V128, V128);
  return (e) => {
    const b = e.let(readVector(e, 1));
    const result = e.callValue(helper, e.read(0), b, immediate(e, 2));
    raiseIfUnmasked(e);
    e.write(0, result);
  };
}

export const CONTROL: SemanticsTable = {
  ldmxcsr,
  stmxcsr,
  emms,
  dpps: dotProduct('dpps'),
  dppd: dotProduct('dppd'),
};
