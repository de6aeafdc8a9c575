/** /proc/<pid>/{stat,statm,status}: one process or thread in numbers (proc(5)). */
import { PAGE_SIZE } from '../../../machine/layout.js';
import { PROT_EXEC, PROT_WRITE } from '../../abi/mman.js';
import { file } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import type { AreaView, MemoryView, ProcessView, ThreadView } from './subject-process.js';
import type { TaskSubject } from './task.js';
import { cpuList, cpuMask, hexSet, kib, ticks } from './text.js';

function sizeOf(areas: readonly AreaView[], wanted: (area: AreaView) => boolean): number {
  let bytes = 0;
  for (const area of areas) if (wanted(area)) bytes += area.end - area.start;
  return bytes;
}

interface Sizes {
  readonly total: number;
  readonly data: number;
  readonly stack: number;
  readonly locked: number;
  readonly code: number;
  readonly libraries: number;
  readonly shmemPages: number;
}

function isShared(area: AreaView): boolean {
  return area.shared && (area.file === null || area.file.fs.type === 'tmpfs');
}

function sizes(memory: MemoryView): Sizes {
  const areas = memory.areas();
  const { startCode, endCode } = memory.layout;
  const isData = (area: AreaView) => (area.prot & PROT_WRITE) !== 0 && !area.shared && !area.growsDown;
  const isCode = (area: AreaView) => (area.prot & (PROT_EXEC | PROT_WRITE)) === PROT_EXEC && !area.growsDown;
  const code = Math.ceil(endCode / PAGE_SIZE) * PAGE_SIZE - Math.floor(startCode / PAGE_SIZE) * PAGE_SIZE;
  return {
    total: sizeOf(areas, () => true),
    data: sizeOf(areas, isData),
    stack: sizeOf(areas, (area) => area.growsDown),
    locked: sizeOf(areas, (area) => area.locked),
    code,
    libraries: Math.max(0, sizeOf(areas, isCode) - code),
    shmemPages: areas.filter(isShared).reduce((sum, area) => sum + area.resident.file, 0),
  };
}

/** 2^64 - 1: what RLIMIT_RSS is when there is no limit. */
const UNLIMITED = '18446744073709551615';

/** Who may not read the process is not told where anything lies. */
function memoryFields({ memory, readable }: ProcessView): (number | string)[] {
  if (memory === null) return [0, 0, UNLIMITED, 0, 0, 0];
  const { layout } = memory;
  const rss = memory.rssAnonPages + memory.rssFilePages;
  const size = sizeOf(memory.areas(), () => true);
  const places = readable ? [layout.startCode, layout.endCode, layout.startStack] : [1, 1, 0];
  return [size, rss, UNLIMITED, ...places];
}

function layoutFields({ memory, readable }: ProcessView): number[] {
  if (memory === null || !readable) return [0, 0, 0, 0, 0, 0, 0];
  const { layout } = memory;
  const { startData, endData, argStart, argEnd, envStart, envEnd } = layout;
  return [startData, endData, memory.startBrk, argStart, argEnd, envStart, envEnd];
}

/** Realtime threads show below zero; the others 20 and their nice value. */
function priority(process: ProcessView, thread: ThreadView): number {
  return thread.realtimePriority > 0 ? -1 - thread.realtimePriority : 20 + process.nice;
}

export function stat({ process: p, thread: t, whole }: TaskSubject): string {
  const { cpuMs, systemMs } = whole ? p : t;
  const fields: (number | string)[] = [
    whole ? p.pid : t.tid,
    `(${t.name})`,
    t.state,
    p.ppid,
    p.pgid,
    p.sid,
    p.ttyDevice,
    p.ttyGroup,
    4194304,
    whole ? p.minorFaults : t.minorFaults,
    p.childMinorFaults,
    whole ? p.majorFaults : t.majorFaults,
    p.childMajorFaults,
    ticks(cpuMs - systemMs),
    ticks(systemMs),
    ticks(p.childCpuMs - p.childSystemMs),
    ticks(p.childSystemMs),
    priority(p, t),
    p.nice,
    p.threads().length,
    0,
    ticks(whole ? p.startedMs : t.startedMs),
    ...memoryFields(p),
    0,
    0,
    t.pending.lo & 0x7fffffff,
    t.blocked.lo & 0x7fffffff,
    p.ignored.lo & 0x7fffffff,
    p.caught.lo & 0x7fffffff,
    p.readable && t.call !== null ? 1 : 0,
    0,
    0,
    whole ? p.exitSignal : -1,
    0,
    t.realtimePriority,
    t.policy,
    0,
    0,
    0,
    ...layoutFields(p),
    p.readable ? p.exitStatus : 0,
  ];
  return `${fields.join(' ')}\n`;
}

