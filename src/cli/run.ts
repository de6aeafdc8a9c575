/** `culm run`: a sandbox in this thread, its streams joined to the host's. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { CulmError, Sandbox, type LogLevel, type MountSpec, type SandboxProcess } from '../index.js';

export interface RunOptions {
  readonly rootfs?: string;
  readonly volume?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly env?: readonly string[];
  readonly workdir: string;
  readonly user: string;
  readonly hostname: string;
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly memory: string;
  readonly cpus: number;
  readonly readOnly?: boolean;
  readonly timeout?: number;
  readonly strace?: boolean;
  readonly straceOutput?: string;
  readonly logLevel: string;
  readonly stats?: boolean;
  readonly tier: string;
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const FORWARDED = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1, SIGQUIT: 3 } as const;

function refuse(message: string): never {
  throw new CulmError('option', message);
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  return (
    allowed.find((a) => a === value) ??
    refuse(`--${name} must be one of ${allowed.join(', ')}, not "${value}"`)
  );
}

/** HOST:GUEST[:ro|:rw] */
function volume(text: string): MountSpec {
  const match = /^(.+?):(\/[^:]*)(?::(ro|rw))?$/.exec(text);
  if (match === null) return refuse(`--volume must be HOST:GUEST or HOST:GUEST:ro, not "${text}"`);
  const [, source = '', target = '', mode] = match;
  return { type: 'host', source: resolve(source), target, readOnly: mode === 'ro' };
}

/** PATH or PATH:size=64m, as Docker has it. */
function tmpfs(text: string): MountSpec {
  const match = /^(\/[^:]*)(?::(?:size=)?(\d+)([kmg]?))?$/i.exec(text);
  if (match === null) return refuse(`--tmpfs must be PATH or PATH:SIZE, not "${text}"`);
  const scale = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[(match[3] ?? '').toLowerCase()] ?? 1;
  const size = match[2] === undefined ? {} : { size: Number(match[2]) * scale };
  return { type: 'tmpfs', target: match[1] ?? '/', ...size };
}

function environment(entries: readonly string[]): Record<string, string> {
  const env: Record<string, string> = { PATH: DEFAULT_PATH };
  for (const entry of entries) {
    const at = entry.indexOf('=');
    const name = at < 0 ? entry : entry.slice(0, at);
    const value = at < 0 ? process.env[name] : entry.slice(at + 1);
    if (value !== undefined) env[name] = value;
  }
  return env;
}

/** A function that appends lines to a file or to standard error. */
function lineWriter(file: string | undefined): { write: (line: string) => void; close: () => void } {
  const fd = file === undefined ? 2 : openSync(file, 'w');
  return { write: (line) => void writeSync(fd, line + '\n'), close: () => fd !== 2 && closeSync(fd) };
}

/** Runs `argv` and returns the status for the shell. */
export async function run(argv: readonly string[], options: RunOptions): Promise<number> {
  if (options.tty === true && !process.stdin.isTTY && options.interactive === true)
    refuse('the input device is not a terminal: leave -t out');
  const strace = lineWriter(options.straceOutput);
  const traced = options.strace === true || options.straceOutput !== undefined;
  const sandbox = await Sandbox.create({
    ...(options.rootfs === undefined ? {} : { rootfs: resolve(options.rootfs) }),
    readOnly: options.readOnly ?? false,
    mounts: [...(options.volume ?? []).map(volume), ...(options.tmpfs ?? []).map(tmpfs)],
    env: environment(options.env ?? []),
    cwd: options.workdir,
    user: options.user,
    hostname: options.hostname,
    memory: options.memory,
    cpus: options.cpus,
    thread: 'caller',
    tier: oneOf('tier', options.tier, ['mixed', 'interpret', 'translate']),
    logLevel: oneOf<LogLevel>('log-level', options.logLevel, ['error', 'none', 'warning', 'debug']),
    log: (line) => process.stderr.write(`culm: ${line}\n`),
    ...(traced ? { strace: strace.write } : {}),
  });
  try {
    const { columns = 80, rows = 24 } = process.stdout;
    const guest = await sandbox.spawn(argv, {
      ...(options.tty === true ? { terminal: { columns, rows } } : {}),
      ...(options.timeout === undefined ? {} : { timeout: options.timeout * 1000 }),
    });
    const status = await attend(guest, options);
    if (options.stats === true)
      for (const [name, value] of Object.entries(await sandbox.statistics()))
        process.stderr.write(`${name.padEnd(18)} ${value}\n`);
    return status;
  } finally {
    await sandbox.dispose();
    strace.close();
  }
}

/** Joins the program's streams, signals and window size to the host's until it ends. */
async function attend(guest: SandboxProcess, options: RunOptions): Promise<number> {
  const undo: (() => void)[] = [];
  for (const [name, signal] of Object.entries(FORWARDED)) {
    const forward = (): void => void guest.kill(signal);
    process.on(name, forward);
    undo.push(() => process.off(name, forward));
  }
  if (options.tty === true) undo.push(followWindow(guest));
  undo.push(options.interactive === true ? feedInput(guest, options.tty === true) : noInput(guest));
  try {
    const [exit] = await Promise.all([
      guest.exit,
      copy(guest.stdout, process.stdout),
      copy(guest.stderr, process.stderr),
    ]);
    return exit.status;
  } finally {
    for (const step of undo) step();
  }
}

function followWindow(guest: SandboxProcess): () => void {
  const resized = (): void => void guest.resize(process.stdout.columns, process.stdout.rows);
  process.stdout.on('resize', resized);
  return () => process.stdout.off('resize', resized);
}

function noInput(guest: SandboxProcess): () => void {
  void guest.stdin.close().catch(() => undefined);
  return () => undefined;
}

function feedInput(guest: SandboxProcess, raw: boolean): () => void {
  const { stdin } = process;
  const writer = guest.stdin.getWriter();
  if (raw && stdin.isTTY) stdin.setRawMode(true);
  const give = async (): Promise<void> => {
    for await (const chunk of stdin) await writer.write(chunk as Uint8Array);
    await writer.close();
  };
  void give().catch(() => undefined);
  return () => {
    if (raw && stdin.isTTY) stdin.setRawMode(false);
    stdin.destroy();
  };
}

/** Copies until the stream's end; a reader that went away (EPIPE) closes the guest's side too. */
async function copy(from: ReadableStream<Uint8Array>, to: NodeJS.WriteStream): Promise<void> {
  const reader = from.getReader();
  const gone = (): void => void reader.cancel().catch(() => undefined);
  to.on('error', gone);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (!to.write(value)) await new Promise((resume) => to.once('drain', resume).once('error', resume));
  }
  to.off('error', gone);
}
