import { SIGKILL } from '../abi/signal.js';
import type { Kernel } from '../kernel.js';
import type { Mm } from '../mm/mm.js';
import { kernelInfo } from '../signal/info.js';
import { sendSignal } from '../signal/send.js';
import { exitGroup } from './exit.js';
import type { Process } from './process.js';
import type { Thread } from './thread.js';

/** The process and all that it has started, directly or not. */
export function killDescendants({ kernel, lineage }: Process): void {
  for (const process of [...kernel.processes.values()])
    if (process.lineage === lineage && !process.exiting) sendSignal(process, kernelInfo(SIGKILL));
}

/** A limit of the whole sandbox is reached: all processes are killed. */
export function killAll(kernel: Kernel, why: string): void {
  const alive = [...kernel.processes.values()].filter((process) => !process.exiting);
  if (alive.length > 0) kernel.log(`${why}: killed ${alive.length} processes`);
  for (const process of alive) sendSignal(process, kernelInfo(SIGKILL));
}

/**
 * No memory is left for a page that `thread` has been promised: the process that has most is killed, alone (oom_badness).
 * True: that was another one, and there is room now.
 */
export function killForMemory(kernel: Kernel, thread: Thread): boolean {
  const victim = worst(kernel, thread.process);
  const { rssAnon, rssFile } = victim.mm;
  const name = victim.leader?.name ?? '';
  kernel.log(
    `out of memory: killed process ${victim.pid} (${name}), which had ${(rssAnon + rssFile) * 4} KiB`,
  );
  kernel.oomKills++;
  if (victim === thread.process) {
    sendSignal(victim, kernelInfo(SIGKILL));
    return false;
  }
  exitGroup(victim, SIGKILL);
  return true;
}

/** A process that shares its memory with the asking one is as good as that. */
function worst(kernel: Kernel, asking: Process): Process {
  let victim = asking;
  let most = -Infinity;
  for (const process of kernel.processes.values()) {
    const { mmOrNull, oomScoreAdj, exiting } = process;
    if (mmOrNull === null || exiting || oomScoreAdj === ADJ_NEVER) continue;
    const points = badness(kernel, process, mmOrNull);
    if (points <= most) continue;
    most = points;
    victim = mmOrNull === asking.mm ? asking : process;
  }
  return victim;
}

/** Pages, and as many thousandths of all of them as the process is to be preferred. */
function badness(kernel: Kernel, { oomScoreAdj }: Process, { rssAnon, rssFile, space }: Mm): number {
  const total = kernel.machine.frames.total;
  return rssAnon + rssFile + space.tables + (oomScoreAdj * total) / 1000;
}

/** oom_score_adj of who is never killed for memory. */
const ADJ_NEVER = -1000;
