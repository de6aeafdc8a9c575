import { CAP_SETGID, CAP_SETPCAP, CAP_SETUID } from '../abi/capability.js';
import { EFAULT, EINVAL, EPERM, ESRCH, EACCES, type Errno } from '../errno.js';
import { CapSet, type Cred } from '../process/credentials.js';
import type { Process } from '../process/process.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import type { ThreadRow } from './row.js';
import { $view, clearBuffer, readStruct, writeStruct } from './user.js';

/** -1 as an id: leave it as it is. */
const KEEP = 0xffffffff;
const NGROUPS_MAX = 65536;

interface Uids {
  readonly ruid: number;
  readonly euid: number;
  readonly suid: number;
}
interface Gids {
  readonly rgid: number;
  readonly egid: number;
  readonly sgid: number;
}

/** Sets the user ids; the filesystem's follows the effective one, capabilities follow as they must. */
function setUids(cred: Cred, ids: Uids): 0 {
  const before = { ruid: cred.ruid, euid: cred.euid, suid: cred.suid };
  Object.assign(cred, ids);
  cred.fsuid = cred.euid;
  cred.fixCapabilities(before);
  return 0;
}

function setGids(cred: Cred, ids: Gids): 0 {
  Object.assign(cred, ids);
  cred.fsgid = cred.egid;
  return 0;
}

function sysSetuid({ process: { cred } }: Thread, args: Args): number {
  const uid = args.uint(0);
  if (uid === KEEP) return EINVAL;
  if (cred.capable(CAP_SETUID)) return setUids(cred, { ruid: uid, euid: uid, suid: uid });
  if (uid !== cred.ruid && uid !== cred.suid) return EPERM;
  return setUids(cred, { ruid: cred.ruid, euid: uid, suid: cred.suid });
}

function sysSetgid({ process: { cred } }: Thread, args: Args): number {
  const gid = args.uint(0);
  if (gid === KEEP) return EINVAL;
  if (cred.capable(CAP_SETGID)) return setGids(cred, { rgid: gid, egid: gid, sgid: gid });
  if (gid !== cred.rgid && gid !== cred.sgid) return EPERM;
  return setGids(cred, { rgid: cred.rgid, egid: gid, sgid: cred.sgid });
}

/** setreuid's and setregid's rules, which are the same (setreuid(2)). */
function reId(
  real: number,
  effective: number,
  now: { r: number; e: number; s: number },
  privileged: boolean,
): { r: number; e: number; s: number } | Errno {
  const { r, e, s } = now;
  const mayReal = privileged || real === KEEP || real === r || real === e;
  const mayEffective =
    privileged || effective === KEEP || effective === r || effective === e || effective === s;
  if (!mayReal || !mayEffective) return EPERM;
  const newE = effective === KEEP ? e : effective;
  const savedChanges = real !== KEEP || (effective !== KEEP && effective !== r);
  return { r: real === KEEP ? r : real, e: newE, s: savedChanges ? newE : s };
}

function sysSetreuid({ process: { cred } }: Thread, args: Args): number {
  const now = { r: cred.ruid, e: cred.euid, s: cred.suid };
  const ids = reId(args.uint(0), args.uint(1), now, cred.capable(CAP_SETUID));
  return typeof ids === 'number' ? ids : setUids(cred, { ruid: ids.r, euid: ids.e, suid: ids.s });
}

function sysSetregid({ process: { cred } }: Thread, args: Args): number {
  const now = { r: cred.rgid, e: cred.egid, s: cred.sgid };
  const ids = reId(args.uint(0), args.uint(1), now, cred.capable(CAP_SETGID));
  return typeof ids === 'number' ? ids : setGids(cred, { rgid: ids.r, egid: ids.e, sgid: ids.s });
}

/** Three new ids, each one of the three old ones or any if privileged; EPERM. */
function resIds(args: Args, old: readonly number[], privileged: boolean): number[] | Errno {
  const ids = [args.uint(0), args.uint(1), args.uint(2)];
  if (!privileged && ids.some((id) => id !== KEEP && !old.includes(id))) return EPERM;
  return ids.map((id, i) => (id === KEEP ? old[i] : id));
}

function sysSetresuid({ process: { cred } }: Thread, args: Args): number {
  const ids = resIds(args, [cred.ruid, cred.euid, cred.suid], cred.capable(CAP_SETUID));
  return typeof ids === 'number' ? ids : setUids(cred, { ruid: ids[0], euid: ids[1], suid: ids[2] });
}

function sysSetresgid({ process: { cred } }: Thread, args: Args): number {
  const ids = resIds(args, [cred.rgid, cred.egid, cred.sgid], cred.capable(CAP_SETGID));
  return typeof ids === 'number' ? ids : setGids(cred, { rgid: ids[0], egid: ids[1], sgid: ids[2] });
}

