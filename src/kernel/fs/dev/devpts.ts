/** /dev/pts: the master's device, and one for each terminal by its number (pty(7), devpts). */
import { deepFrozen, kind } from '../../checkpoint/registry.js';
import { S_IFCHR } from '../../abi/stat.js';
import { ENOSPC } from '../../errno.js';
import type { Errno } from '../../errno.js';
import { PTS_MAJOR } from '../../tty/control.js';
import type { JobControl } from '../../tty/jobcontrol.js';
import { PtyMaster, type PtyOwner } from '../../tty/master.js';
import type { Terminal } from '../../tty/terminal.js';
import type { Nodes } from '../pseudo/nodes.js';
import { PseudoFs } from '../pseudo/pseudofs.js';
import { device, dir, family, parseNumber } from '../pseudo/row.js';
import type { DirRow } from '../pseudo/row.js';
import { PTY_MAX, type FsSettings } from '../settings.js';
import type { Attributes, Timespec } from '../types.js';

const DEVPTS_SUPER_MAGIC = 0x1cd1;

/** The options of Linux's devpts, as containers set them. */
export interface DevptsOptions {
  /** The terminals' group and permissions. */
  readonly gid: number;
  readonly mode: number;
  /** The master's permissions. */
  readonly ptmxmode: number;
}
const OPTIONS: DevptsOptions = { gid: 5, mode: 0o620, ptmxmode: 0o666 };

/** The terminals of a kernel, by number. */
export class Terminals implements PtyOwner {
  /** Those that have a name. */
  private readonly named = new Map<number, Terminal>();
  /** Numbers that are taken, if only by somebody who has a hung-up terminal open. */
  private readonly taken = new Set<number>();

  constructor(
    readonly jobs: JobControl,
    readonly options = deepFrozen(OPTIONS),
    private readonly settings: Pick<FsSettings, 'ptyMax'> = { ptyMax: PTY_MAX },
  ) {}

  /** Pseudo-terminals that there are. */
  get count(): number {
    return this.taken.size;
  }

  /** The lowest number that is free. */
  freeIndex(): number {
    let index = 0;
    while (this.taken.has(index)) index++;
    return index;
  }

  /** A new pseudo-terminal's master. */
  createMaster(): PtyMaster | Errno {
    if (this.taken.size >= this.settings.ptyMax) return ENOSPC;
    const owner = this.jobs.caller()?.fsuid ?? 0;
    const master = new PtyMaster(this, { jobs: this.jobs, index: this.freeIndex(), owner });
    this.add(master.terminal);
    return master;
  }

  add(terminal: Terminal): void {
    this.taken.add(terminal.index);
    this.named.set(terminal.index, terminal);
  }

  /** Whether the number of a terminal from elsewhere is somebody's. */
  isTaken(index: number): boolean {
    return this.taken.has(index);
  }

  masterClosed(terminal: Terminal): void {
    this.named.delete(terminal.index);
  }

  terminalClosed(terminal: Terminal): void {
    this.taken.delete(terminal.index);
  }

  get(index: number): Terminal | null {
    return this.named.get(index) ?? null;
  }

  list(): string[] {
    return [...this.named.keys()].sort((a, b) => a - b).map(String);
  }
}

/** Opens a terminal: EIO while it is locked or once it is gone, EBUSY when its programs want it for themselves. */
export function openTerminal(terminal: Terminal): Terminal | Errno {
  const refused = terminal.mayOpen();
  return refused === 0 ? terminal : refused;
}

function changeNode({ node }: Terminal, { mode, uid, gid }: Attributes): 0 {
  node.mode = mode ?? node.mode;
  node.uid = uid ?? node.uid;
  node.gid = gid ?? node.gid;
  return 0;
}

function terminalRow({ gid, mode }: DevptsOptions) {
  return device<Terminal>(
    '',
    { type: S_IFCHR, major: PTS_MAJOR, minor: (terminal) => terminal.index },
    openTerminal,
    {
      mode: ({ node }) => node.mode ?? mode,
      owner: ({ node }) => ({ uid: node.uid, gid: node.gid ?? gid }),
      change: changeNode,
    },
  );
}

function root(options: DevptsOptions): DirRow<Terminals> {
  const ptmx = device<Terminals>(
    'ptmx',
    { type: S_IFCHR, major: 5, minor: 2 },
    (terminals) => terminals.createMaster(),
    { mode: options.ptmxmode },
  );
  const names = {
    find: (terminals: Terminals, name: string) => terminals.get(parseNumber(name)),
    list: (terminals: Terminals) => terminals.list(),
  };
  return dir('', [ptmx, family(names, terminalRow(options))], { mode: 0o755 });
}

export function createDevptsFs(
  terminals: Terminals,
  nodes: Nodes,
  dev: number,
  realtime: (out: Timespec) => void,
): PseudoFs<Terminals> {
  return new PseudoFs({
    type: 'devpts',
    magic: DEVPTS_SUPER_MAGIC,
    dev,
    nodes,
    root: root(terminals.options),
    subject: terminals,
    realtime,
  });
}

kind('Terminals', Terminals);
