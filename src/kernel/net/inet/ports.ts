/** Which ports are taken, and by whom (inet_hashtables.c, udp.c). */
import { constant, kind } from '../../checkpoint/registry.js';
import type { NetSettings } from '../settings.js';
import { TCP_LISTEN, TCP_TIME_WAIT } from '../states.js';
import { IP6_ANY, IP_ANY, isAny, isV4, type Ip } from './address.js';

const TIME_WAIT_MS = 60_000;
/** After so long a connection over the loopback may have the same ends as one that is over (tcp_tw_reuse). */
const REUSE_AFTER_MS = 1_000;
/** More connections that are over are not remembered. */
const MAX_TIME_WAIT = 4096;

/** Who has a port: a socket, or a connection that is over. */
export interface PortOwner {
  readonly localIp: Ip;
  readonly localPort: number;
  readonly state: number;
  readonly reuseAddress: boolean;
  readonly reusePort: boolean;
  readonly v6only: boolean;
  readonly uid: number;
}

/** A connection that is over, whose port is not quite free yet. */
export interface TimeWait extends PortOwner {
  readonly remoteIp: Ip;
  readonly remotePort: number;
  readonly family: number;
  readonly since: number;
}

/** What one socket has in a table. */
export interface PortEntries {
  readonly bound: boolean;
  readonly ends: readonly { readonly remoteIp: Ip; readonly remotePort: number }[];
}

interface Clockwork {
  readonly settings: Pick<NetSettings, 'firstPort' | 'lastPort'>;
  nowMs(): number;
  randomBelow(limit: number): number;
}

/** Whether two sockets' addresses overlap (inet_rcv_saddr_equal with wildcards). */
function overlap(a: PortOwner, b: PortOwner): boolean {
  if (isV4(a.localIp) && isV4(b.localIp))
    return a.localIp === b.localIp || a.localIp === IP_ANY || b.localIp === IP_ANY;
  if (a.localIp === b.localIp) return true;
  if (b.localIp === IP6_ANY && !(b.v6only && isV4(a.localIp))) return true;
  return a.localIp === IP6_ANY && !(a.v6only && isV4(b.localIp));
}

/** inet_bind_conflict, for a port that was asked for. */
export function conflictsTcp(asking: PortOwner, owner: PortOwner): boolean {
  if (asking === owner) return false;
  const over = owner.state === TCP_TIME_WAIT;
  const reuse = asking.reuseAddress && owner.reuseAddress && owner.state !== TCP_LISTEN;
  const sameUser = over || owner.uid === asking.uid;
  if (reuse || (asking.reusePort && owner.reusePort && sameUser)) return false;
  return overlap(asking, owner);
}

/** udp_lib_lport_inuse. */
export function conflictsUdp(asking: PortOwner, owner: PortOwner): boolean {
  if (asking === owner || (asking.reuseAddress && owner.reuseAddress)) return false;
  if (asking.reusePort && owner.reusePort && asking.uid === owner.uid) return false;
  return overlap(asking, owner);
}

export type Conflict = (asking: PortOwner, owner: PortOwner) => boolean;

/** The ports of one protocol. */
export class PortTable {
  private readonly owners = new Map<number, Set<PortOwner>>();
  /** Connections by their ends. */
  private readonly connections = new Map<string, PortOwner>();
  private readonly over: TimeWait[] = [];

  constructor(private readonly clock: Clockwork) {}

  /** Everybody who has a port. */
  at(port: number): ReadonlySet<PortOwner> | undefined {
    return this.owners.get(port);
  }

  /** Whether `asking` may have `port`. */
  isFree(asking: PortOwner, port: number, conflicts: Conflict): boolean {
    this.forgetOld();
    for (const owner of this.owners.get(port) ?? []) if (conflicts(asking, owner)) return false;
    return true;
  }

  /** A port that nobody has, or, with many in use, that `asking` can share; 0 for none. */
  choose(asking: PortOwner, conflicts: Conflict): number {
    const { firstPort, lastPort } = this.clock.settings;
    const count = lastPort - firstPort + 1;
    const first = this.clock.randomBelow(count);
    for (let i = 0; i < count; i++) {
      const port = firstPort + ((first + i) % count);
      if (!this.owners.has(port)) return port;
    }
    for (let port = firstPort; port <= lastPort; port++)
      if (this.isFree(asking, port, conflicts)) return port;
    return 0;
  }

