/** /proc/<pid>/net/{netstat,snmp,snmp6,softnet_stat}: what protocols have counted (proc_pid_net(5)). */
import { TCP_CLOSE_WAIT, TCP_ESTABLISHED } from '../../net/states.js';
import { file } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import type { NetView, TrafficCountsView } from './subject-net.js';
import type { TaskSubject } from './task.js';
import { hex } from './text.js';

type Counts = readonly (readonly [name: string, count: number])[];

const none = (names: string): Counts => names.split(' ').map((name) => [name, 0]);

/** Two lines: the names, and the counts. */
function table(protocol: string, counts: Counts): string {
  const line = (cells: readonly (string | number)[]) => `${protocol}: ${cells.join(' ')}\n`;
  return line(counts.map(([name]) => name)) + line(counts.map(([, count]) => count));
}

const ICMP =
  'InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs InRedirects InEchos InEchoReps ' +
  'InTimestamps InTimestampReps InAddrMasks InAddrMaskReps OutMsgs OutErrors OutDestUnreachs OutTimeExcds ' +
  'OutParmProbs OutSrcQuenchs OutRedirects OutEchos OutEchoReps OutTimestamps OutTimestampReps OutAddrMasks OutAddrMaskReps';

/** 2: no forwarding. */
function ip({ packets }: TrafficCountsView): Counts {
  return [
    ['Forwarding', 2],
    ['DefaultTTL', 64],
    ['InReceives', packets],
    ...none('InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards'),
    ['InDelivers', packets],
    ['OutRequests', packets],
    ...none(
      'OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates',
    ),
  ];
}

/** Both versions of IP together; the first four are constants of the protocol. */
function tcp(net: NetView): Counts {
  const { v4, v6 } = net.counts;
  const states = [TCP_ESTABLISHED, TCP_CLOSE_WAIT];
  const isConnected = ({ table: of, state }: { table: string; state: number }) =>
    of.startsWith('tcp') && states.includes(state);
  const segments = v4.segments + v6.segments;
  const resets = v4.resets + v6.resets;
  return [
    ['RtoAlgorithm', 1],
    ['RtoMin', 200],
    ['RtoMax', 120000],
    ['MaxConn', -1],
    ['ActiveOpens', v4.activeOpens + v6.activeOpens],
    ['PassiveOpens', v4.passiveOpens + v6.passiveOpens],
    ['AttemptFails', v4.failures + v6.failures],
    ['EstabResets', resets],
    ['CurrEstab', net.sockets().filter(isConnected).length],
    ['InSegs', segments],
    ['OutSegs', segments],
    ...none('RetransSegs InErrs'),
    ['OutRsts', resets],
    ...none('InCsumErrors'),
  ];
}

function udp({ datagrams, unwanted, dropped }: TrafficCountsView): Counts {
  return [
    ['InDatagrams', datagrams - unwanted - dropped],
    ['NoPorts', unwanted],
    ['InErrors', dropped],
    ['OutDatagrams', datagrams],
    ['RcvbufErrors', dropped],
    ...none('SndbufErrors InCsumErrors IgnoredMulti MemErrors'),
  ];
}

const UDPLITE =
  'InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors';

function snmp({ kernel: { net } }: TaskSubject): string {
  const { v4 } = net.counts;
  return (
    table('Ip', ip(v4)) +
    table('Icmp', none(ICMP)) +
    table('Tcp', tcp(net)) +
    table('Udp', udp(v4)) +
    table('UdpLite', none(UDPLITE))
  );
}

function snmp6({ kernel: { net } }: TaskSubject): string {
  const { v6 } = net.counts;
  const counts: Counts = [
    ['Ip6InReceives', v6.packets],
    ...none(
      'Ip6InHdrErrors Ip6InTooBigErrors Ip6InNoRoutes Ip6InAddrErrors Ip6InUnknownProtos Ip6InTruncatedPkts Ip6InDiscards',
    ),
    ['Ip6InDelivers', v6.packets],
    ['Ip6OutForwDatagrams', 0],
    ['Ip6OutRequests', v6.packets],
    ...none('Ip6OutDiscards Ip6OutNoRoutes Ip6ReasmTimeout Ip6ReasmReqds Ip6ReasmOKs Ip6ReasmFails'),
    ...none('Ip6FragOKs Ip6FragFails Ip6FragCreates Ip6InMcastPkts Ip6OutMcastPkts'),
    ['Ip6InOctets', v6.bytes],
    ['Ip6OutOctets', v6.bytes],
    ...none('Icmp6InMsgs Icmp6InErrors Icmp6OutMsgs Icmp6OutErrors Icmp6InCsumErrors'),
    ...udp(v6).map(([name, count]) => [`Udp6${name}`, count] as const),
  ];
  return counts.map(([name, count]) => `${name.padEnd(32)}\t${count}\n`).join('');
}

const TCP_EXT =
  'SyncookiesSent SyncookiesRecv SyncookiesFailed ListenOverflows ListenDrops TCPLostRetransmit TCPTimeouts';

function netstat({ kernel: { net } }: TaskSubject): string {
  const { bytes } = net.counts.v4;
  const ipExt: Counts = [
    ...none('InNoRoutes InTruncatedPkts InMcastPkts OutMcastPkts InBcastPkts OutBcastPkts'),
    ['InOctets', bytes],
    ['OutOctets', bytes],
  ];
  return table('TcpExt', none(TCP_EXT)) + table('IpExt', ipExt);
}

/** A line a processor: packets, then what never happens, and the processor's number. */
function softnet({ kernel: { net, cpus } }: TaskSubject): string {
  const packets = net.counts.v4.packets + net.counts.v6.packets;
  const line = (cpu: number) =>
    [cpu === 0 ? packets : 0, ...new Array<number>(11).fill(0), cpu].map((count) => hex(count, 8)).join(' ');
  return Array.from({ length: cpus }, (_cpu, index) => `${line(index)}\n`).join('');
}

const note = { note: 'TCP: writes as segments, without handshakes and acknowledgements' };

export const netCounterRows: readonly Row<TaskSubject>[] = [
  file('netstat', netstat, note),
  file('snmp', snmp, note),
  file('snmp6', snmp6, note),
  file('softnet_stat', softnet, note),
];
