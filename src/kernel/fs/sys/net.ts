/** /sys/class/net and /sys/devices/virtual/net (Documentation/ABI/testing/sysfs-class-net). */
import { constant, dir, family, file, link } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import type { KernelView } from '../proc/subject.js';
import type { InterfaceView } from '../proc/subject-net.js';
import { hex } from '../proc/text.js';

function address({ hardwareAddress }: InterfaceView): string {
  return `${[...hardwareAddress].map((byte) => hex(byte, 2)).join(':')}\n`;
}

const IFF_UP = 1;
const IFF_LOOPBACK = 8;

/** Interfaces that are up have no carrier to lose; for the loopback interface Linux does not know. */
function operstate({ flags }: InterfaceView): string {
  if ((flags & IFF_LOOPBACK) !== 0) return 'unknown\n';
  return (flags & IFF_UP) !== 0 ? 'up\n' : 'down\n';
}

/** What errors there could be does not happen. */
const NEVER = ['collisions', 'multicast', 'rx_dropped', 'rx_errors', 'tx_dropped', 'tx_errors'];

const statistics: Row<InterfaceView> = dir('statistics', [
  ...NEVER.map((name) => constant<InterfaceView>(name, 0)),
  file('rx_bytes', ({ received }) => `${received.bytes}\n`),
  file('rx_packets', ({ received }) => `${received.packets}\n`),
  file('tx_bytes', ({ sent }) => `${sent.bytes}\n`),
  file('tx_packets', ({ sent }) => `${sent.packets}\n`),
]);

const interfaceRow = dir<InterfaceView>('', [
  file('addr_len', ({ hardwareAddress }) => `${hardwareAddress.length}\n`),
  file('address', address),
  constant('carrier', 1),
  constant('dormant', 0),
  file('flags', ({ flags }) => `0x${flags.toString(16)}\n`),
  file('ifindex', ({ index }) => `${index}\n`),
  file('iflink', ({ index }) => `${index}\n`),
  constant('link_mode', 0),
  file('mtu', ({ mtu }) => `${mtu}\n`),
  file('operstate', operstate),
  statistics,
  link('subsystem', '../../../../class/net'),
  constant('tx_queue_len', 1000),
  file('type', ({ hardwareType }) => `${hardwareType}\n`),
  file('uevent', ({ name, index }) => `INTERFACE=${name}\nIFINDEX=${index}\n`),
]);

const interfaces = {
  label: '<interface>',
  find: ({ net }: KernelView, name: string) => net.interfaces().find((one) => one.name === name) ?? null,
  list: ({ net }: KernelView) => net.interfaces().map(({ name }) => name),
  same: (a: InterfaceView, b: InterfaceView) => a.index === b.index,
};

export const virtualNet: Row<KernelView> = dir('net', [family(interfaces, interfaceRow)]);

export const netClass: Row<KernelView> = dir('net', [
  family(
    interfaces,
    link('', ({ name }: InterfaceView) => `../../devices/virtual/net/${name}`),
  ),
]);
