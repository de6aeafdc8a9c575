/** Mount flags (mount(2), linux/mount.h), as Mount.flags and /proc/mounts have them. */
export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;
export const MS_SYNCHRONOUS = 16;
export const MS_NOSYMFOLLOW = 256;
export const MS_NOATIME = 1024;
export const MS_NODIRATIME = 2048;
export const MS_RELATIME = 1 << 21;
export const MS_STRICTATIME = 1 << 24;

/** Of f_flags in statfs(2): the flags are a statement. */
export const ST_VALID = 0x20;
/** What statfs(2) shows of mount flags: the same bits, but for these. */
export const ST_NOATIME = 1024;
export const ST_NODIRATIME = 2048;
export const ST_RELATIME = 4096;
export const ST_NOSYMFOLLOW = 8192;
