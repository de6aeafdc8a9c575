/** Limits of names, paths and transfers (linux/limits.h, linux/fs.h, linux/uio.h). */
export const NAME_MAX = 255;
/** With the NUL. */
export const PATH_MAX = 4096;
/** Symbolic links in one walk (MAXSYMLINKS). */
export const MAXSYMLINKS = 40;
/** What one read or write moves at most. */
export const MAX_RW_COUNT = 0x7ffff000;
export const IOV_MAX = 1024;
export const PIPE_BUF = 4096;
/** The greatest file size and offset: Linux has 2^63 - 1; here what a number holds exactly, in whole pages. */
export const MAX_FILE_SIZE = Number.MAX_SAFE_INTEGER - 4095;

export const XATTR_NAME_MAX = 255;
export const XATTR_SIZE_MAX = 65536;
export const XATTR_LIST_MAX = 65536;
export const XATTR_CREATE = 1;
export const XATTR_REPLACE = 2;
