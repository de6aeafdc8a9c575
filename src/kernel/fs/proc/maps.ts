/** /proc/<pid>/{maps,smaps,smaps_rollup}: the areas of an address space (proc(5)). */
import { PAGE_SIZE } from '../../../machine/layout.js';
import { PROT_EXEC, PROT_READ, PROT_WRITE } from '../../abi/mman.js';
import type { AreaView } from './subject.js';
import type { TaskSubject } from './status.js';
import { hex, kib } from './text.js';

/** Where the name begins. */
const NAME_COLUMN = 73;

function permissions({ prot, shared }: AreaView): string {
  const letter = (bit: number, name: string) => ((prot & bit) !== 0 ? name : '-');
  return letter(PROT_READ, 'r') + letter(PROT_WRITE, 'w') + letter(PROT_EXEC, 'x') + (shared ? 's' : 'p');
}

function device(dev: number): string {
  return `${hex((dev >>> 8) & 0xfff, 2)}:${hex((dev & 0xff) | ((dev >>> 12) & 0xfff00), 2)}`;
}

function nameOf(task: TaskSubject, area: AreaView): string {
  const place = area.file?.place ?? null;
  if (place !== null) return task.kernel.path(place, task.process.root).replace(/\n/g, '\\012');
  return area.file === null && area.shared && area.name === '' ? '/dev/zero (deleted)' : area.name;
}

function line(task: TaskSubject, area: AreaView): string {
  const { file } = area;
  const head =
    `${hex(area.start, 8)}-${hex(area.end, 8)} ${permissions(area)} ${hex(area.offset, 8)} ` +
    `${device(file?.fs.dev ?? 0)} ${file?.ino ?? 0}`;
  const name = nameOf(task, area);
  return name === '' ? `${head} \n` : `${head.padEnd(NAME_COLUMN - 1)} ${name}\n`;
}

export function maps(task: TaskSubject): string {
  const areas = task.process.memory?.areas() ?? [];
  return areas.map((area) => line(task, area)).join('');
}

type Amounts = readonly (readonly [name: string, bytes: number])[];

/** Pages of the process's own count as private and written, those of files as shared and clean. */
function amounts(area: AreaView): Amounts {
  const anon = area.residentAnonPages * PAGE_SIZE;
  const file = area.residentFilePages * PAGE_SIZE;
  return [
    ['Rss', anon + file],
    ['Pss', anon + file],
    ['Pss_Dirty', anon],
    ['Shared_Clean', file],
    ['Shared_Dirty', 0],
    ['Private_Clean', 0],
    ['Private_Dirty', anon],
    ['Referenced', anon + file],
    ['Anonymous', anon],
    ['KSM', 0],
    ['LazyFree', 0],
    ['AnonHugePages', 0],
    ['ShmemPmdMapped', 0],
    ['FilePmdMapped', 0],
    ['Shared_Hugetlb', 0],
    ['Private_Hugetlb', 0],
    ['Swap', 0],
    ['SwapPss', 0],
    ['Locked', area.locked ? anon + file : 0],
  ];
}

function amountLine(name: string, bytes: number): string {
  return `${`${name}:`.padEnd(16)}${String(kib(bytes)).padStart(8)} kB\n`;
}

/** The two-letter flags of smaps that can be told here. */
function flags({ prot, shared, growsDown, locked }: AreaView): string {
  const letters = [
    (prot & PROT_READ) !== 0 ? 'rd' : '',
    (prot & PROT_WRITE) !== 0 ? 'wr' : '',
    (prot & PROT_EXEC) !== 0 ? 'ex' : '',
    shared ? 'sh' : '',
    'mr',
    'mw',
    'me',
    growsDown ? 'gd' : '',
    locked ? 'lo' : '',
    'ac',
  ];
  return letters.filter((letter) => letter !== '').join(' ');
}

export function smaps(task: TaskSubject): string {
  let text = '';
  for (const area of task.process.memory?.areas() ?? []) {
    text += line(task, area) + amountLine('Size', area.end - area.start);
    text += amountLine('KernelPageSize', PAGE_SIZE) + amountLine('MMUPageSize', PAGE_SIZE);
    for (const [name, bytes] of amounts(area)) text += amountLine(name, bytes);
    text += `THPeligible:           0\nVmFlags: ${flags(area)} \n`;
  }
  return text;
}

export function smapsRollup(task: TaskSubject): string {
  const areas = task.process.memory?.areas() ?? [];
  const [first, last] = [areas[0], areas.at(-1)];
  if (first === undefined || last === undefined) return '';
  const sums = new Map<string, number>();
  for (const area of areas) {
    for (const [name, bytes] of amounts(area)) sums.set(name, (sums.get(name) ?? 0) + bytes);
  }
  const head = `${hex(first.start, 8)}-${hex(last.end, 8)} ---p 00000000 00:00 0`;
  return `${head.padEnd(NAME_COLUMN - 1)} [rollup]\n${[...sums].map(([name, bytes]) => amountLine(name, bytes)).join('')}`;
}
