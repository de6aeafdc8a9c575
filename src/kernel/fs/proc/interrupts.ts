/** /proc/{interrupts,softirqs}: the clock is all that interrupts; whatever runs does so on the first processor. */
import { file } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import type { KernelView } from './subject.js';

const WIDTH = 11;

function heads({ cpus }: KernelView): string {
  return Array.from({ length: cpus }, (_cpu, index) => `CPU${index}       `).join('');
}

/** A count for the first processor, and none for the others. */
function counts({ cpus }: KernelView, count: number): string {
  return Array.from({ length: cpus }, (_cpu, index) => `${index === 0 ? count : 0}`.padStart(WIDTH)).join('');
}

/** Linux's names of what interrupts on every machine (arch_show_interrupts). */
function sources(kernel: KernelView): readonly (readonly [name: string, count: number, what: string])[] {
  return [
    ['NMI', 0, 'Non-maskable interrupts'],
    ['LOC', kernel.ticks(), 'Local timer interrupts'],
    ['SPU', 0, 'Spurious interrupts'],
    ['RES', 0, 'Rescheduling interrupts'],
    ['CAL', 0, 'Function call interrupts'],
    ['TLB', 0, 'TLB shootdowns'],
  ];
}

function interrupts(kernel: KernelView): string {
  const lines = sources(kernel).map(
    ([name, count, what]) => `${name}:${counts(kernel, count).slice(1)}   ${what}\n`,
  );
  const failures = ['ERR', 'MIS'].map((name) => `${name}:${'0'.padStart(WIDTH - 1)}\n`);
  return `${' '.repeat(11)}${heads(kernel)}\n${lines.join('')}${failures.join('')}`;
}

/** In the order of their numbers. Timers are all of the kind with high resolution. */
function softirqCounts(kernel: KernelView): readonly (readonly [name: string, count: number])[] {
  return [
    ['HI', 0],
    ['TIMER', 0],
    ['NET_TX', 0],
    ['NET_RX', 0],
    ['BLOCK', 0],
    ['IRQ_POLL', 0],
    ['TASKLET', 0],
    ['SCHED', 0],
    ['HRTIMER', kernel.timersFired()],
    ['RCU', 0],
  ];
}

function softirqs(kernel: KernelView): string {
  const lines = softirqCounts(kernel).map(
    ([name, count]) => `${`${name}:`.padStart(13)}${counts(kernel, count)}\n`,
  );
  return `${' '.repeat(20)}${heads(kernel)}\n${lines.join('')}`;
}

/** The lines `intr` and `softirq` of /proc/stat: sums, then each; no device has an interrupt. */
export function interruptSums(kernel: KernelView): { intr: string; softirq: string } {
  const soft = softirqCounts(kernel).map(([, count]) => count);
  const sum = soft.reduce((total, count) => total + count, 0);
  return { intr: `intr ${kernel.ticks()}\n`, softirq: `softirq ${sum} ${soft.join(' ')}\n` };
}

export const INTERRUPT_ROWS: readonly Row<KernelView>[] = [
  file('interrupts', interrupts, { note: 'slices that the clock ended, as LOC; no devices' }),
  file('softirqs', softirqs, { note: 'timers that have fired, as HRTIMER; else 0' }),
];
