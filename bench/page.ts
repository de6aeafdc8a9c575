/** docs/bench.md and its pictures, from bench/results/latest.json. Run as a program it writes them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BENCHES } from './groups.js';
import { geometricMean, type Figure, type Group, type Row } from './report.js';
import { bars, number } from './svg.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const RESULTS = `${root}/bench/results/latest.json`;
const PAGE = `${root}/docs/bench.md`;
const PICTURES = `${root}/docs/bench`;

export interface Results {
  readonly node: string;
  readonly groups: Readonly<Record<string, Group>>;
}

/** The last recorded run of each group. */
export function recorded(): Results {
  return JSON.parse(readFileSync(RESULTS, 'utf8')) as Results;
}

const HEAD = `# How fast it is

Times of programs natively, under qemu-x86_64 and under Culm, taken in turn on one machine; \`npm run bench\` measures them anew and
shows in red what has got worse by more than a tenth, \`npm run bench -- --record\` makes that the recorded run and writes this page.
Whatever else the machine does is in them: ratios tell more than times. Each program ran six times under Culm before (until
commit e50535c once), from an empty cache on, since translated code is kept for the next run; a program's first run takes two to three times as long.
`;

function summary(rows: readonly Figure[]): string {
  const compared = rows.filter((row): row is Row => 'qemu' in row);
  if (compared.length < 2) return '';
  const mean = (of: (row: Row) => number): string => geometricMean(compared.map(of)).toFixed(2);
  const faster = compared.filter((row) => row.fasterThanQemu > 1).length;
  return `Geometric mean: ${mean((row) => row.timesNative)} times native, ${mean((row) => row.fasterThanQemu)} times as fast as qemu-x86_64; faster than it in ${faster} of ${compared.length}.\n`;
}

function details({ rows, unit }: Group): string {
  const isCompared = rows.some((row) => 'qemu' in row);
  const titles = isCompared ? ['', 'native', 'qemu-x86_64', 'Culm', 'spread'] : ['', 'Culm'];
  const lines = rows.map((row) => {
    const cells = 'qemu' in row ? cellsOf(row as Row) : [row.name, number(row.culm)];
    return `| ${cells.join(' | ')} |`;
  });
  const rule = titles.map((_, i) => (i === 0 ? '---' : '--:'));
  const head = [`| ${titles.join(' | ')} |`, `| ${rule.join(' | ')} |`];
  return `<details><summary>Figures (${unit})</summary>\n\n${[...head, ...lines].join('\n')}\n\n</details>\n`;
}

function cellsOf({ name, native, qemu, culm, spread }: Row): string[] {
  return [name, number(native), number(qemu), number(culm), spread.toFixed(2)];
}

function section(name: string, title: string, group: Group): string {
  const runs = group.rounds === 1 ? 'one run' : `the median of ${group.rounds} runs`;
  return [
    `## ${title}\n`,
    `Commit ${group.commit}, ${runs}.\n`,
    `![${title}](bench/${name}.svg)\n`,
    summary(group.rows),
    details(group),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

/** The page, and the pictures by their names. */
export function pageOf({ node, groups }: Results): { page: string; pictures: ReadonlyMap<string, string> } {
  const known = Object.entries(BENCHES).flatMap(([name, { title }]) => {
    const group = groups[name];
    return group === undefined ? [] : [{ name, title, group }];
  });
  return {
    page: [
      HEAD,
      `Node.js ${node}.\n`,
      ...known.map(({ name, title, group }) => section(name, title, group)),
    ].join('\n'),
    pictures: new Map(known.map(({ name, title, group }) => [`${name}.svg`, bars(title, group)])),
  };
}

export function writePage(results: Results): void {
  const { page, pictures } = pageOf(results);
  mkdirSync(PICTURES, { recursive: true });
  writeFileSync(PAGE, page);
  for (const [name, picture] of pictures) writeFileSync(`${PICTURES}/${name}`, picture);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writePage(recorded());
