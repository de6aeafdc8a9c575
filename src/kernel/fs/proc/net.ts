/** /proc/<pid>/net: interfaces and sockets (proc_pid_net(5)). The sandbox is one network name space. */
import { dir, file } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import { netCounterRows } from './net-counters.js';
import type { EndpointView, InterfaceView, NetView, SocketTable, SocketView } from './subject-net.js';
import type { TaskSubject } from './task.js';
import { hex } from './text.js';

const DEV_HEAD =
  'Inter-|   Receive                                                |  Transmit\n' +
  ' face |bytes    packets errs drop fifo frame compressed multicast|' +
  'bytes    packets errs drop fifo colls carrier compressed\n';

/** Widths of dev_seq_printf_stats: bytes and packets, then what never happens here. */
const RECEIVE_REST = [4, 4, 4, 5, 10, 9];
const SEND_REST = [4, 4, 4, 5, 7, 10];

function zeros(widths: readonly number[]): string {
  return widths.map((width) => '0'.padStart(width)).join(' ');
}

function devLine({ name, received, sent }: InterfaceView): string {
  const count = (value: number, width: number) => `${value}`.padStart(width);
  return (
    `${name.padStart(6)}: ${count(received.bytes, 7)} ${count(received.packets, 7)} ${zeros(RECEIVE_REST)} ` +
    `${count(sent.bytes, 8)} ${count(sent.packets, 7)} ${zeros(SEND_REST)}\n`
  );
}

function dev(net: NetView): string {
  return DEV_HEAD + net.interfaces().map(devLine).join('');
}

/** RT_SCOPE_HOST and IFA_F_PERMANENT, as all addresses here are. */
function inet6Lines({ name, index, inet6 }: InterfaceView): string {
  const line = (address: Uint8Array, prefix: number) =>
    `${[...address].map((byte) => hex(byte, 2)).join('')} ${hex(index, 2)} ${hex(prefix, 2)} 10 80 ${name.padStart(8)}\n`;
  return inet6.map(({ address, prefix }) => line(address, prefix)).join('');
}

/** Words of the address in the machine's order, as the kernel prints them. */
function endpoint(at: EndpointView | null, bytes: number): string {
  const { address, port } = at ?? { address: new Uint8Array(bytes), port: 0 };
  const view = new DataView(address.buffer, address.byteOffset, address.length);
  let text = '';
  for (let i = 0; i + 4 <= address.length; i += 4) text += hex(view.getUint32(i, true), 8);
  return `${text}:${hex(port, 4)}`.toUpperCase();
}

function queues({ sendQueue, receiveQueue }: SocketView): string {
  return `${hex(sendQueue, 8)}:${hex(receiveQueue, 8)}`.toUpperCase();
}

const INET_COLUMNS =
  'local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const INET6_COLUMNS =
  'local_address                         remote_address                        st tx_queue rx_queue tr tm->when ' +
  'retrnsmt   uid  timeout inode';
const UDP_REST = ' ref pointer drops';

/** A line of tcp, udp and their relatives: all sockets lie nowhere that is to be told. */
function inetLine(socket: SocketView, index: number, table: SocketTable): string {
  const bytes = table.endsWith('6') ? 16 : 4;
  const { local, remote, uid, ino, references } = socket;
  const head =
    `${`${index}`.padStart(table.startsWith('udp') ? 5 : 4)}: ${endpoint(local, bytes)} ${endpoint(remote, bytes)} ` +
    `${hex(socket.state, 2).toUpperCase()} ${queues(socket)} 00:00000000 00000000 ${`${uid}`.padStart(5)}        0 ${ino} ` +
    `${references} 0000000000000000`;
  if (!table.startsWith('tcp')) return `${head} 0\n`;
  return bytes === 4 ? `${`${head} 100 0 0 10 0`.padEnd(149)}\n` : `${head} 100 0 0 10 0\n`;
}

function inet(table: SocketTable): (task: TaskSubject) => string {
  const tcp = table.startsWith('tcp');
  const six = table.endsWith('6');
  const columns = (six ? INET6_COLUMNS : INET_COLUMNS) + (tcp ? '' : UDP_REST);
  const head = `${table === 'udp' ? ' ' : ''}  sl  ${columns}`;
  const padded = six || table === 'raw' ? head : head.padEnd(tcp ? 149 : 127);
  return ({ kernel }) => {
    const sockets = kernel.net.sockets().filter((socket) => socket.table === table);
    return `${padded}\n${sockets.map((socket, index) => inetLine(socket, index, table)).join('')}`;
  };
}

