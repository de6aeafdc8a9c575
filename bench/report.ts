/** Medians, ratios and the table. */
import type { Way } from './measure.js';

export type Samples = Record<Way, number[]>;

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

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}

export function row(name: string, samples: Samples): Row {
  const [native, qemu, culm] = [median(samples.native), median(samples.qemu), median(samples.culm)];
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

export function table(title: string, rows: readonly Row[]): string {
  const line = (...cells: string[]): string =>
    (cells[0] ?? '').padEnd(14) +
    cells
      .slice(1)
      .map((cell) => cell.padStart(12))
      .join('');
  const ms = (value: number): string => value.toFixed(1);
  const body = rows.map((r) =>
    line(
      r.name,
      ms(r.native),
      ms(r.qemu),
      ms(r.culm),
      `${r.timesNative.toFixed(2)}x`,
      `${r.fasterThanQemu.toFixed(2)}x`,
      `${r.spread.toFixed(2)}`,
    ),
  );
  const means = line(
    'geom. mean',
    '',
    '',
    '',
    `${geometricMean(rows.map((r) => r.timesNative)).toFixed(2)}x`,
    `${geometricMean(rows.map((r) => r.fasterThanQemu)).toFixed(2)}x`,
  );
  const head = line('', 'native ms', 'qemu ms', 'culm ms', 'of native', 'over qemu', 'spread');
  return [title, head, ...body, means].join('\n') + '\n';
}
