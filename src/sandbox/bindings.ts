/** A snapshot's settings, with the restorer's in place of what concerns the host. */
import { Refused } from '../kernel/checkpoint/damaged.js';
import type { Bindings, PlainMount, Settings } from './backend.js';

/** Keys stay with whoever has them. */
export function withoutKeys(settings: Settings): Settings {
  return { ...settings, keys: new Map() };
}

export function boundSettings(saved: Settings, bindings: Bindings): Settings {
  const missing: string[] = [];
  const rootfs = saved.rootfs === null ? null : bindings.rootfs;
  if (saved.rootfs !== null && rootfs === null) missing.push('a folder for the root filesystem ("rootfs")');
  const mounts = saved.mounts.map((mount) => boundMount(mount, bindings, missing));
  if (missing.length > 0) throw new Refused(`it needs ${missing.join(', ')}`);
  const { strace, logLevel, tier, pseudo, keys } = bindings;
  return { ...saved, rootfs, mounts, strace, logLevel, tier, pseudo, keys };
}

function boundMount(mount: PlainMount, { sources, writable }: Bindings, missing: string[]): PlainMount {
  if (mount.type === 'tmpfs' || mount.type === 'app') return mount;
  const source = Object.hasOwn(sources, mount.target) ? sources[mount.target] : undefined;
  if (source === undefined) missing.push(`a source for the mount at ${mount.target}`);
  const bound = { ...mount, source: source ?? '' };
  if (writable.includes(mount.target)) return bound;
  if (bound.type === 'host') return { ...bound, readOnly: true };
  if (bound.type === 'encrypted') missing.push(`a mount of encrypted files at ${mount.target}`);
  return bound;
}
