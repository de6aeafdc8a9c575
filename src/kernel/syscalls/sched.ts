import { CAP_SYS_NICE } from '../abi/capability.js';
import { RLIMIT_NICE, RLIMIT_RTPRIO } from '../abi/resource.js';
import {
  SCHED_BATCH,
  SCHED_DEADLINE,
  SCHED_FIFO,
  SCHED_IDLE,
  SCHED_OTHER,
  SCHED_RESET_ON_FORK,
  SCHED_RR,
} from '../abi/sched.js';
import { E2BIG, EACCES, EFAULT, EINVAL, EPERM, ESRCH, type Errno } from '../errno.js';
import type { Process } from '../process/process.js';
import { writeCpu } from '../process/rseq.js';
import { isRealtime } from '../process/scheduler.js';
import { getU64, setU64 } from '../process/registers.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import type { ThreadRow } from './row.js';
import { $view, clearBuffer, readStruct, writePair, writeStruct } from './user.js';

/** The thread that a pid argument names; 0 is the caller. */
function threadOf(thread: Thread, pid: number): Thread | Errno {
  if (pid < 0) return EINVAL;
  const { threads } = thread.process.kernel;
  return pid === 0 ? thread : (threads.get(pid) ?? ESRCH);
}

/** The same for affinities, where a negative number is merely one that nobody has. */
function affinityTarget(thread: Thread, pid: number): Thread | Errno {
  return pid < 0 ? ESRCH : threadOf(thread, pid);
}

function mayChange(caller: Process, target: Process): boolean {
  const { euid } = caller.cred;
  return euid === target.cred.ruid || euid === target.cred.euid || caller.cred.capable(CAP_SYS_NICE);
}

function sysSchedYield(thread: Thread): number {
  thread.yields = true;
  thread.process.kernel.mustSwitch = true;
  return 0;
}

/** -1 for what is no policy. */
function maxPriority(policy: number): number {
  if (isRealtime(policy)) return 99;
  return [SCHED_OTHER, SCHED_BATCH, SCHED_IDLE, SCHED_DEADLINE].includes(policy) ? 0 : -1;
}

function setPolicy(caller: Thread, pid: number, policy: number, priority: number): number {
  const target = threadOf(caller, pid);
  if (typeof target === 'number') return target;
  const plain = policy & ~SCHED_RESET_ON_FORK;
  const highest = maxPriority(plain);
  if (highest < 0 || plain === SCHED_DEADLINE || priority < 0 || priority > highest) return EINVAL;
  if (isRealtime(plain) ? priority === 0 : priority !== 0) return EINVAL;
  if (!mayChange(caller.process, target.process)) return EPERM;
  const unprivileged = !caller.process.cred.capable(CAP_SYS_NICE);
  if (unprivileged && isRealtime(plain) && priority > target.process.limit(RLIMIT_RTPRIO)) return EPERM;
  target.policy = policy;
  target.realtimePriority = priority;
  reschedule(target);
  return 0;
}

/** What decides about its turn has changed: it may have to wait, or another to run at once. */
function reschedule(target: Thread): void {
  const { kernel } = target.process;
  kernel.scheduler.reconsider(target);
  kernel.mustSwitch = true;
}

function sysSchedSetscheduler(thread: Thread, args: Args): number {
  if (args.addr(2) === 0 || args.int(1) < 0) return EINVAL;
  const priority = thread.process.memory.readU32(args.addr(2));
  return priority < 0 ? EFAULT : setPolicy(thread, args.int(0), args.int(1), priority | 0);
}

function sysSchedSetparam(thread: Thread, args: Args): number {
  if (args.addr(1) === 0) return EINVAL;
  const priority = thread.process.memory.readU32(args.addr(1));
  if (priority < 0) return EFAULT;
  const target = threadOf(thread, args.int(0));
  return typeof target === 'number' ? target : setPolicy(thread, args.int(0), target.policy, priority | 0);
}

function sysSchedGetparam(thread: Thread, args: Args): number {
  const target = threadOf(thread, args.int(0));
  if (args.addr(1) === 0) return EINVAL;
  return typeof target === 'number'
    ? target
    : thread.process.memory.writeU32(args.addr(1), target.realtimePriority);
}

function sysSchedGetscheduler(thread: Thread, args: Args): number {
  const target = threadOf(thread, args.int(0));
  return typeof target === 'number' ? target : target.policy;
}

