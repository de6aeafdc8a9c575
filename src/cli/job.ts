/** What `culm run` is to do: its options and a manifest, put together into what the API takes. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  CulmError,
  OPTIMISATIONS,
  formatFinding,
  hostNames,
  loadManifest,
  sha256Of,
  type FileCheck,
  type Limits,
  type LoadedManifest,
  type LogLevel,
  type MountSpec,
  type Optimisation,
  type RestoreOptions,
  type SandboxOptions,
  type SpawnOptions,
} from '../index.js';

export interface RunOptions {
  readonly manifest?: string;
  readonly define?: readonly string[];
  readonly rootfs?: string;
  readonly root?: string;
  readonly volume?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly encrypted?: readonly string[];
  readonly key?: readonly string[];
  readonly env?: readonly string[];
  readonly hostEnv?: boolean;
  readonly workdir?: string;
  readonly argv0?: string;
  readonly user?: string;
  readonly hostname?: string;
  readonly hostNames?: boolean;
  readonly sysfs: boolean;
  readonly generateEtc?: readonly string[];
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly memory?: string;
  readonly cpus?: number;
  readonly cpu?: string;
  readonly readOnly?: boolean;
  readonly stack?: string;
  readonly heap?: string;
  readonly maxFiles?: number;
  readonly pidsLimit?: number;
  readonly cpuTime?: number;
  readonly maxOutput?: string;
  readonly aslr?: boolean;
  readonly codeCache: boolean;
  readonly subprocesses: boolean;
  readonly mockSyscall?: readonly string[];
  readonly place?: readonly string[];
  readonly placeOtherwise?: string;
  readonly trusted?: readonly string[];
  readonly allowed?: readonly string[];
  readonly fileCheck?: string;
  readonly timeout?: number;
  readonly strace?: boolean;
  readonly straceOutput?: string;
  readonly logLevel?: string;
  readonly logFile?: string;
  readonly stats?: boolean;
  /** Where to write the profile; '' for a table alone. */
  readonly profile?: string;
  readonly tier: string;
  readonly without?: string;
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Signals that a program gets from outside unless a manifest says otherwise. */
export const FORWARDED = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1, SIGQUIT: 3 } as const;

export function refuse(message: string): never {
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
  const match = /^(\/[^:]*)(?::(?:size=)?(\w+))?$/.exec(text);
  if (match === null) return refuse(`--tmpfs must be PATH or PATH:SIZE, not "${text}"`);
  const [, target = '/', size] = match;
  return { type: 'tmpfs', target, ...(size === undefined ? {} : { size }) };
}

/** HOST:GUEST, HOST:GUEST:KEY or HOST:GUEST:KEY:recovery */
function encrypted(text: string): MountSpec {
  const match = /^(.+?):(\/[^:]*)(?::([^:]*))?(:recovery)?$/.exec(text);
  if (match === null)
    return refuse(`--encrypted must be HOST:GUEST or HOST:GUEST:KEY[:recovery], not "${text}"`);
  const [, source = '', target = '', key = '', recovery] = match;
  const named = key === '' ? {} : { key };
  return { type: 'encrypted', source: resolve(source), target, ...named, recovery: recovery !== undefined };
}

/** NAME=VALUE pairs of an option that may be given more than once. */
export function pairs(option: string, entries: readonly string[]): [string, string][] {
  return entries.map((entry) => {
    const at = entry.indexOf('=');
    return at > 0
      ? [entry.slice(0, at), entry.slice(at + 1)]
      : refuse(`--${option} must be NAME=VALUE, not "${entry}"`);
  });
}

function environment(
  entries: readonly string[],
  base: Readonly<Record<string, string>>,
): Record<string, string> {
  const env: Record<string, string> = { ...base };
  for (const entry of entries) {
    const at = entry.indexOf('=');
    const name = at < 0 ? entry : entry.slice(0, at);
    const value = at < 0 ? process.env[name] : entry.slice(at + 1);
    if (value !== undefined) env[name] = value;
  }
  return env;
}

