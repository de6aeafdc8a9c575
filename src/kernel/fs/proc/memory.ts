/** /proc/<pid>/{clear_refs,coredump_filter,map_files,mem,pagemap}: a process's memory itself (proc(5)). */
import { constant, kind } from '../../checkpoint/registry.js';
import { PAGE_SIZE } from '../../../machine/layout.js';
import { seekWithoutEnd } from '../seek.js';
import { EINVAL, ENOENT } from '../../errno.js';
import type { Errno } from '../../errno.js';
import { data, dir, family, file, link } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import type { Handle, HandleOperations, Location, Sink } from '../types.js';
import type { AreaView, MemoryView, ProcessView } from './subject-process.js';
import { mayRead, ownerOf, sameProcess } from './task.js';
import type { OfProcess, TaskSubject } from './task.js';
import { hex, writtenNumber } from './text.js';

/** What is opened of a process that has no memory any more. */
const EMPTY: HandleOperations = { seekable: true, read: () => 0, write: () => 0 };

const ENTRY_SIZE = 8;
/** Bits 63, 61 and 56 of an entry, in its upper half (Documentation/admin-guide/mm/pagemap.rst). */
const PRESENT = 0x80000000;
const OF_FILE = 0x20000000;
const EXCLUSIVE = 0x01000000;

/** Eight bytes a page; frames' numbers are for CAP_SYS_ADMIN. */
class Pagemap implements HandleOperations {
  readonly seekable = true;

  constructor(
    private readonly memory: MemoryView,
    private readonly showFrames: boolean,
  ) {}

  /** mem_lseek: there is no end. */
  seek(handle: Handle, offset: number, whence: number): number | Errno {
    return seekWithoutEnd(handle, offset, whence);
  }

  read(_handle: Handle, sink: Sink, position: number): number | Errno {
    if (position % ENTRY_SIZE !== 0 || sink.remaining % ENTRY_SIZE !== 0) return EINVAL;
    const pages = Math.ceil(this.memory.end / PAGE_SIZE) - position / ENTRY_SIZE;
    const count = Math.max(0, Math.min(pages, sink.remaining / ENTRY_SIZE, PAGE_SIZE));
    const bytes = new Uint8Array(count * ENTRY_SIZE);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < count; i++) this.fill(view, i * ENTRY_SIZE, (position / ENTRY_SIZE + i) * PAGE_SIZE);
    return sink.put(bytes, 0, bytes.length);
  }

  private fill(view: DataView, at: number, address: number): void {
    const page = this.memory.page(address);
    if (page === null) return;
    const bits = PRESENT + (page.anonymous ? 0 : OF_FILE) + (page.exclusive ? EXCLUSIVE : 0);
    view.setUint32(at, this.showFrames ? page.frame : 0, true);
    view.setUint32(at + 4, bits, true);
  }

  write(): Errno {
    return EINVAL;
  }
}

const CAP_SYS_ADMIN = 21;

function openPagemap({ process: { memory }, kernel }: TaskSubject): HandleOperations {
  return memory === null ? EMPTY : new Pagemap(memory, kernel.capable(CAP_SYS_ADMIN));
}

interface AreaSubject extends OfProcess {
  readonly process: ProcessView;
  readonly name: string;
  readonly area: AreaView;
}

function areaName({ start, end }: AreaView): string {
  return `${hex(start, 1)}-${hex(end, 1)}`;
}

function mapped(process: ProcessView): readonly AreaView[] {
  return (process.memory?.areas() ?? []).filter(({ file: of }) => of !== null);
}

function findArea({ process }: TaskSubject, name: string): AreaSubject | null {
  const area = mapped(process).find((candidate) => areaName(candidate) === name);
  return area === undefined ? null : { process, name, area };
}

const areas = {
  label: '<start>-<end>',
  find: findArea,
  list: ({ process }: TaskSubject) => mapped(process).map(areaName),
  order: (name: string) => Number.parseInt(name, 16) / PAGE_SIZE,
  same: (a: AreaSubject, b: AreaSubject) => a.name === b.name && sameProcess(a, b),
};

const areaLink = link<AreaSubject>('', ({ area }): Location | Errno => area.file?.place ?? ENOENT, {
  mode: ({ area }) => (area.file?.writable === true ? 0o600 : 0o400),
  owner: ownerOf,
  size: 64,
  access: mayRead,
});

const CLEAR = [null, 'all', 'anonymous', 'mapped'] as const;
const CLEAR_PEAK = 5;

/** proc_pid_clear_refs(5); soft-dirty bits (4) are not kept. */
function clearReferences({ process: { memory } }: TaskSubject, bytes: Uint8Array): 0 | Errno {
  const wanted = writtenNumber(bytes, 1, CLEAR_PEAK);
  if (wanted === null) return EINVAL;
  const which = CLEAR[wanted] ?? null;
  if (which !== null) memory?.clearReferenced(which);
  if (wanted === CLEAR_PEAK) memory?.resetPeak();
  return 0;
}

function setCoredumpFilter({ process }: TaskSubject, bytes: Uint8Array): 0 | Errno {
  const value = writtenNumber(bytes, 0, 0xffffffff);
  if (value === null) return EINVAL;
  process.coredumpFilter = value & 0x1ff;
  return 0;
}

/** What processes and threads have. */
export const memoryRows: readonly Row<TaskSubject>[] = [
  file('clear_refs', '', { mode: 0o200, save: clearReferences, note: 'soft-dirty bits are not kept' }),
  data('mem', 0o600, ({ process: { memory } }) => memory?.openRaw() ?? EMPTY, {
    access: mayRead,
    note: 'also what the program itself may not read or write',
  }),
  data('pagemap', 0o400, openPagemap, { access: mayRead, note: "frames of the sandbox's own memory" }),
];

/** No pages are merged (Documentation/admin-guide/mm/ksm.rst). */
const KSM_STAT = 'ksm_rmap_items 0\nksm_zero_pages 0\nksm_merging_pages 0\nksm_process_profit 0\n';

/** What a process has as a whole. */
export const processMemoryRows: readonly Row<TaskSubject>[] = [
  file('coredump_filter', ({ process }) => `${hex(process.coredumpFilter, 8)}\n`, {
    save: setCoredumpFilter,
    note: 'kept and inherited; no core files are written',
  }),
  file('ksm_merging_pages', '0\n', { mode: 0o400, access: mayRead, note: 'pages are not merged: 0' }),
  file('ksm_stat', KSM_STAT, { mode: 0o400, access: mayRead, note: 'pages are not merged: 0' }),
  dir('map_files', [family(areas, areaLink)], {
    mode: 0o500,
    access: mayRead,
    note: 'followed with the same rights as read (Linux: CAP_CHECKPOINT_RESTORE)',
  }),
];

kind('Pagemap', Pagemap);
constant('proc.empty', EMPTY);