/** SCHED_RR's slice on Linux, and what the fair scheduler says for others. */
const RR_INTERVAL_NS = 100_000_000;
const FAIR_INTERVAL_NS = 4_000_000;

function sysSchedRrGetInterval(thread: Thread, args: Args): number {
  const target = threadOf(thread, args.int(0));
  if (typeof target === 'number') return target;
  const plain = target.policy & ~SCHED_RESET_ON_FORK;
  const interval = plain === SCHED_RR ? RR_INTERVAL_NS : plain === SCHED_FIFO ? 0 : FAIR_INTERVAL_NS;
  return writePair(thread.process.memory, args.addr(1), 0, interval);
}

/** Bytes of the mask of processors: whole words. */
function maskSize(cpus: number): number {
  return 8 * Math.ceil(cpus / 64);
}

function sysSchedGetaffinity(thread: Thread, args: Args): number {
  const { process } = thread;
  const size = args.uint(1);
  const { cpus } = process.kernel;
  if (size * 8 < cpus || size % 8 !== 0) return EINVAL;
  const target = affinityTarget(thread, args.int(0));
  if (typeof target === 'number') return target;
  const length = Math.min(size, maskSize(cpus));
  const mask = new Uint8Array(length);
  for (let cpu = 0; cpu < cpus; cpu++) if (target.allowsCpu(cpu)) mask[cpu >> 3] |= 1 << (cpu & 7);
  const failed = process.memory.copyOut(args.addr(2), mask, 0, length);
  return failed < 0 ? failed : length;
}

function sysSchedSetaffinity(thread: Thread, args: Args): number {
  const { process } = thread;
  const { cpus } = process.kernel;
  const mask = new Uint8Array(maskSize(cpus));
  const failed = process.memory.copyIn(args.addr(2), mask, 0, Math.min(args.uint(1), mask.length));
  if (failed < 0) return failed;
  const target = affinityTarget(thread, args.int(0));
  if (typeof target === 'number') return target;
  if (!mayChange(process, target.process)) return EPERM;
  const allowed: number[] = [];
  for (let cpu = 0; cpu < cpus; cpu++) if ((mask[cpu >> 3] & (1 << (cpu & 7))) !== 0) allowed.push(cpu);
  if (allowed.length === 0) return EINVAL;
  target.affinity = allowed;
  if (target.rseq !== 0) writeCpu(target.process.memory, target.rseq, target.cpuNumber);
  return 0;
}

function sysGetcpu({ process, cpuNumber: cpu }: Thread, args: Args): number {
  if (args.addr(0) !== 0 && process.memory.writeU32(args.addr(0), cpu) < 0) return EFAULT;
  return args.addr(1) !== 0 ? process.memory.writeU32(args.addr(1), 0) : 0;
}

/** struct sched_attr, first version. */
const ATTR_SIZE = 48;
const SCHED_FLAG_RESET_ON_FORK = 1;

function sysSchedGetattr(thread: Thread, args: Args): number {
  const [size, flags] = [args.uint(2), args.uint(3)];
  if (args.addr(1) === 0 || size < ATTR_SIZE || size > 4096 || flags !== 0) return EINVAL;
  const target = threadOf(thread, args.int(0));
  if (typeof target === 'number') return target;
  clearBuffer(ATTR_SIZE);
  $view.setUint32(0, ATTR_SIZE, true);
  $view.setUint32(4, target.policy & ~SCHED_RESET_ON_FORK, true);
  const resets = (target.policy & SCHED_RESET_ON_FORK) !== 0;
  setU64($view, 8, resets ? SCHED_FLAG_RESET_ON_FORK : 0);
  $view.setInt32(16, target.nice, true);
  $view.setUint32(20, target.realtimePriority, true);
  return writeStruct(thread.process.memory, args.addr(1), ATTR_SIZE);
}

function sysSchedSetattr(thread: Thread, args: Args): number {
  const { memory } = thread.process;
  if (args.addr(1) === 0 || args.uint(2) !== 0) return EINVAL;
  const failed = readStruct(memory, args.addr(1), ATTR_SIZE);
  if (failed < 0) return failed;
  const size = $view.getUint32(0, true);
  if (size !== 0 && size < ATTR_SIZE) return E2BIG;
  const resets = (getU64($view, 8) & SCHED_FLAG_RESET_ON_FORK) !== 0 ? SCHED_RESET_ON_FORK : 0;
  const [policy, nice, priority] = [
    $view.getUint32(4, true),
    $view.getInt32(16, true),
    $view.getUint32(20, true),
  ];
  const set = setPolicy(thread, args.int(0), policy | resets, priority);
  const target = threadOf(thread, args.int(0));
  if (set < 0 || typeof target === 'number') return set;
  return policy === SCHED_OTHER ? setNice(thread, target, nice) : 0;
}

