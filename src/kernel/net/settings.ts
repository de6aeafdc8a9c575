/** What sockets go by and root may change in /proc/sys/net (socket(7), ip(7), tcp(7), unix(7)). */
export interface NetSettings {
  /** net.core.somaxconn: the longest queue of connections to be accepted. */
  somaxconn: number;
  /** net.core.{r,w}mem_{default,max}: the buffers' sizes without, and the largest with, SO_RCVBUF and SO_SNDBUF. */
  rmemDefault: number;
  rmemMax: number;
  wmemDefault: number;
  wmemMax: number;
  /** net.ipv4.ip_local_port_range: ports that nobody asks for. */
  firstPort: number;
  lastPort: number;
  /** net.ipv4.ip_unprivileged_port_start: those below are for CAP_NET_BIND_SERVICE. */
  unprivilegedPorts: number;
  /** net.ipv4.tcp_{r,w}mem: the least, the first and the largest size of a connection's buffers. */
  tcpReceive: [least: number, first: number, largest: number];
  tcpSend: [least: number, first: number, largest: number];
  /** net.ipv6.bindv6only. */
  bindV6only: number;
  /** net.unix.max_dgram_qlen: one datagram more may wait for a receiver that is not the sender's peer. */
  maxDatagrams: number;
}

export function initialNetSettings(): NetSettings {
  return {
    somaxconn: 4096,
    rmemDefault: 212992,
    rmemMax: 4194304,
    wmemDefault: 212992,
    wmemMax: 4194304,
    firstPort: 32768,
    lastPort: 60999,
    unprivilegedPorts: 1024,
    tcpReceive: [4096, 131072, 33554432],
    tcpSend: [4096, 16384, 4194304],
    bindV6only: 0,
    maxDatagrams: 10,
  };
}
