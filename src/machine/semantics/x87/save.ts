/** fldenv, fnstenv, frstor, fnsave: the environment in its 14 and 28 byte layouts, the registers behind it (SDM volume 1, 8.1.10). */
import { CPU_FCW, CPU_FDP, CPU_FIP, CPU_FSW, CPU_FTW, CPU_X87, CPU } from '../../layout.js';
import { I32, I64, i32, i64, type Expr } from '../../wasm/expr.js';
import type { Emitter, Semantics } from '../emitter.js';
import type { Helper } from '../helper.js';
import { EXCEPTIONS } from './environment.js';
import { shortTags, x87Initialise, x87Summarise, x87Tags } from './operations.js';

const at = (address: Expr, offset: number): Expr => i64.add(address, i64.num(offset));

const REGISTERS = 8;
const REGISTER_BYTES = 10;

/** The environment's fields in order; 16-bit ones stand in two or four bytes. FOP and selectors read as 0. */
function fields(e: Emitter): Expr[] {
  return [
    e.state(I32, CPU_FCW),
    e.state(I32, CPU_FSW),
    e.callValue(x87Tags),
    i32.wrap_i64(e.state(I64, CPU_FIP)),
    i32.const(0),
    i32.wrap_i64(e.state(I64, CPU_FDP)),
    i32.const(0),
  ];
}

const isWide = (e: Emitter): boolean => e.form.size !== 2;

/** Writes the environment; the words' unused upper halves are ones, but for the pointers'. */
function writeEnvironment(e: Emitter, address: Expr): number {
  const wide = isWide(e);
  fields(e).forEach((value, index) => {
    if (!wide) return e.store(2, at(address, index * 2), value);
    const word = index < 3 || index === 6;
    e.store(4, at(address, index * 4), word ? i32.or(value, i32.const(0xffff0000)) : value);
  });
  return wide ? 28 : 14;
}

/** (full tag word): to the CPU block's short one. */
export const setTags: Helper = {
  name: 'x87SetTags',
  params: [I32],
  result: null,
  js: (m) => (full) => {
    m.i32[(CPU + CPU_FTW) >> 2] = shortTags(full as number);
  },
};

function readEnvironment(e: Emitter, address: Expr): void {
  const step = isWide(e) ? 4 : 2;
  const word = (index: number): Expr => e.let(e.load(2, at(address, index * step)));
  const control = word(0);
  const status = word(1);
  const tags = word(2);
  const fip = e.let(e.load(step, at(address, 3 * step)));
  const fdp = e.let(e.load(step, at(address, 5 * step)));
  e.setState(CPU_FCW, i32.or(i32.and(control, i32.const(0x1f3f)), i32.const(0x40)));
  e.setState(CPU_FSW, status);
  e.call(setTags, tags);
  e.setState(CPU_FIP, i64.extend_i32_u(fip));
  e.setState(CPU_FDP, i64.extend_i32_u(fdp));
  e.call(x87Summarise);
}

export const storeEnvironment: Semantics = (e) => {
  const address = e.let(e.address(0));
  e.probe(isWide(e) ? 28 : 14, address, 'write');
  writeEnvironment(e, address);
  e.setState(CPU_FCW, i32.or(e.state(I32, CPU_FCW), i32.const(EXCEPTIONS)));
  e.call(x87Summarise);
};

export const loadEnvironment: Semantics = (e) => {
  const address = e.let(e.address(0));
  e.probe(isWide(e) ? 28 : 14, address, 'read');
  readEnvironment(e, address);
};

/** Where st(i) lies in the CPU block, as an address in the sandbox's memory. */
function registerAt(e: Emitter, i: number): Expr {
  const top = i32.shr_u(e.state(I32, CPU_FSW), i32.const(11));
  const physical = i32.and(i32.add(top, i32.const(i)), i32.const(7));
  return i32.add(i32.shl(physical, i32.const(4)), i32.const(CPU + CPU_X87));
}

export const storeState: Semantics = (e) => {
  const address = e.let(e.address(0));
  e.probe((isWide(e) ? 28 : 14) + REGISTERS * REGISTER_BYTES, address, 'write');
  const size = writeEnvironment(e, address);
  for (let i = 0; i < REGISTERS; i++) {
    const register = e.let(registerAt(e, i));
    e.store(8, at(address, size + i * REGISTER_BYTES), i64.load(register));
    e.store(2, at(address, size + i * REGISTER_BYTES + 8), i32.load16_u(register, 8));
  }
  e.call(x87Initialise);
};

/** (register's address, low, high, top): puts ten bytes there. */
export const setRegister: Helper = {
  name: 'x87SetRegister',
  params: [I32, I32, I32, I32],
  result: null,
  js:
    (m) =>
    (register = 0, lo = 0, hi = 0, top = 0) => {
      m.view.setUint32(register, lo, true);
      m.view.setUint32(register + 4, hi, true);
      m.view.setUint16(register + 8, top, true);
    },
};

export const loadState: Semantics = (e) => {
  const address = e.let(e.address(0));
  const size = isWide(e) ? 28 : 14;
  e.probe(size + REGISTERS * REGISTER_BYTES, address, 'read');
  readEnvironment(e, address);
  for (let i = 0; i < REGISTERS; i++) {
    const bits = e.let(e.load(8, at(address, size + i * REGISTER_BYTES)));
    const top = e.let(e.load(2, at(address, size + i * REGISTER_BYTES + 8)));
    const hi = i32.wrap_i64(i64.shr_u(bits, i64.num(32)));
    e.call(setRegister, registerAt(e, i), i32.wrap_i64(bits), hi, top);
  }
};
