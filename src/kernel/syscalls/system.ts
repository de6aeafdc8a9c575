import { SEG_FS, SEG_GS } from '../../machine/layout.js';
import { CAP_SYS_ADMIN } from '../abi/capability.js';
import { EFAULT, EINVAL, ENOSYS, EPERM, ESRCH, type Errno } from '../errno.js';
import { TASK_SIZE } from '../mm/vma.js';
import { mayInspect } from '../process/access.js';
import { setU64 } from '../process/registers.js';
import type { Thread } from '../process/thread.js';
import { RELEASE, VERSION } from '../version.js';
import type { Args } from '../types.js';
import type { ThreadRow } from './row.js';
import { $buffer, $view, clearBuffer, writeStruct } from './user.js';

/** struct new_utsname: six fields of so many bytes. */
const UTS_FIELD = 65;

function putText(at: number, text: string, limit: number): void {
  for (let i = 0; i < Math.min(text.length, limit); i++) $buffer[at + i] = text.charCodeAt(i);
}

const PER_LINUX32 = 0x0008;
const PER_MASK = 0xff;

function sysUname({ process }: Thread, args: Args): number {
  const { hostname, domainname } = process.kernel;
  const machine = (process.personality & PER_MASK) === PER_LINUX32 ? 'i686' : 'x86_64';
  clearBuffer(6 * UTS_FIELD);
  ['Linux', hostname, RELEASE, VERSION, machine, domainname].forEach((text, i) =>
    putText(i * UTS_FIELD, text, UTS_FIELD - 1),
  );
  return writeStruct(process.memory, args.addr(0), 6 * UTS_FIELD);
}

/** sethostname and setdomainname: only with CAP_SYS_ADMIN, which a container's root lacks. */
function setName({ process }: Thread, args: Args, field: 'hostname' | 'domainname'): number {
  if (!process.cred.capable(CAP_SYS_ADMIN)) return EPERM;
  const length = args.int(1);
  if (length < 0 || length >= UTS_FIELD) return EINVAL;
  const failed = process.memory.copyIn(args.addr(0), $buffer, 0, length);
  if (failed < 0) return failed;
  process.kernel.rename(field, String.fromCharCode(...$buffer.subarray(0, length)));
  return 0;
}

const SYSINFO_SIZE = 112;
/** 1 << SI_LOAD_SHIFT: what a load of 1 is in struct sysinfo. */
const LOAD_UNIT = 65536;

function sysSysinfo({ process }: Thread, args: Args): number {
  const { kernel } = process;
  const { frames } = kernel.machine;
  clearBuffer(SYSINFO_SIZE);
  setU64($view, 0, Math.floor(kernel.clock.nowMs() / 1000));
  for (const [i, load] of kernel.loadAverages.at(kernel.clock.nowMs(), kernel.runnable).entries())
    setU64($view, 8 + 8 * i, Math.round(load * LOAD_UNIT));
  setU64($view, 32, frames.total * 4096);
  setU64($view, 40, frames.free * 4096);
  setU64($view, 48, kernel.pageCounts.shmem * 4096);
  $view.setUint16(80, Math.min(kernel.threads.size, 0xffff), true);
  $view.setUint32(104, 1, true);
  return writeStruct(process.memory, args.addr(0), SYSINFO_SIZE);
}

const ARCH_SET_GS = 0x1001;
const ARCH_SET_FS = 0x1002;
const ARCH_GET_FS = 0x1003;
const ARCH_GET_GS = 0x1004;

function sysArchPrctl({ process }: Thread, args: Args): number {
  const { registers } = process.kernel;
  const code = args.int(0);
  const addr = args.addr(1);
  if (code === ARCH_SET_FS || code === ARCH_SET_GS) {
    if (addr >= TASK_SIZE) return EPERM;
    registers.setSegmentBase(code === ARCH_SET_FS ? SEG_FS : SEG_GS, addr);
    return 0;
  }
  if (code !== ARCH_GET_FS && code !== ARCH_GET_GS) return EINVAL;
  setU64($view, 0, registers.segmentBase(code === ARCH_GET_FS ? SEG_FS : SEG_GS));
  return writeStruct(process.memory, addr, 8);
}

const GRND_NONBLOCK = 1;
const GRND_RANDOM = 2;
const GRND_INSECURE = 4;
const MAX_RANDOM = 0x2000000 - 1;
const RANDOM_CHUNK = 65536;

function sysGetrandom({ process }: Thread, args: Args): number {
  const flags = args.uint(2);
  if ((flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) !== 0) return EINVAL;
  if ((flags & (GRND_RANDOM | GRND_INSECURE)) === (GRND_RANDOM | GRND_INSECURE)) return EINVAL;
  const sink = process.memory.sink(args.addr(0), Math.min(args.size(1), MAX_RANDOM));
  if (typeof sink === 'number') return sink;
  const bytes = new Uint8Array(Math.min(sink.remaining, RANDOM_CHUNK));
  let done = 0;
  while (sink.remaining > 0) {
    const wanted = Math.min(sink.remaining, bytes.length);
    process.kernel.host.random(bytes.subarray(0, wanted));
    const count = sink.put(bytes, 0, wanted);
    done += count;
    if (count < wanted) return done === 0 ? EFAULT : done;
  }
  return done;
}

