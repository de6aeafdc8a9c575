/** /proc/sys/net: the sizes and ranges that sockets go by (tcp(7), socket(7)). */
import type { KernelLimits } from '../../../limits.js';
import { constant, dir } from '../../pseudo/row.js';
import type { Row } from '../../pseudo/row.js';
import type { KernelView } from '../subject.js';
import { line, setting } from './entry.js';

const INT_MAX = 2147483647;
/** The least size that SO_SNDBUF and SO_RCVBUF can ask for. */
const SNDBUF_MIN = 4608;
const RCVBUF_MIN = 2304;
const LAST_PORT = 65535;

function sizes(name: string, key: 'tcpReceive' | 'tcpSend'): Row<KernelView> {
  return line(
    name,
    (limits) => limits[key],
    (limits, values) => {
      const [least = 0, first = 0, largest = 0] = values;
      if (values.some((value) => value < 1 || value > INT_MAX)) return false;
      limits[key] = [least, first, largest];
      return true;
    },
  );
}

function setPorts(limits: KernelLimits, [first = 0, last = 0]: readonly number[]): boolean {
  if (first < 1 || last < first || last > LAST_PORT || first < limits.unprivilegedPorts) return false;
  limits.firstPort = first;
  limits.lastPort = last;
  return true;
}

export const NET: readonly Row<KernelView>[] = [
  dir('core', [
    constant('default_qdisc', 'pfifo_fast'),
    constant('netdev_max_backlog', 1000),
    constant('optmem_max', 131072),
    setting('rmem_default', 'rmemDefault', RCVBUF_MIN, INT_MAX),
    setting('rmem_max', 'rmemMax', RCVBUF_MIN, INT_MAX),
    setting('somaxconn', 'somaxconn', 0, INT_MAX),
    setting('wmem_default', 'wmemDefault', SNDBUF_MIN, INT_MAX),
    setting('wmem_max', 'wmemMax', SNDBUF_MIN, INT_MAX),
  ]),
  dir('ipv4', [
    constant('ip_default_ttl', 64),
    constant('ip_forward', 0),
    line('ip_local_port_range', ({ firstPort, lastPort }) => [firstPort, lastPort], setPorts),
    constant('ip_local_reserved_ports', ''),
    constant('ip_nonlocal_bind', 0),
    setting('ip_unprivileged_port_start', 'unprivilegedPorts', 0, LAST_PORT),
    constant('ping_group_range', '1\t0'),
    constant('tcp_available_congestion_control', 'reno cubic'),
    constant('tcp_congestion_control', 'cubic'),
    constant('tcp_ecn', 2),
    constant('tcp_fastopen', 1),
    constant('tcp_fin_timeout', 60),
    constant('tcp_keepalive_intvl', 75),
    constant('tcp_keepalive_probes', 9),
    constant('tcp_keepalive_time', 7200),
    constant('tcp_max_syn_backlog', 4096),
    sizes('tcp_rmem', 'tcpReceive'),
    constant('tcp_sack', 1),
    constant('tcp_syn_retries', 6),
    constant('tcp_syncookies', 1),
    constant('tcp_timestamps', 1),
    constant('tcp_tw_reuse', 2),
    constant('tcp_window_scaling', 1),
    sizes('tcp_wmem', 'tcpSend'),
  ]),
  dir('ipv6', [
    setting('bindv6only', 'bindV6only', 0, 1),
    dir('conf', [dir('all', [constant('disable_ipv6', 0)]), dir('default', [constant('disable_ipv6', 0)])]),
  ]),
  dir('unix', [setting('max_dgram_qlen', 'maxDatagrams', 0, INT_MAX)]),
];