export function statm({ process }: TaskSubject): string {
  const { memory } = process;
  if (memory === null) return '0 0 0 0 0 0 0\n';
  const { total, code, data, stack } = sizes(memory);
  const pages = [
    total / PAGE_SIZE,
    memory.rssAnonPages + memory.rssFilePages,
    memory.rssFilePages,
    code / PAGE_SIZE,
    0,
    (data + stack) / PAGE_SIZE,
    0,
  ];
  return `${pages.join(' ')}\n`;
}

const STATE_NAMES: Readonly<Record<ThreadView['state'], string>> = {
  R: 'running',
  S: 'sleeping',
  D: 'disk sleep',
  T: 'stopped',
  t: 'tracing stop',
  Z: 'zombie',
  X: 'dead',
};

type Line = readonly [name: string, value: string | number];

function memoryLines(memory: MemoryView): Line[] {
  const kb = (bytes: number) => `${String(kib(bytes)).padStart(8)} kB`;
  const pages = (count: number) => kb(count * PAGE_SIZE);
  const { total, locked, data, stack, code, libraries, shmemPages } = sizes(memory);
  const rss = memory.rssAnonPages + memory.rssFilePages;
  return [
    ['VmPeak', kb(Math.max(memory.peakSize, total))],
    ['VmSize', kb(total)],
    ['VmLck', kb(locked)],
    ['VmPin', kb(0)],
    ['VmHWM', pages(Math.max(memory.peakRssPages, rss))],
    ['VmRSS', pages(rss)],
    ['RssAnon', pages(memory.rssAnonPages)],
    ['RssFile', pages(Math.max(0, memory.rssFilePages - shmemPages))],
    ['RssShmem', pages(shmemPages)],
    ['VmData', kb(data)],
    ['VmStk', kb(stack)],
    ['VmExe', kb(code)],
    ['VmLib', kb(libraries)],
    ['VmPTE', kb(memory.pageTableBytes)],
    ['VmSwap', kb(0)],
    ['HugetlbPages', kb(0)],
  ];
}

function identityLines({ process: p, thread: t, whole }: TaskSubject): Line[] {
  return [
    ['Name', t.name],
    ['Umask', p.umask.toString(8).padStart(4, '0')],
    ['State', `${t.state} (${STATE_NAMES[t.state]})`],
    ['Tgid', p.pid],
    ['Ngid', 0],
    ['Pid', whole ? p.pid : t.tid],
    ['PPid', p.ppid],
    ['TracerPid', 0],
    ['Uid', p.cred.uids.join('\t')],
    ['Gid', p.cred.gids.join('\t')],
    ['FDSize', p.files?.capacity ?? 0],
    ['Groups', p.cred.groups.map((gid) => `${gid} `).join('') || ' '],
    ['NStgid', p.pid],
    ['NSpid', whole ? p.pid : t.tid],
    ['NSpgid', p.pgid],
    ['NSsid', p.sid],
  ];
}

function signalLines({ process: p, thread: t }: TaskSubject): Line[] {
  const sigpending = p.limits[11]?.current ?? 0;
  const names = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'];
  return [
    ['SigQ', `${p.queued}/${sigpending}`],
    ['SigPnd', hexSet(t.pending)],
    ['ShdPnd', hexSet(p.pending)],
    ['SigBlk', hexSet(t.blocked)],
    ['SigIgn', hexSet(p.ignored)],
    ['SigCgt', hexSet(p.caught)],
    ...names.map((name, i): Line => [name, hexSet(p.cred.capabilities[i] ?? { lo: 0, hi: 0 })]),
    ['NoNewPrivs', p.cred.noNewPrivs ? 1 : 0],
    ['Seccomp', 0],
    ['Seccomp_filters', 0],
  ];
}

export function status(task: TaskSubject): string {
  const { process, thread, kernel } = task;
  const cpus = thread.affinity ?? Array.from({ length: kernel.cpus }, (_cpu, index) => index);
  const lines: Line[] = [
    ...identityLines(task),
    ...(process.memory === null ? [] : memoryLines(process.memory)),
    ['CoreDumping', 0],
    ['THP_enabled', 1],
    ['Threads', process.threads().length],
    ...signalLines(task),
    ['Speculation_Store_Bypass', 'not vulnerable'],
    ['SpeculationIndirectBranch', 'not affected'],
    ['Cpus_allowed', cpuMask(cpus)],
    ['Cpus_allowed_list', cpuList(cpus)],
    ['Mems_allowed', '1'],
    ['Mems_allowed_list', '0'],
    ['voluntary_ctxt_switches', thread.voluntarySwitches],
    ['nonvoluntary_ctxt_switches', thread.involuntarySwitches],
  ];
  return lines.map(([name, value]) => `${name}:\t${value}\n`).join('');
}

export const statusRows: readonly Row<TaskSubject>[] = [
  file('stat', stat, { note: "the kernel's part of the time is sampled" }),
  file('statm', statm),
  file('status', status),
];
