import type { HostClock } from '../host.js';
import type { VfsContext } from '../fs/types.js';
import type { Caller } from '../types.js';
import type { Socket } from './socket.js';
import { PortTable } from './inet/ports.js';
import { SockFs } from './sockfs.js';
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
  private cookies = 0;
  private fs: SockFs | null = null;

  constructor(
    readonly clock: NetClock,
    readonly random: (into: Uint8Array) => void,
    /** The thread that makes the running call. */
    private readonly running: () => Caller | null,
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

  nowMs(): number {
    return this.clock.nowMs();
  }

  /** Notes a new socket; the result is its SO_COOKIE. */
  register(socket: Socket): number {
    this.all.add(socket);
    return ++this.cookies;
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
