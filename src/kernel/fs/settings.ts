/** What the VFS goes by and root may change in /proc/sys/fs (proc_sys_fs(5)). */
export interface FsSettings {
  /** fs.protected_*: whom what others have put into a directory where everybody may make names can fool. */
  protectedSymlinks: number;
  protectedHardlinks: number;
  protectedFifos: number;
  protectedRegular: number;
  /** fs.pipe-max-size: how far F_SETPIPE_SZ goes without privilege. */
  pipeMaxSize: number;
  /** fs.leases-enable, and fs.lease-break-time in seconds: how long a lease stays that is to be given up; 0: for ever. */
  leasesEnable: number;
  leaseBreakTime: number;
  /** kernel.pty.max. */
  ptyMax: number;
  /** fs.inotify.*: events of an instance, and of each user instances and watches. */
  maxQueuedEvents: number;
  maxInotifyInstances: number;
  maxInotifyWatches: number;
}

export const PTY_MAX = 4096;

export function initialFsSettings(): FsSettings {
  return {
    protectedSymlinks: 1,
    protectedHardlinks: 1,
    protectedFifos: 0,
    protectedRegular: 0,
    pipeMaxSize: 1048576,
    leasesEnable: 1,
    leaseBreakTime: 45,
    ptyMax: PTY_MAX,
    maxQueuedEvents: 16384,
    maxInotifyInstances: 128,
    maxInotifyWatches: 65536,
  };
}
