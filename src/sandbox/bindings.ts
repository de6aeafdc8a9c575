/** A snapshot's settings, with the restorer's in place of what concerns the host. */
import { Refused } from '../kernel/checkpoint/damaged.js';
import type { Bindings, PlainMount, Settings } from './backend.js';
import type { SnapshotHeader } from './snapshot.js';

export function boundSettings(header: SnapshotHeader, bindings: Bindings): Settings {
  const saved = header.settings;
  const missing: string[] = [];
  const rootfs = saved.rootfs === null ? null : bindings.rootfs;
  if (saved.rootfs !== null && rootfs === null) missing.push('a folder for the root filesystem ("rootfs")');
  const mounts = saved.mounts.map((mount) => boundMount(mount, bindings, missing));
  missingPseudo(saved, bindings, missing);
  const keys = new Map([...saved.keys, ...bindings.keys]);
  for (const name of header.keys) if (!keys.has(name)) missing.push(`the key "${name}"`);
  if (missing.length > 0) throw new Refused(`it needs ${missing.join(', ')}`);
  checkUnused(saved, bindings);
  const { strace, logLevel, tier, without, codeCache, profile, pseudo } = bindings;
  return { ...saved, rootfs, mounts, strace, logLevel, tier, without, codeCache, profile, pseudo, keys };
}

function boundMount(mount: PlainMount, { sources, apps, writable }: Bindings, missing: string[]): PlainMount {
  if (mount.type === 'tmpfs') return mount;
  if (mount.type === 'app') {
    const given = apps.find(({ target }) => target === mount.target);
    if (given === undefined) missing.push(`the application's files for the mount at ${mount.target}`);
    return given ?? mount;
  }
  const source = Object.hasOwn(sources, mount.target) ? sources[mount.target] : undefined;
  if (source === undefined) missing.push(`a source for the mount at ${mount.target}`);
  const bound = { ...mount, source: source ?? '' };
  if (writable.includes(mount.target)) return bound;
  if (bound.type === 'host') return { ...bound, readOnly: true };
  if (bound.type === 'encrypted') missing.push(`a mount of encrypted files at ${mount.target}`);
  return bound;
}

function missingPseudo(saved: Settings, { pseudo }: Bindings, missing: string[]): void {
  const given = new Set(pseudo.map(({ path }) => path));
  for (const { path } of saved.pseudo) if (!given.has(path)) missing.push(`the pseudo-file ${path}`);
}

/** What is given for a place that the snapshot does not have is a mistake: it would be missed. */
function checkUnused(saved: Settings, { rootfs, sources, apps }: Bindings): void {
  const targets = new Set(saved.mounts.map(({ target }) => target));
  const given = [...Object.keys(sources), ...apps.map(({ target }) => target)];
  const unknown = given.filter((target) => !targets.has(target)).map((target) => `no mount at ${target}`);
  if (rootfs !== null && saved.rootfs === null) unknown.push('no root filesystem of the host');
  if (unknown.length > 0) throw new Refused(`it has ${unknown.join(', ')}`);
}
