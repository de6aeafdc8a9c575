import { EINVAL, ENAMETOOLONG, type Errno } from '../errno.js';
import { loadProgram } from '../exec/exec.js';
import { isFailure, type ExecFailure } from '../exec/failure.js';
import { openExecutable, openExecutableAt, type OpenedProgram } from '../exec/open.js';
import { replaceProgram } from '../exec/replace.js';
import { exitGroup, exitThread } from '../process/exit.js';
import { beginToGo, isToGo, mayGo } from '../placement/place.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import { LeaseWait, waitForLeases } from './lease-wait.js';
import { NO_RESULT, type ThreadRow } from './row.js';
import { readStrings } from './user.js';

const PATH_MAX = 4096;
const AT_EMPTY_PATH = 0x1000;
const AT_SYMLINK_NOFOLLOW = 0x100;

function sysExit(thread: Thread, args: Args): number {
  exitThread(thread, (args.int(0) & 0xff) << 8);
  return NO_RESULT;
}

function sysExitGroup({ process }: Thread, args: Args): number {
  exitGroup(process, (args.int(0) & 0xff) << 8);
  return NO_RESULT;
}

/** An earlier try's wait is over: the file is looked for again. */
function endWait(thread: Thread): void {
  if (!(thread.callState instanceof LeaseWait)) return;
  thread.callState.abandon();
  thread.callState = undefined;
}

/** All is tried again once a file has no leases any more. */
function failed(thread: Thread, { errno, leased }: ExecFailure): Errno {
  return leased === undefined ? errno : waitForLeases(thread, leased, false);
}

/** Replaces the program; `open` finds it once arguments have been read. */
function execute(
  thread: Thread,
  argvAddr: number,
  envpAddr: number,
  open: () => OpenedProgram | ExecFailure | Errno,
): number {
  const { process } = thread;
  endWait(thread);
  const argv = readStrings(process.memory, argvAddr);
  if (typeof argv === 'number') return argv;
  const envp = readStrings(process.memory, envpAddr);
  if (typeof envp === 'number') return envp;
  const opened = open();
  if (typeof opened === 'number') return opened;
  if (isFailure(opened)) return failed(thread, opened);
  const context = { kernel: process.kernel, fs: process.fs, limits: process };
  const wanted = isToGo(process, opened.handle.location);
  const program = loadProgram(context, { ...opened, argv, envp });
  if (isFailure(program)) return failed(thread, program);
  const goes = wanted ? mayGo(process, opened.path) : null;
  if (goes !== null && goes !== 0) {
    program.mm.release();
    return goes;
  }
  replaceProgram(thread, program);
  if (goes === 0) beginToGo(thread);
  return NO_RESULT;
}

function sysExecve(thread: Thread, args: Args): number {
  const { process } = thread;
  const path = process.memory.stringIn(args.addr(0), PATH_MAX);
  if (typeof path === 'number') return path;
  return execute(thread, args.addr(1), args.addr(2), () => {
    const handle = openExecutable(process.fs, path);
    return isFailure(handle) ? handle : { handle, path };
  });
}

function sysExecveat(thread: Thread, args: Args): number {
  const { process } = thread;
  const flags = args.uint(4);
  if ((flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) !== 0) return EINVAL;
  const path = process.memory.stringIn(args.addr(1), PATH_MAX);
  if (typeof path === 'number') return path === ENAMETOOLONG ? ENAMETOOLONG : path;
  return execute(thread, args.addr(2), args.addr(3), () =>
    openExecutableAt(process, args.int(0), path, flags),
  );
}

function sysSetTidAddress(thread: Thread, args: Args): number {
  thread.clearTid = args.addr(0);
  return thread.tid;
}

function sysSetRobustList(thread: Thread, args: Args): number {
  if (args.size(1) !== 24) return EINVAL;
  thread.robustHead = args.addr(0);
  return 0;
}

export const processRows: readonly ThreadRow[] = [
  { number: 59, name: 'execve', args: ['path', 'strings', 'addr'], run: sysExecve },
  { number: 60, name: 'exit', args: ['int'], run: sysExit },
  { number: 218, name: 'set_tid_address', args: ['addr'], run: sysSetTidAddress },
  { number: 231, name: 'exit_group', args: ['int'], run: sysExitGroup },
  { number: 273, name: 'set_robust_list', args: ['addr', 'size'], run: sysSetRobustList },
  { number: 322, name: 'execveat', args: ['dirfd', 'path', 'strings', 'addr', 'hex'], run: sysExecveat },
];
