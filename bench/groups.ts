/** What is measured, group by group. */
import { LIVING_GOALS, START_GOALS, living } from './living.js';
import { timeItself, timePrograms } from './measure.js';
import { MEMORY_GOALS, memory, scalingMemory, scalingTime } from './memory.js';
import { least, type Figure, type Goal } from './report.js';
import { SIZE_GOALS, SNAPSHOT_GOALS, snapshot, snapshotSize } from './snapshot.js';
import { JOB_GOALS, JOBS, SYSTEM_GOALS } from './system.js';
import { PROGRAMS, STARTS, compile } from './workloads.js';

export interface Bench {
  readonly title: string;
  readonly unit: string;
  readonly goals?: ReadonlyMap<string, Goal>;
  /** Where a round takes minutes. */
  readonly mostRounds?: number;
  run(rounds: number): readonly Figure[] | Promise<readonly Figure[]>;
}

export const BENCHES: Readonly<Record<string, Bench>> = {
  kernels: {
    title: 'Kernels, times of their own',
    unit: 'ms',
    run: (rounds) => timeItself([compile('kern')], rounds),
  },
  starts: {
    title: 'Starting in a new host process',
    unit: 'ms',
    goals: START_GOALS,
    run: (rounds) => timePrograms(STARTS, rounds),
  },
  programs: {
    title: 'Programs, whole runs with start-up',
    unit: 'ms',
    run: (rounds) => timePrograms(PROGRAMS, rounds),
  },
  system: {
    title: 'Services of the system, an operation',
    unit: 'us',
    goals: SYSTEM_GOALS,
    mostRounds: 3,
    // Whatever else the machine does only adds, and keeps V8 from compiling beside the run.
    run: (rounds) => timeItself([compile('system')], rounds, 1e-3, least),
  },
  jobs: {
    title: 'Many processes, whole runs with start-up',
    unit: 'ms',
    goals: JOB_GOALS,
    mostRounds: 3,
    run: (rounds) => timePrograms(JOBS, rounds),
  },
  living: { title: 'In a sandbox that lives', unit: 'ms', goals: LIVING_GOALS, run: living },
  snapshot: {
    title: 'Sandboxes written down, restored and forked',
    unit: 'ms',
    goals: SNAPSHOT_GOALS,
    run: snapshot,
  },
  'snapshot-size': {
    title: 'Compressed snapshots',
    unit: 'MiB',
    goals: SIZE_GOALS,
    run: snapshotSize,
  },
  memory: { title: 'Memory of the host', unit: 'MiB', goals: MEMORY_GOALS, mostRounds: 3, run: memory },
  'scaling-memory': {
    title: 'Memory of the host as sandboxes and processes grow',
    unit: 'MiB',
    mostRounds: 3,
    run: scalingMemory,
  },
  'scaling-time': {
    title: 'The same work in each sandbox and process at once',
    unit: 'ms',
    mostRounds: 3,
    run: scalingTime,
  },
};