/** The host's own variables, where they are asked for. */
function hostEnvironment(options: RunOptions): Record<string, string> {
  return options.hostEnv === true ? (process.env as Record<string, string>) : {};
}

/** A function that appends lines to a file or to standard error. */
export function lineWriter(
  file: string | undefined,
  flags: 'a' | 'w',
): { write: (line: string) => void; close: () => void } {
  const fd = file === undefined ? 2 : openSync(file, flags);
  return { write: (line) => void writeSync(fd, line + '\n'), close: () => fd !== 2 && closeSync(fd) };
}

/** What there is of `values` that has been given. */
function given<T extends object>(values: T): { [N in keyof T]?: Exclude<T[N], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [N in keyof T]?: Exclude<T[N], undefined>;
  };
}

function mountsOf(options: Partial<RunOptions>): MountSpec[] {
  const { root, volume: volumes = [], tmpfs: memory = [], encrypted: secret = [] } = options;
  return [
    ...(root === undefined ? [] : [{ type: 'host' as const, source: resolve(root), target: '/' }]),
    ...volumes.map(volume),
    ...secret.map(encrypted),
    ...memory.map(tmpfs),
  ];
}

function limitsOf(options: RunOptions): Limits {
  return given({
    stack: options.stack,
    brk: options.heap,
    files: options.maxFiles,
    processes: options.pidsLimit,
    cpuTime: options.cpuTime,
    output: options.maxOutput,
  });
}

function fileCheckOf(options: RunOptions): FileCheck | undefined {
  const { trusted, allowed, fileCheck } = options;
  if (trusted === undefined && allowed === undefined && fileCheck === undefined) return undefined;
  return {
    policy: oneOf('file-check', fileCheck ?? 'strict', ['strict', 'allow_all_but_log']),
    trusted: (trusted ?? []).map((text) => {
      const [, file = text, sum] = /^(.*)=([0-9a-f]{64})$/i.exec(text) ?? [];
      const path = resolve(file);
      return { path, sha256: sum ?? sha256Of(path) };
    }),
    allowed: (allowed ?? []).map((path) => resolve(path)),
  };
}

function logLevelOf({ logLevel }: Partial<RunOptions>): LogLevel | undefined {
  return logLevel === undefined
    ? undefined
    : oneOf<LogLevel>('log-level', logLevel, ['error', 'none', 'warning', 'debug']);
}

function withoutOf({ without }: Partial<RunOptions>): SandboxOptions['without'] {
  const names = Object.keys(OPTIMISATIONS) as Optimisation[];
  return without?.split(',').map((name) => oneOf('without', name, names));
}

function tierOf({ tier = 'mixed' }: Partial<RunOptions>): SandboxOptions['tier'] & string {
  return oneOf('tier', tier, ['mixed', 'interpret', 'translate']);
}

/** What the command line gives a sandbox that is there already. */
export function restoreOptionsOf(options: Partial<RunOptions>): RestoreOptions {
  return {
    ...given({
      rootfs: options.rootfs === undefined ? undefined : resolve(options.rootfs),
      logLevel: logLevelOf(options),
      profile: options.profile === undefined ? undefined : true,
      without: withoutOf(options),
    }),
    keys: Object.fromEntries(pairs('key', options.key ?? [])),
    mounts: mountsOf(options),
    tier: tierOf(options),
    thread: 'caller',
  };
}

function placementOf({ place, placeOtherwise }: RunOptions): SandboxOptions['placement'] {
  if (place === undefined)
    return placeOtherwise === undefined ? undefined : refuse('--place-otherwise goes with --place');
  const otherwise = oneOf('place-otherwise', placeOtherwise ?? 'refuse', ['refuse', 'stay'] as const);
  return { programs: place, otherwise };
}

