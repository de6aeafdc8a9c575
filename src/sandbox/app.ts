/** An application's files as the kernel's AppFs asks for them, through the bridge. */
import type { AppFunctions, AppStat } from '../kernel/fs/app/appfs.js';
import type { AppMount } from './backend.js';
import type { AppBridge } from './bridge.js';
import { fromByteString, toByteString } from './text.js';
import type { AppFileStat } from './types.js';

const encoder = new TextEncoder();

function statOf(found: AppFileStat): AppStat {
  const { type, size, mode, mtime } = found;
  return {
    directory: type === 'directory',
    size,
    ...(mode === undefined ? {} : { mode }),
    ...(mtime === undefined ? {} : { mtime }),
  };
}

export function appFunctions(
  { target: mount, writable, removable }: AppMount,
  bridge: AppBridge,
): AppFunctions {
  const ask = (op: 'stat' | 'list' | 'read' | 'remove', path: string): unknown =>
    bridge({ op, mount, path: fromByteString(path) });
  return {
    stat: (path) => {
      const found = ask('stat', path) as AppFileStat | null;
      return found === null ? null : statOf(found);
    },
    list: (path) => (ask('list', path) as readonly string[]).map(toByteString),
    read: (path) => {
      const content = ask('read', path) as Uint8Array | string;
      return typeof content === 'string' ? encoder.encode(content) : content;
    },
    ...(writable
      ? { write: (path, content) => void bridge({ op: 'write', mount, path: fromByteString(path), content }) }
      : {}),
    ...(removable ? { remove: (path) => void ask('remove', path) } : {}),
  };
}
