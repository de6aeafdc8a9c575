/** The person's terminal while a program in the sandbox has it: every key is the program's, until that ends. */
import type { SandboxProcess } from '../index.js';

const DEADLY = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** Raw mode on standard input, given back however this process ends, or is stopped for a while. */
export class RawMode {
  private readonly stdin = process.stdin;

  constructor(private readonly guest: SandboxProcess) {
    this.on();
    process.on('exit', this.off);
    process.on('SIGTSTP', this.stop);
    process.on('SIGCONT', this.resume);
    for (const name of DEADLY) process.prependListener(name, this.end);
  }

  private readonly on = (): void => void this.stdin.setRawMode(true);
  private readonly off = (): void => void this.stdin.setRawMode(false);

  /** Somebody stops this process from outside: the shell gets a terminal that it can work with. */
  private readonly stop = (): void => {
    this.off();
    process.kill(process.pid, 'SIGSTOP');
  };

  /** A signal that nobody else wants: it ends this process, which would then have no time for the terminal. */
  private readonly end = (name: NodeJS.Signals): void => {
    if (process.listenerCount(name) > 1) return;
    this.release();
    process.kill(process.pid, name);
  };

  private readonly resume = (): void => {
    this.on();
    const { columns, rows } = process.stdout;
    void this.guest.resize(columns, rows);
  };

  release(): void {
    process.off('exit', this.off);
    process.off('SIGTSTP', this.stop);
    process.off('SIGCONT', this.resume);
    for (const name of DEADLY) process.off(name, this.end);
    this.off();
  }
}

/** Tells the program of every change of the window's size; returns how to end that. */
export function followWindow(guest: SandboxProcess): () => void {
  const resized = (): void => void guest.resize(process.stdout.columns, process.stdout.rows);
  process.stdout.on('resize', resized);
  return () => process.stdout.off('resize', resized);
}
