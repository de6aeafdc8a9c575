/**
 * Descriptors that are on their way (SCM_RIGHTS). A message holds references to handles; a socket in whose queue it lies
 * may itself be on its way, even to itself. What can be reached only by such messages is garbage, which is looked for when
 * a socket is closed (unix_gc in net/unix/garbage.c).
 */
import { kind } from '../../checkpoint/registry.js';
import { CAP_SYS_ADMIN, CAP_SYS_RESOURCE } from '../../abi/capability.js';
import { RLIMIT_NOFILE } from '../../abi/resource.js';
import { ETOOMANYREFS, type Errno } from '../../errno.js';
import { releaseHandle, retainHandle } from '../../fs/handle.js';
import { capable } from '../../fs/permission.js';
import type { Handle } from '../../fs/types.js';
import type { Caller } from '../../types.js';

/** The descriptors of one message. */
export interface Rights {
  readonly handles: readonly Handle[];
  /** Whose they count as. */
  readonly uid: number;
}

/** A socket in whose queue descriptors can lie. */
export interface Carrier {
  /** All rights in its queue, and in those of connections that nobody has accepted. */
  queuedRights(): Iterable<Rights>;
  /** Takes them out. */
  takeRights(): Rights[];
}

export class InFlight {
  private readonly counts = new Map<Handle, number>();
  private readonly perUser = new Map<number, number>();
  /** All open sockets that can carry something. */
  private readonly carrierOf = new Map<Handle, Carrier>();
  private readonly dropped: Handle[] = [];
  private dropping = false;
  total = 0;

  /** too_many_unix_fds. */
  mayAdd({ process }: Caller): 0 | Errno {
    const { cred } = process.fs;
    if ((this.perUser.get(cred.ruid) ?? 0) <= process.limit(RLIMIT_NOFILE)) return 0;
    return capable(cred, CAP_SYS_RESOURCE) || capable(cred, CAP_SYS_ADMIN) ? 0 : ETOOMANYREFS;
  }

  /** A message with `rights` has been queued; its references are the message's from now on. */
  add(rights: Rights): void {
    for (const handle of rights.handles) this.counts.set(handle, (this.counts.get(handle) ?? 0) + 1);
    this.count(rights, 1);
  }

  /** A message has been taken out of the queue: its references are the caller's. */
  remove({ handles, uid }: Rights): void {
    for (const handle of handles) {
      const count = (this.counts.get(handle) ?? 0) - 1;
      if (count > 0) this.counts.set(handle, count);
      else this.counts.delete(handle);
    }
    this.count({ handles, uid }, -1);
  }

  private count({ handles, uid }: Rights, sign: number): void {
    this.total += sign * handles.length;
    const count = (this.perUser.get(uid) ?? 0) + sign * handles.length;
    if (count > 0) this.perUser.set(uid, count);
    else this.perUser.delete(uid);
  }

  /** Gives references back; one after the other, as closing a socket may drop further ones. */
  drop(handles: readonly Handle[]): void {
    this.dropped.push(...handles);
    if (this.dropping) return;
    this.dropping = true;
    for (let handle = this.dropped.pop(); handle !== undefined; handle = this.dropped.pop())
      releaseHandle(handle);
    this.dropping = false;
  }

  opened(handle: Handle, carrier: Carrier): void {
    this.carrierOf.set(handle, carrier);
  }

  closed(handle: Handle): void {
    this.carrierOf.delete(handle);
  }

  /** Whether `handle` is on its way. */
  has(handle: Handle): boolean {
    return this.counts.has(handle);
  }

  /** Frees what only messages refer to. `closing`: a handle whose reference is being given back. */
  collect(closing: Handle | null): void {
    if (this.total === 0) return;
    const suspects = this.suspects(closing);
    if (suspects.size === 0) return;
    this.clear(suspects);
    const freed: Handle[] = [];
    for (const carrier of suspects.values()) {
      for (const rights of carrier.takeRights()) {
        this.remove(rights);
        freed.push(...rights.handles);
      }
    }
    // The suspects refer to each other: none may go before all have been looked at.
    for (const handle of suspects.keys()) retainHandle(handle);
    this.drop(freed);
    this.drop([...suspects.keys()]);
  }

  /** Sockets to which nothing but messages refers. */
  private suspects(closing: Handle | null): Map<Handle, Carrier> {
    const found = new Map<Handle, Carrier>();
    for (const [handle, count] of this.counts) {
      const carrier = this.carrierOf.get(handle);
      const references = handle.references - Number(handle === closing);
      if (carrier !== undefined && references === count) found.set(handle, carrier);
    }
    return found;
  }

  /** Takes out of `suspects` what can be reached from sockets that are none. */
  private clear(suspects: Map<Handle, Carrier>): void {
    const reached: Carrier[] = [];
    for (const [handle, carrier] of this.carrierOf) if (!suspects.has(handle)) reached.push(carrier);
    for (let carrier = reached.pop(); carrier !== undefined; carrier = reached.pop()) {
      for (const { handles } of carrier.queuedRights()) {
        for (const handle of handles) {
          const suspect = suspects.get(handle);
          if (suspect === undefined) continue;
          suspects.delete(handle);
          reached.push(suspect);
        }
      }
    }
  }
}

kind('InFlight', InFlight);
