/** A copy of a kernel becomes the one of a child that goes on in it: all that is not the child's has gone. */
import { Refused } from '../checkpoint/damaged.js';
import { leave } from '../checkpoint/move/leave.js';
import { releaseHandle } from '../fs/handle.js';
import type { Handle, HandleOperations } from '../fs/types.js';
import type { Vfs } from '../fs/vfs.js';
import type { Kernel } from '../kernel.js';
import { READY } from '../process/state.js';
import { baselineOf } from './changes.js';
import { Home } from './home.js';

/** Each such kernel gives ids of another part of all, so that they hardly meet. */
const PID_RANGES = 16;

export function becomeAway(kernel: Kernel, vfs: Vfs, pid: number, range: number): void {
  const process = kernel.processes.get(pid);
  const standIn = process?.away ?? null;
  if (process === undefined || standIn === null) throw new Refused('its child is not in it');
  kernel.park();
  if (kernel.home !== null) kernel.home.silent = true;
  const home = new Home(kernel, process.parent?.pid ?? 0, baselineOf(vfs));
  for (const [number, handle] of standIn.files) {
    replaceOperations(handle, home.file(number));
    releaseHandle(handle);
  }
  process.parent?.children.delete(process);
  process.parent = process.parentThread = process.terminal = null;
  process.away = null;
  process.home = kernel.home = home;
  const others = new Set([...kernel.processes.values()].filter((other) => other !== process));
  for (const other of others) {
    other.away?.release();
    other.away = other.home = null;
  }
  leave(kernel, { processes: others, programs: [], ports: [], bytes: new Uint8Array(0) });
  kernel.ipc.clear();
  const { pidMax } = kernel.limits;
  kernel.setLastPid(Math.floor((pidMax / PID_RANGES) * (1 + (range % (PID_RANGES - 1)))));
  for (const thread of process.threads) {
    thread.state = READY;
    kernel.enqueue(thread);
  }
}

function replaceOperations(handle: Handle, ops: HandleOperations): void {
  (handle as { ops: HandleOperations }).ops = ops;
  handle.data = null;
}
