/** fs.root and fs.mounts: which keys a mount has depends on its type. */
import { bool, guestPath, readFields, string, uri, wrong, type Fail, type Kind, type Uri } from './kinds.js';
import type { TomlNode, TomlTable } from './toml.js';

export type MountType = 'chroot' | 'encrypted' | 'tmpfs' | 'untrusted_shm';

export interface ManifestMount {
  readonly type: MountType;
  /** '/' for fs.root. */
  readonly path: string;
  /** Null for tmpfs. */
  readonly uri: Uri | null;
  readonly keyName: string;
  readonly recovery: boolean;
}

const FIELDS = {
  chroot: { type: { kind: string }, uri: { kind: uri('file', 'dev'), required: true } },
  encrypted: {
    type: { kind: string },
    uri: { kind: uri('file'), required: true },
    key_name: { kind: string },
    enable_recovery: { kind: bool },
  },
  tmpfs: { type: { kind: string }, uri: { kind: string } },
  untrusted_shm: { type: { kind: string }, uri: { kind: uri('dev'), required: true } },
} as const;

function typeOf(node: TomlTable, fail: Fail): MountType | undefined {
  const entry = node.entries.get('type');
  if (entry === undefined) return 'chroot';
  const value = string.read(entry.node, fail);
  if (value === undefined) return undefined;
  if (Object.hasOwn(FIELDS, value)) return value as MountType;
  return fail(
    entry.node.place,
    `must be one of "chroot", "encrypted", "tmpfs", "untrusted_shm", not "${value}"`,
    '.type',
  );
}

function readMount(node: TomlNode, fail: Fail, withPath: boolean): ManifestMount | undefined {
  if (node.type !== 'table') return wrong('a table', node, fail);
  const type = typeOf(node, fail);
  if (type === undefined) return undefined;
  const path = withPath ? { path: { kind: guestPath, required: true } } : {};
  const fields = { ...path, ...FIELDS[type] };
  const read = readFields(node, fields, fail, `a mount of type "${type}"`) as
    { path?: string; uri?: Uri | string; key_name?: string; enable_recovery?: boolean } | undefined;
  if (read === undefined) return undefined;
  if (withPath && isRoot(read.path ?? ''))
    return fail(node.place, 'must not be "/": that is fs.root', '.path');
  return {
    type,
    path: read.path ?? '/',
    uri: typeof read.uri === 'object' ? read.uri : null,
    keyName: read.key_name ?? 'default',
    recovery: read.enable_recovery ?? false,
  };
}

function isRoot(path: string): boolean {
  return path.split('/').every((name) => name === '' || name === '.');
}

export const mount: Kind<ManifestMount> = {
  name: 'a mount: `path`, `type` and what the type has (`uri`, `key_name`, `enable_recovery`)',
  read: (node, fail) => readMount(node, fail, true),
};

export const root: Kind<ManifestMount> = {
  name: 'a mount without `path`',
  read: (node, fail) => readMount(node, fail, false),
};
