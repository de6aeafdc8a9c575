/** semget, semop, semtimedop, semctl (ipc/sem.c). */
import { kind } from '../checkpoint/registry.js';
import {
  GETALL,
  GETNCNT,
  GETPID,
  GETVAL,
  GETZCNT,
  IPC_INFO,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  SEMBUF,
  SEMAEM,
  SEMID_DS,
  SEMINFO,
  SEMVMX,
  SEM_INFO,
  SEM_STAT,
  SEM_STAT_ANY,
  SEM_UNDO,
  SETALL,
  SETVAL,
} from '../abi/ipc.js';
import { E2BIG, EACCES, EAGAIN, EFAULT, EFBIG, EINTR, EINVAL, ERANGE, WAIT, type Errno } from '../errno.js';
import { S_IRUGO, S_IWUGO, changeOwner, mayUse } from '../ipc/sysv/object.js';
import { SemRequest, type SemArray, type SemOperation, type Semaphores } from '../ipc/sysv/sem.js';
import { UndoList } from '../ipc/sysv/undo.js';
import type { Timespec } from '../host.js';
import type { Process } from '../process/process.js';
import type { Thread } from '../process/thread.js';
import { toMs } from '../time/clock.js';
import type { Args } from '../types.js';
import type { ThreadRow } from './row.js';
import {
  controlled,
  isValidOwner,
  objectForStat,
  permFields,
  putStruct,
  readOwnerChange,
  removeObject,
} from './sysv-common.js';
import { isValidTime } from './time.js';
import { readPair } from './user.js';

function sysSemget({ process }: Thread, args: Args): number {
  return process.kernel.ipc.sem.get(args.int(0), args.int(1), args.int(2), process.cred);
}

/** A call of semop that waits. */
class SemWait {
  constructor(
    readonly array: SemArray,
    readonly request: SemRequest,
    readonly until: number,
  ) {}

  abandon(): void {
    this.array.cancel(this.request);
  }
}

const $time: Timespec = { sec: 0, nsec: 0 };

function readOperations({ process }: Thread, addr: number, count: number): SemOperation[] | Errno {
  const bytes = new Uint8Array(count * SEMBUF.size);
  const view = new DataView(bytes.buffer);
  if (process.memory.copyIn(addr, bytes, 0, bytes.length) < 0) return EFAULT;
  return Array.from({ length: count }, (_none, i) => ({
    num: SEMBUF.get(view, i * SEMBUF.size, 'sem_num'),
    op: SEMBUF.get(view, i * SEMBUF.size, 'sem_op'),
    flags: SEMBUF.get(view, i * SEMBUF.size, 'sem_flg'),
  }));
}

/** The list in which the process's undoing is kept. */
function undoListOf(process: Process): UndoList {
  return (process.semUndo ??= new UndoList());
}

/** The array on which the operations may be done. */
function arrayFor(process: Process, id: number, operations: readonly SemOperation[]): SemArray | Errno {
  const array = process.kernel.ipc.sem.arrays.byId(id);
  if (typeof array === 'number') return array;
  if (operations.some(({ num }) => num >= array.values.length)) return EFBIG;
  const alters = operations.some(({ op }) => op !== 0);
  const refused = mayUse(array, alters ? S_IWUGO : S_IRUGO, process.cred);
  return refused !== 0 ? refused : array;
}

function semop(thread: Thread, args: Args, timeoutAddr: number): number {
  const waiting = thread.callState as SemWait | undefined;
  if (waiting !== undefined) return goOn(thread, waiting);
  const { process } = thread;
  const count = args.uint(2);
  if (timeoutAddr !== 0 && readPair(process.memory, timeoutAddr, $time) < 0) return EFAULT;
  if (count > process.kernel.ipc.sem.limits.semopm) return E2BIG;
  if (count < 1) return EINVAL;
  const operations = readOperations(thread, args.addr(1), count);
  if (typeof operations === 'number') return operations;
  if (args.int(0) < 0 || (timeoutAddr !== 0 && !isValidTime($time))) return EINVAL;
  const until = timeoutAddr === 0 ? Infinity : process.kernel.clock.nowMs() + toMs($time);
  const array = arrayFor(process, args.int(0), operations);
  if (typeof array === 'number') return array;
  const undoes = operations.some(({ flags }) => (flags & SEM_UNDO) !== 0);
  const request = new SemRequest(operations, undoes ? undoListOf(process) : null, process.pid, thread);
  const status = array.perform(request);
  return status ?? goOn(thread, new SemWait(array, request, until));
}

/** A request that waited: a signal always ends it with EINTR (signal(7)). */
function goOn(thread: Thread, waiting: SemWait): number {
  const { status } = waiting.request;
  if (status !== null) return status;
  const { until } = waiting;
  const late = thread.process.kernel.clock.nowMs() >= until;
  if (late || thread.signalled) {
    waiting.abandon();
    return thread.signalled ? EINTR : EAGAIN;
  }
  thread.callState = waiting;
  if (until !== Infinity) thread.waitUntil(until);
  return WAIT;
}

