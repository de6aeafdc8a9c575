/** /proc/cpuinfo: the machine's own processor, of a fixed model, as often as the sandbox has processors. */
import type { CpuView, KernelView } from './subject.js';

function cpuLines(cpu: CpuView, index: number, count: number): (readonly [string, string | number])[] {
  return [
    ['processor', index],
    ['vendor_id', cpu.vendor],
    ['cpu family', cpu.family],
    ['model', cpu.model],
    ['model name', cpu.modelName],
    ['stepping', cpu.stepping],
    ['cpu MHz', cpu.mhz.toFixed(3)],
    ['cache size', `${cpu.cacheKib} KB`],
    ['physical id', 0],
    ['siblings', count],
    ['core id', index],
    ['cpu cores', count],
    ['apicid', index],
    ['initial apicid', index],
    ['fpu', 'yes'],
    ['fpu_exception', 'yes'],
    ['cpuid level', cpu.level],
    ['wp', 'yes'],
    ['flags', cpu.flags.join(' ')],
    ['bugs', ''],
    ['bogomips', (cpu.mhz * 2).toFixed(2)],
    ['clflush size', 64],
    ['cache_alignment', 64],
    ['address sizes', '40 bits physical, 48 bits virtual'],
    ['power management', ''],
  ];
}

/** Names of up to seven letters are followed by two tabs. */
function cpuLine([name, value]: readonly [string, string | number]): string {
  const tabs = name.length < 8 ? '\t\t' : '\t';
  return value === ''
    ? `${name}${name === 'bugs' ? tabs : ''}:${name === 'bugs' ? ' ' : ''}\n`
    : `${name}${tabs}: ${value}\n`;
}

export function cpuinfo({ cpu, cpus }: KernelView): string {
  let text = '';
  for (let i = 0; i < cpus; i++) text += `${cpuLines(cpu, i, cpus).map(cpuLine).join('')}\n`;
  return text;
}