/** What the command line says, as the API has it. */
function optionsOf(options: RunOptions): SandboxOptions {
  const host = options.hostNames === true ? hostNames() : {};
  const mocks = pairs('mock-syscall', options.mockSyscall ?? []);
  return {
    ...given({
      rootfs: options.rootfs === undefined ? undefined : resolve(options.rootfs),
      readOnly: options.readOnly,
      hostname: options.hostname,
      memory: options.memory,
      cpus: options.cpus,
      cpu: options.cpu as SandboxOptions['cpu'],
      aslr: options.aslr,
      codeCache: options.codeCache ? undefined : false,
      subprocesses: options.subprocesses ? undefined : false,
      sysfs: options.sysfs ? undefined : false,
      generatedEtc: options.generateEtc as SandboxOptions['generatedEtc'],
      fileCheck: fileCheckOf(options),
      logLevel: logLevelOf(options),
      profile: options.profile === undefined ? undefined : true,
      without: withoutOf(options),
      placement: placementOf(options),
    }),
    ...host,
    limits: limitsOf(options),
    keys: Object.fromEntries(pairs('key', options.key ?? [])),
    mockSyscalls: Object.fromEntries(mocks.map(([name, result]) => [name, Number(result)])),
    mounts: mountsOf(options),
    tier: tierOf(options),
    thread: 'caller',
  };
}

/** What is to be run, from the command line alone or from a manifest that the command line adds to. */
export interface Job {
  readonly options: SandboxOptions;
  readonly argv: readonly string[];
  readonly spawn: SpawnOptions;
  /** Signals that reach the program. */
  readonly forwarded: Readonly<Record<string, number>>;
  readonly logFile: string | undefined;
  readonly trace: boolean;
  readonly interactive: boolean;
}

function spawnOf(options: RunOptions): SpawnOptions {
  return given({ cwd: options.workdir, user: options.user });
}

export function plainJob(argv: readonly string[], options: RunOptions): Job {
  const [program, ...args] = argv;
  if (program === undefined) refuse('no program is named');
  const base = { PATH: DEFAULT_PATH, ...hostEnvironment(options) };
  const named = options.argv0 === undefined ? {} : { program };
  return {
    options: { ...optionsOf(options), env: environment(options.env ?? [], base) },
    argv: [options.argv0 ?? program, ...args],
    spawn: { ...spawnOf(options), ...named },
    forwarded: FORWARDED,
    logFile: options.logFile,
    trace: false,
    interactive: options.interactive === true,
  };
}

export async function manifestJob(file: string, args: readonly string[], options: RunOptions): Promise<Job> {
  const variables = Object.fromEntries(pairs('define', options.define ?? []));
  const loaded = await loadManifest(file, { args, variables });
  const { mounts = [], limits, keys, mockSyscalls, ...more } = optionsOf(options);
  const { options: base } = loaded;
  const level = more.logLevel ?? base.logLevel;
  const merged: SandboxOptions = {
    ...base,
    ...more,
    mounts: [...(base.mounts ?? []), ...mounts],
    env: environment(options.env ?? [], { ...hostEnvironment(options), ...base.env }),
    limits: { ...base.limits, ...limits },
    keys: { ...base.keys, ...keys },
    mockSyscalls: { ...base.mockSyscalls, ...mockSyscalls },
  };
  const logFile = options.logFile ?? loaded.logFile ?? undefined;
  if (level !== 'none') tell(loaded, file, level === 'error', logFile);
  return {
    options: merged,
    argv: loaded.argv,
    spawn: { ...loaded.spawn, ...spawnOf(options) },
    forwarded: loaded.sigterm ? { SIGTERM: FORWARDED.SIGTERM } : {},
    logFile,
    trace: loaded.trace,
    interactive: true,
  };
}

/** Says what is remarkable about a manifest. */
function tell(
  { findings, notes }: LoadedManifest,
  file: string,
  short: boolean,
  logFile: string | undefined,
): void {
  const log = lineWriter(logFile, 'a');
  for (const finding of findings)
    if (!short || finding.severity !== 'ignored') log.write(`culm: ${formatFinding(finding, file)}`);
  for (const note of notes) log.write(`culm: ${file}: ${note}`);
  log.close();
}
