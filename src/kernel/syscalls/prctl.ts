import { CAP_LAST, CAP_SETPCAP } from '../abi/capability.js';
import { SIGRTMAX } from '../abi/signal.js';
import { EINVAL, EPERM } from '../errno.js';
import { setU64 } from '../process/registers.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import type { ThreadRow } from './row.js';
import { $buffer, $view, clearBuffer, writeStruct } from './user.js';

type Operation = (thread: Thread, args: Args) => number;

const COMM_SIZE = 16;

function setName(thread: Thread, args: Args): number {
  const { memory } = thread.process;
  const name = readName(thread, args.addr(1));
  if (name === null) return memory.copyIn(args.addr(1), $buffer, 0, 1);
  thread.name = name;
  return 0;
}

/** Up to 15 bytes; a longer name is cut off. */
function readName({ process }: Thread, addr: number): string | null {
  let name = '';
  for (let i = 0; i < COMM_SIZE - 1; i++) {
    if (process.memory.copyIn(addr + i, $buffer, 0, 1) < 0) return null;
    if ($buffer[0] === 0) break;
    name += String.fromCharCode($buffer[0]);
  }
  return name;
}

function getName(thread: Thread, args: Args): number {
  clearBuffer(COMM_SIZE);
  for (let i = 0; i < thread.name.length; i++) $buffer[i] = thread.name.charCodeAt(i);
  return writeStruct(thread.process.memory, args.addr(1), COMM_SIZE);
}

function setDeathSignal({ process }: Thread, args: Args): number {
  const signal = args.size(1);
  if (signal > SIGRTMAX) return EINVAL;
  process.parentDeathSignal = signal;
  return 0;
}

function setDumpable({ process }: Thread, args: Args): number {
  const value = args.size(1);
  if (value > 1) return EINVAL;
  process.dumpable = value;
  return 0;
}

function setKeepCaps({ process }: Thread, args: Args): number {
  if (args.size(1) > 1) return EINVAL;
  process.cred.keepCaps = args.size(1) === 1;
  return 0;
}

function dropBounding({ process }: Thread, args: Args): number {
  if (!process.cred.capable(CAP_SETPCAP)) return EPERM;
  if (args.size(1) > CAP_LAST) return EINVAL;
  process.cred.bounding.delete(args.size(1));
  return 0;
}

function readBounding({ process }: Thread, args: Args): number {
  return args.size(1) > CAP_LAST ? EINVAL : Number(process.cred.bounding.has(args.size(1)));
}

function setSecurebits({ process }: Thread, args: Args): number {
  if (!process.cred.capable(CAP_SETPCAP)) return EPERM;
  process.cred.securebits = args.uint(1);
  return 0;
}

function setNoNewPrivs({ process }: Thread, args: Args): number {
  if (args.size(1) !== 1 || args.size(2) !== 0 || args.size(3) !== 0 || args.size(4) !== 0) return EINVAL;
  process.cred.noNewPrivs = true;
  return 0;
}

function setTimerSlack(thread: Thread, args: Args): number {
  thread.timerSlackNs = args.size(1) === 0 ? DEFAULT_SLACK_NS : args.size(1);
  return 0;
}

const DEFAULT_SLACK_NS = 50_000;

function getTidAddress(thread: Thread, args: Args): number {
  setU64($view, 0, thread.clearTid);
  return writeStruct(thread.process.memory, args.addr(1), 8);
}

const PR_CAP_AMBIENT_IS_SET = 1;
const PR_CAP_AMBIENT_RAISE = 2;
const PR_CAP_AMBIENT_LOWER = 3;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;

function ambient({ process }: Thread, args: Args): number {
  const { cred } = process;
  const [what, capability] = [args.size(1), args.size(2)];
  if (what === PR_CAP_AMBIENT_CLEAR_ALL) {
    cred.ambient.lo = cred.ambient.hi = 0;
    return capability === 0 ? 0 : EINVAL;
  }
  if (capability > CAP_LAST) return EINVAL;
  if (what === PR_CAP_AMBIENT_IS_SET) return Number(cred.ambient.has(capability));
  if (what === PR_CAP_AMBIENT_LOWER) cred.ambient.delete(capability);
  else if (what !== PR_CAP_AMBIENT_RAISE) return EINVAL;
  else if (!cred.permitted.has(capability) || !cred.inheritable.has(capability)) return EPERM;
  else cred.ambient.add(capability);
  return 0;
}

/** Writes an int where the second argument says. */
function gets(value: (thread: Thread) => number): Operation {
  return (thread, args) => thread.process.memory.writeU32(args.addr(1), value(thread));
}

function subreaper({ process }: Thread, args: Args): number {
  process.subreaper = args.size(1) !== 0;
  return 0;
}

const PR_TSC_ENABLE = 1;
const PR_MCE_KILL_DEFAULT = 2;
/** No speculation that could be controlled: PR_SPEC_NOT_AFFECTED. */
const PR_SPEC_NOT_AFFECTED = 0;

/** By number (linux/prctl.h). */
const OPERATIONS: Readonly<Record<number, Operation>> = {
  1: setDeathSignal,
  2: gets(({ process }) => process.parentDeathSignal),
  3: ({ process }) => process.dumpable,
  4: setDumpable,
  7: ({ process }) => Number(process.cred.keepCaps),
  8: setKeepCaps,
  13: () => 0, // PR_GET_TIMING: statistical
  14: (_thread, args) => (args.size(1) === 0 ? 0 : EINVAL),
  15: setName,
  16: getName,
  21: () => 0, // PR_GET_SECCOMP: off
  22: () => EINVAL, // PR_SET_SECCOMP
  23: readBounding,
  24: dropBounding,
  25: gets(() => PR_TSC_ENABLE),
  27: ({ process }) => process.cred.securebits,
  28: setSecurebits,
  29: setTimerSlack,
  30: (thread) => thread.timerSlackNs,
  31: () => 0, // PR_TASK_PERF_EVENTS_DISABLE
  32: () => 0,
  34: () => PR_MCE_KILL_DEFAULT,
  35: () => EPERM, // PR_SET_MM
  36: subreaper,
  37: gets(({ process }) => Number(process.subreaper)),
  38: setNoNewPrivs,
  39: ({ process }) => Number(process.cred.noNewPrivs),
  40: getTidAddress,
  41: () => 0, // PR_SET_THP_DISABLE: there are no huge pages
  42: () => 0,
  47: ambient,
  52: () => PR_SPEC_NOT_AFFECTED,
  // PR_SET_VMA: names for anonymous memory, which Linux can be built without
  0x53564d41: () => EINVAL,
};

function sysPrctl(thread: Thread, args: Args): number {
  return (OPERATIONS[args.int(0)] ?? (() => EINVAL))(thread, args);
}

export const prctlRows: readonly ThreadRow[] = [
  {
    number: 157,
    name: 'prctl',
    args: ['int', 'hex', 'hex', 'hex', 'hex'],
    run: sysPrctl,
    note: 'no seccomp',
  },
];
