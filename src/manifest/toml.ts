/** TOML as a tree in which every key and value knows its place in the text. */
import { ParseError, parseTOML, type AST } from 'toml-eslint-parser';

/** Lines and columns count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}
interface Placed {
  readonly place: Place;
}
export interface TomlTable extends Placed {
  readonly type: 'table';
  readonly entries: Map<string, TomlEntry>;
}
export interface TomlArray extends Placed {
  readonly type: 'array';
  readonly items: TomlNode[];
}
export interface TomlScalar extends Placed {
  readonly type: 'string' | 'integer' | 'float' | 'boolean' | 'date';
  readonly value: string | number | boolean;
}
export type TomlNode = TomlTable | TomlArray | TomlScalar;
/** A key of a table; its place is the key's, the value has its own. */
export interface TomlEntry extends Placed {
  readonly node: TomlNode;
}
/** What is no TOML. */
export interface TomlError extends Placed {
  readonly reason: string;
}

export function isTomlError(parsed: TomlTable | TomlError): parsed is TomlError {
  return 'reason' in parsed;
}

/** Reads TOML 1.0, as Gramine's tools do. */
export function parseToml(text: string): TomlTable | TomlError {
  try {
    const [top] = parseTOML(text, { tomlVersion: '1.0' }).body;
    const root = table({ line: 1, column: 1 });
    for (const item of top.body) {
      if (item.type === 'TOMLKeyValue') addPair(root, item);
      else for (const pair of openTable(root, item).pairs) addPair(pair.into, pair.item);
    }
    return root;
  } catch (thrown) {
    if (!(thrown instanceof ParseError)) throw thrown;
    return { reason: thrown.message, place: { line: thrown.lineNumber, column: thrown.column + 1 } };
  }
}

function table(place: Place): TomlTable {
  return { type: 'table', entries: new Map(), place };
}

function placeOf(node: { loc: AST.SourceLocation }): Place {
  return { line: node.loc.start.line, column: node.loc.start.column + 1 };
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === 'TOMLBare' ? key.name : key.value;
}

/** The table below `name`, made if there is none; of an array of tables the last one. The parser has refused clashes. */
function below(parent: TomlTable, name: string, place: Place): TomlTable {
  const known = parent.entries.get(name)?.node;
  if (known?.type === 'table') return known;
  const last = known?.type === 'array' ? known.items.at(-1) : undefined;
  if (last?.type === 'table') return last;
  const made = table(place);
  parent.entries.set(name, { node: made, place });
  return made;
}

function openTable(
  root: TomlTable,
  header: AST.TOMLTable,
): { pairs: { into: TomlTable; item: AST.TOMLKeyValue }[] } {
  const names = header.key.keys.map(nameOf);
  const place = placeOf(header.key);
  const last = names.pop() ?? '';
  let parent = root;
  for (const name of names) parent = below(parent, name, place);
  const into = header.kind === 'array' ? appendTable(parent, last, place) : below(parent, last, place);
  return { pairs: header.body.map((item) => ({ into, item })) };
}

function appendTable(parent: TomlTable, name: string, place: Place): TomlTable {
  const made = table(place);
  const known = parent.entries.get(name)?.node;
  if (known?.type === 'array') known.items.push(made);
  else parent.entries.set(name, { node: { type: 'array', items: [made], place }, place });
  return made;
}

function addPair(parent: TomlTable, pair: AST.TOMLKeyValue): void {
  const keys = [...pair.key.keys];
  const last = keys.pop();
  if (last === undefined) return;
  let into = parent;
  for (const key of keys) into = below(into, nameOf(key), placeOf(key));
  into.entries.set(nameOf(last), { node: valueOf(pair.value), place: placeOf(pair.key) });
}

function valueOf(content: AST.TOMLContentNode): TomlNode {
  const place = placeOf(content);
  if (content.type === 'TOMLArray') return { type: 'array', items: content.elements.map(valueOf), place };
  if (content.type === 'TOMLInlineTable') {
    const made = table(place);
    for (const pair of content.body) addPair(made, pair);
    return made;
  }
  return scalarOf(content, place);
}

function scalarOf(content: AST.TOMLValue, place: Place): TomlScalar {
  switch (content.kind) {
    case 'string':
    case 'integer':
    case 'float':
    case 'boolean':
      return { type: content.kind, value: content.value, place };
    default:
      return { type: 'date', value: String(content.value), place };
  }
}
