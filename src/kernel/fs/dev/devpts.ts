/** /dev/pts: a device for each terminal, by its number. */
import { S_IFCHR } from '../../abi/stat.js';
import { EBUSY, EIO } from '../../errno.js';
import type { Errno } from '../../errno.js';
import type { Terminal } from '../../tty/terminal.js';
import type { Nodes } from '../pseudo/nodes.js';
import { PseudoFs } from '../pseudo/pseudofs.js';
import { device, dir, family, parseNumber } from '../pseudo/row.js';
import type { DirRow } from '../pseudo/row.js';
import type { Timespec } from '../types.js';

const DEVPTS_SUPER_MAGIC = 0x1cd1;
/** UNIX98_PTY_SLAVE_MAJOR. */
export const PTS_MAJOR = 136;
const TTY_GROUP = 5;

/** The terminals of a kernel, by number. */
export class Terminals {
  readonly #all = new Map<number, Terminal>();

  /** The lowest number that is free. */
  freeIndex(): number {
    let index = 0;
    while (this.#all.has(index)) index++;
    return index;
  }

  add(terminal: Terminal): void {
    this.#all.set(terminal.index, terminal);
  }

  delete(terminal: Terminal): void {
    this.#all.delete(terminal.index);
  }

  get(index: number): Terminal | null {
    return this.#all.get(index) ?? null;
  }

  list(): string[] {
    return [...this.#all.keys()].sort((a, b) => a - b).map(String);
  }
}

/** Opens a terminal: EIO once it is hung up, EBUSY when its programs want it for themselves. */
export function openTerminal(terminal: Terminal): Terminal | Errno {
  if (terminal.hungUp) return EIO;
  return terminal.exclusive && terminal.jobs.caller()?.isRoot === false ? EBUSY : terminal;
}

const terminalRow = device<Terminal>(
  '',
  { type: S_IFCHR, major: PTS_MAJOR, minor: (terminal) => terminal.index },
  openTerminal,
  { mode: 0o620, owner: (terminal) => ({ uid: terminal.owner, gid: TTY_GROUP }) },
);

export const DEVPTS_ROOT: DirRow<Terminals> = dir(
  '',
  [
    family(
      {
        find: (terminals: Terminals, name) => terminals.get(parseNumber(name)),
        list: (terminals) => terminals.list(),
      },
      terminalRow,
    ),
  ],
  { mode: 0o755 },
);

export function createDevptsFs(
  terminals: Terminals,
  nodes: Nodes,
  dev: number,
  realtime: (out: Timespec) => void,
): PseudoFs<Terminals> {
  const root = DEVPTS_ROOT;
  return new PseudoFs({
    type: 'devpts',
    magic: DEVPTS_SUPER_MAGIC,
    dev,
    nodes,
    root,
    subject: terminals,
    realtime,
  });
}
