/** The host's memory for sandboxes and processes, and how memory and time grow with their number. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Crowd } from './crowd.js';
import { median, type Figure, type Goal } from './report.js';

const CROWD = fileURLToPath(new URL('crowd.js', import.meta.url));

function crowd(mode: 'memory' | 'time', sandboxes: number, processes: number): Crowd {
  const args = [CROWD, mode, String(sandboxes), String(processes)];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Crowd;
}

export const MEMORY_GOALS = new Map<string, Goal>([
  ['idle sandbox', { below: 60 }],
  ['further sandbox', { below: 60 }],
  ['further process', { below: 2 }],
]);

const MANY_SANDBOXES = 4;
const MANY_PROCESSES = 17;

export function memory(rounds: number): Figure[] {
  const samples = Array.from({ length: rounds }, () => {
    const none = crowd('memory', 0, 0);
    const one = crowd('memory', 1, 0);
    const sandboxes = crowd('memory', MANY_SANDBOXES, 0);
    const process = crowd('memory', 1, 1);
    const processes = crowd('memory', 1, MANY_PROCESSES);
    const beyond = (c: Crowd): number => c.resident - c.guest;
    return {
      'host process without': none.resident,
      'idle sandbox': one.resident - none.resident,
      'further sandbox': (sandboxes.resident - one.resident) / (MANY_SANDBOXES - 1),
      // Beyond what it touches.
      'further process': (beyond(processes) - beyond(process)) / (MANY_PROCESSES - 1),
    };
  });
  const [first] = samples;
  const names = Object.keys(first ?? {}) as (keyof NonNullable<typeof first>)[];
  return names.map((name) => ({ name, culm: median(samples.map((sample) => sample[name])) }));
}

const STEPS = [1, 2, 4, 8, 16];
const SANDBOX_STEPS = STEPS.slice(0, 4);

function scaling(mode: 'memory' | 'time', rounds: number, of: (c: Crowd) => number): Figure[] {
  const figure = (name: string, sandboxes: number, processes: number): Figure => {
    const samples = Array.from({ length: rounds }, () => of(crowd(mode, sandboxes, processes)));
    return { name, culm: median(samples) };
  };
  return [
    ...STEPS.map((n) => figure(`processes: ${n}`, 1, n)),
    ...SANDBOX_STEPS.map((n) => figure(`sandboxes: ${n}`, n, 1)),
  ];
}

export function scalingMemory(rounds: number): Figure[] {
  return scaling('memory', rounds, (c) => c.resident);
}

export function scalingTime(rounds: number): Figure[] {
  return scaling('time', rounds, (c) => c.ms);
}
