import { PREFIXES, SIZE_66, SIZE_PLAIN, SIZE_W, encodingOf, opcodesOf, type Encoding } from './encoding.js';
import { formsOf, immediateBytes } from './forms.js';
import type { Form } from './insn.js';
import { readerOf, type Reader } from './operands.js';
import { MAPS, TABLE, type Row } from './table.js';

/** From opcode, prefix and modrm to a row. Compiled opcode by opcode, when first met, since all of them take long. */

/** An encoding for one operand size, with a register or memory by r/m. */
export interface Variant {
  readonly encoding: Encoding;
  readonly readers: readonly Reader[];
  readonly forms: readonly (Form | undefined)[];
  readonly immediateBytes: number;
  /** Some operand is not reported. */
  readonly hidden: boolean;
}

/** An encoding and its variants so far, at size * 2 + mod (0 memory, 1 register). */
export interface Cell {
  readonly encoding: Encoding;
  readonly variants: (Variant | undefined)[];
}

/**
 * Where an opcode's encodings lie: as many cells as the fields that matter to it span. A field that does not matter
 * has stride 0.
 */
export interface Dispatch {
  readonly modrm: boolean;
  readonly cells: readonly (Cell | undefined)[];
  readonly strides: Readonly<Fields>;
}

/** The fields that choose a cell. */
interface Fields {
  prefix: number;
  reg: number;
  mod: number;
  rm: number;
  w: number;
  b: number;
}
export const FIELD_NAMES = ['b', 'w', 'rm', 'mod', 'reg', 'prefix'] as const;
const FIELD_SIZES: Readonly<Fields> = { prefix: PREFIXES.length, reg: 8, mod: 2, rm: 8, w: 2, b: 2 };

const accepts = (wanted: number, value: number) => wanted < 0 || wanted === value;

function matches(encoding: Encoding, fields: Fields): boolean {
  return (
    accepts(encoding.reg, fields.reg) &&
    accepts(encoding.mod, fields.mod) &&
    accepts(encoding.rm, fields.rm) &&
    accepts(encoding.w, fields.w) &&
    accepts(encoding.b, fields.b)
  );
}

/** The first encoding that asks for the very prefix, else the first that takes any. */
function choose(cells: readonly Cell[], fields: Fields): Cell | undefined {
  const prefix = PREFIXES[fields.prefix];
  const fitting = cells.filter(({ encoding }) => matches(encoding, fields));
  return (
    fitting.find(({ encoding }) => encoding.prefix === prefix) ??
    fitting.find(({ encoding }) => encoding.prefix === null)
  );
}

const matters = (name: keyof Fields, encoding: Encoding) =>
  name === 'prefix' ? encoding.prefix !== null : encoding[name] >= 0;

function compile(encodings: readonly Encoding[]): Dispatch {
  const strides: Fields = { prefix: 0, reg: 0, mod: 0, rm: 0, w: 0, b: 0 };
  let total = 1;
  for (const name of FIELD_NAMES) {
    if (!encodings.some((encoding) => matters(name, encoding))) continue;
    strides[name] = total;
    total *= FIELD_SIZES[name];
  }
  const candidates = encodings.map((encoding): Cell => ({ encoding, variants: [] }));
  const cells: (Cell | undefined)[] = [];
  const fields: Fields = { ...strides };
  for (let at = 0; at < total; at++) {
    for (const name of FIELD_NAMES) {
      fields[name] = strides[name] === 0 ? 0 : Math.floor(at / strides[name]) % FIELD_SIZES[name];
    }
    cells.push(choose(candidates, fields));
  }
  return { modrm: encodings[0].modrm, cells, strides };
}

/** Rows by map * 256 + opcode. */
function rowsByOpcode(): readonly (Row[] | undefined)[] {
  const found = new Array<Row[] | undefined>(MAPS * 256).fill(undefined);
  TABLE.forEach((rows, map) => {
    for (const row of rows) for (const opcode of opcodesOf(row)) (found[map * 256 + opcode] ??= []).push(row);
  });
  return found;
}

const ROWS = rowsByOpcode();
const dispatches = new Array<Dispatch | undefined>(ROWS.length).fill(undefined);

/** The dispatch of map * 256 + opcode. */
export function dispatchOf(opcode: number): Dispatch | undefined {
  const known = dispatches[opcode];
  if (known !== undefined) return known;
  const rows = ROWS[opcode];
  if (rows === undefined) return undefined;
  return (dispatches[opcode] = compile(rows.map((row) => encodingOf(row, opcode & 255))));
}

/** The variant for an operand size (SIZE_*) and mod. */
export function variantAt(cell: Cell, size: number, mod: number): Variant {
  const known = cell.variants[size * 2 + mod];
  if (known !== undefined) return known;
  const { encoding } = cell;
  const memory = encoding.modrm && mod === 0;
  return (cell.variants[size * 2 + mod] = {
    encoding,
    readers: encoding.operands.map((pattern) => readerOf(pattern, size, memory)),
    forms: formsOf(encoding, size, memory),
    immediateBytes: immediateBytes(encoding, size),
    hidden: encoding.operands.some((pattern) => pattern.hidden),
  });
}

/** Calls `visit` for every operand size and mod with which the cell can be met. */
export function eachVariant(
  cell: Cell,
  visit: (variant: Variant, size: number, mod: number) => void = () => undefined,
): void {
  const { encoding } = cell;
  const sizes =
    encoding.w === 0 ? [SIZE_PLAIN, SIZE_66] : encoding.w === 1 ? [SIZE_W] : [SIZE_PLAIN, SIZE_66, SIZE_W];
  const mods = encoding.modrm ? [0, 1].filter((mod) => accepts(encoding.mod, mod)) : [1];
  for (const size of sizes) for (const mod of mods) visit(variantAt(cell, size, mod), size, mod);
}

/** Makes every form that can be decoded. */
export function compileAll(): void {
  for (let opcode = 0; opcode < ROWS.length; opcode++) {
    for (const cell of new Set(dispatchOf(opcode)?.cells)) if (cell !== undefined) eachVariant(cell);
  }
}
