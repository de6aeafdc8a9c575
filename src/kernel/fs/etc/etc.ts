/**
 * The files below /etc that programs expect, for a root that lacks them: the lowest layer of the root's overlay, so that
 * the root's own files hide it one by one.
 */
import type { Nodes } from '../pseudo/nodes.js';
import { PseudoFs } from '../pseudo/pseudofs.js';
import { dir, file, link } from '../pseudo/row.js';
import type { DirRow, Row } from '../pseudo/row.js';
import type { Timespec } from '../types.js';

export type EtcFileName =
  'group' | 'hostname' | 'hosts' | 'localtime' | 'nsswitch.conf' | 'passwd' | 'resolv.conf';

export interface EtcView {
  readonly hostname: string;
  realtime(out: Timespec): void;
}

const PASSWD = `root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`;
const GROUP = `root:x:0:
tty:x:5:
nogroup:x:65534:
`;
const NSSWITCH = `passwd: files
group: files
shadow: files
hosts: files dns
networks: files
protocols: files
services: files
`;

/** A time zone file (tzfile(5), version 2) for UTC: no transitions, one type without offset. */
function utcZone(): string {
  const header = (version: string) => `TZif${version}${'\0'.repeat(15 + 16)}\0\0\0\x01\0\0\0\x04`;
  const body = `${'\0'.repeat(6)}UTC\0`;
  return `${header('2')}${body}${header('2')}${body}\nUTC0\n`;
}

function hosts({ hostname }: EtcView): string {
  return `127.0.0.1\tlocalhost\n127.0.1.1\t${hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n`;
}

/** Files that can be made, whatever the root has. */
const TEXTS: Readonly<Record<EtcFileName, string | ((view: EtcView) => string)>> = {
  group: GROUP,
  hostname: ({ hostname }) => `${hostname}\n`,
  hosts,
  localtime: utcZone(),
  'nsswitch.conf': NSSWITCH,
  passwd: PASSWD,
  'resolv.conf': '',
};
export const ETC_FILES = Object.keys(TEXTS) as readonly EtcFileName[];

export function etcText(name: EtcFileName, view: EtcView): string {
  const text = TEXTS[name];
  return typeof text === 'string' ? text : text(view);
}

/** A plain file to look at, with its size. */
function etcFile(name: EtcFileName): Row<EtcView> {
  const text = (view: EtcView): string => etcText(name, view);
  return file(name, text, { mode: 0o644, size: (view) => text(view).length });
}

export const ETC_ROOT: DirRow<EtcView> = dir(
  '',
  [
    dir(
      'etc',
      [
        etcFile('group'),
        etcFile('hostname'),
        etcFile('hosts'),
        etcFile('localtime'),
        link('mtab', '../proc/self/mounts'),
        etcFile('nsswitch.conf'),
        etcFile('passwd'),
        etcFile('resolv.conf'),
      ],
      { mode: 0o755 },
    ),
  ],
  { mode: 0o755 },
);

export function createEtcFs(view: EtcView, nodes: Nodes, dev: number): PseudoFs<EtcView> {
  const RAMFS_MAGIC = 0x858458f6;
  const realtime = (out: Timespec) => view.realtime(out);
  return new PseudoFs({
    type: 'etc',
    magic: RAMFS_MAGIC,
    dev,
    nodes,
    root: ETC_ROOT,
    subject: view,
    realtime,
  });
}