  add(owner: PortOwner): void {
    const known = this.owners.get(owner.localPort);
    if (known === undefined) this.owners.set(owner.localPort, new Set([owner]));
    else known.add(owner);
  }

  remove(owner: PortOwner): void {
    const known = this.owners.get(owner.localPort);
    known?.delete(owner);
    if (known?.size === 0) this.owners.delete(owner.localPort);
  }

  /** Notes a connection; false when there is one with the same ends. */
  connect(owner: PortOwner, remoteIp: Ip, remotePort: number): boolean {
    const key = keyOf(owner, remoteIp, remotePort);
    const known = this.connections.get(key);
    if (known !== undefined && !this.mayReplace(known)) return false;
    if (known !== undefined) this.forget(known as TimeWait);
    this.connections.set(key, owner);
    return true;
  }

  private mayReplace(known: PortOwner): boolean {
    return known.state === TCP_TIME_WAIT && this.clock.nowMs() - (known as TimeWait).since > REUSE_AFTER_MS;
  }

  /** What `owner` has here: its port, and the other ends of its connections. */
  entriesOf(owner: PortOwner): PortEntries {
    const ends: PortEntries['ends'][number][] = [];
    for (const [key, other] of this.connections) {
      if (other !== owner) continue;
      const { remoteIp, remotePort } = other as TimeWait;
      if (keyOf(owner, remoteIp, remotePort) === key) ends.push({ remoteIp, remotePort });
    }
    return { bound: this.owners.get(owner.localPort)?.has(owner) === true, ends };
  }

  disconnect(owner: PortOwner, remoteIp: Ip, remotePort: number): void {
    const key = keyOf(owner, remoteIp, remotePort);
    if (this.connections.get(key) === owner) this.connections.delete(key);
  }

  /** Keeps the ends of a connection that is over for a minute. */
  linger(over: Omit<TimeWait, 'since' | 'state'>): void {
    const entry: TimeWait = { ...over, state: TCP_TIME_WAIT, since: this.clock.nowMs() };
    this.add(entry);
    this.connections.set(keyOf(entry, entry.remoteIp, entry.remotePort), entry);
    this.over.push(entry);
    this.forgetOld();
  }

  /** Connections that are over, oldest first. */
  get lingering(): readonly TimeWait[] {
    this.forgetOld();
    return this.over;
  }

  private forgetOld(): void {
    const oldest = this.clock.nowMs() - TIME_WAIT_MS;
    while (this.over.length > 0 && (this.over[0].since < oldest || this.over.length > MAX_TIME_WAIT))
      this.forget(this.over[0]);
  }

  /** The port is another kernel's: connections of it that are over are not remembered here. */
  forgetPort(port: number): void {
    for (const entry of this.over.filter(({ localPort }) => localPort === port)) this.forget(entry);
  }

  private forget(entry: TimeWait): void {
    const index = this.over.indexOf(entry);
    if (index >= 0) this.over.splice(index, 1);
    this.remove(entry);
    this.disconnect(entry, entry.remoteIp, entry.remotePort);
  }
}

function keyOf({ localIp, localPort }: PortOwner, remoteIp: Ip, remotePort: number): string {
  return `${localIp}:${localPort}:${remoteIp}:${remotePort}`;
}

/**
 * How well a socket fits what comes to `ip` (compute_score): -1 not at all; a socket of the address's own family, and one
 * that is bound to the address itself, before others.
 */
export function fit(owner: PortOwner, ofV6: boolean, ip: Ip): number {
  const family = Number(ofV6 !== isV4(ip));
  if (owner.localIp === ip) return 2 + family;
  if (!isAny(owner.localIp)) return -1;
  if (isV4(owner.localIp)) return isV4(ip) ? family : -1;
  return isV4(ip) && owner.v6only ? -1 : family;
}

/** Those of a port's owners that fit best; `score` is below 0 for one that does not fit. */
export function bestOf<T extends PortOwner>(
  owners: Iterable<PortOwner> | undefined,
  isCandidate: (owner: PortOwner) => owner is T,
  score: (owner: T) => number,
): T[] {
  let best: T[] = [];
  let highest = 0;
  for (const owner of owners ?? []) {
    if (!isCandidate(owner)) continue;
    const fits = score(owner);
    if (fits < highest) continue;
    if (fits > highest) best = [];
    best.push(owner);
    highest = fits;
  }
  return best;
}

kind('PortTable', PortTable);
constant('tcp.conflicts', conflictsTcp);
constant('udp.conflicts', conflictsUdp);
