/** Checks of SandboxOptions: each error names the setting and says what is wrong. Unknown settings are refused. */
import { CPU_LEVELS, DEFAULT_CPU_LEVEL, type CpuLevel } from '../machine/level.js';
import { ETC_FILES } from '../kernel/fs/etc/etc.js';
import { OPTIMISATION_NAMES, type Optimisation } from '../machine/translate/optimisations.js';
import type { Bindings, PlainMount, Settings } from './backend.js';
import { checkIoctls } from './ioctls.js';
import { checkPseudo } from './pseudo.js';
import { checkFileCheck, checkKeys, checkLimits, checkMocks, checkPlacement } from './restrictions.js';
import { refuse } from './refuse.js';
import { parseSize } from './size.js';
import type { EtcFileName, MountSpec, RestoreOptions, SandboxOptions } from './types.js';

export const DEFAULT_MEMORY = 1 << 30;
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
  'cpu',
  'thread',
  'strace',
  'log',
  'logLevel',
  'tier',
  'without',
  'codeCache',
  'profile',
  'limits',
  'aslr',
  'subprocesses',
  'mockSyscalls',
  'fileCheck',
  'keys',
  'ioctlStructs',
  'allowedIoctls',
  'sysfs',
  'generatedEtc',
  'resolvConf',
  'placement',
]);

const RESTORABLE: ReadonlySet<string> = new Set<keyof RestoreOptions>([
  'rootfs',
  'mounts',
  'pseudo',
  'keys',
  'thread',
  'tier',
  'without',
  'codeCache',
  'log',
  'logLevel',
  'strace',
  'profile',
]);

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

function checkCpu(value: string): CpuLevel {
  const level = CPU_LEVELS.find((known) => known === value);
  return level ?? refuse(`"cpu" must be ${CPU_LEVELS.join(' or ')}`);
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

function checkEtc(names: readonly EtcFileName[]): readonly EtcFileName[] {
  for (const name of names)
    if (!ETC_FILES.includes(name))
      refuse(`"generatedEtc" can have ${ETC_FILES.join(', ')}, not ${JSON.stringify(name)}`);
  return [...new Set(names)];
}

function checkWithout(names: readonly Optimisation[]): readonly Optimisation[] {
  for (const name of names)
    if (!OPTIMISATION_NAMES.includes(name))
      refuse(`"without" can have ${OPTIMISATION_NAMES.join(', ')}, not ${JSON.stringify(name)}`);
  return [...new Set(names)];
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
    case 'encrypted':
      if (typeof mount.source !== 'string' || mount.source === '') refuse('"source" must be a host folder');
      return mount;
    case 'tmpfs': {
      const { size, ...rest } = mount;
      return size === undefined ? rest : { ...rest, size: parseSize('size', size) };
    }
    default:
      return refuse(
        `"type" must be host, overlay, encrypted, tmpfs or app, not ${JSON.stringify((mount as MountSpec).type)}`,
      );
  }
}

/** The part of a sandbox's options that another one needs to go on from its snapshot. */
export function restorable(options: SandboxOptions | RestoreOptions): RestoreOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => RESTORABLE.has(name)));
}

function writesHost(mount: PlainMount): boolean {
  return mount.type === 'encrypted' || (mount.type === 'host' && mount.readOnly !== true);
}

/** What a restorer gives, as the kernel's side takes it. */
export function bindingsOf(options: RestoreOptions): Bindings {
  for (const name of Object.keys(options))
    if (!RESTORABLE.has(name)) refuse(`a restored sandbox has no option "${name}"`);
  const settings = checkOptions(options);
  const { rootfs, strace, logLevel, tier, without, codeCache, profile, pseudo, keys } = settings;
  const sources: Record<string, string> = {};
  for (const mount of settings.mounts) if ('source' in mount) sources[mount.target] = mount.source;
  const writable = settings.mounts.filter(writesHost).map(({ target }) => target);
  const apps = settings.mounts.filter((mount) => mount.type === 'app');
  return {
    rootfs,
    sources,
    apps,
    writable,
    strace,
    logLevel,
    tier,
    without,
    codeCache,
    profile,
    pseudo,
    keys,
    placed: null,
  };
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
    cpu: checkCpu(options.cpu ?? DEFAULT_CPU_LEVEL),
    tier: options.tier ?? 'mixed',
    without: checkWithout(options.without ?? []),
    profile: options.profile ?? false,
    strace: options.strace !== undefined,
    logLevel: options.logLevel ?? (options.log === undefined ? 'none' : 'error'),
    limits: checkLimits(options.limits ?? {}),
    aslr: options.aslr ?? false,
    codeCache: options.codeCache ?? true,
    subprocesses: options.subprocesses ?? true,
    mockSyscalls: checkMocks(options.mockSyscalls ?? {}),
    fileCheck: options.fileCheck === undefined ? null : checkFileCheck(options.fileCheck),
    keys: checkKeys(options.keys ?? {}),
    ioctls: checkIoctls(options),
    sysfs: options.sysfs ?? true,
    generatedEtc: checkEtc(options.generatedEtc ?? []),
    resolvConf: options.resolvConf ?? null,
    placement: options.placement === undefined ? null : checkPlacement(options.placement),
  };
}
