/**
 * Leases (fcntl(2), F_SETLEASE; fs/locks.c). Who holds one is told by a signal when somebody opens or cuts the file against
 * it, who then waits until it has been given up or weakened, or its time is over (fs.lease-break-time). Times are
 * wall-clock time, which goes on while a sandbox is a snapshot.
 */
import { kind } from '../checkpoint/registry.js';
import { F_RDLCK, F_UNLCK, F_WRLCK, O_ACCMODE, O_ASYNC, O_PATH, O_RDONLY } from '../abi/fcntl.js';
import { POLL_MSG } from '../abi/signal.js';
import { EAGAIN, EINVAL, type Errno } from '../errno.js';
import { WaitQueue } from '../process/waitqueue.js';
import type { Handle, HandleWatch, Inode, VfsContext } from './types.js';

/** A lease belongs to an open file, and ends with it. */
export class Lease implements HandleWatch {
  /** It is to be given up (FL_UNLOCK_PENDING), or to be weakened (FL_DOWNGRADE_PENDING). */
  unlocks = false;
  weakens = false;
  /** When that is done without its holder, in milliseconds; 0: never. */
  unlockAt = 0;
  weakenAt = 0;

  constructor(
    readonly handle: Handle,
    /** F_RDLCK or F_WRLCK. */
    public type: number,
    readonly pid: number,
    /** The descriptor by which it was taken, for the signal. */
    public fd: number,
  ) {}

  get breaking(): boolean {
    return this.unlocks || this.weakens;
  }

  /** What it is to become (target_leasetype). */
  get target(): number {
    if (this.unlocks) return F_UNLCK;
    return this.weakens ? F_RDLCK : this.type;
  }

  conflicts(writes: boolean): boolean {
    return writes || this.type === F_WRLCK;
  }

  /** lease_modify. */
  change(type: number): void {
    const { handle } = this;
    if (type === F_UNLCK) this.unlocks = false;
    if (type !== F_WRLCK) this.weakens = false;
    this.type = type;
    if (type === F_UNLCK) {
      delete handle.owner;
      handle.flags &= ~O_ASYNC;
      handle.watches?.delete(this);
    }
    (handle.inode.leases as Leases).changed(this);
  }

  handleReleased(): void {
    this.change(F_UNLCK);
  }
}

/** What inode.leases holds while there are any. */
class Leases {
  list: Lease[] = [];
  readonly queue = new WaitQueue();

  constructor(private readonly inode: Inode) {}

  changed(lease: Lease): void {
    if (lease.type === F_UNLCK) this.list = this.list.filter((other) => other !== lease);
    if (this.list.length === 0) this.inode.leases = null;
    this.queue.wake();
  }

  /** What its holders have not done in time is done (time_out_leases). */
  expire(now: number): void {
    for (const lease of this.list) {
      if (lease.weakenAt !== 0 && now > lease.weakenAt) lease.change(F_RDLCK);
      if (lease.unlockAt !== 0 && now > lease.unlockAt) lease.change(F_UNLCK);
    }
  }
}

export function leasesOn(inode: Inode): readonly Lease[] {
  return inode.leases === null ? [] : (inode.leases as Leases).list;
}

function heldBy(handle: Handle): Lease | null {
  return leasesOn(handle.inode).find((lease) => lease.handle === handle) ?? null;
}

const $now = { sec: 0, nsec: 0 };

function nowMs({ clock }: VfsContext): number {
  clock.realtime($now);
  return $now.sec * 1e3 + $now.nsec / 1e6;
}

function expire(inode: Inode, vfs: VfsContext): void {
  if (inode.leases !== null) (inode.leases as Leases).expire(nowMs(vfs));
}

/** F_GETLEASE. */
export function leaseType(handle: Handle, vfs: VfsContext): number {
  expire(handle.inode, vfs);
  return heldBy(handle)?.target ?? F_UNLCK;
}

/** F_SETLEASE with F_UNLCK. */
export function giveUpLease(handle: Handle): 0 | Errno {
  const lease = heldBy(handle);
  if (lease === null) return EAGAIN;
  lease.change(F_UNLCK);
  return 0;
}

/** F_SETLEASE with F_RDLCK or F_WRLCK. */
export function takeLease(
  handle: Handle,
  type: number,
  taker: { readonly pid: number; readonly fd: number },
  vfs: VfsContext,
): 0 | Errno {
  const { inode } = handle;
  expire(inode, vfs);
  if (isOpenOtherwise(handle, type)) return EAGAIN;
  for (const { handle: holder, unlocks } of leasesOn(inode))
    if (holder !== handle && (type === F_WRLCK || unlocks)) return EAGAIN;
  const own = heldBy(handle);
  if (own !== null) {
    own.change(type);
    own.fd = taker.fd;
    return 0;
  }
  if (vfs.settings.leasesEnable === 0) return EINVAL;
  const lease = new Lease(handle, type, taker.pid, taker.fd);
  const leases = (inode.leases ??= new Leases(inode)) as Leases;
  leases.list.push(lease);
  handle.watches ??= new Set();
  handle.watches.add(lease);
  handle.flags |= O_ASYNC;
  return 0;
}

/** Whether opens of the file stand in the way (check_conflicting_open); of all of them the holder's own does not. */
function isOpenOtherwise({ inode, access }: Handle, type: number): boolean {
  if (type === F_RDLCK) return inode.writers > 0;
  const reads = (access & (O_ACCMODE | O_PATH)) === O_RDONLY;
  return inode.writers !== Number(!reads) || inode.readers !== Number(reads);
}

/**
 * Somebody opens the file, or cuts it: whose lease is against that is told. EAGAIN as long as there is one (__break_lease).
 * `flags`: O_* of an open.
 */
export function breakLeases(inode: Inode, flags: number, vfs: VfsContext): 0 | Errno {
  if (inode.leases === null) return 0;
  expire(inode, vfs);
  const writes = (flags & O_ACCMODE) !== O_RDONLY;
  const { leaseBreakTime } = vfs.settings;
  const until = leaseBreakTime > 0 ? nowMs(vfs) + leaseBreakTime * 1e3 : 0;
  for (const lease of leasesOn(inode)) if (lease.conflicts(writes)) tell(lease, writes, until);
  return leasesOn(inode).some((lease) => lease.conflicts(writes)) ? EAGAIN : 0;
}

function tell(lease: Lease, writes: boolean, until: number): void {
  if (writes ? lease.unlocks : lease.breaking) return;
  if (writes) {
    lease.unlocks = true;
    lease.unlockAt = until;
  } else {
    lease.weakens = true;
    lease.weakenAt = until;
  }
  lease.handle.owner?.ready(POLL_MSG, lease.fd);
}

/** What those who wait for leases wait on; null when there are none any more. */
export function leaseQueue(inode: Inode): WaitQueue | null {
  return inode.leases === null ? null : (inode.leases as Leases).queue;
}

/** In how many milliseconds the first lease ends without its holder. */
export function leaseEndsIn(inode: Inode, vfs: VfsContext): number {
  const now = nowMs(vfs);
  let least = Infinity;
  for (const { unlocks, unlockAt, weakenAt, breaking } of leasesOn(inode)) {
    const at = unlocks ? unlockAt : weakenAt;
    if (breaking && at !== 0) least = Math.min(least, at - now);
  }
  return least;
}

kind('Lease', Lease);
kind('Leases', Leases);
