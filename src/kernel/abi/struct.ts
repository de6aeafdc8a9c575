/**
 * Structs of Linux's headers, each as one list of fields; the offsets follow as the C compiler computes them on x86-64
 * (natural alignment, fields in order).
 */

/** i64 and u64 take any whole number; beyond 2^53 it is rounded. */
export type FieldType = 'u8' | 'u16' | 'i16' | 'u32' | 'i32' | 'u64' | 'i64';

const SIZES: Readonly<Record<FieldType, number>> = { u8: 1, u16: 2, i16: 2, u32: 4, i32: 4, u64: 8, i64: 8 };

type Fields = Readonly<Record<string, FieldType>>;

const TWO_32 = 0x100000000;

export class Struct<F extends Fields> {
  readonly offsets: Readonly<Record<keyof F, number>>;
  readonly size: number;

  constructor(readonly fields: F) {
    const offsets: Record<string, number> = {};
    let end = 0;
    let alignment = 1;
    for (const [name, type] of Object.entries(fields)) {
      const size = SIZES[type];
      alignment = Math.max(alignment, size);
      offsets[name] = roundUp(end, size);
      end = roundUp(end, size) + size;
    }
    this.offsets = offsets as Record<keyof F, number>;
    this.size = roundUp(end, alignment);
  }

  /** Writes one field of the struct that begins at `base`. */
  put(view: DataView, base: number, name: keyof F, value: number): void {
    const at = base + this.offsets[name];
    const type = this.fields[name];
    if (type === 'u64' || type === 'i64') putU64(view, at, value);
    else if (type === 'u32' || type === 'i32') view.setInt32(at, value, true);
    else if (type === 'u8') view.setUint8(at, value);
    else view.setInt16(at, value, true);
  }

  get(view: DataView, base: number, name: keyof F): number {
    const at = base + this.offsets[name];
    switch (this.fields[name]) {
      case 'u8':
        return view.getUint8(at);
      case 'u16':
        return view.getUint16(at, true);
      case 'i16':
        return view.getInt16(at, true);
      case 'u32':
        return view.getUint32(at, true);
      case 'i32':
        return view.getInt32(at, true);
      case 'u64':
        return view.getUint32(at, true) + view.getUint32(at + 4, true) * TWO_32;
      default:
        return view.getUint32(at, true) + view.getInt32(at + 4, true) * TWO_32;
    }
  }

  /** Writes all fields that `values` has. */
  putAll(view: DataView, base: number, values: Partial<Record<keyof F, number>>): void {
    for (const name in values) {
      const value = values[name];
      if (value !== undefined) this.put(view, base, name, value);
    }
  }
}

export function putU64(view: DataView, at: number, value: number): void {
  // What setInt32 takes is reduced modulo 2^32.
  view.setInt32(at, value, true);
  view.setInt32(at + 4, Math.floor(value / TWO_32), true);
}

function roundUp(n: number, to: number): number {
  return Math.ceil(n / to) * to;
}
