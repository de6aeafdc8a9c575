/** /proc/locks: locks on files (proc_locks(5)). */
import type { KernelView, LockView } from './subject.js';
import { hex } from './text.js';

/** A device number as proc's columns show it: hexadecimal, two digits each at least. */
export function deviceText(dev: number): string {
  return `${hex((dev >>> 8) & 0xfff, 2)}:${hex((dev & 0xff) | ((dev >>> 12) & 0xfff00), 2)}`;
}

/** By F_RDLCK, F_WRLCK and F_UNLCK. */
const ACCESS = ['READ', 'WRITE', 'UNLCK'];

export function lockLine({ kind, state, type, pid, inode, start, end }: LockView, id: number): string {
  const file = `${deviceText(inode.fs.dev)}:${inode.ino}`;
  const last = end === Infinity ? 'EOF' : `${end}`;
  return `${id}: ${kind.padEnd(6)} ${state.padEnd(9)} ${ACCESS[type]} ${pid} ${file} ${start} ${last}\n`;
}

export function locks(kernel: KernelView): string {
  return kernel
    .locks()
    .map((lock, index) => lockLine(lock, index + 1))
    .join('');
}
