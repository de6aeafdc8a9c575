/** What a manifest means for the API: options of a sandbox, and the program to start in it. */
import type { Limits, LogLevel, MountSpec, SandboxOptions, SpawnOptions } from '../sandbox/types.js';
import { KEYS, type Manifest, type ManifestLogLevel } from './schema.js';
import type { Uri } from './kinds.js';
import type { ManifestMount } from './mounts.js';

/** What a manifest asks of where it is used. */
export interface Surroundings {
  /** Where relative paths begin. */
  readonly cwd: string;
  /** Arguments of the command line. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Trusted files one by one, each with its sum; paths are absolute. */
  readonly trusted: readonly { readonly path: string; readonly sha256: string }[];
  /** A host file's text; throws where there is none. */
  readText(path: string): string;
  /** The host's names, for a manifest that lets them in. */
  hostNames(): Pick<SandboxOptions, 'hostname' | 'resolvConf'>;
}

export interface Plan {
  readonly options: SandboxOptions;
  readonly argv: readonly string[];
  readonly spawn: SpawnOptions;
  /** Whether a SIGTERM from outside is the program's. */
  readonly sigterm: boolean;
  /** Absolute; null: standard error. */
  readonly logFile: string | null;
  /** System calls are logged. */
  readonly trace: boolean;
  /** What should be told. */
  readonly notes: readonly string[];
}

/** Why a manifest that is right in itself cannot be used here. */
export class PlanError extends Error {
  override readonly name = 'PlanError';
}

