import fs from 'node:fs';
import { ELOOP, ENOENT, ENOTDIR } from '../../kernel/errno.js';
import type { HostCanonical } from '../../kernel/host.js';
import { attempt } from './errors.js';
import { hostPath } from './place.js';

/** Linux's limit. */
const MAX_LINKS = 40;

/** Follows an absolute path name by name; from the first name that is missing on it is taken as written. */
export function canonical(path: string): HostCanonical | number {
  const links: { path: string; target: string }[] = [];
  let rest = path.split('/');
  let at = '';
  while (rest.length > 0) {
    const [name = '', ...after] = rest;
    rest = after;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      at = at.slice(0, Math.max(0, at.lastIndexOf('/')));
      continue;
    }
    const next = `${at}/${name}`;
    const target = linkAt(next);
    if (typeof target === 'number') return target;
    if (target === null) {
      at = next;
      continue;
    }
    if (links.length >= MAX_LINKS) return ELOOP;
    links.push({ path: next, target });
    if (target.startsWith('/')) at = '';
    rest = [...target.split('/'), ...rest];
  }
  return { path: at === '' ? '/' : at, links };
}

/** What a symbolic link says; null for anything else, and for what is not there. */
function linkAt(path: string): string | null | number {
  const stat = attempt(() => fs.lstatSync(hostPath(path), { throwIfNoEntry: false }));
  if (typeof stat === 'number') return stat === ENOENT || stat === ENOTDIR ? null : stat;
  return stat?.isSymbolicLink() === true ? attempt(() => fs.readlinkSync(hostPath(path), 'latin1')) : null;
}
