/** The structs of system calls lie as the C compiler lays them out. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FLOCK, F_OWNER_EX, OPEN_HOW } from './fcntl.js';
import { MSGINFO, MSQID_DS, SEMBUF, SEMID_DS, SEMINFO, SHMID_DS, SHMINFO, SHM_INFO_STRUCT } from './ipc.js';
import {
  DIRENT,
  DIRENT64,
  DIRENT64_NAME,
  STAT,
  STATFS,
  STATX,
  STATX_SIZE,
  TIMESPEC,
  TIMEVAL,
  UTIMBUF,
} from './stat.js';
import { Struct, putU64 } from './struct.js';

interface Layout {
  readonly offsets: Readonly<Record<string, number>>;
  readonly size: number;
}

/** The names of struct ipc_perm's fields within another struct. */
function permNames(member: string): Readonly<Record<string, string>> {
  const fields = ['uid', 'gid', 'cuid', 'cgid', 'mode'].map((field) => [field, `${member}.${field}`]);
  return { ...Object.fromEntries(fields), key: `${member}.__key`, seq: `${member}.__seq` };
}

/** By C type, the struct and the C names of fields that are called otherwise. */
const STRUCTS: readonly (readonly [string, Layout, Readonly<Record<string, string>>])[] = [
  [
    'struct stat',
    STAT,
    {
      st_atime: 'st_atim.tv_sec',
      st_atime_nsec: 'st_atim.tv_nsec',
      st_mtime: 'st_mtim.tv_sec',
      st_mtime_nsec: 'st_mtim.tv_nsec',
      st_ctime: 'st_ctim.tv_sec',
      st_ctime_nsec: 'st_ctim.tv_nsec',
    },
  ],
  [
    'struct statx',
    STATX,
    Object.fromEntries(
      ['atime', 'btime', 'ctime', 'mtime'].flatMap((time) => [
        [`stx_${time}_sec`, `stx_${time}.tv_sec`],
        [`stx_${time}_nsec`, `stx_${time}.tv_nsec`],
      ]),
    ),
  ],
  ['struct statfs', STATFS, { f_fsid0: 'f_fsid', f_fsid1: 'f_fsid.__val[1]' }],
  ['struct flock', FLOCK, {}],
  ['struct f_owner_ex', F_OWNER_EX, {}],
  ['struct open_how', OPEN_HOW, {}],
  ['struct timespec', TIMESPEC, {}],
  ['struct timeval', TIMEVAL, {}],
  ['struct utimbuf', UTIMBUF, {}],
  ['struct dirent64', DIRENT64, {}],
  ['struct shmid_ds', SHMID_DS, permNames('shm_perm')],
  ['struct shminfo', SHMINFO, {}],
  ['struct shm_info', SHM_INFO_STRUCT, {}],
  ['struct semid_ds', SEMID_DS, permNames('sem_perm')],
  ['struct seminfo', SEMINFO, {}],
  ['struct sembuf', SEMBUF, {}],
  ['struct msqid_ds', MSQID_DS, { ...permNames('msg_perm'), msg_cbytes: '__msg_cbytes' }],
  ['struct msginfo', MSGINFO, {}],
];

const HEADERS = [
  'stddef.h',
  'stdio.h',
  'dirent.h',
  'fcntl.h',
  'sys/msg.h',
  'sys/sem.h',
  'sys/shm.h',
  'sys/stat.h',
  'sys/statfs.h',
  'sys/time.h',
  'utime.h',
  'linux/openat2.h',
];

/** Fields that only fill, of which C has no name: they start with two underscores or end in a number. */
function isNamed(field: string): boolean {
  return !field.startsWith('__') && !/^f_spare/.test(field);
}

function expressions(): string[] {
  return STRUCTS.flatMap(([type, struct, names]) => [
    ...Object.keys(struct.offsets)
      .filter(isNamed)
      .map((field) => `offsetof(${type}, ${names[field] ?? field})`),
    `sizeof(${type})`,
  ]);
}

/** struct statx and dirent64 go on behind the fields that are named here. */
const WHOLE_SIZES: Readonly<Record<string, number>> = { 'struct statx': STATX_SIZE, 'struct dirent64': 280 };

function ours(): number[] {
  return STRUCTS.flatMap(([type, struct]) => [
    ...Object.entries(struct.offsets)
      .filter(([field]) => isNamed(field))
      .map(([, offset]) => offset),
    WHOLE_SIZES[type] ?? struct.size,
  ]);
}

test('fields lie where the C compiler puts them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'culm-struct-'));
  try {
    const includes = HEADERS.map((header) => `#include <${header}>\n`).join('');
    const prints = expressions().map((text) => `printf("%s %zu\\n", "${text}", (size_t)${text});\n`);
    writeFileSync(
      join(folder, 's.c'),
      `#define _GNU_SOURCE\n${includes}int main(void) {\n${prints.join('')}}\n`,
    );
    execFileSync('gcc', ['-o', join(folder, 's'), join(folder, 's.c')]);
    const expected = execFileSync(join(folder, 's'), { encoding: 'utf8' }).trim().split('\n');
    const values = ours();
    assert.deepEqual(
      expressions().map((text, i) => `${text} ${values[i]}`),
      expected,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the name follows the fixed part of a directory entry', () => {
  assert.equal(DIRENT64_NAME, DIRENT64.offsets.d_type + 1);
  assert.equal(DIRENT.offsets.d_reclen, 16);
});

test('64-bit numbers keep their sign and their high half', () => {
  const view = new DataView(new ArrayBuffer(16));
  const pair = new Struct({ small: 'i64', large: 'i64' });
  for (const value of [0, -1, 1, -(2 ** 31), 2 ** 32, 2 ** 40 + 5, -(2 ** 40) - 5, Number.MAX_SAFE_INTEGER]) {
    putU64(view, 0, value);
    pair.put(view, 0, 'large', value);
    assert.equal(view.getBigInt64(0, true), BigInt(value));
    assert.equal(pair.get(view, 0, 'large'), value);
  }
});
