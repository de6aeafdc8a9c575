/**
 * All keys of a manifest, one entry each: errors, the documentation (docs/manifest.md) and the typed values come from
 * this table. Gramine's keys have Gramine's meaning; `note` says where Culm's differs. Keys of the `culm` table are
 * Culm's own.
 */
import { allowedIoctl, ioctlStruct } from './ioctls.js';
import { CPU_LEVELS, DEFAULT_CPU_LEVEL } from '../machine/level.js';
import {
  bool,
  guestPath,
  guestPathOrAll,
  hex,
  integer,
  list,
  named,
  oneOf,
  record,
  size,
  string,
  uri,
} from './kinds.js';
import type { Kind } from './kinds.js';
import { mount, root } from './mounts.js';
import { envValue, mockCall, trustedFile } from './values.js';

/** What a key does here: it works; it is about SGX and ignored; or Culm needs no such switch. */
export type Effect = 'works' | 'sgx' | 'needless';

export interface Key<T> {
  /** The dotted name; of a family of names the table's. */
  readonly key: string;
  readonly kind: Kind<T>;
  /** Null: the key has no default. */
  readonly fallback: T | null;
  readonly sentence: string;
  readonly effect: Effect;
  readonly note?: string;
  /** Why a value makes the sandbox less safe than the manifest could; null for the others. */
  readonly insecure?: (value: T) => string | null;
}

type More<T> = Partial<Pick<Key<T>, 'note' | 'insecure' | 'effect'>>;

function key<T>(
  name: string,
  kind: Kind<T>,
  fallback: T | null,
  sentence: string,
  more: More<T> = {},
): Key<T> {
  return { key: name, kind, fallback, sentence, effect: 'works', ...more };
}

const insecureIf =
  (why: string) =>
  (value: boolean): string | null =>
    value ? why : null;
const insecureIfAny =
  (why: string) =>
  (value: object): string | null =>
    Object.keys(value).length > 0 ? why : null;

/** A key about SGX hardware. */
function sgx<T>(name: string, kind: Kind<T>, fallback: T | null, sentence: string): Key<T> {
  return key(name, kind, fallback, sentence, { effect: 'sgx' });
}

const K = 1024;
const LOG_LEVELS = ['none', 'error', 'warning', 'debug', 'trace', 'all'] as const;
export type ManifestLogLevel = (typeof LOG_LEVELS)[number];

const entrypoint = record('a table: `uri` and `sha256`', {
  uri: { kind: uri('file') },
  sha256: { kind: hex(64, 'a SHA-256 sum') },
});
const optionalCpuFeature = oneOf('unspecified', 'disabled', 'required');
const hardeningCpuFeature = oneOf('disabled', 'required');