/** SO_ACCEPTCON. */
const ACCEPTING = 0x10000;

function unix({ kernel }: TaskSubject): string {
  const line = ({ references, listening, type, state, ino, path }: SocketView) =>
    `0000000000000000: ${hex(references, 8)} 00000000 ${hex(listening ? ACCEPTING : 0, 8)} ${hex(type, 4)} ` +
    `${hex(state, 2)} ${`${ino}`.padStart(5)}${path === '' ? '' : ` ${path}`}\n`;
  const sockets = kernel.net.sockets().filter(({ table }) => table === 'unix');
  return `Num       RefCount Protocol Flags    Type St Inode Path\n${sockets.map(line).join('')}`;
}

function netlink({ kernel }: TaskSubject): string {
  const line = ({ references, ino }: SocketView) =>
    `0000000000000000 0   0          00000000 0        0        0     ${`${references}`.padEnd(8)} 0        ${ino}\n`;
  const sockets = kernel.net.sockets().filter(({ table }) => table === 'netlink');
  const head = 'sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n';
  return head + sockets.map(line).join('');
}

function sockstat({ kernel }: TaskSubject): string {
  const sockets = kernel.net.sockets();
  const count = (table: SocketTable) => sockets.filter((socket) => socket.table === table).length;
  return (
    `sockets: used ${sockets.length}\nTCP: inuse ${count('tcp')} orphan 0 tw 0 alloc ${count('tcp') + count('tcp6')} mem 0\n` +
    `UDP: inuse ${count('udp')} mem 0\nUDPLITE: inuse 0\nRAW: inuse ${count('raw')}\nFRAG: inuse 0 memory 0\n`
  );
}

function sockstat6({ kernel }: TaskSubject): string {
  const sockets = kernel.net.sockets();
  const count = (table: SocketTable) => sockets.filter((socket) => socket.table === table).length;
  return (
    `TCP6: inuse ${count('tcp6')}\nUDP6: inuse ${count('udp6')}\nUDPLITE6: inuse 0\n` +
    `RAW6: inuse ${count('raw6')}\nFRAG6: inuse 0 memory 0\n`
  );
}

const ROUTE_HEAD =
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT'.padEnd(127) + '\n';
const ARP_HEAD = 'IP address       HW type     Flags       HW address            Mask     Device\n';

const NO_ADDRESS = '0'.repeat(32);
/** RTF_UP, RTF_NONEXTHOP and RTF_LOCAL; RTF_REJECT for all the rest. */
const IPV6_ROUTE =
  `${'1'.padStart(32, '0')} 80 ${NO_ADDRESS} 00 ${NO_ADDRESS} 00000000 00000001 00000000 80200001       lo\n` +
  `${NO_ADDRESS} 00 ${NO_ADDRESS} 00 ${NO_ADDRESS} ffffffff 00000001 00000000 00200200       lo\n`;

/** Rows for files of one line a socket are in the kernel's format; addresses of kernel objects are zeros. */
export const netDirectory: Row<TaskSubject> = dir('net', [
  file('arp', ARP_HEAD, { note: 'no neighbours: there is only the loopback interface' }),
  file('dev', ({ kernel }) => dev(kernel.net), {
    note: 'TCP: writes as segments, without handshakes and acknowledgements',
  }),
  file('if_inet6', ({ kernel }) => kernel.net.interfaces().map(inet6Lines).join('')),
  file('ipv6_route', IPV6_ROUTE),
  ...netCounterRows,
  file('netlink', netlink),
  file('packet', 'sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n'),
  file('raw', inet('raw')),
  file('raw6', inet('raw6')),
  file('route', ROUTE_HEAD, { note: 'no routes beyond the loopback interface' }),
  file('sockstat', sockstat),
  file('sockstat6', sockstat6),
  file('tcp', inet('tcp')),
  file('tcp6', inet('tcp6')),
  file('udp', inet('udp')),
  file('udp6', inet('udp6')),
  file('unix', unix),
]);
