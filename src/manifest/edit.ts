/** Changes to a manifest's text that leave the rest of it as it is. */
import { parseTOML, type AST } from 'toml-eslint-parser';

type Item = Readonly<Record<string, string>>;
type Range = readonly [number, number];

/** The ranges of text in which an array stands: one value, or a table for each item; and where a new one can be put. */
function rangesOf(text: string, path: readonly string[]): { value: Range | null; tables: Range[] } {
  const [top] = parseTOML(text, { tomlVersion: '1.0' }).body;
  const tables: Range[] = [];
  let value: Range | null = null;
  const look = (pair: AST.TOMLKeyValue, before: readonly string[]): void => {
    const names = [...before, ...pair.key.keys.map(nameOf)];
    if (samePath(names, path)) value = pair.value.range;
    else if (pair.value.type === 'TOMLInlineTable') for (const inner of pair.value.body) look(inner, names);
  };
  for (const item of top.body) {
    if (item.type === 'TOMLKeyValue') {
      look(item, []);
      continue;
    }
    const names = item.key.keys.map(nameOf);
    if (item.kind === 'array' && samePath(names, path)) tables.push(item.range);
    else for (const pair of item.body) look(pair, names);
  }
  return { value, tables };
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === 'TOMLBare' ? key.name : key.value;
}

function samePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

/** A basic string; JSON's escapes are among TOML's. */
function inlineTable(item: Item): string {
  const fields = Object.entries(item).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
  return `{ ${fields.join(', ')} }`;
}

function tableOf(path: readonly string[], item: Item): string {
  const fields = Object.entries(item).map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`);
  return `\n[[${path.join('.')}]]\n${fields.join('')}`;
}

/** Puts other items into the array at `path`, which is there. */
export function replaceArray(text: string, path: readonly string[], items: readonly Item[]): string {
  const { value, tables } = rangesOf(text, path);
  if (value !== null) {
    const lines = items.map((item) => `  ${inlineTable(item)},\n`).join('');
    return `${text.slice(0, value[0])}[\n${lines}]${text.slice(value[1])}`;
  }
  let kept = text;
  for (const [start, end] of tables.toReversed()) kept = kept.slice(0, start) + kept.slice(end);
  return `${kept.trimEnd()}\n${items.map((item) => tableOf(path, item)).join('')}`;
}
