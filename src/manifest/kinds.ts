/** What the values of keys may be: each kind reads a value from the tree or says what is wrong with it. */
import { sizeOf } from '../sandbox/size.js';
import type { Place, TomlNode, TomlTable } from './toml.js';

/** Reports that a value is wrong; `key` is what stands below the key that is being read. */
export type Fail = (place: Place, reason: string, key?: string) => undefined;

export interface Kind<T> {
  /** As the documentation and errors call it. */
  readonly name: string;
  /** The value, or undefined after `fail`. */
  read(node: TomlNode, fail: Fail): T | undefined;
}
export type ValueOf<K> = K extends Kind<infer T> ? T : never;

const ARTICLES: Readonly<Record<string, string>> = {
  string: 'a string',
  integer: 'an integer',
  float: 'a float',
  boolean: 'a boolean',
  date: 'a date',
  array: 'an array',
  table: 'a table',
};

export function wrong(kind: string, node: TomlNode, fail: Fail): undefined {
  return fail(node.place, `must be ${kind}, not ${ARTICLES[node.type] ?? node.type}`);
}

/** A kind for one type of TOML's; `check` says what is wrong with a value of it, or nothing. */
function scalar<T extends string | number | boolean>(
  name: string,
  type: TomlNode['type'],
  check: (value: T) => string | null = () => null,
): Kind<T> {
  return {
    name,
    read(node, fail) {
      if (node.type !== type || !('value' in node)) return wrong(name, node, fail);
      const problem = check(node.value as T);
      return problem === null ? (node.value as T) : fail(node.place, problem);
    },
  };
}

export const bool = scalar<boolean>('a boolean', 'boolean');

function holdsNul(value: string): string | null {
  return value.includes('\0') ? 'must not hold a NUL byte' : null;
}
export const string = scalar<string>('a string', 'string', holdsNul);

export function oneOf<const T extends string>(...values: readonly T[]): Kind<T> {
  const list = values.map((value) => `"${value}"`).join(', ');
  const problem = (value: T): string | null =>
    values.includes(value) ? null : `must be one of ${list}, not "${value}"`;
  return scalar<T>(`one of ${list}`, 'string', problem);
}

export function integer(least = 0, most = Number.MAX_SAFE_INTEGER): Kind<number> {
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`;
  return scalar<number>(least < 0 ? 'an integer' : `an integer, ${range}`, 'integer', (value) =>
    value >= least && value <= most && Number.isSafeInteger(value) ? null : `must be ${range}, not ${value}`,
  );
}

/** A number of bytes as a string, with K, M or G. */
export const size: Kind<number> = {
  name: 'a size such as "256K"',
  read(node, fail) {
    if (node.type !== 'string') return wrong('a string such as "256K"', node, fail);
    const bytes = sizeOf(String(node.value), 'kmg');
    return bytes ?? fail(node.place, `must be a size such as "256K", "16M" or "1G", not "${node.value}"`);
  },
};

export function hex(digits: number, what: string): Kind<string> {
  const pattern = new RegExp(`^[0-9a-fA-F]{${digits}}$`);
  return scalar<string>(`${digits} hexadecimal digits`, 'string', (value) =>
    pattern.test(value) ? null : `must be ${what}: ${digits} hexadecimal digits`,
  );
}

/** A path inside the sandbox that begins at its root. */
export const guestPath = scalar<string>('an absolute path in the sandbox', 'string', (value) =>
  value.startsWith('/') ? holdsNul(value) : `must be an absolute path, not "${value}"`,
);

/** The same, or "*". */
export const guestPathOrAll = scalar<string>('an absolute path in the sandbox, or "*"', 'string', (value) =>
  value === '*' || value.startsWith('/')
    ? holdsNul(value)
    : `must be an absolute path or "*", not "${value}"`,
);

export interface Uri {
  readonly scheme: 'file' | 'dev';
  /** As written; relative ones begin where the program is started. */
  readonly path: string;
}

export function parseUri(text: string): Uri | null {
  const match = /^(file|dev):(.+)$/s.exec(text);
  if (match === null || text.includes('\0')) return null;
  return { scheme: match[1] as Uri['scheme'], path: match[2] ?? '' };
}

export function uri(...schemes: readonly Uri['scheme'][]): Kind<Uri> {
  const list = schemes.map((scheme) => `"${scheme}:"`).join(' or ');
  return {
    name: `a URI that begins with ${list}`,
    read(node, fail) {
      if (node.type !== 'string') return wrong('a string', node, fail);
      const parsed = parseUri(String(node.value));
      if (parsed !== null && schemes.includes(parsed.scheme)) return parsed;
      return fail(node.place, `must be a URI that begins with ${list}, not "${node.value}"`);
    },
  };
}

export function list<T>(of: Kind<T>, least = 0): Kind<readonly T[]> {
  return {
    name: `an array; each entry: ${of.name}`,
    read(node, fail) {
      if (node.type !== 'array') return wrong('an array', node, fail);
      if (node.items.length < least) return fail(node.place, 'must not be empty');
      const values = node.items.map((item, index) =>
        of.read(item, (place, reason, key = '') => fail(place, reason, `[${index}]${key}`)),
      );
      return values.includes(undefined) ? undefined : (values as T[]);
    },
  };
}

/** A table with any names, all values of one kind. */
export function named<T>(of: Kind<T>, name: string): Kind<Readonly<Record<string, T>>> {
  return {
    name,
    read(node, fail) {
      if (node.type !== 'table') return wrong('a table', node, fail);
      const values: Record<string, T> = {};
      for (const [key, entry] of node.entries) {
        const value = of.read(entry.node, (place, reason, below = '') =>
          fail(place, reason, `.${key}${below}`),
        );
        if (value !== undefined) values[key] = value;
      }
      return values;
    },
  };
}

export interface Field<T> {
  readonly kind: Kind<T>;
  readonly required?: boolean;
}
type Fields = Readonly<Record<string, Field<unknown>>>;
type Read<F extends Fields> = { readonly [N in keyof F]?: ValueOf<F[N]['kind']> };

/** The fields of a table; one that is missing or unknown is an error. */
export function readFields<F extends Fields>(
  node: TomlTable,
  fields: F,
  fail: Fail,
  what: string,
): Read<F> | undefined {
  const values: Record<string, unknown> = {};
  let good = true;
  for (const [name, { node: value, place }] of node.entries) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) {
      fail(place, `is not known in ${what}; there ${known(fields)}`, `.${name}`);
      good = false;
      continue;
    }
    values[name] = field.kind.read(value, (at, reason, key = '') => fail(at, reason, `.${name}${key}`));
    good &&= values[name] !== undefined;
  }
  for (const [name, field] of Object.entries(fields)) {
    if (field.required !== true || node.entries.has(name)) continue;
    fail(node.place, `lacks "${name}"`);
    good = false;
  }
  return good ? (values as Read<F>) : undefined;
}

function known(fields: Fields): string {
  const names = Object.keys(fields);
  return names.length === 1 ? `is only ${names[0]}` : `are ${names.join(', ')}`;
}

/** A kind for tables with fixed fields. */
export function record<F extends Fields>(name: string, fields: F): Kind<Read<F>> {
  return {
    name,
    read: (node, fail) =>
      node.type === 'table' ? readFields(node, fields, fail, name) : wrong('a table', node, fail),
  };
}