function sysSemop(thread: Thread, args: Args): number {
  return semop(thread, args, 0);
}

function sysSemtimedop(thread: Thread, args: Args): number {
  return semop(thread, args, args.addr(3));
}

const SEMMNU = 1024000000;
const SEMUSZ = 20;

function writeInfo(process: Process, sem: Semaphores, command: number, addr: number): number {
  const { semmni, semmns, semmsl, semopm } = sem.limits;
  const counts = command === SEM_INFO;
  const values = {
    semmap: SEMMNU,
    semmni,
    semmns,
    semmnu: SEMMNU,
    semmsl,
    semopm,
    semume: 500,
    semusz: counts ? sem.arrays.count : SEMUSZ,
    semvmx: SEMVMX,
    semaem: counts ? sem.used : SEMAEM,
  };
  return putStruct(process, addr, SEMINFO, values) || sem.arrays.highest;
}

function stat(process: Process, sem: Semaphores, id: number, command: number, addr: number): number {
  const bySlot = command !== IPC_STAT;
  const array = objectForStat(process, sem.arrays, id, bySlot, command === SEM_STAT_ANY);
  if (typeof array === 'number') return array;
  const written = putStruct(process, addr, SEMID_DS, {
    ...permFields(array),
    sem_otime: array.otime,
    sem_ctime: array.ctime,
    sem_nsems: array.values.length,
  });
  return written || (bySlot ? array.id : 0);
}

function setOwner(process: Process, sem: Semaphores, id: number, addr: number): number {
  const change = readOwnerChange(process, addr, SEMID_DS);
  if (typeof change === 'number') return change;
  const array = controlled(process, sem.arrays, id);
  if (typeof array === 'number') return array;
  const refused = isValidOwner(change);
  if (refused === 0) changeOwner(array, change, process.kernel.ipc.now());
  return refused;
}

function setValue(process: Process, sem: Semaphores, args: Args): number {
  const value = args.int(3);
  if (value > SEMVMX || value < 0) return ERANGE;
  const array = sem.arrays.byId(args.int(0));
  if (typeof array === 'number') return array;
  const num = args.int(1);
  if (num < 0 || num >= array.values.length) return EINVAL;
  if (mayUse(array, S_IWUGO, process.cred) < 0) return EACCES;
  array.setValue(num, value);
  return 0;
}

/** GETALL and SETALL. */
function allValues({ memory }: Process, array: SemArray, command: number, addr: number): number {
  const values = new Uint16Array(array.values.length);
  const bytes = new Uint8Array(values.buffer);
  if (command === GETALL) {
    values.set(array.values);
    return memory.copyOut(addr, bytes, 0, bytes.length);
  }
  if (memory.copyIn(addr, bytes, 0, bytes.length) < 0) return EFAULT;
  if (values.some((value) => value > SEMVMX)) return ERANGE;
  array.setAll(values);
  return 0;
}

function oneValue(array: SemArray, num: number, command: number): number {
  if (num < 0 || num >= array.values.length) return EINVAL;
  switch (command) {
    case GETVAL:
      return array.values[num];
    case GETPID:
      return array.pids[num];
    default:
      return array.waiters(num, command === GETZCNT);
  }
}

function values(process: Process, sem: Semaphores, args: Args): number {
  const array = sem.arrays.byId(args.int(0));
  if (typeof array === 'number') return array;
  const command = args.int(2);
  const refused = mayUse(array, command === SETALL ? S_IWUGO : S_IRUGO, process.cred);
  if (refused !== 0) return refused;
  if (command === GETALL || command === SETALL) return allValues(process, array, command, args.addr(3));
  return oneValue(array, args.int(1), command);
}

function sysSemctl({ process }: Thread, args: Args): number {
  const { sem } = process.kernel.ipc;
  const [id, command, addr] = [args.int(0), args.int(2), args.addr(3)];
  if (id < 0) return EINVAL;
  switch (command) {
    case IPC_INFO:
    case SEM_INFO:
      return writeInfo(process, sem, command, addr);
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY:
      return stat(process, sem, id, command, addr);
    case GETALL:
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
    case SETALL:
      return values(process, sem, args);
    case SETVAL:
      return setValue(process, sem, args);
    case IPC_SET:
      return setOwner(process, sem, id, addr);
    case IPC_RMID:
      return removeObject(process, sem.arrays, sem, id);
    default:
      return EINVAL;
  }
}

export const sysvSemRows: readonly ThreadRow[] = [
  { number: 64, name: 'semget', args: ['hex', 'int', 'hex'], run: sysSemget },
  { number: 65, name: 'semop', args: ['int', 'addr', 'uint'], run: sysSemop },
  { number: 66, name: 'semctl', args: ['int', 'int', 'int', 'addr'], run: sysSemctl },
  { number: 220, name: 'semtimedop', args: ['int', 'addr', 'uint', 'timespec'], run: sysSemtimedop },
];

kind('SemWait', SemWait);
