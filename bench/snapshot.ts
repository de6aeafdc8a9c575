/** How long it takes to write sandboxes down, to restore and to fork them, and how large they are. */
import { Sandbox, type SandboxProcess } from '../src/index.js';
import { ENV } from './measure.js';
import { median, type Figure, type Goal } from './report.js';

const BASH = ['/bin/bash', '-c', 'echo READY; while read -r x; do echo $x; done'];
const MODULES = 'import asyncio, json, re, sqlite3, email.message, http.client, unittest, decimal';
const PYTHON = ['/usr/bin/python3', '-c', `${MODULES}\nprint("READY", flush=True)\nprint(input())`];
const TOUCHED_MIB = 500;
const TOUCH = `b = bytearray(${TOUCHED_MIB} << 20)\nfor i in range(0, len(b), 4096): b[i] = i >> 12 & 255 | 1`;
const LARGE = ['/usr/bin/python3', '-c', `${TOUCH}\nprint("READY", flush=True)\nprint(input())`];

export const SNAPSHOT_GOALS = new Map<string, Goal>([
  ['bash: fork', { below: 60 }],
  ['bash: restore to first output', { below: 100 }],
]);
export const SIZE_GOALS = new Map<string, Goal>([['bash', { below: 5 }]]);

const MIB = 2 ** 20;
/** Until a worker is ready for the next fork. */
const SETTLE_MS = 1500;

async function until(program: SandboxProcess, mark: string): Promise<void> {
  const reader = program.stdout.getReader();
  for (let text = ''; !text.includes(mark);) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`${mark} does not come: ${text}`);
    text += new TextDecoder().decode(value);
  }
  reader.releaseLock();
}

async function say(program: SandboxProcess | undefined): Promise<void> {
  if (program === undefined) throw new Error('no program goes on');
  const writer = program.stdin.getWriter();
  await writer.write(new TextEncoder().encode('hello\n'));
  writer.releaseLock();
  await until(program, 'hello');
}

async function take(sandbox: Sandbox, compress: boolean): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of sandbox.snapshot({ compress })) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

async function timed<T>(times: number[], work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  times.push(performance.now() - start);
  return result;
}

interface Times {
  readonly start: number[];
  readonly snapshot: number[];
  readonly compressed: number[];
  readonly fork: number[];
  readonly restore: number[];
}

/** Restoring ends when the program has answered, as starting does when it is ready. */
async function cycle(argv: readonly string[], times: Times): Promise<Uint8Array> {
  await using sandbox = await timed(times.start, async () => {
    const made = await Sandbox.create({ rootfs: '/', env: ENV });
    await until(await made.spawn(argv), 'READY');
    return made;
  });
  await timed(times.snapshot, () => take(sandbox, false));
  const file = await timed(times.compressed, () => take(sandbox, true));
  // The first brings a worker for those that follow.
  await (await sandbox.fork()).dispose();
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  await (await timed(times.fork, () => sandbox.fork())).dispose();
  const restored = await timed(times.restore, async () => {
    const made = await Sandbox.restore(file, { rootfs: '/' });
    await say(made.processes()[0]);
    return made;
  });
  await restored.dispose();
  return file;
}

const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  bash: BASH,
  python: PYTHON,
  [`${TOUCHED_MIB} MiB`]: LARGE,
};

const sizes: Figure[] = [];

export async function snapshot(rounds: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  sizes.length = 0;
  for (const [name, argv] of Object.entries(PROGRAMS)) {
    const times: Times = { start: [], snapshot: [], compressed: [], fork: [], restore: [] };
    let file = new Uint8Array(0);
    for (let round = 0; round < rounds; round++) file = (await cycle(argv, times)) as Uint8Array<ArrayBuffer>;
    sizes.push({ name, culm: file.length / MIB });
    const row = (what: string, all: number[]): number =>
      figures.push({ name: `${name}: ${what}`, culm: median(all) });
    row('start', times.start);
    row('snapshot', times.snapshot);
    row('snapshot, compressed', times.compressed);
    row('fork', times.fork);
    row('restore to first output', times.restore);
  }
  return figures;
}

/** Of compressed files; measured with the times. */
export async function snapshotSize(): Promise<Figure[]> {
  if (sizes.length === 0) await snapshot(1);
  return sizes;
}
