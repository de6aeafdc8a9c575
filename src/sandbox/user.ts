/** Who a program runs as: a number, or a name that the guest's own /etc/passwd knows. */
import type { Vfs } from '../kernel/fs/vfs.js';
import { readFile } from './guest-files.js';
import { fromByteString } from './text.js';
import { CulmError } from './types.js';

export interface User {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

const MAX_ID = 0xfffffffe;

function table(vfs: Vfs, path: string): string[][] {
  const content = readFile(vfs, path);
  if (typeof content === 'number') return [];
  const text = fromByteString(String.fromCharCode(...content.subarray(0, 1 << 16)));
  return text.split('\n').map((line) => line.split(':'));
}

function id(text: string, rows: () => string[][], what: string): number {
  if (/^\d+$/.test(text)) {
    const value = Number(text);
    if (value <= MAX_ID) return value;
  }
  const row = rows().find(([name]) => name === text);
  if (row === undefined) throw new CulmError('option', `there is no ${what} "${text}"`);
  return Number(row[2]);
}

/** 'user' or 'user:group'. The group defaults to the user's own, or for an unknown number to 0. */
export function findUser(vfs: Vfs, text: string): User {
  const [user = '', group] = text.split(':');
  const users = (): string[][] => table(vfs, '/etc/passwd');
  const uid = id(user, users, 'user');
  if (group !== undefined)
    return { uid, gid: id(group, () => table(vfs, '/etc/group'), 'group'), groups: [] };
  const row = users().find((fields) => fields[2] === String(uid));
  return { uid, gid: Number(row?.[3] ?? 0), groups: [] };
}
