/** /sys/devices/system/memory: the sandbox's memory in blocks (Documentation/ABI/testing/sysfs-devices-memory). */
import type { KernelView } from '../proc/subject.js';
import { hex } from '../proc/text.js';
import { constant, dir, family, file, link, parseNumber } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';

/** x86's size of a block; smaller memory is one block, as far as that is a power of 2. */
const BLOCK = 1 << 27;

function blockSize({ memory: { total } }: KernelView): number {
  return Math.min(BLOCK, 2 ** Math.floor(Math.log2(Math.max(total, 1))));
}

/** What is not a whole block is not shown. */
function blockCount(kernel: KernelView): number {
  return Math.floor(kernel.memory.total / blockSize(kernel));
}

interface BlockSubject {
  readonly block: number;
}

const PREFIX = 'memory';

export const memoryBlocks = {
  label: `${PREFIX}<N>`,
  find(kernel: KernelView, name: string): BlockSubject | null {
    const block = name.startsWith(PREFIX) ? parseNumber(name.slice(PREFIX.length)) : -1;
    return block >= 0 && block < blockCount(kernel) ? { block } : null;
  },
  list: (kernel: KernelView) =>
    Array.from({ length: blockCount(kernel) }, (_block, index) => `${PREFIX}${index}`),
  same: (a: BlockSubject, b: BlockSubject) => a.block === b.block,
};

const blockRow = dir<BlockSubject>('', [
  link('node0', '../../node/node0'),
  constant('online', 1),
  constant('phys_device', 0),
  file('phys_index', ({ block }) => `${hex(block, 8)}\n`),
  constant('removable', 0),
  constant('state', 'online'),
  constant('valid_zones', 'Normal'),
]);

export const memoryDirectory: Row<KernelView> = dir('memory', [
  constant('auto_online_blocks', 'online'),
  file('block_size_bytes', (kernel) => `${blockSize(kernel).toString(16)}\n`),
  family(memoryBlocks, blockRow),
]);

/** The node's links to its blocks. */
export const memoryLinks: Row<KernelView> = family(
  memoryBlocks,
  link('', ({ block }: BlockSubject) => `../../memory/${PREFIX}${block}`),
);
