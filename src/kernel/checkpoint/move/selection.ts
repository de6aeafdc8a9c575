/** Which processes move: one, or a tree. What ties them to others is told of by name. */
import type { Kernel } from '../../kernel.js';
import type { Process } from '../../process/process.js';

export interface Selection {
  readonly moving: ReadonlySet<Process>;
  readonly staying: readonly Process[];
}

export function select(
  kernel: Kernel,
  root: Process,
  tree: boolean,
  problem: (what: string) => void,
): Selection {
  const moving = new Set<Process>([root]);
  if (tree) for (const process of moving) for (const child of process.children) moving.add(child);
  const staying = [...kernel.processes.values()].filter((process) => !moving.has(process));
  for (const process of moving) {
    const { parent, pid } = process;
    if (process.away !== null) problem(`process ${pid} runs in a kernel of its own`);
    if (process.home !== null) problem(`process ${pid} has its parent in another kernel`);
    if (parent !== null && !moving.has(parent))
      problem(`process ${pid} is a child of process ${parent.pid}, which would stay`);
    for (const child of process.children)
      if (!moving.has(child)) problem(`process ${child.pid}, a child of process ${pid}, would stay`);
    if (process.vforkDone !== null && parent !== null && !moving.has(parent))
      problem(`process ${parent.pid} waits until process ${pid} has called execve (vfork)`);
  }
  for (const kind of ['pgid', 'sid'] as const)
    for (const id of new Set([...moving].map((process) => process[kind]))) {
      const other = staying.find((process) => process[kind] === id);
      if (other !== undefined)
        problem(
          `process ${other.pid} is in the same ${kind === 'sid' ? 'session' : 'process group'} and would stay`,
        );
    }
  return { moving, staying };
}