export function absolutePath(path: string, cwd: string): string {
  const names: string[] = [];
  for (const name of (path.startsWith('/') ? path : `${cwd}/${path}`).split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return `/${names.join('/')}`;
}

/** A relative path stays so, as Gramine writes it into protected files. */
function normalPath(path: string): string {
  if (path.startsWith('/')) return absolutePath(path, '/');
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..' && names.length > 0 && names.at(-1) !== '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names.length === 0 ? '.' : names.join('/');
}

export function planManifest(manifest: Manifest, around: Surroundings): Plan {
  const notes: string[] = [];
  const entrypoint = manifest.entrypoint ?? '';
  const argv = argumentsOf(manifest, around, notes);
  return {
    options: optionsOf(manifest, around),
    argv,
    spawn: {
      program: entrypoint.includes('/') ? entrypoint : `./${entrypoint}`,
      cwd: manifest.startDir ?? '/',
      user: `${manifest.uid}:${manifest.gid}`,
    },
    sigterm: manifest.sigterm ?? false,
    logFile: manifest.logFile === null ? null : absolutePath(manifest.logFile, around.cwd),
    trace: manifest.logLevel === 'trace' || manifest.logLevel === 'all',
    notes,
  };
}

function optionsOf(manifest: Manifest, around: Surroundings): SandboxOptions {
  const { hostname } = manifest;
  return {
    mounts: mountsOf(manifest, around.cwd),
    env: environmentOf(manifest, around),
    ...(hostname === null ? {} : { hostname }),
    ...(manifest.domainNames === true ? around.hostNames() : {}),
    memory: manifest.memory ?? 0,
    cpus: manifest.cpus ?? 1,
    ...(manifest.cpu === null ? {} : { cpu: manifest.cpu }),
    limits: limitsOf(manifest),
    aslr: manifest.disableAslr !== true,
    subprocesses: manifest.noSubprocesses !== true,
    mockSyscalls: Object.fromEntries((manifest.mocks ?? []).map(({ name, result }) => [name, result])),
    fileCheck: {
      policy: manifest.policy ?? 'strict',
      trusted: around.trusted,
      allowed: (manifest.allowedFiles ?? []).map(({ path }) => absolutePath(path, around.cwd)),
    },
    keys: manifest.keys ?? {},
    sysfs: manifest.sysfs ?? true,
    generatedEtc: manifest.generatedEtc ?? [],
    ...placementOf(manifest),
    ioctlStructs: manifest.ioctlStructs ?? {},
    allowedIoctls: manifest.ioctls ?? [],
    logLevel: LOG_LEVELS[manifest.logLevel ?? 'error'],
  };
}

const LOG_LEVELS: Readonly<Record<ManifestLogLevel, LogLevel>> = {
  none: 'none',
  error: 'error',
  warning: 'warning',
  debug: 'debug',
  trace: 'debug',
  all: 'debug',
};

function placementOf({ placementPrograms, placementOtherwise }: Manifest): Pick<SandboxOptions, 'placement'> {
  if (placementPrograms === null || placementPrograms.length === 0) return {};
  return { placement: { programs: placementPrograms, otherwise: placementOtherwise ?? 'refuse' } };
}

function limitsOf({ stack, brk, fds, processes, cpuTime, output }: Manifest): Limits {
  return {
    ...(stack === null ? {} : { stack }),
    ...(brk === null ? {} : { brk }),
    ...(fds === null ? {} : { files: fds }),
    ...(processes === null ? {} : { processes }),
    ...(cpuTime === null ? {} : { cpuTime }),
    ...(output === null ? {} : { output }),
  };
}

const WORKING_DIRECTORY: Uri = { scheme: 'file', path: '.' };
const DEFAULT_ROOT: ManifestMount = {
  type: 'chroot',
  path: '/',
  uri: WORKING_DIRECTORY,
  keyName: 'default',
  recovery: false,
};

function mountsOf({ root, mounts, overlay }: Manifest, cwd: string): MountSpec[] {
  const first = mountOf(root ?? DEFAULT_ROOT, cwd);
  const top: MountSpec =
    overlay === true && first.type === 'host'
      ? { type: 'overlay', source: first.source, target: '/' }
      : first;
  return [top, ...(mounts ?? []).map((mount) => mountOf(mount, cwd))];
}

function mountOf({ type, path: target, uri, keyName, recovery }: ManifestMount, cwd: string): MountSpec {
  if (type === 'tmpfs' || uri === null) return { type: 'tmpfs', target };
  const source = absolutePath(uri.path, cwd);
  if (type !== 'encrypted') return { type: 'host', source, target };
  return { type: 'encrypted', source, target, key: keyName, recovery, boundAs: normalPath(uri.path) };
}

/** The arguments, from the one source that the manifest names. */
function argumentsOf(manifest: Manifest, around: Surroundings, notes: string[]): readonly string[] {
  const entrypoint = manifest.entrypoint ?? '';
  if (manifest.cmdlineArgv === true) return [entrypoint, ...around.args];
  if (around.args.length > 0)
    notes.push(`the manifest gives the arguments: ${around.args.join(' ')} is ignored`);
  if (manifest.argv !== null) return manifest.argv;
  if (manifest.argvFile === null) return [entrypoint];
  const list = serialized(KEYS.argvFile.key, manifest.argvFile, around);
  if (list.length === 0) throw new PlanError(`${KEYS.argvFile.key}: the file has no arguments`);
  return list;
}

/** The strings of a file that ends each of them by a NUL. */
function serialized(key: string, { path }: Uri, around: Surroundings): string[] {
  const text = readOr(around, absolutePath(path, around.cwd), null);
  if (text === null) throw new PlanError(`${key}: ${path} cannot be read`);
  if (text !== '' && !text.endsWith('\0')) throw new PlanError(`${key}: ${path} does not end with a NUL`);
  return text.split('\0').slice(0, -1);
}

function readOr<T>(around: Surroundings, path: string, otherwise: T): string | T {
  try {
    return around.readText(path);
  } catch {
    return otherwise;
  }
}

function environmentOf(manifest: Manifest, around: Surroundings): Record<string, string> {
  const env: Record<string, string> = {};
  const set = (name: string, value: string | undefined): void => {
    if (value !== undefined) env[name] = value;
  };
  if (manifest.hostEnv === true) for (const [name, value] of Object.entries(around.env)) set(name, value);
  if (manifest.envFile !== null)
    for (const entry of serialized(KEYS.envFile.key, manifest.envFile, around)) {
      const at = entry.indexOf('=');
      if (at <= 0) throw new PlanError(`${KEYS.envFile.key}: "${entry}" is no NAME=VALUE`);
      set(entry.slice(0, at), entry.slice(at + 1));
    }
  for (const [name, value] of Object.entries(manifest.env ?? {}))
    set(name, 'value' in value ? value.value : around.env[name]);
  return env;
}
