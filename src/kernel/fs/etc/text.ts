/** A filesystem that is one file with a text that does not change, to be mounted on a file. */
import type { Nodes } from '../pseudo/nodes.js';
import { PseudoFs } from '../pseudo/pseudofs.js';
import { file } from '../pseudo/row.js';
import type { Timespec } from '../types.js';

const RAMFS_MAGIC = 0x858458f6;

/** `text` is a byte string. */
export function createTextFs(
  text: string,
  nodes: Nodes,
  dev: number,
  realtime: (out: Timespec) => void,
): PseudoFs<null> {
  const root = file<null>('', text, { size: text.length });
  return new PseudoFs({ type: 'etc', magic: RAMFS_MAGIC, dev, nodes, root, subject: null, realtime });
}
