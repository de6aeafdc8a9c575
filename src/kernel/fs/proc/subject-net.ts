/** What /proc/net and /sys/class/net tell about: the sandbox's network. */

export interface NetView {
  interfaces(): readonly InterfaceView[];
  /** What went over the loopback with each version of IP. */
  readonly counts: { readonly v4: TrafficCountsView; readonly v6: TrafficCountsView };
  /** All sockets, in order of their making. */
  sockets(): readonly SocketView[];
}

export interface InterfaceView {
  readonly name: string;
  readonly index: number;
  /** IFF_* (netdevice(7)). */
  readonly flags: number;
  readonly mtu: number;
  /** ARPHRD_*. */
  readonly hardwareType: number;
  readonly hardwareAddress: Uint8Array;
  readonly received: TrafficView;
  readonly sent: TrafficView;
  /** Its IPv6 addresses: 16 bytes, the prefix's length. */
  readonly inet6: readonly { readonly address: Uint8Array; readonly prefix: number }[];
}

export interface TrafficCountsView extends TrafficView {
  /** TCP's and UDP's share; datagrams that nobody wanted or had room for. */
  readonly segments: number;
  readonly datagrams: number;
  readonly unwanted: number;
  readonly dropped: number;
  /** Connections made, on either side; refused; broken off. */
  readonly activeOpens: number;
  readonly passiveOpens: number;
  readonly failures: number;
  readonly resets: number;
}

export interface TrafficView {
  readonly bytes: number;
  readonly packets: number;
}

export type SocketTable = 'tcp' | 'tcp6' | 'udp' | 'udp6' | 'raw' | 'raw6' | 'unix' | 'netlink' | 'packet';

export interface SocketView {
  /** In which file of /proc/net it stands. */
  readonly table: SocketTable;
  /** SOCK_*. */
  readonly type: number;
  /** As the file shows it: TCP_* for internet sockets, SS_* for others. */
  readonly state: number;
  readonly listening: boolean;
  readonly ino: number;
  readonly uid: number;
  readonly references: number;
  /** 4 or 16 bytes in network order, and the port; nothing for other families. */
  readonly local: EndpointView | null;
  readonly remote: EndpointView | null;
  readonly sendQueue: number;
  readonly receiveQueue: number;
  /** A Unix socket's name: a path, '@' and what follows the NUL, or '' for none. */
  readonly path: string;
}

export interface EndpointView {
  readonly address: Uint8Array;
  readonly port: number;
}

/** IFF_UP | IFF_LOOPBACK | IFF_RUNNING. */
const LOOPBACK_FLAGS = 0x49;
const ARPHRD_LOOPBACK = 772;
const NO_TRAFFIC: TrafficCountsView = {
  bytes: 0,
  packets: 0,
  segments: 0,
  datagrams: 0,
  unwanted: 0,
  dropped: 0,
  activeOpens: 0,
  passiveOpens: 0,
  failures: 0,
  resets: 0,
};
const LOCALHOST6 = new Uint8Array(16);
LOCALHOST6[15] = 1;

/** The loopback interface: what is sent over it is received at once. */
export function loopback(traffic: TrafficView): InterfaceView {
  return {
    name: 'lo',
    index: 1,
    flags: LOOPBACK_FLAGS,
    mtu: 65536,
    hardwareType: ARPHRD_LOOPBACK,
    hardwareAddress: new Uint8Array(6),
    received: traffic,
    sent: traffic,
    inet6: [{ address: LOCALHOST6, prefix: 128 }],
  };
}

/** A network of which nothing but the loopback interface is known. */
export const LOOPBACK_ONLY: NetView = {
  interfaces: () => [loopback(NO_TRAFFIC)],
  counts: { v4: NO_TRAFFIC, v6: NO_TRAFFIC },
  sockets: () => [],
};
