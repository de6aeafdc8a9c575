/** Medians, ratios, goals, and the table. */
import type { Way } from './measure.js';

export type Samples = Record<Way, number[]>;

export function noSamples(): Samples {
  return { native: [], qemu: [], culm: [] };
}

export interface Row {
  readonly name: string;
  readonly native: number;
  readonly qemu: number;
  readonly culm: number;
  /** How many times as long as native; how many times as fast as qemu-x86_64. */
  readonly timesNative: number;
  readonly fasterThanQemu: number;
  /** Culm's slowest run over its fastest. */
  readonly spread: number;
}

/** A figure that only Culm has. */
export interface Figure {
  readonly name: string;
  readonly culm: number;
}

/** What a figure should stay below, or how many times as fast as under qemu-x86_64 it should be; either suffices or both are due. */
export interface Goal {
  readonly below?: number;
  readonly timesQemu?: number;
  readonly either?: boolean;
}

export interface Group<T extends Figure = Figure> {
  readonly commit: string;
  readonly rounds: number;
  readonly unit: string;
  readonly rows: readonly T[];
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}

export function least(values: readonly number[]): number {
  return Math.min(...values);
}

/** `typical` makes one figure of several. */
export function row(name: string, samples: Samples, typical = median): Row {
  const [native, qemu, culm] = [typical(samples.native), typical(samples.qemu), typical(samples.culm)];
  return {
    name,
    native,
    qemu,
    culm,
    timesNative: culm / native,
    fasterThanQemu: qemu / culm,
    spread: Math.max(...samples.culm) / Math.min(...samples.culm),
  };
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Worse by more than a tenth, both as it is and beside native, as the machine may be busier than it was then. */
const WORSE = 1.1;

export function isWorse(now: Figure, before: Figure | undefined): boolean {
  if (before === undefined || now.culm <= before.culm * WORSE) return false;
  const [ratio, ratioBefore] = [timesNative(now), timesNative(before)];
  return ratio === undefined || ratioBefore === undefined || ratio > ratioBefore * WORSE;
}

function timesNative(figure: Figure): number | undefined {
  return 'timesNative' in figure ? (figure as Row).timesNative : undefined;
}

export function isReached(figure: Figure, { below, timesQemu, either }: Goal): boolean {
  const low = below === undefined || figure.culm < below;
  const fast = timesQemu === undefined || ('qemu' in figure && (figure as Row).fasterThanQemu >= timesQemu);
  return either === true ? low || fast : low && fast;
}

function goalText(figure: Figure, goal: Goal | undefined): string {
  if (goal === undefined) return '';
  const parts = [
    goal.below === undefined ? '' : `< ${goal.below}`,
    goal.timesQemu === undefined ? '' : `${goal.timesQemu}x qemu`,
  ];
  const text = parts.filter((part) => part !== '').join(goal.either === true ? ' or ' : ', ');
  return `${text} ${isReached(figure, goal) ? '✓' : '✗'}`;
}

const RED = '\u001b[31m';
const PLAIN = '\u001b[0m';
const COLUMNS = ['', 'native', 'qemu', 'culm', 'of native', 'over qemu', 'spread', 'goal', ''];

function number(value: number): string {
  return value.toFixed(value < 100 ? 2 : 0);
}

function cellsOf(figure: Figure): string[] {
  if (!('qemu' in figure)) return [figure.name, '', '', number(figure.culm), '', '', ''];
  const r = figure as Row;
  const ratios = [`${number(r.timesNative)}x`, `${number(r.fasterThanQemu)}x`, r.spread.toFixed(2)];
  return [r.name, number(r.native), number(r.qemu), number(r.culm), ...ratios];
}

function line(cells: readonly string[], width: number): string {
  const widths = [width, 11, 11, 11, 11, 11, 8, 24];
  return cells
    .map((cell, i) => (i === 0 ? cell.padEnd(widths[0] ?? 0) : ` ${cell.padStart(widths[i] ?? 0)}`))
    .join('')
    .trimEnd();
}

/** A group as text; red what is worse than in `before`. */
export function table(
  title: string,
  group: Group,
  before: Group | undefined,
  goals: ReadonlyMap<string, Goal> = new Map(),
): string {
  const width = Math.max(14, ...group.rows.map((r) => r.name.length));
  const body = group.rows.map((r) => {
    const old = before?.rows.find((other) => other.name === r.name);
    const worse = isWorse(r, old);
    const text = line(
      [...cellsOf(r), goalText(r, goals.get(r.name)), worse ? `was ${number(old?.culm ?? 0)}` : ''],
      width,
    );
    return worse ? RED + text + PLAIN : text;
  });
  const compared = group.rows.filter((r): r is Row => 'qemu' in r);
  const mean = (of: (r: Row) => number): string => `${geometricMean(compared.map(of)).toFixed(2)}x`;
  const means = line(
    ['geom. mean', '', '', '', mean((r) => r.timesNative), mean((r) => r.fasterThanQemu)],
    width,
  );
  return [`${title} (${group.unit})`, line(COLUMNS, width), ...body, ...(compared.length > 1 ? [means] : [])]
    .join('\n')
    .concat('\n');
}
