import { O_CREAT, O_TMPFILE_BIT } from '../abi/fcntl.js';
import { signalName } from '../abi/signal.js';
import type { Thread } from '../process/thread.js';
import { getI64, getU64 } from '../process/registers.js';
import { SigSet } from '../signal/sigset.js';
import { formatAddress } from './strace-socket.js';
import type { ArgKind, Args } from '../types.js';

type Format = (thread: Thread, args: Args, n: number, result: number) => string;

/** What strace shows of a string or buffer by default (-s). */
const SHOWN = 32;

const hex = (value: number): string => `0x${value.toString(16)}`;
const pointer = (value: number): string => (value === 0 ? 'NULL' : hex(value));

type Names = readonly (readonly [number, string])[];

/** Bits by name, the rest in hex; `none` when no bit is set. */
export function flagNames(value: number, names: Names, none: string): string {
  const found: string[] = [];
  let rest = value;
  for (const [bits, name] of names) {
    if ((rest & bits) !== bits || bits === 0) continue;
    found.push(name);
    rest &= ~bits;
  }
  if (rest !== 0) found.push(hex(rest >>> 0));
  return found.length === 0 ? none : found.join('|');
}

const OPEN_FLAGS: Names = [
  [0o100, 'O_CREAT'],
  [0o200, 'O_EXCL'],
  [0o400, 'O_NOCTTY'],
  [0o1000, 'O_TRUNC'],
  [0o2000, 'O_APPEND'],
  [0o4000, 'O_NONBLOCK'],
  [0o4010000, 'O_SYNC'],
  [0o10000, 'O_DSYNC'],
  [0o20000, 'O_ASYNC'],
  [0o40000, 'O_DIRECT'],
  [0o20200000, 'O_TMPFILE'],
  [0o200000, 'O_DIRECTORY'],
  [0o400000, 'O_NOFOLLOW'],
  [0o1000000, 'O_NOATIME'],
  [0o2000000, 'O_CLOEXEC'],
  [0o10000000, 'O_PATH'],
];
const PROTS: Names = [
  [1, 'PROT_READ'],
  [2, 'PROT_WRITE'],
  [4, 'PROT_EXEC'],
  [0x01000000, 'PROT_GROWSDOWN'],
];
const MAPS: Names = [
  [3, 'MAP_SHARED_VALIDATE'],
  [1, 'MAP_SHARED'],
  [2, 'MAP_PRIVATE'],
  [0x10, 'MAP_FIXED'],
  [0x20, 'MAP_ANONYMOUS'],
  [0x40, 'MAP_32BIT'],
  [0x100, 'MAP_GROWSDOWN'],
  [0x800, 'MAP_DENYWRITE'],
  [0x2000, 'MAP_LOCKED'],
  [0x4000, 'MAP_NORESERVE'],
  [0x8000, 'MAP_POPULATE'],
  [0x10000, 'MAP_NONBLOCK'],
  [0x20000, 'MAP_STACK'],
  [0x40000, 'MAP_HUGETLB'],
  [0x100000, 'MAP_FIXED_NOREPLACE'],
];
const CLOCKS = [
  'CLOCK_REALTIME',
  'CLOCK_MONOTONIC',
  'CLOCK_PROCESS_CPUTIME_ID',
  'CLOCK_THREAD_CPUTIME_ID',
  'CLOCK_MONOTONIC_RAW',
  'CLOCK_REALTIME_COARSE',
  'CLOCK_MONOTONIC_COARSE',
  'CLOCK_BOOTTIME',
  'CLOCK_REALTIME_ALARM',
  'CLOCK_BOOTTIME_ALARM',
];

const FAMILIES: Readonly<Record<number, string>> = {
  0: 'AF_UNSPEC',
  1: 'AF_UNIX',
  2: 'AF_INET',
  10: 'AF_INET6',
  16: 'AF_NETLINK',
  17: 'AF_PACKET',
};
const SOCKET_TYPES = ['0', 'SOCK_STREAM', 'SOCK_DGRAM', 'SOCK_RAW', 'SOCK_RDM', 'SOCK_SEQPACKET'];
const SOCKET_FLAGS: Names = [
  [0o2000000, 'SOCK_CLOEXEC'],
  [0o4000, 'SOCK_NONBLOCK'],
];

