/** A profile as a text for people. */
import type { Profile } from '../kernel/profile/types.js';

type Column = { readonly title: string; readonly left?: boolean };

const FUNCTIONS = 25;
const CALLS = 15;
const REGIONS = 15;
const WIDEST = 60;

function aligned(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map(({ title }, i) =>
    Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) =>
        columns[i]?.left === true ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)];
}

const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 0);
/** Long names have their middle left out: packages stand at the start, what matters at the end. */
const cut = (text: string): string =>
  text.length > WIDEST ? `${text.slice(0, WIDEST / 2 - 3)}...${text.slice(-WIDEST / 2)}` : text;
const right = (title: string): Column => ({ title });
const left = (title: string): Column => ({ title, left: true });

function section(
  title: string,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  most: number,
): string[] {
  if (rows.length === 0) return [];
  const more = rows.length > most ? [`(${rows.length - most} more)`] : [];
  return ['', title, ...aligned(columns, rows.slice(0, most)), ...more];
}

/** Where the time went: by part, function, system call, exit of code, and region. */
export function profileTable(profile: Profile): string {
  const { programsMs, otherMs, wallMs } = profile;
  const share = (part: number): string => `${((100 * part) / Math.max(programsMs, 1e-9)).toFixed(1)}%`;
  const lines = [
    `profile: ${ms(wallMs)} ms, of which programs ${ms(programsMs)} ms and Culm besides them ${ms(otherMs)} ms`,
    ...section(
      'Parts',
      [right('share'), right('ms'), left('')],
      profile.parts.map((part) => [share(part.ms), ms(part.ms), part.name]),
      Infinity,
    ),
    ...section(
      'Functions by their own time',
      [
        right('share'),
        right('self ms'),
        right('total ms'),
        right('interpreted'),
        left('function'),
        left('file'),
      ],
      profile.functions
        .filter(({ selfMs }) => selfMs > 0)
        .map(({ name, file, selfMs, totalMs, interpretedMs }) => [
          share(selfMs),
          ms(selfMs),
          ms(totalMs),
          interpretedMs === 0 ? '' : ms(interpretedMs),
          cut(name),
          file,
        ]),
      FUNCTIONS,
    ),
    ...section(
      'System calls by time in the kernel',
      [right('count'), right('total ms'), right('mean us'), left('')],
      profile.calls.map(({ name, count, totalMs }) => [
        `${count}`,
        ms(totalMs),
        ((1000 * totalMs) / Math.max(count, 1)).toFixed(2),
        name,
      ]),
      CALLS,
    ),
    ...section(
      'Exits of code',
      [right('count'), left('')],
      profile.exits.map(({ reason, count }) => [`${count}`, reason]),
      Infinity,
    ),
    ...section(
      `Regions by their own time: ${regionsSum(profile)}`,
      [
        right('self ms'),
        right('insns'),
        right('bytes'),
        right('wasm'),
        right('write ms'),
        right('compile ms'),
        left('region'),
        left('file'),
      ],
      profile.regions.map(
        ({ selfMs, instructions, codeBytes, wasmBytes, writeMs, compileMs, name, file }) => [
          ms(selfMs),
          `${instructions}`,
          `${codeBytes}`,
          `${wasmBytes}`,
          ms(writeMs),
          ms(compileMs),
          cut(name),
          file,
        ],
      ),
      REGIONS,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function regionsSum({ regions }: Profile): string {
  const sum = (of: (region: Profile['regions'][number]) => number): number =>
    regions.reduce((total, region) => total + of(region), 0);
  const kib = Math.round(sum(({ wasmBytes }) => wasmBytes) / 1024);
  return `${regions.length}, ${kib} KiB of WebAssembly, written in ${ms(sum((r) => r.writeMs))} ms, compiled at once in ${ms(sum((r) => r.compileMs))} ms`;
}