function writeIds({ process }: Thread, args: Args, ids: readonly number[]): number {
  return ids.some((id, i) => process.memory.writeU32(args.addr(i), id) < 0) ? EFAULT : 0;
}

function sysGetresuid(thread: Thread, args: Args): number {
  const { cred } = thread.process;
  return writeIds(thread, args, [cred.ruid, cred.euid, cred.suid]);
}

function sysGetresgid(thread: Thread, args: Args): number {
  const { cred } = thread.process;
  return writeIds(thread, args, [cred.rgid, cred.egid, cred.sgid]);
}

/** Both return the old id, whether they change it or not. */
function sysSetfsuid({ process: { cred } }: Thread, args: Args): number {
  const old = cred.fsuid;
  const uid = args.uint(0);
  const allowed = cred.capable(CAP_SETUID) || [cred.ruid, cred.euid, cred.suid, cred.fsuid].includes(uid);
  if (uid !== KEEP && allowed) cred.fsuid = uid;
  return old;
}

function sysSetfsgid({ process: { cred } }: Thread, args: Args): number {
  const old = cred.fsgid;
  const gid = args.uint(0);
  const allowed = cred.capable(CAP_SETGID) || [cred.rgid, cred.egid, cred.sgid, cred.fsgid].includes(gid);
  if (gid !== KEEP && allowed) cred.fsgid = gid;
  return old;
}

function sysGetgroups({ process }: Thread, args: Args): number {
  const { groups } = process.cred;
  const size = args.int(0);
  if (size < 0) return EINVAL;
  if (size === 0) return groups.length;
  if (groups.length > size) return EINVAL;
  const bytes = new Uint8Array(Uint32Array.from(groups).buffer);
  const failed = process.memory.copyOut(args.addr(1), bytes, 0, bytes.length);
  return failed < 0 ? failed : groups.length;
}

function sysSetgroups({ process }: Thread, args: Args): number {
  if (!process.cred.capable(CAP_SETGID)) return EPERM;
  const size = args.uint(0);
  if (size > NGROUPS_MAX) return EINVAL;
  const groups = new Uint32Array(size);
  const failed = process.memory.copyIn(args.addr(1), new Uint8Array(groups.buffer), 0, 4 * size);
  if (failed < 0) return failed;
  process.cred.groups = [...groups].sort((a, b) => a - b);
  return 0;
}

/** struct __user_cap_header_struct's version, and how many halves its data has. */
const CAP_VERSIONS: Readonly<Record<number, number>> = { 0x19980330: 1, 0x20071026: 2, 0x20080522: 2 };
const LATEST_CAP_VERSION = 0x20080522;

/** Reads the header: how many halves, and the pid. An unknown version is answered with the latest one. */
function readCapHeader({ process }: Thread, addr: number): { halves: number; pid: number } | Errno {
  if (readStruct(process.memory, addr, 8) < 0) return EFAULT;
  const halves = CAP_VERSIONS[$view.getUint32(0, true)];
  const pid = $view.getInt32(4, true);
  if (halves !== undefined) return { halves, pid };
  return process.memory.writeU32(addr, LATEST_CAP_VERSION) < 0 ? EFAULT : EINVAL;
}

function sysCapget(thread: Thread, args: Args): number {
  const { process } = thread;
  const header = readCapHeader(thread, args.addr(0));
  if (typeof header === 'number') return header === EINVAL && args.addr(1) === 0 ? 0 : header;
  if (header.pid < 0) return EINVAL;
  const target = header.pid === 0 ? process : process.kernel.processOf(header.pid);
  if (target === null) return ESRCH;
  const { effective, permitted, inheritable } = target.cred;
  [effective, permitted, inheritable].forEach((set, i) => {
    $view.setInt32(4 * i, set.lo, true);
    $view.setInt32(12 + 4 * i, set.hi, true);
  });
  return args.addr(1) === 0 ? 0 : writeStruct(process.memory, args.addr(1), 12 * header.halves);
}

function sysCapset(thread: Thread, args: Args): number {
  const { process } = thread;
  const { cred } = process;
  const header = readCapHeader(thread, args.addr(0));
  if (typeof header === 'number') return header;
  if (header.pid !== 0 && process.kernel.threads.get(header.pid) !== thread) return EPERM;
  clearBuffer(24);
  const failed = readStruct(process.memory, args.addr(1), 12 * header.halves);
  if (failed < 0) return failed;
  const [effective, permitted, inheritable] = [0, 4, 8].map(
    (at) => new CapSet($view.getInt32(at, true), $view.getInt32(12 + at, true) & 0x1ff),
  );
  const mayAdd = cred.capable(CAP_SETPCAP) ? cred.bounding : cred.permitted;
  if (!permitted.isSubsetOf(cred.permitted) || !effective.isSubsetOf(permitted)) return EPERM;
  if (!inheritable.isSubsetOf(union(cred.inheritable, mayAdd))) return EPERM;
  Object.assign(cred, { effective, permitted, inheritable });
  return 0;
}