export const KEYS = {
  logLevel: key('loader.log_level', oneOf(...LOG_LEVELS), 'error', 'How much is logged.', {
    note: '`trace` and `all` show every system call, as `--strace` does.',
    insecure: (level) =>
      LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf('error') ? 'the log may show secrets' : null,
  }),
  logFile: key(
    'loader.log_file',
    string,
    null,
    'Host file that the log is appended to; otherwise standard error.',
  ),
  loaderEntrypoint: key('loader.entrypoint', entrypoint, null, 'The library OS that Gramine loads.', {
    effect: 'needless',
    note: 'Culm is the library OS itself; the key may be left out.',
  }),
  entrypoint: key('libos.entrypoint', string, null, 'The program, a path in the sandbox; required.'),
  checkPointers: key(
    'libos.check_invalid_pointers',
    bool,
    true,
    'Bad addresses in system calls give EFAULT.',
    {
      effect: 'needless',
      note: 'They always do.',
    },
  ),
  sync: key('libos.sync.enable', bool, false, 'Gramine’s engine for state shared by processes.', {
    effect: 'needless',
    note: 'One kernel holds all processes: nothing has to be synchronized.',
  }),
  argv: key('loader.argv', list(string, 1), null, 'The program’s arguments, its own name first.'),
  argvFile: key(
    'loader.argv_src_file',
    uri('file'),
    null,
    'Host file with the arguments, each ended by a NUL.',
  ),
  cmdlineArgv: key(
    'loader.insecure__use_cmdline_argv',
    bool,
    false,
    'The arguments are those of the command line.',
    {
      insecure: insecureIf('whoever starts the program chooses its arguments'),
    },
  ),
  env: key(
    'loader.env',
    named(envValue, 'a table: variable names to values'),
    {},
    'Variables: a value, or the host’s with `{ passthrough = true }`.',
  ),
  envFile: key(
    'loader.env_src_file',
    uri('file'),
    null,
    'Host file with variables, each ended by a NUL; `loader.env` wins.',
  ),
  hostEnv: key('loader.insecure__use_host_env', bool, false, 'The host’s whole environment.', {
    insecure: insecureIf('the host’s environment reaches the program'),
  }),
  uid: key('loader.uid', integer(0, 0xfffffffe), 0, 'User of the program.'),
  gid: key('loader.gid', integer(0, 0xfffffffe), 0, 'Group of the program.'),
  disableAslr: key(
    'loader.insecure__disable_aslr',
    bool,
    false,
    'Programs lie at the same addresses in each run.',
    {
      insecure: insecureIf('addresses can be foreseen'),
    },
  ),
  domainNames: key(
    'sys.enable_extra_runtime_domain_names_conf',
    bool,
    false,
    'The host’s name, and an /etc/resolv.conf made from the host’s, above all mounts.',
  ),
  fds: key('sys.fds.limit', integer(0, 1 << 20), 900, 'Descriptors a process may have (RLIMIT_NOFILE).'),
  stack: key('sys.stack.size', size, 256 * K, 'Stack of every thread (RLIMIT_STACK).', {
    note: 'The first thread’s stack grows up to it; the others’ are made by the C library after it.',
  }),
  brk: key('sys.brk.max_size', size, 256 * K, 'How far brk(2) can grow the heap.', {
    note: 'RLIMIT_DATA stays unlimited, since on Linux it counts mappings too.',
  }),
  eventfd: key('sys.insecure__allow_eventfd', bool, false, 'eventfd(2) by the host’s.', {
    effect: 'needless',
    note: 'eventfds are the kernel’s own and work between all processes.',
  }),
  sigterm: key(
    'sys.enable_sigterm_injection',
    bool,
    false,
    'The first SIGTERM from outside reaches the program.',
    {
      note: 'Otherwise signals from outside end the sandbox.',
    },
  ),
  noSubprocesses: key('sys.disallow_subprocesses', bool, false, 'Making processes fails with EAGAIN.'),
  mocks: key('sys.debug__mock_syscalls', list(mockCall), [], 'System calls that only return a number.'),
  ioctlStructs: key(
    'sys.ioctl_structs',
    named(ioctlStruct, 'a table: struct names to arrays of memory parts'),
    {},
    'Memory that an ioctl’s argument points to.',
  ),
  ioctls: key(
    'sys.allowed_ioctls',
    list(allowedIoctl),
    [],
    'ioctls that reach devices, and what their arguments lead to.',
    {
      note: 'They reach the devices that an application adds (`ioctl` of its `pseudo`), with the memory that the struct describes. Node.js has no ioctl: at devices of the host they fail with ENOTTY as others do.',
    },
  ),
  flock: key('sys.experimental__enable_flock', bool, false, 'flock(2).', {
    effect: 'needless',
    note: 'It always works.',
  }),
  root: key('fs.root', root, null, 'What the root directory is; by default the host’s current directory.'),
  mounts: key('fs.mounts', list(mount), [], 'What else is mounted, in this order.'),
  startDir: key('fs.start_dir', guestPath, '/', 'Directory in which the program starts.'),
  keys: key(
    'fs.insecure__keys',
    named(hex(32, 'a key of 128 bits'), 'a table: key names to 32 hexadecimal digits'),
    {},
    'Keys of encrypted mounts, for testing.',
    { insecure: insecureIfAny('keys stand in the manifest for all to read') },
  ),
  allowedFiles: key(
    'sgx.allowed_files',
    list(uri('file', 'dev')),
    [],
    'Host files and directories that may be used without any check.',
    { insecure: insecureIfAny('whatever the host puts there is believed') },
  ),
  trustedFiles: key(
    'sgx.trusted_files',
    list(trustedFile),
    [],
    'Host files that may be read as long as they are what their SHA-256 says.',
    {
      note: 'A directory ends in "/" and means all files in it. Those without `sha256` are hashed at the start.',
    },
  ),
  policy: key(
    'sgx.file_check_policy',
    oneOf('strict', 'allow_all_but_log'),
    'strict',
    'Whether files that are listed nowhere are refused, or used with a warning.',
    { insecure: (value) => (value === 'strict' ? null : 'files that are listed nowhere are believed') },
  ),
  debug: sgx('sgx.debug', bool, false, 'Debug enclave.'),
  edmm: sgx('sgx.edmm_enable', bool, false, 'Dynamic enclave memory.'),
  enclaveSize: sgx('sgx.enclave_size', size, null, 'Size of the enclave.'),
  maxThreads: sgx('sgx.max_threads', integer(1), 4, 'Threads of the enclave.'),
  rpcThreads: sgx(
    'sgx.insecure__rpc_thread_num',
    integer(),
    0,
    'Threads for calls without leaving the enclave.',
  ),
  exinfo: sgx('sgx.use_exinfo', bool, false, 'The program learns addresses of faults.'),
  memfaults: sgx('sgx.insecure__allow_memfaults_without_exinfo', bool, false, 'Faults without addresses.'),
  avx: sgx('sgx.cpu_features.avx', optionalCpuFeature, 'unspecified', 'AVX.'),
  avx512: sgx('sgx.cpu_features.avx512', optionalCpuFeature, 'unspecified', 'AVX-512.'),
  amx: sgx('sgx.cpu_features.amx', optionalCpuFeature, 'unspecified', 'AMX.'),
  mpx: sgx('sgx.cpu_features.mpx', hardeningCpuFeature, 'disabled', 'MPX.'),
  pkru: sgx('sgx.cpu_features.pkru', hardeningCpuFeature, 'disabled', 'Protection keys.'),
  isvprodid: sgx('sgx.isvprodid', integer(0, 0xffff), 0, 'Product number in the signature.'),
  isvsvn: sgx('sgx.isvsvn', integer(0, 0xffff), 0, 'Version number in the signature.'),
  flagsMask: sgx('sgx.seal_key.flags_mask', string, null, 'Mask of the sealing key.'),
  xfrmMask: sgx('sgx.seal_key.xfrm_mask', string, null, 'Mask of the sealing key.'),
  miscMask: sgx('sgx.seal_key.misc_mask', string, null, 'Mask of the sealing key.'),
  remoteAttestation: sgx(
    'sgx.remote_attestation',
    oneOf('none', 'dcap'),
    'none',
    'Kind of remote attestation.',
  ),
  preheat: sgx('sgx.preheat_enclave', bool, false, 'Touches the enclave’s memory at the start.'),
  stats: sgx('sgx.enable_stats', bool, false, 'Counters of the enclave.'),
  profile: sgx('sgx.profile.enable', oneOf('none', 'main', 'all'), 'none', 'Profiling.'),
  profileMode: sgx('sgx.profile.mode', oneOf('aex', 'ocall_inner', 'ocall_outer'), 'aex', 'What is sampled.'),
  profileStack: sgx('sgx.profile.with_stack', bool, false, 'Whether stacks are recorded.'),
  profileFrequency: sgx('sgx.profile.frequency', integer(1), 50, 'Samples a second.'),
  vtune: sgx('sgx.vtune_profile', bool, false, 'Profiling with VTune.'),
  trustedCache: sgx('sgx.trusted_files_cache_size', size, null, 'Cache of trusted files.'),
  overlay: key(
    'culm.root_overlay',
    bool,
    false,
    'fs.root is only read: what is written to it stays in memory.',
  ),
  hostname: key('culm.hostname', string, null, 'The host name that programs see.'),
  sysfs: key('culm.sysfs', bool, true, 'Whether there is a /sys.'),
  generatedEtc: key(
    'culm.generated_etc',
    list(oneOf('group', 'hostname', 'hosts', 'localtime', 'nsswitch.conf', 'passwd', 'resolv.conf')),
    [],
    'Files of /etc that are made, whatever the mounts have there.',
  ),
  cpu: key('culm.cpu', oneOf(...CPU_LEVELS), DEFAULT_CPU_LEVEL, 'Which instructions CPUID reports.'),
  cpus: key('culm.cpus', integer(1, 256), 1, 'Processors that programs see.'),
  placementPrograms: key(
    'culm.placement.programs',
    list(guestPathOrAll),
    [],
    'Programs that run in a kernel of their own, on another core, when children execute them; "*": all.',
  ),
  placementOtherwise: key(
    'culm.placement.otherwise',
    oneOf('refuse', 'stay'),
    'refuse',
    'Where the child would be torn from what it shares: execve fails with EREMOTE, or it runs with the others.',
  ),
  memory: key('culm.limits.memory', size, K ** 3, 'Memory of all processes together.'),
  processes: key(
    'culm.limits.processes',
    integer(1),
    null,
    'Processes and threads at a time; more fail with EAGAIN.',
  ),
  cpuTime: key(
    'culm.limits.cpu_time',
    integer(1),
    null,
    'Seconds of processor time; then all processes are killed.',
  ),
  output: key(
    'culm.limits.output',
    size,
    null,
    'Bytes written to standard output and error; then all are killed.',
  ),
} as const;

export type KeyId = keyof typeof KEYS;
type ValueIn<K> = K extends Key<infer T> ? T | null : never;
/** What a manifest says, key by key, with the defaults; null where it says nothing and there is no default. */
export type Manifest = { readonly [N in KeyId]: ValueIn<(typeof KEYS)[N]> };

/** Keys that were Gramine's once; they are errors there, too. */
export const REMOVED: Readonly<Record<string, string>> = {
  'loader.exec': 'has been removed: the program is libos.entrypoint',
  'sgx.sigfile': 'has been removed: signatures have their own file',
};
