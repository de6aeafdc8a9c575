/**
 * /proc: the kernel and its processes as files. `subject*.ts` say what it asks of the kernel; every other file has the rows
 * and texts of one subject; `process.ts`, `system.ts` and `sysctl/` put them together.
 */
import { ENOENT } from '../../errno.js';
import type { Errno } from '../../errno.js';
import type { Nodes } from '../pseudo/nodes.js';
import { PseudoFs } from '../pseudo/pseudofs.js';
import { dir, link } from '../pseudo/row.js';
import type { DirRow } from '../pseudo/row.js';
import { processFamily } from './process.js';
import type { KernelView } from './subject.js';
import { sysvipcRow } from './sysvipc.js';
import { sysctlRow } from './sysctl/sysctl.js';
import { SYSTEM_ROWS } from './system.js';

const PROC_SUPER_MAGIC = 0x9fa0;

function self(kernel: KernelView): string | Errno {
  const current = kernel.current();
  return current === null ? ENOENT : `${current.process.pid}`;
}

function threadSelf(kernel: KernelView): string | Errno {
  const current = kernel.current();
  return current === null ? ENOENT : `${current.process.pid}/task/${current.tid}`;
}

export const PROC_ROOT: DirRow<KernelView> = dir('', [
  ...SYSTEM_ROWS,
  link('mounts', 'self/mounts'),
  link('net', 'self/net'),
  link('self', self),
  link('thread-self', threadSelf),
  sysctlRow,
  sysvipcRow,
  processFamily,
]);

export function createProcFs(kernel: KernelView, nodes: Nodes, dev: number): PseudoFs<KernelView> {
  return new PseudoFs({
    type: 'proc',
    magic: PROC_SUPER_MAGIC,
    dev,
    nodes,
    root: PROC_ROOT,
    subject: kernel,
    realtime: (out) => kernel.realtime(out),
    proc: true,
  });
}
