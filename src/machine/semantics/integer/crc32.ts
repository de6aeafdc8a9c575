import { CRC32C } from '../../layout.js';
import { I32, I64, i32, i64, type Expr } from '../../wasm/expr.js';
import { STORE, type FunctionBuilder } from '../../wasm/function.js';
import type { Emitter, SemanticsTable } from '../emitter.js';
import type { Helper } from '../helper.js';
import { sizeOf } from './operands.js';

/** crc32: Castagnoli's polynomial, reflected, byte by byte through a table that the first use fills. */

const POLYNOMIAL = 0x82f63b78;
const TABLE = i32.const(CRC32C);

function step(crc: Expr): Expr {
  const least = i32.and(crc, i32.const(1));
  const reduced = i32.and(i32.sub(i32.const(0), least), i32.const(POLYNOMIAL));
  return i32.xor(i32.shr_u(crc, i32.const(1)), reduced);
}

function fillTable(f: FunctionBuilder): void {
  const index = f.local(I32);
  const crc = f.local(I32);
  const entries = f.loop();
  f.set(crc, f.get(index));
  for (let bit = 0; bit < 8; bit++) f.set(crc, step(f.get(crc)));
  f.store(STORE.i32, i32.shl(f.get(index), i32.const(2)), f.get(crc), CRC32C);
  f.set(index, i32.add(f.get(index), i32.const(1)));
  f.brIf(entries, i32.ne(f.get(index), i32.const(256)));
  f.end();
}

/** (crc, value, bytes): the crc with the value's low `bytes` bytes. */
const crc32Helper: Helper = {
  name: 'crc32',
  params: [I32, I64, I32],
  result: I32,
  wasm: (f) => {
    f.if(i32.eqz(i32.load(TABLE, 4)));
    fillTable(f);
    f.end();
    const [crc, value, left] = [0, 1, 2];
    const bytes = f.loop();
    const index = i32.and(i32.xor(f.get(crc), i32.wrap_i64(f.get(value))), i32.const(0xff));
    const entry = i32.load(i32.shl(index, i32.const(2)), CRC32C);
    f.set(crc, i32.xor(i32.shr_u(f.get(crc), i32.const(8)), entry));
    f.set(value, i64.shr_u(f.get(value), i64.num(8)));
    f.set(left, i32.sub(f.get(left), i32.const(1)));
    f.brIf(bytes, f.get(left));
    f.end();
    f.return(f.get(crc));
  },
};

/** A destination of 8 bytes has its upper half cleared, as one of 4. */
function crc32(e: Emitter): void {
  const bytes = sizeOf(e, 1);
  const value = e.read(1);
  const wide = bytes === 8 ? value : i64.extend_i32_u(value);
  const crc = e.form.size === 8 ? i32.wrap_i64(e.read(0)) : e.read(0);
  const next = e.callValue(crc32Helper, crc, wide, i32.const(bytes));
  e.write(0, e.form.size === 8 ? i64.extend_i32_u(next) : next);
}

export const CRC32: SemanticsTable = { crc32 };
