/** /proc/pressure, and the same of the control group: what had to wait for what (Documentation/accounting/psi.rst). */
import { file } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import type { KernelView } from './subject.js';

const NOTHING = { averages: [0, 0, 0], totalMs: 0 };

function line(name: string, { averages, totalMs }: ReturnType<KernelView['cpuPressure']>): string {
  const [ten, sixty, threeHundred] = averages.map((average) => average.toFixed(2));
  return `${name} avg10=${ten} avg60=${sixty} avg300=${threeHundred} total=${Math.floor(totalMs * 1000)}\n`;
}

/** While threads wait for their turn one of them runs: they never all wait. */
function cpu(kernel: KernelView): string {
  return line('some', kernel.cpuPressure()) + line('full', NOTHING);
}

const nothing = line('some', NOTHING) + line('full', NOTHING);

/** With names as /proc/pressure has them, or as a control group has. */
export function pressureRows(nameOf: (resource: string) => string): readonly Row<KernelView>[] {
  const measured = 'time in which some thread waited for its turn; triggers cannot be set';
  const unknown = { note: 'not measured: 0' };
  return [
    file(nameOf('cpu'), cpu, { note: measured }),
    file(nameOf('io'), nothing, unknown),
    file(nameOf('memory'), nothing, unknown),
  ];
}
