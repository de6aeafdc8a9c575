import { kind } from '../checkpoint/registry.js';
import { ERESTARTSYS, WAIT, type Errno } from '../errno.js';
import { pinDentry, unpinDentry } from '../fs/dentry.js';
import { leaseEndsIn, leaseQueue } from '../fs/leases.js';
import type { Inode, Location } from '../fs/types.js';
import type { Caller } from '../types.js';

/** A call that waits for leases on the file that it has found. Meanwhile it counts as one who has the file open. */
export class LeaseWait {
  constructor(
    readonly place: Location,
    private readonly inode: Inode,
    private readonly writes: boolean,
  ) {
    pinDentry(place.dentry);
    this.count(1);
  }

  private count(change: number): void {
    if (this.writes) this.inode.writers += change;
    else this.inode.readers += change;
  }

  abandon(): void {
    this.count(-1);
    unpinDentry(this.place.dentry);
  }
}

/** The call waits, and finds where it was in thread.callState; a signal ends it. */
export function waitForLeases(thread: Caller, place: Location, writes: boolean): Errno {
  const { inode } = place.dentry;
  const before = thread.callState instanceof LeaseWait ? thread.callState : null;
  const queue = inode === null ? null : leaseQueue(inode);
  if (thread.signalled || inode === null || queue === null) {
    before?.abandon();
    thread.callState = undefined;
    return ERESTARTSYS;
  }
  thread.callState = before ?? new LeaseWait(place, inode, writes);
  thread.waitOn(queue);
  const ms = leaseEndsIn(inode, place.mount.vfs);
  // A lease's time is over when it has passed.
  if (ms !== Infinity) thread.waitUntil(thread.nowMs() + ms + 1);
  return WAIT;
}

kind('LeaseWait', LeaseWait);