function union(a: CapSet, b: CapSet): CapSet {
  return new CapSet(a.lo | b.lo, a.hi | b.hi);
}

function sysSetpgid({ process }: Thread, args: Args): number {
  const pid = args.int(0) === 0 ? process.pid : args.int(0);
  const pgid = args.int(1) === 0 ? pid : args.int(1);
  if (pgid < 0) return EINVAL;
  const target = process.kernel.processes.get(pid);
  if (target === undefined || (target !== process && target.parent !== process)) return ESRCH;
  if (target !== process && target.hasExecuted) return EACCES;
  if (target.pid === target.sid || target.sid !== process.sid) return EPERM;
  if (pgid !== pid && !groupIn(process, pgid)) return EPERM;
  target.pgid = pgid;
  return 0;
}

function groupIn(process: Process, pgid: number): boolean {
  for (const other of process.kernel.processes.values())
    if (other.pgid === pgid && other.sid === process.sid) return true;
  return false;
}

function sysSetsid({ process }: Thread): number {
  for (const other of process.kernel.processes.values()) if (other.pgid === process.pid) return EPERM;
  process.sid = process.pgid = process.pid;
  process.terminal = null;
  return process.pid;
}

/** pgid or sid of a process; 0 means the caller. */
function idOf({ process }: Thread, pid: number, key: 'pgid' | 'sid'): number {
  const target = pid === 0 ? process : process.kernel.processOf(pid);
  return target === null ? ESRCH : target[key];
}

/**
 * A call that may change effective ids: who has done that may not be looked into any more (commit_creds; prctl(2),
 * PR_SET_DUMPABLE), and its parent's end means nothing to it.
 */
function guarded(run: ThreadRow['run']): ThreadRow['run'] {
  return (thread, args) => {
    const { process } = thread;
    const { euid, egid, fsuid, fsgid } = process.cred;
    const result = run(thread, args);
    const { cred } = process;
    if (euid !== cred.euid || egid !== cred.egid || fsuid !== cred.fsuid || fsgid !== cred.fsgid) {
      process.dumpable = 0;
      process.parentDeathSignal = 0;
    }
    return result;
  };
}

export const identityRows: readonly ThreadRow[] = [
  { number: 39, name: 'getpid', args: [], run: ({ process }) => process.pid },
  { number: 102, name: 'getuid', args: [], run: ({ process }) => process.cred.ruid },
  { number: 104, name: 'getgid', args: [], run: ({ process }) => process.cred.rgid },
  { number: 105, name: 'setuid', args: ['uint'], run: guarded(sysSetuid) },
  { number: 106, name: 'setgid', args: ['uint'], run: guarded(sysSetgid) },
  { number: 107, name: 'geteuid', args: [], run: ({ process }) => process.cred.euid },
  { number: 108, name: 'getegid', args: [], run: ({ process }) => process.cred.egid },
  { number: 109, name: 'setpgid', args: ['pid', 'pid'], run: sysSetpgid },
  { number: 110, name: 'getppid', args: [], run: ({ process }) => process.ppid },
  { number: 111, name: 'getpgrp', args: [], run: ({ process }) => process.pgid },
  { number: 112, name: 'setsid', args: [], run: sysSetsid },
  { number: 113, name: 'setreuid', args: ['uint', 'uint'], run: guarded(sysSetreuid) },
  { number: 114, name: 'setregid', args: ['uint', 'uint'], run: guarded(sysSetregid) },
  { number: 115, name: 'getgroups', args: ['int', 'addr'], run: sysGetgroups },
  { number: 116, name: 'setgroups', args: ['uint', 'addr'], run: sysSetgroups },
  { number: 117, name: 'setresuid', args: ['uint', 'uint', 'uint'], run: guarded(sysSetresuid) },
  { number: 118, name: 'getresuid', args: ['addr', 'addr', 'addr'], run: sysGetresuid },
  { number: 119, name: 'setresgid', args: ['uint', 'uint', 'uint'], run: guarded(sysSetresgid) },
  { number: 120, name: 'getresgid', args: ['addr', 'addr', 'addr'], run: sysGetresgid },
  { number: 121, name: 'getpgid', args: ['pid'], run: (thread, args) => idOf(thread, args.int(0), 'pgid') },
  { number: 122, name: 'setfsuid', args: ['uint'], run: guarded(sysSetfsuid) },
  { number: 123, name: 'setfsgid', args: ['uint'], run: guarded(sysSetfsgid) },
  { number: 124, name: 'getsid', args: ['pid'], run: (thread, args) => idOf(thread, args.int(0), 'sid') },
  { number: 125, name: 'capget', args: ['addr', 'addr'], run: sysCapget },
  { number: 126, name: 'capset', args: ['addr', 'addr'], run: sysCapset },
  { number: 186, name: 'gettid', args: [], run: (thread) => thread.tid },
];
