/** Checks of SandboxOptions: each error names the setting and says what is wrong. Unknown settings are refused. */
import type { PlainMount, Settings } from './backend.js';
import { checkPseudo } from './pseudo.js';
import { CulmError, type MountSpec, type SandboxOptions } from './types.js';

const DEFAULT_MEMORY = 1 << 30;
const MIN_MEMORY = 16 << 20;
/** A WebAssembly memory ends at 4 GiB; Culm keeps the first of its pages for itself. */
const MAX_MEMORY = 0xf0000000;
const MAX_CPUS = 256;

const KNOWN: ReadonlySet<string> = new Set<keyof SandboxOptions>([
  'rootfs',
  'readOnly',
  'mounts',
  'pseudo',
  'env',
  'cwd',
  'user',
  'hostname',
  'memory',
  'cpus',
  'thread',
  'strace',
  'log',
  'logLevel',
  'tier',
]);

function refuse(message: string): never {
  throw new CulmError('option', message);
}

/** A size in bytes from a number or a text as '512m'; suffixes b, k, m, g, in powers of 1024. */
export function parseSize(name: string, value: number | string): number {
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && value > 0 ? value : refuse(`"${name}" must be a size`);
  const match = /^(\d+)([bkmg]?)$/i.exec(value);
  if (match === null) return refuse(`"${name}" must be a size such as 512m or 2g, not "${value}"`);
  const scale = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[(match[2] ?? '').toLowerCase()] ?? 1;
  return Number(match[1]) * scale;
}

function checkMemory(value: number | string): number {
  const size = parseSize('memory', value);
  if (size < MIN_MEMORY) refuse(`"memory" must be at least ${MIN_MEMORY >> 20}m`);
  if (size > MAX_MEMORY) refuse(`"memory" must be at most ${MAX_MEMORY / 2 ** 20}m`);
  return size;
}

function checkCpus(value: number): number {
  if (!Number.isInteger(value) || value < 1 || value > MAX_CPUS)
    refuse(`"cpus" must be a whole number from 1 to ${MAX_CPUS}`);
  return value;
}

export function checkEnv(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(env)) {
    if (name === '' || /[=\0]/.test(name)) refuse(`"env" has a bad variable name: ${JSON.stringify(name)}`);
    if (typeof value !== 'string' || value.includes('\0')) refuse(`"env" has a bad value for ${name}`);
  }
  return { ...env };
}

function checkAbsolute(name: string, path: string): string {
  if (typeof path !== 'string' || !path.startsWith('/') || path.includes('\0'))
    refuse(`"${name}" must be an absolute path, not ${JSON.stringify(path)}`);
  return path;
}

function checkHostname(name: string): string {
  if (!/^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/.test(name))
    refuse(`"hostname" must be a host's name, not ${JSON.stringify(name)}`);
  return name;
}

function checkMount(mount: MountSpec): PlainMount {
  checkAbsolute('target', mount.target);
  switch (mount.type) {
    case 'app': {
      const { write, remove } = mount.files;
      return {
        type: 'app',
        target: mount.target,
        writable: write !== undefined,
        removable: remove !== undefined,
      };
    }
    case 'host':
    case 'overlay':
      if (typeof mount.source !== 'string' || mount.source === '') refuse('"source" must be a host folder');
      return mount;
    case 'tmpfs':
      return mount;
    default:
      return refuse(
        `"type" must be host, overlay, tmpfs or app, not ${JSON.stringify((mount as MountSpec).type)}`,
      );
  }
}

/** Options as a user gave them, to settings that the kernel's side can rely on. */
export function checkOptions(options: SandboxOptions): Settings {
  for (const name of Object.keys(options)) if (!KNOWN.has(name)) refuse(`there is no option "${name}"`);
  return {
    rootfs: options.rootfs ?? null,
    readOnly: options.readOnly ?? false,
    mounts: (options.mounts ?? []).map(checkMount),
    pseudo: checkPseudo(options.pseudo ?? []),
    env: checkEnv(options.env ?? {}),
    cwd: checkAbsolute('cwd', options.cwd ?? '/'),
    user: String(options.user ?? 0),
    hostname: checkHostname(options.hostname ?? 'culm'),
    memory: checkMemory(options.memory ?? DEFAULT_MEMORY),
    cpus: checkCpus(options.cpus ?? 1),
    tier: options.tier ?? 'mixed',
    strace: options.strace !== undefined,
    logLevel: options.logLevel ?? (options.log === undefined ? 'none' : 'error'),
  };
}
