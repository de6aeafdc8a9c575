/** /dev: a node for each device of the table, the usual links, and places for mounts. */
import type { Nodes } from '../pseudo/nodes.js';
import { PseudoFs } from '../pseudo/pseudofs.js';
import { device, dir, link } from '../pseudo/row.js';
import type { DirRow } from '../pseudo/row.js';
import type { Timespec } from '../types.js';
import { ATTESTATION } from './attestation.js';
import { DEVICES } from './devices.js';
import type { DeviceView } from './devices.js';

const TMPFS_MAGIC = 0x01021994;

export const DEV_ROOT: DirRow<DeviceView> = dir(
  '',
  [
    ...DEVICES.map((entry) => device(entry.name, entry, entry.open, { mode: entry.mode })),
    ATTESTATION,
    link('core', '/proc/kcore'),
    link('fd', '/proc/self/fd'),
    link('stdin', '/proc/self/fd/0'),
    link('stdout', '/proc/self/fd/1'),
    link('stderr', '/proc/self/fd/2'),
    dir('pts', [], { mode: 0o755 }),
    dir('shm', [], { mode: 0o1777 }),
  ],
  { mode: 0o755 },
);

export function createDevFs(
  view: DeviceView,
  nodes: Nodes,
  dev: number,
  realtime: (out: Timespec) => void,
): PseudoFs<DeviceView> {
  return new PseudoFs({
    type: 'devtmpfs',
    magic: TMPFS_MAGIC,
    dev,
    nodes,
    root: DEV_ROOT,
    subject: view,
    realtime,
  });
}
