/** Bars: a group of figures as an SVG picture. Equal figures give equal pictures. */
import type { Figure, Group, Row } from './report.js';

const LABELS = 190;
const BARS = 450;
const VALUES = 160;
const WIDTH = LABELS + BARS + VALUES;
const TOP = 34;
const BAR = 9;
const GAP = 9;

const STYLE = `text{font:12px system-ui,sans-serif;fill:#333}.axis{stroke:#888;stroke-dasharray:2 3}.native{stroke:#2a9d4a;stroke-width:1.5}.qemu{fill:#a9b2bd}.culm{fill:#2f74d0}.dim{fill:#777}@media(prefers-color-scheme:dark){text{fill:#ddd}.dim{fill:#999}.qemu{fill:#69737f}.culm{fill:#5b9cf2}}`;

interface Bar {
  readonly kind: 'qemu' | 'culm';
  readonly value: number;
  readonly text: string;
}
interface BarRow {
  readonly name: string;
  readonly bars: readonly Bar[];
}

const isCompared = (figure: Figure): figure is Row => 'qemu' in figure;
const escape = (text: string): string =>
  text.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c] ?? c);

export function number(value: number): string {
  if (value >= 1000) return value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ',');
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

/** Where values lie on the picture: from the left edge of the bars, 0 to 1. */
interface Scale {
  readonly place: (value: number) => number;
  readonly ticks: readonly number[];
}

/** Ratios: a step a factor of 10, so that 2x and half are as far from 1x. */
function logarithmic(values: readonly number[]): Scale {
  const low = Math.floor(Math.log10(Math.min(1, ...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(1, ...values))));
  return {
    place: (value) => (Math.log10(value) - low) / (high - low),
    ticks: Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)),
  };
}

function linear(values: readonly number[]): Scale {
  const most = Math.max(...values, Number.MIN_VALUE);
  return { place: (value) => value / most, ticks: [] };
}

function picture(title: string, legend: string, rows: readonly BarRow[], scale: Scale, unit: string): string {
  const heights = rows.map(({ bars }) => bars.length * BAR + GAP);
  const bottom = TOP + heights.reduce((sum, height) => sum + height, 0);
  const x = (value: number): string => (LABELS + BARS * scale.place(value)).toFixed(1);
  const ticks = scale.ticks.map((tick) => {
    const line = `<line class="${tick === 1 ? 'native' : 'axis'}" x1="${x(tick)}" x2="${x(tick)}" y1="${TOP - 6}" y2="${bottom}"/>`;
    return `${line}<text class="dim" x="${x(tick)}" y="${bottom + 14}" text-anchor="middle">${tick}${unit}</text>`;
  });
  let y = TOP;
  const body = rows.map(({ name, bars }, i) => {
    const middle = y + (bars.length * BAR) / 2 + 4;
    const drawn = bars.map(({ kind, value, text }, k) => {
      const width = Math.max(1, BARS * scale.place(value)).toFixed(1);
      return `<rect class="${kind}" x="${LABELS}" y="${y + k * BAR}" width="${width}" height="${BAR - 1}"><title>${escape(`${name}, ${kind}: ${text}`)}</title></rect>`;
    });
    const value = bars[bars.length - 1]?.text ?? '';
    y += heights[i] ?? 0;
    return `<text x="${LABELS - 8}" y="${middle}" text-anchor="end">${escape(name)}</text>${drawn.join('')}<text class="dim" x="${LABELS + BARS + 10}" y="${middle}">${escape(value)}</text>`;
  });
  const height = bottom + 22;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>${escape(title)}</title><style>${STYLE}</style>`,
    `<text x="${LABELS}" y="16">${legend}</text>`,
    ...ticks,
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

/** Beside native where that was measured, else as they are. */
export function bars(title: string, group: Group): string {
  const compared = group.rows.filter(isCompared);
  if (compared.length === 0) {
    const rows = group.rows.map(({ name, culm }): BarRow => ({
      name,
      bars: [{ kind: 'culm', value: culm, text: `${number(culm)} ${group.unit}` }],
    }));
    const legend = `<tspan class="dim">${escape(group.unit)}, shorter is better</tspan>`;
    return picture(title, legend, rows, linear(group.rows.map(({ culm }) => culm)), '');
  }
  const rows = compared.map((row): BarRow => {
    const qemu = row.qemu / row.native;
    return {
      name: row.name,
      bars: [
        { kind: 'qemu', value: qemu, text: `${number(qemu)}x native` },
        {
          kind: 'culm',
          value: row.timesNative,
          text: `${number(row.timesNative)}x native, ${number(row.culm)} ${group.unit}`,
        },
      ],
    };
  });
  const legend =
    '<tspan class="culm">■ Culm</tspan> <tspan class="qemu">■ qemu-x86_64</tspan> <tspan class="dim">time beside native’s (the line at 1x), shorter is better</tspan>';
  const values = rows.flatMap((row) => row.bars.map(({ value }) => value));
  return picture(title, legend, rows, logarithmic(values), 'x');
}
