/** stress-ng's classes of processes, threads and what they talk through, each with its own verification. */
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { run, type Outcome, type System } from './run.js';

export const CLASSES: readonly string[] = [
  [
    'fork',
    'forkheavy',
    'vfork',
    'vforkmany',
    'clone',
    'daemon',
    'exec',
    'spawn',
    'wait',
    'zombie',
    'pthread',
  ],
  ['pipe', 'pipeherd', 'ring-pipe', 'fifo', 'splice', 'tee', 'sock', 'sockpair', 'sockfd', 'udp'],
  ['mmap', 'mmapaddr', 'mmapfixed', 'mmapfork', 'mmapmany', 'memfd', 'mremap', 'munmap'],
  ['futex', 'mutex', 'sem', 'sem-sysv', 'msg', 'mq', 'shm', 'shm-sysv', 'membarrier'],
  ['signal', 'signest', 'sigabrt', 'sigchld', 'sigfd', 'sigfpe', 'sigio', 'sigpending', 'sigpipe', 'sigq'],
  ['sigrt', 'sigsegv', 'sigsuspend', 'sigtrap', 'kill', 'timer', 'timerfd', 'itimer', 'alarm', 'nanosleep'],
  ['epoll', 'poll', 'eventfd', 'inotify', 'pidfd', 'pty', 'session', 'flock', 'lockf', 'lockofd'],
].flat();
/** What starting and clearing up may add. */
const SLACK_MS = 120_000;

export async function stress(system: System, name: string, seconds: number): Promise<Outcome> {
  const work = `${tmpdir()}/culm-stress-${process.pid}`;
  await mkdir(`${work}.empty`, { recursive: true });
  const argv = ['stress-ng', `--${name}`, '1', '-t', String(seconds), '--verify'];
  const place = { pristine: `${work}.empty`, work };
  return run(system, place, { name, argv, folder: '.', env: {} }, seconds * 1000 + SLACK_MS);
}

/** What it complains of, without process numbers. */
export function complaints({ status, output }: Outcome): string[] {
  const lines = output.split('\n').filter((line) => /\b(fail|error|warn):/.test(line));
  const plain = [...new Set(lines.map((line) => line.replace(/\[\d+\] /, '')))];
  if (status === -1) plain.push('it does not end');
  else if (!output.includes('successful run completed')) plain.push(`it ends with status ${status}`);
  return plain;
}