function sysPersonality({ process }: Thread, args: Args): number {
  const old = process.personality;
  if (args.uint(0) !== 0xffffffff) process.personality = args.uint(0);
  return old;
}

function sysGetRobustList(thread: Thread, args: Args): number {
  const { process } = thread;
  const pid = args.int(0);
  const target = pid === 0 ? thread : process.kernel.threads.get(pid);
  if (target === undefined) return ESRCH;
  if (!mayInspect(process, target.process)) return EPERM;
  setU64($view, 0, ROBUST_HEAD_SIZE);
  if (writeStruct(process.memory, args.addr(2), 8) < 0) return EFAULT;
  setU64($view, 0, target.robustHead);
  return writeStruct(process.memory, args.addr(1), 8);
}

const ROBUST_HEAD_SIZE = 24;

const KCMP_TYPES = 8;

/** kcmp(2): 0 for the same object, 1 and 2 for an order that lasts. */
function sysKcmp({ process }: Thread, args: Args): number {
  const { kernel } = process;
  const [a, b] = [kernel.processOf(args.int(0)), kernel.processOf(args.int(1))];
  if (a === null || b === null) return ESRCH;
  if (!mayInspect(process, a) || !mayInspect(process, b)) return EPERM;
  const type = args.int(2);
  if (type < 0 || type >= KCMP_TYPES) return EINVAL;
  const pairs: readonly (readonly [unknown, unknown])[] = [
    [a.files.get(args.int(3)), b.files.get(args.int(4))],
    [a.mm, b.mm],
    [a.files, b.files],
    [a.fs, b.fs],
    [a.handlers, b.handlers],
  ];
  const pair = pairs[type] ?? [a, b];
  const bad = pair.find((side) => typeof side === 'number');
  if (bad !== undefined) return bad as Errno;
  return pair[0] === pair[1] ? 0 : a.pid < b.pid ? 1 : 2;
}

/** Calls that a container's root may not make. */
const FORBIDDEN: readonly (readonly [number, string])[] = [
  [101, 'ptrace'],
  [103, 'syslog'],
  [153, 'vhangup'],
  [163, 'acct'],
  [167, 'swapon'],
  [168, 'swapoff'],
  [169, 'reboot'],
  [172, 'iopl'],
  [173, 'ioperm'],
  [175, 'init_module'],
  [176, 'delete_module'],
  [179, 'quotactl'],
  [246, 'kexec_load'],
  [298, 'perf_event_open'],
  [305, 'clock_adjtime'],
  [310, 'process_vm_readv'],
  [311, 'process_vm_writev'],
  [313, 'finit_module'],
  [320, 'kexec_file_load'],
  [321, 'bpf'],
];

/** Calls that Linux can be built without, and that programs can do without. */
const ABSENT: readonly (readonly [number, string])[] = [
  [139, 'sysfs'],
  [156, '_sysctl'],
  [206, 'io_setup'],
  [207, 'io_destroy'],
  [208, 'io_getevents'],
  [209, 'io_submit'],
  [210, 'io_cancel'],
  [248, 'add_key'],
  [249, 'request_key'],
  [250, 'keyctl'],
  [317, 'seccomp'],
  [323, 'userfaultfd'],
  [333, 'io_pgetevents'],
  [425, 'io_uring_setup'],
  [426, 'io_uring_enter'],
  [427, 'io_uring_register'],
  [444, 'landlock_create_ruleset'],
];

function refusals(list: readonly (readonly [number, string])[], result: Errno): ThreadRow[] {
  const note = result === EPERM ? 'always EPERM' : 'always ENOSYS';
  return list.map(([number, name]) => ({ number, name, args: [], run: () => result, note }));
}

export const systemRows: readonly ThreadRow[] = [
  { number: 63, name: 'uname', args: ['addr'], run: sysUname },
  { number: 99, name: 'sysinfo', args: ['addr'], run: sysSysinfo },
  { number: 135, name: 'personality', args: ['hex'], run: sysPersonality },
  { number: 158, name: 'arch_prctl', args: ['arch-code', 'addr'], run: sysArchPrctl },
  {
    number: 170,
    name: 'sethostname',
    args: ['string', 'size'],
    run: (thread, args) => setName(thread, args, 'hostname'),
  },
  {
    number: 171,
    name: 'setdomainname',
    args: ['string', 'size'],
    run: (thread, args) => setName(thread, args, 'domainname'),
  },
  { number: 274, name: 'get_robust_list', args: ['pid', 'addr', 'addr'], run: sysGetRobustList },
  { number: 312, name: 'kcmp', args: ['pid', 'pid', 'int', 'hex', 'hex'], run: sysKcmp },
  { number: 318, name: 'getrandom', args: ['buffer-out', 'size', 'rand-flags'], run: sysGetrandom },
  ...refusals(FORBIDDEN, EPERM),
  ...refusals(ABSENT, ENOSYS),
];