const AT_FLAGS: Names = [
  [0x100, 'AT_SYMLINK_NOFOLLOW'],
  [0x200, 'AT_REMOVEDIR'],
  [0x400, 'AT_SYMLINK_FOLLOW'],
  [0x800, 'AT_NO_AUTOMOUNT'],
  [0x1000, 'AT_EMPTY_PATH'],
  [0x2000, 'AT_STATX_FORCE_SYNC'],
  [0x4000, 'AT_STATX_DONT_SYNC'],
];
const ACCESS_MODES: Names = [
  [4, 'R_OK'],
  [2, 'W_OK'],
  [1, 'X_OK'],
];
const CLONE_FLAGS: Names = [
  [0x100, 'CLONE_VM'],
  [0x200, 'CLONE_FS'],
  [0x400, 'CLONE_FILES'],
  [0x800, 'CLONE_SIGHAND'],
  [0x1000, 'CLONE_PIDFD'],
  [0x4000, 'CLONE_VFORK'],
  [0x8000, 'CLONE_PARENT'],
  [0x10000, 'CLONE_THREAD'],
  [0x40000, 'CLONE_SYSVSEM'],
  [0x80000, 'CLONE_SETTLS'],
  [0x100000, 'CLONE_PARENT_SETTID'],
  [0x200000, 'CLONE_CHILD_CLEARTID'],
  [0x1000000, 'CLONE_CHILD_SETTID'],
];
const RANDOM_FLAGS: Names = [
  [1, 'GRND_NONBLOCK'],
  [2, 'GRND_RANDOM'],
  [4, 'GRND_INSECURE'],
];
const RESOURCES =
  'CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS LOCKS SIGPENDING MSGQUEUE NICE RTPRIO RTTIME'
    .split(' ')
    .map((name) => `RLIMIT_${name}`);
const WHENCE = ['SEEK_SET', 'SEEK_CUR', 'SEEK_END', 'SEEK_DATA', 'SEEK_HOLE'];
const ARCH_CODES: Readonly<Record<number, string>> = {
  0x1001: 'ARCH_SET_GS',
  0x1002: 'ARCH_SET_FS',
  0x1003: 'ARCH_GET_FS',
  0x1004: 'ARCH_GET_GS',
};
const FUTEX_OPS =
  'WAIT WAKE FD REQUEUE CMP_REQUEUE WAKE_OP LOCK_PI UNLOCK_PI TRYLOCK_PI WAIT_BITSET WAKE_BITSET'.split(' ');

/** An operation's name with its flags behind it. */
function futexOp(value: number): string {
  const name = FUTEX_OPS[value & 0x7f];
  if (name === undefined) return hex(value);
  const isPrivate = (value & 128) !== 0 ? '_PRIVATE' : '';
  return `FUTEX_${name}${isPrivate}${(value & 256) !== 0 ? '|FUTEX_CLOCK_REALTIME' : ''}`;
}

/** clone's flags with the signal in their low byte. */
function cloneFlags(value: number): string {
  const flags = flagNames(value & ~0xff, CLONE_FLAGS, '');
  const signal = (value & 0xff) === 0 ? '' : signalName(value & 0xff);
  return [flags, signal].filter((part) => part !== '').join('|') || '0';
}

function named(names: readonly string[]): Format {
  return (_t, args, n) => names[args.uint(n)] ?? hex(args.uint(n));
}

const SIG_HOW = ['SIG_BLOCK', 'SIG_UNBLOCK', 'SIG_SETMASK'];

function openFlags(value: number): string {
  const access = ['O_RDONLY', 'O_WRONLY', 'O_RDWR', 'O_ACCMODE'][value & 3];
  const rest = flagNames(value & ~3, OPEN_FLAGS, '');
  return rest === '' ? access : `${access}|${rest}`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\t': '\\t',
  '\r': '\\r',
  '\v': '\\v',
  '\f': '\\f',
  '"': '\\"',
  '\\': '\\\\',
};

/** Text in quotes as strace shows it; what is not printable in octal, no digits more than needed. */
export function quote(text: string): string {
  let quoted = '';
  for (let i = 0; i < text.length; i++) quoted += quoteByte(text[i], text[i + 1]);
  return `"${quoted}"`;
}

function quoteByte(char: string, next: string | undefined): string {
  const escape = ESCAPES[char];
  if (escape !== undefined) return escape;
  const code = char.charCodeAt(0);
  if (code >= 0x20 && code < 0x7f) return char;
  const digits = code.toString(8);
  return next !== undefined && next >= '0' && next <= '7' ? `\\${digits.padStart(3, '0')}` : `\\${digits}`;
}

function bytesAt(thread: Thread, addr: number, length: number): Uint8Array | null {
  const bytes = new Uint8Array(length);
  return thread.process.memory.copyIn(addr, bytes, 0, length) < 0 ? null : bytes;
}

