/** System V IPC (sysvipc(7); linux/ipc.h, shm.h, sem.h, msg.h). */
import { Struct } from './struct.js';

export const IPC_PRIVATE = 0;
export const IPC_CREAT = 0o1000;
export const IPC_EXCL = 0o2000;
export const IPC_NOWAIT = 0o4000;

export const IPC_RMID = 0;
export const IPC_SET = 1;
export const IPC_STAT = 2;
export const IPC_INFO = 3;

/** A number is a slot, and how often slots have been gone through, from this bit on. */
export const IPCMNI_SHIFT = 15;
export const IPCMNI = 1 << IPCMNI_SHIFT;

export const SHM_LOCK = 11;
export const SHM_UNLOCK = 12;
export const SHM_STAT = 13;
export const SHM_INFO = 14;
export const SHM_STAT_ANY = 15;
export const SHM_HUGETLB = 0o4000;
export const SHM_NORESERVE = 0o10000;
export const SHM_RDONLY = 0o10000;
export const SHM_RND = 0o20000;
export const SHM_REMAP = 0o40000;
export const SHM_EXEC = 0o100000;
/** In shm_perm.mode: it goes with its last attachment; it is locked. */
export const SHM_DEST = 0o1000;
export const SHM_LOCKED = 0o2000;

export const GETPID = 11;
export const GETVAL = 12;
export const GETALL = 13;
export const GETNCNT = 14;
export const GETZCNT = 15;
export const SETVAL = 16;
export const SETALL = 17;
export const SEM_STAT = 18;
export const SEM_INFO = 19;
export const SEM_STAT_ANY = 20;
export const SEM_UNDO = 0x1000;
/** The greatest value of a semaphore, and of what is undone at exit. */
export const SEMVMX = 32767;
export const SEMAEM = SEMVMX;

export const MSG_STAT = 11;
export const MSG_INFO = 12;
export const MSG_STAT_ANY = 13;
export const MSG_NOERROR = 0o10000;
export const MSG_EXCEPT = 0o20000;
export const MSG_COPY = 0o40000;

const PERM = {
  key: 'i32',
  uid: 'u32',
  gid: 'u32',
  cuid: 'u32',
  cgid: 'u32',
  mode: 'u32',
  seq: 'u16',
  __pad: 'u16',
  __perm_unused1: 'u64',
  __perm_unused2: 'u64',
} as const;

export const SHMID_DS = new Struct({
  ...PERM,
  shm_segsz: 'u64',
  shm_atime: 'i64',
  shm_dtime: 'i64',
  shm_ctime: 'i64',
  shm_cpid: 'i32',
  shm_lpid: 'i32',
  shm_nattch: 'u64',
  __unused4: 'u64',
  __unused5: 'u64',
});

export const SHMINFO = new Struct({
  shmmax: 'u64',
  shmmin: 'u64',
  shmmni: 'u64',
  shmseg: 'u64',
  shmall: 'u64',
  __unused1: 'u64',
  __unused2: 'u64',
  __unused3: 'u64',
  __unused4: 'u64',
});

export const SHM_INFO_STRUCT = new Struct({
  used_ids: 'i32',
  shm_tot: 'u64',
  shm_rss: 'u64',
  shm_swp: 'u64',
  swap_attempts: 'u64',
  swap_successes: 'u64',
});

export const SEMID_DS = new Struct({
  ...PERM,
  sem_otime: 'i64',
  __unused1: 'u64',
  sem_ctime: 'i64',
  __unused2: 'u64',
  sem_nsems: 'u64',
  __unused3: 'u64',
  __unused4: 'u64',
});

export const SEMINFO = new Struct({
  semmap: 'i32',
  semmni: 'i32',
  semmns: 'i32',
  semmnu: 'i32',
  semmsl: 'i32',
  semopm: 'i32',
  semume: 'i32',
  semusz: 'i32',
  semvmx: 'i32',
  semaem: 'i32',
});

export const SEMBUF = new Struct({ sem_num: 'u16', sem_op: 'i16', sem_flg: 'i16' });

export const MSQID_DS = new Struct({
  ...PERM,
  msg_stime: 'i64',
  msg_rtime: 'i64',
  msg_ctime: 'i64',
  msg_cbytes: 'u64',
  msg_qnum: 'u64',
  msg_qbytes: 'u64',
  msg_lspid: 'i32',
  msg_lrpid: 'i32',
  __unused4: 'u64',
  __unused5: 'u64',
});

export const MSGINFO = new Struct({
  msgpool: 'i32',
  msgmap: 'i32',
  msgmax: 'i32',
  msgmnb: 'i32',
  msgmni: 'i32',
  msgssz: 'i32',
  msgtql: 'i32',
  msgseg: 'u16',
});
