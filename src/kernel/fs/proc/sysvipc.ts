/** /proc/sysvipc, and the limits of System V IPC in /proc/sys/kernel (sysvipc(7), proc(5)). */
import { EINVAL } from '../../errno.js';
import type { Errno } from '../../errno.js';
import { dir, file } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import type { KernelView } from './subject.js';
import { written } from './text.js';

interface ObjectView {
  readonly key: number;
  readonly id: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly cuid: number;
  readonly cgid: number;
  readonly ctime: number;
}

export interface SegmentView extends ObjectView {
  readonly size: number;
  readonly cpid: number;
  readonly lpid: number;
  readonly attachments: number;
  readonly atime: number;
  readonly dtime: number;
  readonly residentBytes: number;
}

export interface SemaphoresView extends ObjectView {
  readonly values: { readonly length: number };
  readonly otime: number;
}

export interface QueueView extends ObjectView {
  readonly bytes: number;
  readonly messages: { readonly length: number };
  readonly lspid: number;
  readonly lrpid: number;
  readonly stime: number;
  readonly rtime: number;
}

const MQUEUE_LIMITS = ['msg_default', 'msg_max', 'msgsize_default', 'msgsize_max', 'queues_max'] as const;
type MqueueLimit = (typeof MQUEUE_LIMITS)[number];

/** The kernel's System V IPC; limits can be changed. */
export interface IpcView {
  readonly shm: {
    /** Infinity: ULONG_MAX - 2^24. */
    readonly limits: { shmmax: number; shmall: number; shmmni: number };
    readonly segments: { list(): readonly SegmentView[] };
  };
  readonly sem: {
    readonly limits: { semmsl: number; semmns: number; semopm: number; semmni: number };
    readonly arrays: { list(): readonly SemaphoresView[] };
  };
  readonly msg: {
    readonly limits: { msgmax: number; msgmnb: number; msgmni: number };
    readonly queues: { list(): readonly QueueView[] };
  };
  /** Of POSIX message queues. */
  readonly mqueue: { readonly limits: Record<MqueueLimit, number> };
}

/** Numbers in columns of so many characters, a space between; mode in octal. */
function columns(values: readonly (readonly [number | string, number])[]): string {
  return `${values.map(([value, width]) => `${value}`.padStart(width)).join(' ')}\n`;
}

function owners({ uid, gid, cuid, cgid }: ObjectView): (readonly [number, number])[] {
  return [uid, gid, cuid, cgid].map((id) => [id, 5]);
}

/** The first columns of all three files. */
function head({ key, id, mode }: ObjectView): (readonly [number | string, number])[] {
  return [
    [key, 10],
    [id, 10],
    [` ${mode.toString(8).padStart(4)}`, 5],
  ];
}

const SHM_TITLE =
  '       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid' +
  '      atime      dtime      ctime                   rss                  swap\n';

function shm({ ipc }: KernelView): string {
  const lines = ipc.shm.segments
    .list()
    .map((segment) =>
      columns([
        ...head(segment),
        [segment.size, 21],
        [segment.cpid, 5],
        [segment.lpid, 5],
        [segment.attachments, 6],
        ...owners(segment),
        [segment.atime, 10],
        [segment.dtime, 10],
        [segment.ctime, 10],
        [segment.residentBytes, 21],
        [0, 21],
      ]),
    );
  return SHM_TITLE + lines.join('');
}

const SEM_TITLE = '       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n';

function sem({ ipc }: KernelView): string {
  const lines = ipc.sem.arrays
    .list()
    .map((array) =>
      columns([
        ...head(array),
        [array.values.length, 10],
        ...owners(array),
        [array.otime, 10],
        [array.ctime, 10],
      ]),
    );
  return SEM_TITLE + lines.join('');
}

const MSG_TITLE =
  '       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid' +
  '      stime      rtime      ctime\n';

function msg({ ipc }: KernelView): string {
  const lines = ipc.msg.queues
    .list()
    .map((queue) =>
      columns([
        ...head(queue),
        [queue.bytes, 11],
        [queue.messages.length, 10],
        [queue.lspid, 5],
        [queue.lrpid, 5],
        ...owners(queue),
        [queue.stime, 10],
        [queue.rtime, 10],
        [queue.ctime, 10],
      ]),
    );
  return MSG_TITLE + lines.join('');
}

export const sysvipcRow: Row<KernelView> = dir('sysvipc', [
  file('msg', msg),
  file('sem', sem),
  file('shm', shm),
]);

const INT_MAX = 0x7fffffff;
const UNLIMITED = '18446744073692774399';
const UNLIMITED_FROM = 2 ** 64 - 2 ** 24;

/** Numbers that the kernel goes by, in one file: what `keys` name, between 0 and `max`. */
function numbers<Limits>(
  name: string,
  limitsOf: (kernel: KernelView) => Limits,
  keys: readonly (keyof Limits)[],
  max: number,
): Row<KernelView> {
  const show = (kernel: KernelView): string =>
    keys
      .map((key) => (limitsOf(kernel)[key] === Infinity ? UNLIMITED : `${limitsOf(kernel)[key] as number}`))
      .join('\t');
  const save = (kernel: KernelView, bytes: Uint8Array): 0 | Errno => {
    const words = written(bytes).trim().split(/\s+/).slice(0, keys.length);
    for (const word of words) if (!/^[0-9]{1,20}$/.test(word) || Number(word) > max) return EINVAL;
    words.forEach((word, i) => {
      const value = Number(word);
      limitsOf(kernel)[keys[i]] = (value >= UNLIMITED_FROM ? Infinity : value) as Limits[keyof Limits];
    });
    return 0;
  };
  return file(name, (kernel) => `${show(kernel)}\n`, { save });
}

export const IPC_SYSCTLS: readonly Row<KernelView>[] = [
  numbers('msgmax', ({ ipc }) => ipc.msg.limits, ['msgmax'], INT_MAX),
  numbers('msgmnb', ({ ipc }) => ipc.msg.limits, ['msgmnb'], INT_MAX),
  numbers('msgmni', ({ ipc }) => ipc.msg.limits, ['msgmni'], 32768),
  numbers('sem', ({ ipc }) => ipc.sem.limits, ['semmsl', 'semmns', 'semopm', 'semmni'], INT_MAX),
  numbers('shmall', ({ ipc }) => ipc.shm.limits, ['shmall'], 2 ** 64),
  numbers('shmmax', ({ ipc }) => ipc.shm.limits, ['shmmax'], 2 ** 64),
  numbers('shmmni', ({ ipc }) => ipc.shm.limits, ['shmmni'], 32768),
];

export const mqueueSysctls: Row<KernelView> = dir(
  'mqueue',
  MQUEUE_LIMITS.map((name) => numbers(name, ({ ipc }) => ipc.mqueue.limits, [name], INT_MAX)),
);
