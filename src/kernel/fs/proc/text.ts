/** Pieces that /proc's texts are made of. */
import type { SignalSet } from './subject-process.js';

/** Linux's USER_HZ: what times in /proc are counted in. */
const HZ = 100;

export function ticks(ms: number): number {
  return Math.floor((ms * HZ) / 1000);
}

export function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

/** 64 bits in 16 digits. */
export function hexSet(set: SignalSet): string {
  return hex(set.hi >>> 0, 8) + hex(set.lo >>> 0, 8);
}

/** Bytes as whole KiB. */
export function kib(bytes: number): number {
  return Math.floor(bytes / 1024);
}

/** The numbers 0..count-1 as Linux lists processors: '0', '0-3'. */
export function range(count: number): string {
  return count <= 1 ? '0' : `0-${count - 1}`;
}

/** A mask with the lowest `count` bits set, in groups of 32 bits. */
export function mask(count: number): string {
  const groups: string[] = [];
  for (let left = count; left > 0; left -= 32)
    groups.unshift(hex(left >= 32 ? 0xffffffff : 2 ** left - 1, 8));
  const text = groups.join(',');
  return count <= 32 ? text.replace(/^0+(?=.)/, '') : text;
}

/** Ascending numbers as Linux lists processors: '0,2-3'. */
export function cpuList(cpus: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < cpus.length; i++) {
    const first = cpus[i];
    while (cpus[i + 1] === (cpus[i] ?? 0) + 1) i++;
    parts.push(first === cpus[i] ? `${first}` : `${first}-${cpus[i]}`);
  }
  return parts.join(',');
}

/** The same as a mask in groups of 32 bits. */
export function cpuMask(cpus: readonly number[]): string {
  const groups = new Array<number>(Math.floor((cpus.at(-1) ?? 0) / 32) + 1).fill(0);
  for (const cpu of cpus)
    groups[Math.floor(cpu / 32)] = ((groups[Math.floor(cpu / 32)] ?? 0) | (1 << (cpu % 32))) >>> 0;
  const [first = 0, ...rest] = groups.reverse();
  return [hex(first, 1), ...rest.map((group) => hex(group, 8))].join(',');
}

/** A path in a file of columns: white space and backslashes as octal. */
export function escapePath(path: string): string {
  return path.replace(/[ \t\n\\#]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

/** What a writer has put into a control file, without the newline. */
export function written(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text.replace(/\n$/, '');
}

/** The same as a decimal number within limits, or null. */
export function writtenNumber(bytes: Uint8Array, min: number, max: number): number | null {
  const text = written(bytes).trim();
  if (!/^-?[0-9]{1,15}$/.test(text)) return null;
  const value = Number(text);
  return value >= min && value <= max ? value : null;
}
