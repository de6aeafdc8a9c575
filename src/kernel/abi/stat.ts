/** stat(2), statx(2), statfs(2) and getdents64(2) (asm/stat.h, linux/stat.h, asm/statfs.h, linux/dirent.h). */
import { Struct } from './struct.js';

export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;
export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
export const S_ISVTX = 0o1000;
export const S_IWGRP = 0o020;
export const S_IXGRP = 0o010;
export const S_IWOTH = 0o002;
/** Everything of a mode but the type. */
export const S_IALLUGO = 0o7777;
export const S_IRWXUGO = 0o777;

export const DT_UNKNOWN = 0;
export const DT_FIFO = 1;
export const DT_CHR = 2;
export const DT_DIR = 4;
export const DT_BLK = 6;
export const DT_REG = 8;
export const DT_LNK = 10;
export const DT_SOCK = 12;
export const DT_WHT = 14;

/** A mode's type as d_type has it. */
export function direntType(mode: number): number {
  return (mode & S_IFMT) >> 12;
}

export const STAT = new Struct({
  st_dev: 'u64',
  st_ino: 'u64',
  st_nlink: 'u64',
  st_mode: 'u32',
  st_uid: 'u32',
  st_gid: 'u32',
  __pad0: 'u32',
  st_rdev: 'u64',
  st_size: 'i64',
  st_blksize: 'i64',
  st_blocks: 'i64',
  st_atime: 'i64',
  st_atime_nsec: 'u64',
  st_mtime: 'i64',
  st_mtime_nsec: 'u64',
  st_ctime: 'i64',
  st_ctime_nsec: 'u64',
  __unused0: 'i64',
  __unused1: 'i64',
  __unused2: 'i64',
});

export const STATX = new Struct({
  stx_mask: 'u32',
  stx_blksize: 'u32',
  stx_attributes: 'u64',
  stx_nlink: 'u32',
  stx_uid: 'u32',
  stx_gid: 'u32',
  stx_mode: 'u16',
  __spare0: 'u16',
  stx_ino: 'u64',
  stx_size: 'u64',
  stx_blocks: 'u64',
  stx_attributes_mask: 'u64',
  stx_atime_sec: 'i64',
  stx_atime_nsec: 'u32',
  __pad_atime: 'i32',
  stx_btime_sec: 'i64',
  stx_btime_nsec: 'u32',
  __pad_btime: 'i32',
  stx_ctime_sec: 'i64',
  stx_ctime_nsec: 'u32',
  __pad_ctime: 'i32',
  stx_mtime_sec: 'i64',
  stx_mtime_nsec: 'u32',
  __pad_mtime: 'i32',
  stx_rdev_major: 'u32',
  stx_rdev_minor: 'u32',
  stx_dev_major: 'u32',
  stx_dev_minor: 'u32',
  stx_mnt_id: 'u64',
  stx_dio_mem_align: 'u32',
  stx_dio_offset_align: 'u32',
});
/** sizeof(struct statx): the named fields and spare ones up to 256. */
export const STATX_SIZE = 256;
export const STATX_BASIC_STATS = 0x7ff;
export const STATX_BTIME = 0x800;
export const STATX_MNT_ID = 0x1000;
export const STATX_RESERVED = 0x80000000;
export const STATX_ATTR_MOUNT_ROOT = 0x2000;

export const STATFS = new Struct({
  f_type: 'i64',
  f_bsize: 'i64',
  f_blocks: 'u64',
  f_bfree: 'u64',
  f_bavail: 'u64',
  f_files: 'u64',
  f_ffree: 'u64',
  f_fsid0: 'i32',
  f_fsid1: 'i32',
  f_namelen: 'i64',
  f_frsize: 'i64',
  f_flags: 'i64',
  f_spare0: 'i64',
  f_spare1: 'i64',
  f_spare2: 'i64',
  f_spare3: 'i64',
});

/** The fixed part of struct linux_dirent64; the name follows d_type. */
export const DIRENT64 = new Struct({ d_ino: 'u64', d_off: 'i64', d_reclen: 'u16', d_type: 'u8' });
/** Where linux_dirent64's name begins. */
export const DIRENT64_NAME = 19;
/** The old struct linux_dirent: the name follows d_reclen, the type is its last byte. */
export const DIRENT = new Struct({ d_ino: 'u64', d_off: 'u64', d_reclen: 'u16' });
export const DIRENT_NAME = 18;

/** struct timespec and timeval, utimbuf (linux/time.h, utime.h). */
export const TIMESPEC = new Struct({ tv_sec: 'i64', tv_nsec: 'i64' });
export const TIMEVAL = new Struct({ tv_sec: 'i64', tv_usec: 'i64' });
export const UTIMBUF = new Struct({ actime: 'i64', modtime: 'i64' });
export const UTIME_NOW = 0x3fffffff;
export const UTIME_OMIT = 0x3ffffffe;

/** linux_dev_t as st_rdev has it (makedev(3)). */
export function majorOf(dev: number): number {
  return (dev >>> 8) & 0xfff;
}
export function minorOf(dev: number): number {
  return (dev & 0xff) | ((dev >>> 12) & 0xfff00);
}
export function makedev(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}