const PRIO_PROCESS = 0;
const PRIO_PGRP = 1;
const PRIO_USER = 2;

/** The threads that getpriority's and setpriority's arguments name. */
/** Threads that PRIO_* and a number mean. */
export function whose(thread: Thread, which: number, who: number): Thread[] | Errno {
  const { process } = thread;
  const { kernel } = process;
  if (which === PRIO_PROCESS) {
    const target = who === 0 ? thread : kernel.threads.get(who);
    return target === undefined ? [] : [target];
  }
  const all = [...kernel.threads.values()];
  if (which === PRIO_PGRP)
    return all.filter((other) => other.process.pgid === (who === 0 ? process.pgid : who));
  if (which !== PRIO_USER) return EINVAL;
  return all.filter((other) => other.process.cred.ruid === (who === 0 ? process.cred.ruid : who));
}

function sysGetpriority(thread: Thread, args: Args): number {
  const targets = whose(thread, args.int(0), args.int(1));
  if (typeof targets === 'number') return targets;
  return targets.length === 0 ? ESRCH : 20 - Math.min(...targets.map((target) => target.nice));
}

function sysSetpriority(thread: Thread, args: Args): number {
  const targets = whose(thread, args.int(0), args.int(1));
  if (typeof targets === 'number') return targets;
  let result: number = ESRCH;
  for (const target of targets) {
    const set = setNice(thread, target, args.int(2));
    if (set < 0 || result === ESRCH) result = set;
  }
  return result;
}

function setNice(caller: Thread, target: Thread, wanted: number): 0 | Errno {
  const nice = Math.max(-20, Math.min(19, wanted));
  if (!mayChange(caller.process, target.process)) return EPERM;
  const allowed = caller.process.cred.capable(CAP_SYS_NICE) || 20 - nice <= target.process.limit(RLIMIT_NICE);
  if (nice < target.nice && !allowed) return EACCES;
  target.nice = nice;
  reschedule(target);
  return 0;
}

const ONE_PROCESSOR = 'has no effect: all threads take turns on one processor';

export const schedRows: readonly ThreadRow[] = [
  { number: 24, name: 'sched_yield', args: [], run: sysSchedYield },
  { number: 140, name: 'getpriority', args: ['int', 'int'], run: sysGetpriority },
  { number: 141, name: 'setpriority', args: ['int', 'int', 'int'], run: sysSetpriority },
  { number: 142, name: 'sched_setparam', args: ['pid', 'addr'], run: sysSchedSetparam },
  { number: 143, name: 'sched_getparam', args: ['pid', 'addr'], run: sysSchedGetparam },
  {
    number: 144,
    name: 'sched_setscheduler',
    args: ['pid', 'int', 'addr'],
    run: sysSchedSetscheduler,
  },
  { number: 145, name: 'sched_getscheduler', args: ['pid'], run: sysSchedGetscheduler },
  {
    number: 146,
    name: 'sched_get_priority_max',
    args: ['int'],
    run: (_thread, args) => (maxPriority(args.int(0)) < 0 ? EINVAL : maxPriority(args.int(0))),
  },
  {
    number: 147,
    name: 'sched_get_priority_min',
    args: ['int'],
    run: (_thread, args) => (maxPriority(args.int(0)) < 0 ? EINVAL : Math.min(1, maxPriority(args.int(0)))),
  },
  { number: 148, name: 'sched_rr_get_interval', args: ['pid', 'timespec-out'], run: sysSchedRrGetInterval },
  {
    number: 203,
    name: 'sched_setaffinity',
    args: ['pid', 'uint', 'addr'],
    run: sysSchedSetaffinity,
    note: ONE_PROCESSOR,
  },
  { number: 204, name: 'sched_getaffinity', args: ['pid', 'uint', 'addr'], run: sysSchedGetaffinity },
  { number: 309, name: 'getcpu', args: ['addr', 'addr', 'addr'], run: sysGetcpu },
  {
    number: 314,
    name: 'sched_setattr',
    args: ['pid', 'addr', 'hex'],
    run: sysSchedSetattr,
  },
  { number: 315, name: 'sched_getattr', args: ['pid', 'addr', 'uint', 'hex'], run: sysSchedGetattr },
];