function viewAt(thread: Thread, addr: number, length: number): DataView | null {
  const bytes = bytesAt(thread, addr, length);
  return bytes === null ? null : new DataView(bytes.buffer);
}

function buffer(thread: Thread, addr: number, length: number): string {
  if (addr === 0) return 'NULL';
  const bytes = bytesAt(thread, addr, Math.min(length, SHOWN));
  if (bytes === null) return hex(addr);
  return quote(String.fromCharCode(...bytes)) + (length > SHOWN ? '...' : '');
}

function text(thread: Thread, addr: number, limit: number): string {
  if (addr === 0) return 'NULL';
  const value = thread.process.memory.stringIn(addr, 4096);
  if (typeof value === 'number') return hex(addr);
  return quote(value.slice(0, limit)) + (value.length > limit ? '...' : '');
}

function iovecs(thread: Thread, addr: number, count: number, limit: number): string {
  const view = viewAt(thread, addr, 16 * Math.min(count, SHOWN));
  if (view === null) return pointer(addr);
  let left = limit;
  const parts = Array.from({ length: view.byteLength / 16 }, (_, i) => {
    const length = getU64(view, 16 * i + 8);
    const shown = Math.min(length, left);
    left -= shown;
    return `{iov_base=${buffer(thread, getU64(view, 16 * i), shown)}, iov_len=${length}}`;
  });
  return `[${parts.join(', ')}]`;
}

function sigset(thread: Thread, addr: number): string {
  const view = addr === 0 ? null : viewAt(thread, addr, 8);
  if (view === null) return pointer(addr);
  const set = new SigSet(view.getInt32(0, true), view.getInt32(4, true));
  const names = [...set].map((signal) => signalName(signal).replace(/^SIG/, ''));
  if (names.length <= 32) return `[${names.join(' ')}]`;
  const outside = [...new SigSet(~set.lo, ~set.hi)].map((signal) => signalName(signal).replace(/^SIG/, ''));
  return `~[${outside.join(' ')}]`;
}

function timespec(thread: Thread, addr: number): string {
  const view = addr === 0 ? null : viewAt(thread, addr, 16);
  if (view === null) return pointer(addr);
  return `{tv_sec=${getI64(view, 0)}, tv_nsec=${getI64(view, 8)}}`;
}

function strings(thread: Thread, addr: number): string {
  if (addr === 0) return 'NULL';
  const parts: string[] = [];
  for (let at = addr; parts.length <= SHOWN; at += 8) {
    const view = viewAt(thread, at, 8);
    if (view === null) return hex(addr);
    const string = getU64(view, 0);
    if (string === 0) return `[${parts.join(', ')}]`;
    parts.push(text(thread, string, SHOWN));
  }
  return `[${parts.slice(0, SHOWN).join(', ')}, ...]`;
}

/** How many bytes a buffer got: the result where the call says so. */
function filled(args: Args, n: number, result: number): number {
  return result < 0 ? 0 : Math.min(result, args.size(n + 1));
}

const FILE_TYPES = [
  '',
  'S_IFIFO',
  'S_IFCHR',
  '',
  'S_IFDIR',
  '',
  'S_IFBLK',
  '',
  'S_IFREG',
  '',
  'S_IFLNK',
  '',
  'S_IFSOCK',
];

function statOut(thread: Thread, addr: number, result: number): string {
  const view = result < 0 ? null : viewAt(thread, addr, 144);
  if (view === null) return pointer(addr);
  const mode = view.getUint32(24, true);
  const type = FILE_TYPES[mode >>> 12];
  const device = type === 'S_IFCHR' || type === 'S_IFBLK';
  const rdev = view.getUint32(40, true);
  const last = device
    ? `st_rdev=makedev(${hex(rdev >>> 8)}, ${hex(rdev & 0xff)})`
    : `st_size=${getU64(view, 48)}`;
  return `{st_mode=${type}|0${(mode & 0o7777).toString(8)}, ${last}, ...}`;
}

