/** The values that have a form of their own: variables, files, system calls. */
import { hex, integer, parseUri, record, string, wrong, type Fail, type Kind, type Uri } from './kinds.js';
import type { TomlNode, TomlTable } from './toml.js';

/** A variable's value, or the host's. */
export type EnvValue = { readonly value: string } | { readonly passthrough: true };

/** loader.env.NAME. */
export const envValue: Kind<EnvValue> = {
  name: 'a string, `{ value = "..." }` or `{ passthrough = true }`',
  read(node, fail) {
    if (node.type === 'string') {
      const value = string.read(node, fail);
      return value === undefined ? undefined : { value };
    }
    return node.type === 'table'
      ? readEnvTable(node, fail)
      : wrong('a string, { value = "..." } or { passthrough = true }', node, fail);
  },
};

function readEnvTable(node: TomlTable, fail: Fail): EnvValue | undefined {
  const [first, ...more] = node.entries;
  if (first === undefined) return fail(node.place, 'needs "value" or "passthrough"');
  if (more.length > 0) return fail(node.place, 'must have either "value" or "passthrough"');
  const [name, { node: content }] = first;
  if (name === 'value') {
    const value = string.read(content, fail);
    return value === undefined ? undefined : { value };
  }
  if (name !== 'passthrough')
    return fail(node.place, `"${name}" is not known here: "value" or "passthrough"`);
  if (content.type === 'boolean' && content.value === true) return { passthrough: true };
  return fail(content.place, '"passthrough" can only be true: leave the variable out instead');
}

/** An entry of sgx.trusted_files. */
export interface TrustedEntry {
  readonly uri: Uri;
  /** Null: hashed when the manifest is rendered, or at the start. */
  readonly sha256: string | null;
}

const TRUSTED_FIELDS = {
  uri: { kind: string, required: true },
  sha256: { kind: hex(64, 'a SHA-256 sum') },
};

export const trustedFile: Kind<TrustedEntry> = {
  name: 'a URI or `{ uri = "file:...", sha256 = "..." }`',
  read(node, fail) {
    if (node.type !== 'string' && node.type !== 'table')
      return wrong('a URI or { uri = "file:...", sha256 = "..." }', node, fail);
    const read = node.type === 'string' ? { uri: String(node.value) } : trustedRecord.read(node, fail);
    if (read === undefined) return undefined;
    const uri = parseUri(read.uri ?? '');
    if (uri === null || uri.scheme !== 'file')
      return fail(node.place, `must be a URI that begins with "file:", not "${read.uri}"`);
    const sha256 = 'sha256' in read && read.sha256 !== undefined ? read.sha256.toLowerCase() : null;
    if (sha256 !== null && uri.path.endsWith('/')) return fail(node.place, 'a directory has no sha256');
    return { uri, sha256 };
  },
};
const trustedRecord = record('a trusted file', TRUSTED_FIELDS);

export interface MockCall {
  readonly name: string;
  readonly result: number;
}

const mockRecord = record('a system call to replace: `name` and `return`', {
  name: { kind: string, required: true },
  return: { kind: integer(Number.MIN_SAFE_INTEGER) },
});

export const mockCall: Kind<MockCall> = {
  name: mockRecord.name,
  read(node: TomlNode, fail) {
    const read = mockRecord.read(node, fail);
    return read === undefined ? undefined : { name: read.name ?? '', result: read.return ?? 0 };
  },
};
