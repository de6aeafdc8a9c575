import { refuse } from './refuse.js';

/** The bytes that a text such as '512m' means, or null: whole numbers with one of the suffixes, in powers of 1024. */
export function sizeOf(text: string, suffixes = 'bkmg'): number | null {
  const match = /^(\d+)([a-z]?)$/i.exec(text);
  if (match === null) return null;
  const suffix = (match[2] ?? '').toLowerCase();
  if (!suffixes.includes(suffix)) return null;
  const size = Number(match[1]) * (SCALE[suffix] ?? 1);
  return Number.isSafeInteger(size) ? size : null;
}

const SCALE: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** A size in bytes from a number or a text as '512m'; suffixes b, k, m, g, in powers of 1024. */
export function parseSize(name: string, value: number | string): number {
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && value > 0 ? value : refuse(`"${name}" must be a size`);
  return sizeOf(value) ?? refuse(`"${name}" must be a size such as 512m or 2g, not "${value}"`);
}