const FORMATS: Readonly<Record<ArgKind, Format>> = {
  rlimit: named(RESOURCES),
  whence: named(WHENCE),
  'at-flags': (_t, args, n) => flagNames(args.uint(n), AT_FLAGS, '0'),
  'access-mode': (_t, args, n) => flagNames(args.uint(n), ACCESS_MODES, 'F_OK'),
  'clone-flags': (_t, args, n) => cloneFlags(args.uint(n)),
  'arch-code': (_t, args, n) => ARCH_CODES[args.uint(n)] ?? hex(args.uint(n)),
  'rand-flags': (_t, args, n) => flagNames(args.uint(n), RANDOM_FLAGS, '0'),
  'futex-op': (_t, args, n) => futexOp(args.uint(n)),
  int: (_t, args, n) => String(args.int(n)),
  uint: (_t, args, n) => String(args.uint(n)),
  hex: (_t, args, n) => (args.addr(n) === 0 ? '0' : hex(args.addr(n))),
  fd: (_t, args, n) => String(args.int(n)),
  dirfd: (_t, args, n) => (args.int(n) === -100 ? 'AT_FDCWD' : String(args.int(n))),
  path: (thread, args, n) => text(thread, args.addr(n), 4096),
  string: (thread, args, n) => text(thread, args.addr(n), SHOWN),
  addr: (_t, args, n) => pointer(args.addr(n)),
  'buffer-in': (thread, args, n) => buffer(thread, args.addr(n), args.size(n + 1)),
  'buffer-out': (thread, args, n, result) =>
    result < 0 ? pointer(args.addr(n)) : buffer(thread, args.addr(n), filled(args, n, result)),
  'iovec-in': (thread, args, n) => iovecs(thread, args.addr(n), args.uint(n + 1), Infinity),
  'iovec-out': (thread, args, n, result) =>
    iovecs(thread, args.addr(n), args.uint(n + 1), result < 0 ? 0 : result),
  size: (_t, args, n) => String(args.size(n)),
  offset: (_t, args, n) => String(args.offset(n)),
  mode: (_t, args, n) => `0${args.uint(n).toString(8)}`,
  'open-flags': (_t, args, n) => openFlags(args.uint(n)),
  prot: (_t, args, n) => flagNames(args.uint(n), PROTS, 'PROT_NONE'),
  'map-flags': (_t, args, n) => flagNames(args.uint(n), MAPS, '0'),
  signal: (_t, args, n) => (args.int(n) === 0 ? '0' : signalName(args.int(n))),
  sigset: (thread, args, n) => sigset(thread, args.addr(n)),
  'sig-how': (_t, args, n) => SIG_HOW[args.int(n)] ?? String(args.int(n)),
  timespec: (thread, args, n) => timespec(thread, args.addr(n)),
  'timespec-out': (thread, args, n, result) =>
    result < 0 ? pointer(args.addr(n)) : timespec(thread, args.addr(n)),
  'stat-out': (thread, args, n, result) => statOut(thread, args.addr(n), result),
  pid: (_t, args, n) => String(args.int(n)),
  clock: (_t, args, n) => CLOCKS[args.int(n)] ?? String(args.int(n)),
  'socket-family': (_t, args, n) => FAMILIES[args.int(n)] ?? String(args.int(n)),
  'socket-type': (_t, args, n) => socketType(args.uint(n)),
  sockaddr: (thread, args, n) => sockaddr(thread, args.addr(n), args.int(n + 1)),
  'sockaddr-out': (thread, args, n, result) => {
    const length = result < 0 || args.addr(n) === 0 ? -1 : thread.process.memory.readU32(args.addr(n + 1));
    return length < 0 ? pointer(args.addr(n)) : sockaddr(thread, args.addr(n), length);
  },
  strings: (thread, args, n) => strings(thread, args.addr(n)),
};

function socketType(value: number): string {
  const name = SOCKET_TYPES[value & 0xf] ?? String(value & 0xf);
  const flags = flagNames(value & ~0xf, SOCKET_FLAGS, '');
  return flags === '' ? name : `${name}|${flags}`;
}

function sockaddr(thread: Thread, addr: number, length: number): string {
  if (addr === 0 || length <= 0 || length > 128) return pointer(addr);
  const bytes = bytesAt(thread, addr, length);
  return bytes === null ? hex(addr) : formatAddress(bytes);
}

const OUTPUTS: ReadonlySet<ArgKind> = new Set<ArgKind>([
  'buffer-out',
  'iovec-out',
  'stat-out',
  'timespec-out',
  'sockaddr-out',
]);

/** open's mode says something only when a file can be made. */
export function isShown(kinds: readonly ArgKind[], n: number, args: Args): boolean {
  const makesFile = O_CREAT | O_TMPFILE_BIT;
  return kinds[n] !== 'mode' || kinds[n - 1] !== 'open-flags' || (args.uint(n - 1) & makesFile) !== 0;
}

/** Whether an argument is shown as the call has left it. */
export function isOutput(kind: ArgKind): boolean {
  return OUTPUTS.has(kind);
}

/** Argument `n` as strace shows it. */
export function formatArgument(thread: Thread, kind: ArgKind, args: Args, n: number, result: number): string {
  return FORMATS[kind](thread, args, n, result);
}
