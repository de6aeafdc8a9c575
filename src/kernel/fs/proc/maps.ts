/** /proc/<pid>/{maps,smaps,smaps_rollup,numa_maps}: the areas of an address space (proc(5)). */
import { PAGE_SIZE } from '../../../machine/layout.js';
import { PROT_EXEC, PROT_READ, PROT_WRITE } from '../../abi/mman.js';
import { file } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import { deviceText } from './locks.js';
import type { AreaView, ResidentView } from './subject-process.js';
import { mayRead } from './task.js';
import type { TaskSubject } from './task.js';
import { hex, kib } from './text.js';

/** Where the name begins. */
const NAME_COLUMN = 73;

function permissions({ prot, shared }: AreaView): string {
  const letter = (bit: number, name: string) => ((prot & bit) !== 0 ? name : '-');
  return letter(PROT_READ, 'r') + letter(PROT_WRITE, 'w') + letter(PROT_EXEC, 'x') + (shared ? 's' : 'p');
}

function nameOf(task: TaskSubject, area: AreaView): string {
  const place = area.file?.place ?? null;
  if (place !== null) return task.kernel.path(place, task.process.root).replace(/\n/g, '\\012');
  return area.file === null && area.shared && area.name === '' ? '/dev/zero (deleted)' : area.name;
}

function line(task: TaskSubject, area: AreaView): string {
  const { file: mapped } = area;
  const head =
    `${hex(area.start, 8)}-${hex(area.end, 8)} ${permissions(area)} ${hex(area.offset, 8)} ` +
    `${deviceText(mapped?.fs.dev ?? 0)} ${mapped?.ino ?? 0}`;
  const name = nameOf(task, area);
  return name === '' ? `${head} \n` : `${head.padEnd(NAME_COLUMN - 1)} ${name}\n`;
}

export function maps(task: TaskSubject): string {
  const areas = task.process.memory?.areas() ?? [];
  return areas.map((area) => line(task, area)).join('');
}

type Amounts = readonly (readonly [name: string, bytes: number])[];

function amounts({ resident: r, locked }: AreaView): Amounts {
  const rss = r.anon + r.file;
  const pages: Amounts = [
    ['Rss', rss],
    ['Pss', r.proportional],
    ['Pss_Dirty', r.proportionalDirty],
    ['Shared_Clean', r.sharedClean],
    ['Shared_Dirty', r.sharedDirty],
    ['Private_Clean', r.privateClean],
    ['Private_Dirty', r.privateDirty],
    ['Referenced', r.referenced],
    ['Anonymous', r.anon],
    ['LazyFree', 0],
    ['AnonHugePages', 0],
    ['ShmemPmdMapped', 0],
    ['FilePmdMapped', 0],
    ['Shared_Hugetlb', 0],
    ['Private_Hugetlb', 0],
    ['Swap', 0],
    ['SwapPss', 0],
    ['Locked', locked ? r.proportional : 0],
  ];
  return pages.map(([name, count]) => [name, count * PAGE_SIZE]);
}

function amountLine(name: string, bytes: number): string {
  return `${`${name}:`.padEnd(15)} ${`${kib(bytes)}`.padStart(8)} kB\n`;
}

/** The two-letter names of show_smap_vma_flags; any mapping may be made to allow everything here. */
function flags({ prot, shared, growsDown, locked, advice }: AreaView): string {
  const letters = [
    (prot & PROT_READ) !== 0 ? 'rd' : '',
    (prot & PROT_WRITE) !== 0 ? 'wr' : '',
    (prot & PROT_EXEC) !== 0 ? 'ex' : '',
    shared ? 'sh' : '',
    'mr',
    'mw',
    'me',
    shared ? 'ms' : '',
    growsDown ? 'gd' : '',
    locked ? 'lo' : '',
    'ac',
    ...advice,
  ];
  return letters.filter((letter) => letter !== '').join(' ');
}

export function smaps(task: TaskSubject): string {
  let text = '';
  for (const area of task.process.memory?.areas() ?? []) {
    text += line(task, area) + amountLine('Size', area.end - area.start);
    text += amountLine('KernelPageSize', PAGE_SIZE) + amountLine('MMUPageSize', PAGE_SIZE);
    for (const [name, bytes] of amounts(area)) text += amountLine(name, bytes);
    text += `THPeligible:    0\nVmFlags: ${flags(area)} \n`;
  }
  return text;
}

/** Proportional pages by what is behind them, as smaps_rollup has them. */
function proportions(areas: readonly AreaView[]): Amounts {
  const sum = (wanted: (area: AreaView) => boolean) =>
    areas.filter(wanted).reduce((total, { resident }) => total + resident.proportional * PAGE_SIZE, 0);
  return [
    ['Pss_Anon', sum((area) => area.file === null && !area.shared)],
    ['Pss_File', sum((area) => area.file !== null && area.file.fs.type !== 'tmpfs')],
    ['Pss_Shmem', sum((area) => (area.file === null ? area.shared : area.file.fs.type === 'tmpfs'))],
  ];
}

export function smapsRollup(task: TaskSubject): string {
  const areas = task.process.memory?.areas() ?? [];
  const [first, last] = [areas[0], areas.at(-1)];
  if (first === undefined || last === undefined) return '';
  const sums = new Map<string, number>();
  for (const area of areas) {
    for (const [name, bytes] of amounts(area)) sums.set(name, (sums.get(name) ?? 0) + bytes);
  }
  const lines = [...sums].flatMap(([name, bytes]): Amounts => {
    return name === 'Pss_Dirty' ? [[name, bytes], ...proportions(areas)] : [[name, bytes]];
  });
  const head = `${hex(first.start, 8)}-${hex(last.end, 8)} ---p 00000000 00:00 0`;
  return `${head.padEnd(NAME_COLUMN - 1)} [rollup]\n${lines.map(([name, bytes]) => amountLine(name, bytes)).join('')}`;
}

/** One node holds all memory; a page that the process alone has is dirty. */
function numaMaps(task: TaskSubject): string {
  const one = (area: AreaView): string => {
    const { anon, file: mapped }: ResidentView = area.resident;
    const name = nameOf(task, area);
    const words = [
      area.file !== null ? `file=${name}` : name === '[heap]' ? 'heap' : name === '[stack]' ? 'stack' : '',
      anon > 0 ? `anon=${anon} dirty=${anon}` : '',
      mapped > 0 ? `mapped=${mapped}` : '',
      anon + mapped > 0 ? `N0=${anon + mapped} kernelpagesize_kB=4` : '',
    ];
    return [hex(area.start, 8), 'default', ...words.filter((word) => word !== '')].join(' ');
  };
  return (task.process.memory?.areas() ?? []).map((area) => `${one(area)}\n`).join('');
}

export const mapsRows: readonly Row<TaskSubject>[] = [
  file('maps', maps, { access: mayRead }),
  file('numa_maps', numaMaps, { access: mayRead }),
  file('smaps', smaps, {
    access: mayRead,
    note: 'each page is looked at; running code counts as no reference',
  }),
  file('smaps_rollup', smapsRollup, { access: mayRead }),
];
