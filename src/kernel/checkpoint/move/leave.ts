/** Processes that go on in another kernel are no longer this one's: nobody is told, no signal is sent. */
import type { Kernel } from '../../kernel.js';
import { abandonCall } from '../../process/exit.js';
import type { Process } from '../../process/process.js';
import { DEAD } from '../../process/state.js';
import type { Departure } from './depart.js';

export function leave(kernel: Kernel, { processes, ports }: Departure): void {
  kernel.park();
  for (const process of processes)
    for (const thread of process.threads) {
      thread.stopWaiting();
      abandonCall(thread);
      thread.state = DEAD;
      kernel.threads.delete(thread.tid);
    }
  for (const process of processes) {
    process.timers?.destroy();
    if (!process.zombie) release(process);
    kernel.zombies--;
    kernel.processes.delete(process.pid);
  }
  for (const { table, port } of ports) kernel.net[table].forgetPort(port);
}

/** Memory, files and places; each thread has its own share of the latter two. */
function release(process: Process): void {
  const [first, ...others] = process.threads;
  for (const thread of others) thread.leaveFiles();
  if (first !== undefined) process.speaksThrough(first);
  process.becomeZombie();
}
