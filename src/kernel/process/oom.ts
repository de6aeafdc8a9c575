import { SIGKILL } from '../abi/signal.js';
import type { Kernel } from '../kernel.js';
import { kernelInfo } from '../signal/info.js';
import { sendSignal } from '../signal/send.js';
import type { Thread } from './thread.js';

/** A limit of the whole sandbox is reached: all processes are killed. */
export function killAll(kernel: Kernel, why: string): void {
  const alive = [...kernel.processes.values()].filter((process) => !process.exiting);
  if (alive.length > 0) kernel.log(`${why}: killed ${alive.length} processes`);
  for (const process of alive) sendSignal(process, kernelInfo(SIGKILL));
}

/** No memory is left for a page that a program has been promised: the program is killed, alone. */
export function killForMemory(kernel: Kernel, thread: Thread): void {
  const { process } = thread;
  const pages = process.mm.rssAnon + process.mm.rssFile;
  kernel.log(`out of memory: killed process ${process.pid} (${thread.name}), which had ${pages * 4} KiB`);
  kernel.oomKills++;
  sendSignal(process, kernelInfo(SIGKILL));
}
