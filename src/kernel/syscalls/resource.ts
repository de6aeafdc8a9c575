import { CAP_SYS_RESOURCE } from '../abi/capability.js';
import {
  RLIMIT_CPU,
  RLIMIT_NOFILE,
  RLIM_INFINITY,
  RLIM_NLIMITS,
  RUSAGE_CHILDREN,
  RUSAGE_SELF,
  RUSAGE_THREAD,
} from '../abi/resource.js';
import { USER_HZ } from '../abi/time.js';
import { EFAULT, EINVAL, EPERM, ESRCH, type Errno } from '../errno.js';
import type { ProcessMemory } from '../mm/usermemory.js';
import { mayInspect } from '../process/access.js';
import type { Process, Usage } from '../process/process.js';
import { noUsage } from '../process/process.js';
import { getU64, setU64 } from '../process/registers.js';
import type { Thread } from '../process/thread.js';
import { totalUsage } from '../process/usage.js';
import { timersOf } from '../time/process-timers.js';
import type { Args } from '../types.js';
import type { ThreadRow } from './row.js';
import { $view, clearBuffer, readStruct, writeStruct } from './user.js';

const RUSAGE_SIZE = 144;

function putTimeval(at: number, ms: number): void {
  setU64($view, at, Math.floor(ms / 1000));
  setU64($view, at + 8, Math.floor((ms % 1000) * 1000));
}

/** Writes struct rusage (getrusage(2)). */
export function writeUsage(memory: ProcessMemory, addr: number, usage: Usage): 0 | Errno {
  clearBuffer(RUSAGE_SIZE);
  putTimeval(0, usage.cpuMs - usage.systemMs);
  putTimeval(16, usage.systemMs);
  setU64($view, 32, usage.peakRss * 4);
  setU64($view, 64, usage.minorFaults);
  setU64($view, 72, usage.majorFaults);
  setU64($view, 128, usage.voluntarySwitches);
  setU64($view, 136, usage.involuntarySwitches);
  return writeStruct(memory, addr, RUSAGE_SIZE);
}

function sysGetrusage(thread: Thread, args: Args): number {
  const { process } = thread;
  const usage = usageOf(thread, args.int(0));
  return usage === null ? EINVAL : writeUsage(process.memory, args.addr(1), usage);
}

function usageOf(thread: Thread, who: number): Usage | null {
  const { process } = thread;
  if (who === RUSAGE_SELF) return totalUsage(process);
  if (who === RUSAGE_CHILDREN) return process.childUsage;
  if (who !== RUSAGE_THREAD) return null;
  const { voluntarySwitches, involuntarySwitches } = thread;
  const { minorFaults, peakRss } = totalUsage(process);
  const cpuMs = process.kernel.cpuMsOf(thread);
  const systemMs = Math.min(thread.systemMs, cpuMs);
  return { ...noUsage(), cpuMs, systemMs, voluntarySwitches, involuntarySwitches, minorFaults, peakRss };
}

function sysTimes({ process }: Thread, args: Args): number {
  const ticks = (ms: number): number => Math.floor((ms * USER_HZ) / 1000);
  if (args.addr(0) !== 0) {
    clearBuffer(32);
    [totalUsage(process), process.childUsage].forEach(({ cpuMs, systemMs }, i) => {
      setU64($view, 16 * i, ticks(cpuMs - systemMs));
      setU64($view, 16 * i + 8, ticks(systemMs));
    });
    const failed = writeStruct(process.memory, args.addr(0), 32);
    if (failed < 0) return failed;
  }
  return ticks(process.kernel.clock.nowMs());
}

function writeLimit(at: number, value: number): void {
  if (value === RLIM_INFINITY) {
    $view.setUint32(at, 0xffffffff, true);
    $view.setUint32(at + 4, 0xffffffff, true);
  } else setU64($view, at, value);
}

function readLimit(at: number): number {
  const all = $view.getUint32(at, true) === 0xffffffff && $view.getUint32(at + 4, true) === 0xffffffff;
  return all ? RLIM_INFINITY : getU64($view, at);
}

function getLimit(caller: Process, target: Process, resource: number, addr: number): number {
  const { current, maximum } = target.limits[resource];
  writeLimit(0, current);
  writeLimit(8, maximum);
  return writeStruct(caller.memory, addr, 16);
}

/** Sets the limit that stands in $buffer. */
function setLimit(caller: Process, target: Process, resource: number): 0 | Errno {
  const [current, maximum] = [readLimit(0), readLimit(8)];
  const limit = target.limits[resource];
  if (current > maximum) return EINVAL;
  if (resource === RLIMIT_NOFILE && maximum > target.kernel.limits.nrOpen) return EPERM;
  if (maximum > limit.maximum && !caller.cred.capable(CAP_SYS_RESOURCE)) return EPERM;
  limit.current = current;
  limit.maximum = maximum;
  if (resource === RLIMIT_CPU) timersOf(target).watchCpuLimit();
  return 0;
}

function sysGetrlimit({ process }: Thread, args: Args): number {
  const resource = args.uint(0);
  return resource >= RLIM_NLIMITS ? EINVAL : getLimit(process, process, resource, args.addr(1));
}

function sysSetrlimit({ process }: Thread, args: Args): number {
  const resource = args.uint(0);
  const failed = readStruct(process.memory, args.addr(1), 16);
  if (failed < 0) return failed;
  return resource >= RLIM_NLIMITS ? EINVAL : setLimit(process, process, resource);
}

function sysPrlimit64({ process }: Thread, args: Args): number {
  const pid = args.int(0);
  const resource = args.uint(1);
  if (resource >= RLIM_NLIMITS) return EINVAL;
  const target = pid === 0 ? process : process.kernel.processOf(pid);
  if (target === null) return ESRCH;
  if (target !== process && !mayInspect(process, target)) return EPERM;
  const { current, maximum } = target.limits[resource];
  if (args.addr(2) !== 0) {
    const failed = readStruct(process.memory, args.addr(2), 16);
    const refused = failed < 0 ? failed : setLimit(process, target, resource);
    if (refused < 0) return refused;
  }
  if (args.addr(3) === 0) return 0;
  writeLimit(0, current);
  writeLimit(8, maximum);
  return writeStruct(process.memory, args.addr(3), 16) < 0 ? EFAULT : 0;
}

export const resourceRows: readonly ThreadRow[] = [
  { number: 97, name: 'getrlimit', args: ['rlimit', 'addr'], run: sysGetrlimit },
  {
    number: 98,
    name: 'getrusage',
    args: ['int', 'addr'],
    run: sysGetrusage,
  },
  { number: 100, name: 'times', args: ['addr'], run: sysTimes },
  { number: 160, name: 'setrlimit', args: ['rlimit', 'addr'], run: sysSetrlimit },
  { number: 302, name: 'prlimit64', args: ['pid', 'rlimit', 'addr', 'addr'], run: sysPrlimit64 },
];
