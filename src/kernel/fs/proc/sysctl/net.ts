/** /proc/sys/net: the sizes and ranges that sockets go by (tcp(7), socket(7)). */
import { constant, dir } from '../../pseudo/row.js';
import type { Row } from '../../pseudo/row.js';
import type { KernelView } from '../subject.js';

export const NET: readonly Row<KernelView>[] = [
  dir('core', [
    constant('default_qdisc', 'pfifo_fast'),
    constant('netdev_max_backlog', 1000),
    constant('optmem_max', 131072),
    constant('rmem_default', 212992),
    constant('rmem_max', 212992),
    constant('somaxconn', 4096),
    constant('wmem_default', 212992),
    constant('wmem_max', 212992),
  ]),
  dir('ipv4', [
    constant('ip_default_ttl', 64),
    constant('ip_forward', 0),
    constant('ip_local_port_range', '32768\t60999'),
    constant('ip_local_reserved_ports', ''),
    constant('ip_nonlocal_bind', 0),
    constant('ip_unprivileged_port_start', 1024),
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
    constant('tcp_rmem', '4096\t131072\t6291456'),
    constant('tcp_sack', 1),
    constant('tcp_syn_retries', 6),
    constant('tcp_syncookies', 1),
    constant('tcp_timestamps', 1),
    constant('tcp_tw_reuse', 2),
    constant('tcp_window_scaling', 1),
    constant('tcp_wmem', '4096\t16384\t4194304'),
  ]),
  dir('ipv6', [
    constant('bindv6only', 0),
    dir('conf', [dir('all', [constant('disable_ipv6', 0)]), dir('default', [constant('disable_ipv6', 0)])]),
  ]),
  dir('unix', [constant('max_dgram_qlen', 512)]),
];
