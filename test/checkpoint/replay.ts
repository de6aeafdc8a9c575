/**
 * A sandbox that runs the same way each time: its clock is moved on by looks at it, and by sleeping; its random numbers
 * come from a seed. So the n-th turn of its loop is the same moment in each run, and a snapshot can be taken there again.
 */
import { createNodeHost } from '../../src/host/node/host.js';
import { saveKernel } from '../../src/kernel/checkpoint/checkpoint.js';
import { openFile } from '../../src/kernel/checkpoint/file.js';
import type { Host, HostClock, Timespec } from '../../src/kernel/host.js';
import { Kernel } from '../../src/kernel/kernel.js';
import { checkOptions } from '../../src/sandbox/options.js';
import { Namespace } from '../../src/sandbox/namespace.js';
import { SandboxServer, type EventLoop } from '../../src/sandbox/server.js';
import { readHeader, restoreSandbox, sandboxAnchors } from '../../src/sandbox/snapshot.js';
import { ENV, MOUNTS, type Job } from './jobs.js';

/** Numbers from 0 to 1 (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A look takes a few microseconds, or, often, as long as a turn of the loop, so that turns are short and end anywhere. */
const OFTEN = 0.4;

class CountingClock implements HostClock {
  private ns = 1e9;
  /** Looks do not count: a snapshot is taken, which must not change the run. */
  stands = false;

  constructor(private readonly random: () => number) {}

  sleep(ms: number): void {
    this.ns += Math.ceil(ms * 1e6);
  }

  monotonic(out: Timespec): void {
    if (!this.stands) this.ns += this.random() < OFTEN ? 9e6 : 5_000 + Math.floor(this.random() * 20_000);
    out.sec = Math.floor(this.ns / 1e9);
    out.nsec = this.ns % 1e9;
  }

  realtime(out: Timespec): void {
    this.monotonic(out);
    out.sec += 1_700_000_000;
  }

  cpuTime(out: Timespec): void {
    this.monotonic(out);
  }
}

export interface Text {
  stdout: string;
  stderr: string;
}

export interface Run extends Text {
  status: number;
  /** Turns of the loop. */
  turns: number;
}

export interface Taken extends Text {
  readonly turn: number;
  /** Not compressed. */
  readonly file: Uint8Array;
}

/** Sleeps longer than this wait for something that will not come. */
const STUCK_MS = 600_000;

/** Runs a job to its end; takes a snapshot at each of the turns in `moments`, with what had been printed by then. */
export async function replay(
  job: Job,
  seed: number,
  moments: ReadonlySet<number> = new Set(),
  take: (taken: Taken) => void | Promise<void> = () => undefined,
): Promise<Run> {
  const random = randomFrom(seed);
  const clock = new CountingClock(random);
  const host: Host = {
    ...createNodeHost(),
    clock,
    random: (into) => into.forEach((_, i) => (into[i] = Math.floor(random() * 256))),
  };
  const run: Run = { stdout: '', stderr: '', status: -1, turns: 0 };
  let over = false;
  let typed = job.typed === undefined;
  let end: (error?: Error) => void = () => undefined;
  const ended = new Promise<void>((resolve, reject) => {
    end = (error) => (error === undefined ? resolve() : reject(error));
  });
  const turn = async (): Promise<void> => {
    if (over) return;
    run.turns++;
    await new Promise((resume) => setImmediate(resume));
    if (!typed && run.stdout.includes(job.typed?.after ?? '')) {
      typed = true;
      await server.writeInput(1, new TextEncoder().encode(job.typed?.keys));
    }
    if (!moments.has(run.turns)) return;
    const { stdout, stderr } = run;
    clock.stands = true;
    const pieces = await server.snapshot({ compress: false, keys: false, hostPages: true, parents: [] });
    clock.stands = false;
    await take({ turn: run.turns, stdout, stderr, file: new Uint8Array(Buffer.concat(pieces)) });
  };
  const loop: EventLoop = {
    breathe: turn,
    timer(ms, wake) {
      let cancelled = false;
      if (ms > STUCK_MS) end(new Error(`${job.name} waits for nothing: ${run.stdout}${run.stderr}`));
      else
        void turn().then(() => {
          if (cancelled) return;
          clock.sleep(Math.max(0, ms));
          wake();
        }, end);
      return () => (cancelled = true);
    },
  };
  const server = new SandboxServer(
    host,
    loop,
    {
      output(id, stream, bytes) {
        run[stream === 1 ? 'stdout' : 'stderr'] += Buffer.from(bytes).toString('latin1');
        void server.consumed(id, stream, bytes.length);
      },
      exit(_, status, signal) {
        over = true;
        run.status = signal === 0 ? status : -signal;
        end();
      },
      watched: () => undefined,
      place: () => undefined,
      toAway: () => undefined,
      toHome: () => undefined,
      deserted: () => undefined,
      log: () => undefined,
      strace: () => undefined,
      failed: (message) => end(new Error(message)),
    },
    () => null,
  );
  await server.start(checkOptions({ rootfs: '/', mounts: MOUNTS, env: ENV, memory: job.memory ?? '512m' }));
  const { argv, terminal } = job;
  const id = await server.spawn({
    program: null,
    argv,
    env: { ...ENV, ...(terminal === undefined ? {} : { TERM: 'xterm' }) },
    cwd: null,
    user: null,
    terminal: terminal ?? null,
  });
  if (terminal === undefined) await server.endInput(id);
  try {
    await ended;
  } finally {
    await server.dispose();
  }
  return run;
}

/** `count` different turns of `turns`, spread by the seed. */
export function momentsOf(turns: number, count: number, seed: number): Set<number> {
  const random = randomFrom(seed);
  const moments = new Set<number>();
  while (moments.size < Math.min(count, turns - 1)) moments.add(1 + Math.floor(random() * (turns - 1)));
  return moments;
}

/** Restores a file that is not compressed, and takes it again: where the two differ, or -1. */
export function differenceOf(file: Uint8Array): number {
  const host = createNodeHost();
  const { header, kernel: bytes } = readHeader(openFile(host.crypto, file).content);
  const { settings } = header;
  const { memory, hostname, cpus } = settings;
  const kernel = new Kernel({ host, machine: { memory }, hostname, cpus });
  const bridge = () => null;
  const namespace = new Namespace(kernel, settings, bridge);
  try {
    const anchors = sandboxAnchors(kernel, namespace, bridge);
    const state = restoreSandbox(kernel, anchors, bytes);
    const again = Buffer.concat(saveKernel(kernel, anchors, { ...state, namespace: namespace.parts }));
    // Only the time, at the beginning, is another one.
    for (let i = 8; i < Math.max(again.length, bytes.length); i++) if (again[i] !== bytes[i]) return i;
    return -1;
  } finally {
    namespace.close();
  }
}
