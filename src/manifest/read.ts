/** Reads a manifest: its text, to values and findings. */
import { contradictions } from './contradictions.js';
import type { Fail } from './kinds.js';
import type { Finding, Severity } from './finding.js';
import { KEYS, REMOVED, type KeyId, type Manifest } from './schema.js';
import { isTomlError, parseToml, type Place, type TomlTable } from './toml.js';

export interface ReadManifest {
  /** Null if there is an error. */
  readonly manifest: Manifest | null;
  /** In the order of the text. */
  readonly findings: readonly Finding[];
}

const BY_NAME: ReadonlyMap<string, KeyId> = new Map(
  Object.entries(KEYS).map(([id, { key }]) => [key, id as KeyId]),
);

class Reader {
  readonly findings: Finding[] = [];
  readonly values: Partial<Record<KeyId, unknown>> = {};
  readonly places: Partial<Record<KeyId, Place>> = {};

  add(severity: Severity, key: string, place: Place, reason: string): undefined {
    this.findings.push({ severity, key, place, reason });
    return undefined;
  }

  table({ entries }: TomlTable, prefix: string): void {
    for (const [name, { node, place }] of entries) {
      const key = prefix === '' ? name : `${prefix}.${name}`;
      const id = BY_NAME.get(key);
      if (id !== undefined) {
        this.places[id] = place;
        const fail: Fail = (at, reason, below = '') => this.add('error', key + below, at, reason);
        this.values[id] = KEYS[id].kind.read(node, fail);
        continue;
      }
      const within = isPrefix(key);
      if (node.type === 'table' && within) this.table(node, key);
      else this.add('error', key, place, within ? 'must be a table' : (REMOVED[key] ?? unknown(key)));
    }
  }

  /** The values with their defaults, and what is to be said about them. */
  finish(): Manifest {
    const result: Partial<Record<KeyId, unknown>> = {};
    for (const [name, entry] of Object.entries(KEYS)) {
      const id = name as KeyId;
      const value = this.values[id];
      result[id] = value ?? entry.fallback;
      const place = this.places[id];
      if (value === undefined || place === undefined) continue;
      if (entry.effect === 'sgx') this.add('ignored', entry.key, place, 'is about SGX and ignored');
      const why = (entry.insecure as ((value: unknown) => string | null) | undefined)?.(value) ?? null;
      if (why !== null) this.add('insecure', entry.key, place, why);
    }
    return result as Manifest;
  }
}

function isPrefix(key: string): boolean {
  return [...BY_NAME.keys()].some((known) => known.startsWith(`${key}.`));
}

/** The known key that is most like `key`, if one is near. */
function unknown(key: string): string {
  let best = '';
  let least = Math.max(2, Math.floor(key.length / 5));
  for (const known of BY_NAME.keys()) {
    const distance = editDistance(key, known);
    if (distance > least) continue;
    least = distance;
    best = known;
  }
  return best === '' ? 'is not known' : `is not known; is "${best}" meant?`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

const START: Place = { line: 1, column: 1 };

/** Reads and checks the text of a manifest (templates are rendered before). */
export function readManifest(text: string): ReadManifest {
  const tree = parseToml(text);
  if (isTomlError(tree)) {
    const { place, reason } = tree;
    return {
      manifest: null,
      findings: [{ severity: 'error', key: '', place, reason: `no TOML: ${reason}` }],
    };
  }
  const reader = new Reader();
  reader.table(tree, '');
  const manifest = reader.finish();
  for (const { severity, id, reason } of contradictions(manifest, new Set(keysIn(reader.places))))
    reader.add(severity, KEYS[id].key, reader.places[id] ?? START, reason);
  const findings = reader.findings.sort(
    (a, b) => a.place.line - b.place.line || a.place.column - b.place.column,
  );
  const failed = findings.some(({ severity }) => severity === 'error');
  return { manifest: failed ? null : manifest, findings };
}

function keysIn(places: Partial<Record<KeyId, Place>>): KeyId[] {
  return Object.keys(places) as KeyId[];
}
