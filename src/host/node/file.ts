import fs from 'node:fs';
import { EOPNOTSUPP } from '../../kernel/errno.js';
import type { HostFile, HostStat, Timespec } from '../../kernel/host.js';
import { attempt, attemptVoid } from './errors.js';
import { hostStat } from './stat.js';

/** A time as node:fs takes it: seconds as a double, which is good for about a quarter of a microsecond. */
export function seconds(time: Timespec): number {
  return time.sec + time.nsec / 1e9;
}

/** A regular file, open. */
export class NodeFile implements HostFile {
  constructor(
    private readonly fd: number,
    readonly opened: HostStat,
  ) {}

  stat(): HostStat | number {
    return attempt(() => hostStat(fs.fstatSync(this.fd, { bigint: true })));
  }

  read(into: Uint8Array, start: number, length: number, position: number): number {
    return attempt(() => fs.readSync(this.fd, into, start, length, position));
  }

  write(from: Uint8Array, start: number, length: number, position: number): number {
    return attempt(() => fs.writeSync(this.fd, from, start, length, position));
  }

  truncate(size: number): number {
    return attemptVoid(() => fs.ftruncateSync(this.fd, size));
  }

  chmod(mode: number): number {
    return attemptVoid(() => fs.fchmodSync(this.fd, mode & 0o7777));
  }

  chown(uid: number, gid: number): number {
    return attemptVoid(() => fs.fchownSync(this.fd, uid, gid));
  }

  utimes(atime: Timespec, mtime: Timespec): number {
    return attemptVoid(() => fs.futimesSync(this.fd, seconds(atime), seconds(mtime)));
  }

  sync(): number {
    return attemptVoid(() => fs.fsyncSync(this.fd));
  }

  reopen(): HostFile | number {
    if (process.platform !== 'linux') return EOPNOTSUPP;
    const fd = attempt(() => fs.openSync(`/proc/self/fd/${this.fd}`, fs.constants.O_RDWR));
    return fd < 0 ? fd : new NodeFile(fd, this.opened);
  }

  close(): void {
    fs.closeSync(this.fd);
  }
}
