import { kind } from '../checkpoint/registry.js';
import type { HostClock } from '../host.js';
import type { VfsContext } from '../fs/types.js';
import type { Caller } from '../types.js';
import type { Socket } from './socket.js';
import { PortTable } from './inet/ports.js';
import { SockFs } from './sockfs.js';
import { initialNetSettings, type NetSettings } from './settings.js';
import { TrafficCounts } from './traffic.js';
import { InFlight } from './unix/inflight.js';
import { UnixNames } from './unix/names.js';

/** The kernel's clock, as far as sockets need it. */
export interface NetClock extends Pick<HostClock, 'realtime'> {
  /** Monotonic time in milliseconds. */
  nowMs(): number;
}

/** A kernel's network: all its sockets, their names, and what is in flight between them (struct net). */
export class Net {
  readonly unix = new UnixNames();
  readonly inFlight = new InFlight();
  readonly tcp: PortTable;
  readonly udp: PortTable;
  readonly udplite: PortTable;
  private readonly all = new Set<Socket>();
  /** What has gone over the loopback, by IP's version. */
  readonly counts = { v4: new TrafficCounts(), v6: new TrafficCounts() };
  private cookies = 0;
  private fs: SockFs | null = null;

  constructor(
    readonly clock: NetClock,
    readonly random: (into: Uint8Array) => void,
    /** The thread that makes the running call. */
    private readonly running: () => Caller | null,
    readonly settings: NetSettings = initialNetSettings(),
  ) {
    this.tcp = new PortTable(this);
    this.udp = new PortTable(this);
    this.udplite = new PortTable(this);
  }

  get current(): Caller | null {
    return this.running();
  }

  /** The filesystem of its sockets. */
  sockfs(vfs: VfsContext): SockFs {
    this.fs ??= new SockFs(vfs);
    return this.fs;
  }

  /** Sockets in order of their making. */
  get sockets(): Iterable<Socket> {
    return this.all;
  }

  /** What went over the loopback, in all. */
  get traffic(): { packets: number; bytes: number } {
    const { v4, v6 } = this.counts;
    return { packets: v4.packets + v6.packets, bytes: v4.bytes + v6.bytes };
  }

  nowMs(): number {
    return this.clock.nowMs();
  }

  /** Notes a new socket; the result is its SO_COOKIE. */
  register(socket: Socket): number {
    this.all.add(socket);
    return ++this.cookies;
  }

  /** Notes a socket that was another kernel's. */
  adopt(socket: Socket): void {
    this.all.add(socket);
  }

  unregister(socket: Socket): void {
    this.all.delete(socket);
  }

  /** A random whole number below `limit`, which is at most 2^32. */
  randomBelow(limit: number): number {
    this.random($random);
    return $randomView.getUint32(0, true) % limit;
  }
}

const $random = new Uint8Array(4);
const $randomView = new DataView($random.buffer);

kind('Net', Net);
