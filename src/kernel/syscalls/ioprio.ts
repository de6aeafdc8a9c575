/** ioprio_set(2), ioprio_get(2) (block/ioprio.c): kept and told, though all threads' input and output is done in turn. */
import { CAP_SYS_ADMIN, CAP_SYS_NICE } from '../abi/capability.js';
import { SCHED_IDLE, SCHED_RESET_ON_FORK } from '../abi/sched.js';
import { EINVAL, EPERM, ESRCH, type Errno } from '../errno.js';
import { isRealtime } from '../process/scheduler.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import type { ThreadRow } from './row.js';
import { whose } from './sched.js';

const IOPRIO_CLASS_SHIFT = 13;
const IOPRIO_CLASS_MASK = 7;
const IOPRIO_LEVEL_MASK = 7;
const IOPRIO_CLASS_NONE = 0;
const IOPRIO_CLASS_RT = 1;
const IOPRIO_CLASS_BE = 2;
const IOPRIO_CLASS_IDLE = 3;
const IOPRIO_WHO_PROCESS = 1;

function classOf(priority: number): number {
  return (priority >> IOPRIO_CLASS_SHIFT) & IOPRIO_CLASS_MASK;
}

/** What a thread that has set none has: by its policy and nice value (task_nice_ioclass, task_nice_ioprio). */
function effective({ ioPriority, policy, nice }: Thread): number {
  if (classOf(ioPriority) !== IOPRIO_CLASS_NONE) return ioPriority;
  const idle = (policy & ~SCHED_RESET_ON_FORK) === SCHED_IDLE;
  const ioClass = idle ? IOPRIO_CLASS_IDLE : isRealtime(policy) ? IOPRIO_CLASS_RT : IOPRIO_CLASS_BE;
  return (ioClass << IOPRIO_CLASS_SHIFT) | Math.floor((nice + 20) / 5);
}

/** ioprio_check_cap. */
function check({ process: { cred } }: Thread, priority: number): 0 | Errno {
  const ioClass = classOf(priority);
  if (ioClass === IOPRIO_CLASS_RT && !cred.capable(CAP_SYS_ADMIN) && !cred.capable(CAP_SYS_NICE))
    return EPERM;
  if (ioClass === IOPRIO_CLASS_NONE) return (priority & IOPRIO_LEVEL_MASK) === 0 ? 0 : EINVAL;
  return ioClass > IOPRIO_CLASS_IDLE ? EINVAL : 0;
}

function set(caller: Thread, target: Thread, priority: number): 0 | Errno {
  const { ruid, euid } = caller.process.cred;
  const owner = target.process.cred.ruid;
  if (owner !== euid && owner !== ruid && !caller.process.cred.capable(CAP_SYS_NICE)) return EPERM;
  target.ioPriority = priority;
  return 0;
}

function sysIoprioSet(thread: Thread, args: Args): number {
  const refused = check(thread, args.int(2));
  if (refused !== 0) return refused;
  const targets = whose(thread, args.int(0) - IOPRIO_WHO_PROCESS, args.int(1));
  if (typeof targets === 'number') return targets;
  for (const target of targets) {
    const failed = set(thread, target, args.int(2) & 0xffff);
    if (failed !== 0) return failed;
  }
  return targets.length === 0 ? ESRCH : 0;
}

/** Of several the best; of one what it has set. */
function sysIoprioGet(thread: Thread, args: Args): number {
  const targets = whose(thread, args.int(0) - IOPRIO_WHO_PROCESS, args.int(1));
  if (typeof targets === 'number') return targets;
  const [first] = targets;
  if (first === undefined) return ESRCH;
  return args.int(0) === IOPRIO_WHO_PROCESS ? first.ioPriority : Math.min(...targets.map(effective));
}

export const ioprioRows: readonly ThreadRow[] = [
  {
    number: 251,
    name: 'ioprio_set',
    args: ['int', 'int', 'hex'],
    run: sysIoprioSet,
    note: 'has no effect: input and output are done in turn',
  },
  { number: 252, name: 'ioprio_get', args: ['int', 'int'], run: sysIoprioGet },
];
