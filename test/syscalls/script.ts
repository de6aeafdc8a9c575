/** Runs a script of system calls (runner.c says what it looks like) with the kernel's rows on a tmpfs, without a machine. */
import { RLIMIT_NOFILE } from '../../src/kernel/abi/resource.js';
import { EFAULT, ENAMETOOLONG, KernelBug, type Errno } from '../../src/kernel/errno.js';
import { TmpFs } from '../../src/kernel/fs/tmpfs/tmpfs.js';
import type { Sink, Source, UserMemory, Waiter } from '../../src/kernel/fs/types.js';
import { Vfs } from '../../src/kernel/fs/vfs.js';
import type { HostClock } from '../../src/kernel/host.js';
import { Cred } from '../../src/kernel/process/credentials.js';
import { Descriptors } from '../../src/kernel/process/descriptors.js';
import { noIo } from '../../src/kernel/process/iocounts.js';
import { fileRows } from '../../src/kernel/syscalls/file.js';
import type { Args, Caller, SyscallRow } from '../../src/kernel/types.js';
import { FakeFrames } from '../support/fs.js';

const BAD = 0x700000000000;
const FIRST = 4096;

/** 8 MiB at address 0, of which the first page is missing. */
class FlatMemory implements UserMemory {
  readonly u8 = new Uint8Array(8 * 1024 * 1024);
  readonly view = new DataView(this.u8.buffer);
  private next = FIRST;

  allocate(size: number): number {
    const addr = this.next;
    this.next += Math.ceil((size + 32) / 16) * 16;
    if (this.next > this.u8.length) throw new Error('script too long');
    return addr;
  }

  reset(): void {
    this.u8.fill(0, FIRST, this.next);
    this.next = FIRST;
  }

  room(addr: number, length: number): number {
    return addr < FIRST ? 0 : Math.max(0, Math.min(length, this.u8.length - addr));
  }

  isUser(addr: number, length: number): boolean {
    return addr >= 0 && addr + length < 2 ** 47;
  }

  copyIn(addr: number, into: Uint8Array, start: number, length: number): 0 | Errno {
    if (this.room(addr, length) < length) return EFAULT;
    into.set(this.u8.subarray(addr, addr + length), start);
    return 0;
  }

  copyOut(addr: number, from: Uint8Array, start: number, length: number): 0 | Errno {
    if (this.room(addr, length) < length) return EFAULT;
    this.u8.set(from.subarray(start, start + length), addr);
    return 0;
  }

  stringIn(addr: number, limit: number): string | Errno {
    if (this.room(addr, 1) === 0) return EFAULT;
    const end = this.u8.indexOf(0, addr);
    return end - addr >= limit ? ENAMETOOLONG : Buffer.from(this.u8.subarray(addr, end)).toString('latin1');
  }

  readU32(addr: number): number | Errno {
    return this.room(addr, 4) < 4 ? EFAULT : this.view.getUint32(addr, true);
  }

  writeU32(addr: number, value: number): 0 | Errno {
    if (this.room(addr, 4) < 4) return EFAULT;
    this.view.setUint32(addr, value, true);
    return 0;
  }

  sink(addr: number, length: number): Sink | Errno {
    return this.isUser(addr, length) ? new FlatBuffer(this, addr, length) : EFAULT;
  }

  source(addr: number, length: number): Source | Errno {
    return this.isUser(addr, length) ? new FlatBuffer(this, addr, length) : EFAULT;
  }
}

class FlatBuffer implements Sink, Source {
  constructor(
    private readonly memory: FlatMemory,
    private addr: number,
    public remaining: number,
  ) {}

  private advance(wanted: number): number {
    const count = this.memory.room(this.addr, Math.min(wanted, this.remaining));
    this.addr += count;
    this.remaining -= count;
    return count;
  }

  put(source: Uint8Array, start: number, end: number): number {
    const at = this.addr;
    const count = this.advance(end - start);
    if (count > 0) this.memory.u8.set(source.subarray(start, start + count), at);
    return count;
  }

  zero(wanted: number): number {
    const at = this.addr;
    const count = this.advance(wanted);
    this.memory.u8.fill(0, at, at + count);
    return count;
  }

  take(target: Uint8Array, start: number, end: number): number {
    const at = this.addr;
    const count = this.advance(end - start);
    target.set(this.memory.u8.subarray(at, at + count), start);
    return count;
  }
}

/** Six numbers as arguments: whole numbers of up to 64 bits. */
class NumberArgs implements Args {
  constructor(private readonly values: readonly bigint[]) {}

  private value(n: number): bigint {
    return this.values[n] ?? 0n;
  }
  int(n: number): number {
    return Number(BigInt.asIntN(32, this.value(n)));
  }
  uint(n: number): number {
    return Number(BigInt.asUintN(32, this.value(n)));
  }
  addr(n: number): number {
    return Number(BigInt.asUintN(64, this.value(n)));
  }
  size(n: number): number {
    return this.addr(n);
  }
  offset(n: number): number {
    return Number(BigInt.asIntN(64, this.value(n)));
  }
  lo(n: number): number {
    return this.uint(n);
  }
  hi(n: number): number {
    return Number(BigInt.asUintN(64, this.value(n)) >> 32n);
  }
}

/** Time goes on by a millisecond whenever somebody looks. */
function tickingClock(): HostClock {
  let ms = 1_700_000_000_000;
  const tell = (out: { sec: number; nsec: number }) => {
    ms++;
    out.sec = Math.floor(ms / 1000);
    out.nsec = (ms % 1000) * 1e6;
  };
  return { realtime: tell, monotonic: tell, cpuTime: tell };
}

/** One process on a fresh tmpfs. */
export class ScriptKernel {
  readonly memory = new FlatMemory();
  readonly frames = new FakeFrames(2000);
  readonly cred = new Cred(0, 0, []);
  readonly raised: number[] = [];
  readonly files = new Descriptors({ limit: () => 1024 });
  readonly vfs: Vfs;
  readonly caller: Caller;

  constructor() {
    const clock = tickingClock();
    const { frames } = this;
    const root = new TmpFs({ memory: frames, clock, dev: 1, mode: 0o755, size: 4 * 1024 * 1024 });
    this.vfs = new Vfs({ clock, root, memory: frames });
    const { files, memory, raised, cred } = this;
    const fs = { root: this.vfs.root, cwd: this.vfs.root, umask: 0o022, cred };
    const limit = (resource: number) => (resource === RLIMIT_NOFILE ? 1024 : Infinity);
    this.caller = {
      tid: 1,
      io: noIo(),
      process: { pid: 1, io: noIo(), fs, files, memory, limit },
      callState: undefined,
      signalled: true,
      uninterruptible: false,
      waitOn: (_queue: Parameters<Waiter['waitOn']>[0]) => undefined,
      nowMs: () => 0,
      waitUntil: () => undefined,
      fileOwner: (type, id) => ({ type, id, signal: 0, ready: () => undefined, urgent: () => undefined }),
      raise: (signal: number) => void raised.push(signal),
    };
    // As the native runner has them: standard input, output and error.
    const { reader, writer } = this.vfs.createPipe(cred, 0);
    for (const handle of [reader, writer, writer]) {
      handle.references++;
      files.install(handle, false);
    }
  }

  call(row: SyscallRow, values: readonly bigint[]): number {
    this.caller.callState = undefined;
    return row.run(this.caller, new NumberArgs(values));
  }

  as(uid: number, gid: number, groups: readonly number[]): void {
    const { cred } = this;
    const before = { ruid: cred.ruid, euid: cred.euid, suid: cred.suid };
    cred.euid = cred.fsuid = uid;
    cred.egid = cred.fsgid = gid;
    cred.groups = groups;
    cred.fixCapabilities(before);
  }
}

interface Arg {
  readonly kind: string;
  readonly value: bigint;
  readonly size: number;
  readonly pieces?: readonly { addr: number; length: number }[];
}

const ROWS = new Map(fileRows.map((row) => [row.name, row]));

/** The table of names and numbers for runner.c. */
export function callTable(): string {
  return fileRows.map(({ name, number }) => `{ "${name}", ${number} },\n`).join('');
}

export class Script {
  readonly kernel = new ScriptKernel();
  private readonly results = new Map<string, number>();
  private lines = 0;
  private text = '';
  private at = 0;

  /** The lines that runner.c prints for the same script. */
  run(script: string): string {
    const lines: string[] = [];
    for (const line of script.split('\n')) {
      const text = line.trim();
      if (text === '' || text.startsWith('#')) continue;
      const shown = this.line(text);
      if (shown !== null) lines.push(shown);
    }
    return lines.map((line) => `${line}\n`).join('');
  }

  private line(text: string): string | null {
    this.text = text;
    this.at = 0;
    const variable = this.match(/(?:[a-z]=)?/y);
    const name = this.match(/[^ ]*/y);
    if (name === 'as') {
      const [uid = 0, gid = 0, ...groups] = text.slice(3).split(' ').map(Number);
      this.kernel.as(uid, gid, groups);
      return null;
    }
    const row = ROWS.get(name);
    if (row === undefined) throw new KernelBug(`no call ${name}`);
    this.kernel.memory.reset();
    const args: Arg[] = [];
    for (;;) {
      this.match(/ */y);
      if (this.at >= text.length || text[this.at] === '#') break;
      args.push(this.arg());
    }
    const result = this.kernel.call(
      row,
      args.map(({ value }) => value),
    );
    this.results.set(variable.slice(0, 1), result);
    const shown = args.map((arg) => this.show(arg, result)).join('');
    return `${this.lines++} ${name} ${result}${shown}`;
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.at += found.length;
    return found;
  }

  private skip(word: string): boolean {
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  private number(): bigint {
    const negative = this.skip('-');
    if (this.skip('$')) return BigInt(this.results.get(this.match(/[a-z]/y)) ?? 0);
    const digits = this.match(/0x[0-9a-f]+|\d+/y);
    const value = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
    return negative ? -value : value;
  }

  private quoted(): string {
    let out = '';
    this.at++;
    while (this.at < this.text.length && this.text[this.at] !== '"') {
      if (this.skip('\\x')) out += String.fromCharCode(Number.parseInt(this.match(/../y), 16));
      else if (this.skip('\\r')) {
        out += out.slice(-1).repeat(Number(this.match(/\d+/y)));
        this.skip(';');
      } else out += this.text[this.at++];
    }
    this.at++;
    return out;
  }

  private block(kind: string, size: number, fill: (addr: number) => void = () => undefined): Arg {
    const addr = this.kernel.memory.allocate(size);
    fill(addr);
    return { kind, value: BigInt(addr), size };
  }

  private string(text: string, size: number): Arg {
    return this.block('buf', size, (addr) => this.kernel.memory.u8.set(Buffer.from(text, 'latin1'), addr));
  }

  private arg(): Arg {
    const { view } = this.kernel.memory;
    if (this.text[this.at] === '"') return { ...this.string(this.quoted(), 8300), kind: 'path' };
    if (this.skip('str:')) {
      const text = this.quoted();
      this.at++;
      return this.string(text, Number(this.number()));
    }
    if (this.skip('buf:')) return this.block('buf', Number(this.number()));
    if (this.skip('statfs')) return this.block('statfs', 120);
    if (this.skip('statx')) return this.block('statx', 256);
    if (this.skip('stat')) return this.block('stat', 144);
    if (this.skip('dents:')) return this.block('dents', Number(this.number()));
    if (this.skip('flock:')) return this.flock();
    if (this.skip('u64:')) return this.numbers('u64', 1);
    if (this.skip('i32:')) {
      const value = this.number();
      return this.block('i32', 4, (addr) => view.setInt32(addr, Number(value), true));
    }
    if (this.skip('times:')) return this.numbers('times', 4);
    if (this.skip('how:')) return this.numbers('how', 3);
    if (this.skip('iovw:')) return this.vector('iovw');
    if (this.skip('iovr:')) return this.vector('iovr');
    if (this.skip('bad')) return { kind: 'bad', value: BigInt(BAD), size: 0 };
    return { kind: 'number', value: this.number(), size: 0 };
  }

  private list(count: number): bigint[] {
    return Array.from({ length: count }, () => {
      const value = this.number();
      this.skip(',');
      return value;
    });
  }

  private numbers(kind: string, count: number): Arg {
    const { view } = this.kernel.memory;
    const values = this.list(count);
    return this.block(kind, 8 * count, (addr) => {
      values.forEach((value, i) => view.setBigInt64(addr + 8 * i, BigInt.asIntN(64, value), true));
    });
  }

  private flock(): Arg {
    const { view } = this.kernel.memory;
    const [type = 0n, whence = 0n, start = 0n, len = 0n, pid = 0n] = this.list(5);
    return this.block('flock', 32, (addr) => {
      view.setInt16(addr, Number(type), true);
      view.setInt16(addr + 2, Number(whence), true);
      view.setBigInt64(addr + 8, start, true);
      view.setBigInt64(addr + 16, len, true);
      view.setInt32(addr + 24, Number(pid), true);
    });
  }

  private vector(kind: string): Arg {
    const { memory } = this.kernel;
    const pieces: { addr: number; length: number }[] = [];
    do {
      if (kind === 'iovw') {
        const text = this.quoted();
        pieces.push({ addr: Number(this.string(text, text.length).value), length: text.length });
      } else if (this.skip('bad')) pieces.push({ addr: BAD, length: 8 });
      else {
        const length = Number(this.number());
        pieces.push({ addr: memory.allocate(length), length });
      }
    } while (this.skip(','));
    const arg = this.block(kind, 16 * pieces.length, (addr) => {
      pieces.forEach((piece, i) => {
        memory.view.setBigUint64(addr + 16 * i, BigInt(piece.addr), true);
        memory.view.setBigUint64(addr + 16 * i + 8, BigInt(piece.length), true);
      });
    });
    return { ...arg, pieces };
  }

  private hex(addr: number, length: number): string {
    const bytes = this.kernel.memory.u8.subarray(addr, addr + length);
    const shown = Buffer.from(bytes.subarray(0, 64)).toString('hex');
    if (length <= 64) return shown;
    const hash = bytes.reduce((h, byte) => (Math.imul(h, 31) + byte) >>> 0, 0);
    return `${shown}..${hash}`;
  }

  private show({ kind, value, size, pieces }: Arg, result: number): string {
    const addr = Number(value);
    const { view } = this.kernel.memory;
    const i32 = (offset: number) => view.getInt32(addr + offset, true);
    const i64 = (offset: number) => view.getBigInt64(addr + offset, true);
    if (kind === 'buf' && result >= 0) return ` ${this.hex(addr, Math.min(result, size))}`;
    if (kind === 'u64') return ` ${i64(0)}`;
    if (kind === 'i32') return ` ${i32(0)}`;
    if (kind === 'stat' && result === 0) {
      const owner = `mode=${i32(24).toString(8)} nlink=${i64(16)} uid=${i32(28)} gid=${i32(32)}`;
      return ` ${owner} size=${i64(48)} blocks=${i64(64)} rdev=${i64(40).toString(16)} blksize=${i64(56)}`;
    }
    if (kind === 'statx' && result === 0) {
      const mode = view.getUint16(addr + 28, true).toString(8);
      const mount = Number((i32(8) & 0x2000) !== 0);
      return ` nlink=${i32(16)} uid=${i32(20)} gid=${i32(24)} mode=${mode} size=${i32(40)} mount=${mount}`;
    }
    if (kind === 'statfs' && result === 0) {
      return ` type=${i64(0).toString(16)} bsize=${i64(8)} namelen=${i64(64)}`;
    }
    if (kind === 'dents' && result >= 0) return this.entries(addr, result);
    if (kind === 'flock' && result === 0) {
      const pid = i32(24) > 0 ? 1 : i32(24);
      return ` ${view.getInt16(addr, true)},${view.getInt16(addr + 2, true)},${i64(8)},${i64(16)},${pid}`;
    }
    return kind === 'iovr' && result > 0 ? this.filled(pieces ?? [], result) : '';
  }

  private entries(addr: number, length: number): string {
    const { u8, view } = this.kernel.memory;
    const found: string[] = [];
    for (let at = addr; at < addr + length; at += view.getUint16(at + 16, true)) {
      const name = Buffer.from(u8.subarray(at + 19, u8.indexOf(0, at + 19))).toString('latin1');
      found.push(` ${name}/${u8[at + 18]}`);
    }
    return found.sort().join('');
  }

  private filled(pieces: readonly { addr: number; length: number }[], result: number): string {
    let left = result;
    let out = '';
    for (const { addr, length } of pieces) {
      if (left <= 0) break;
      const count = Math.min(length, left);
      out += ` ${this.hex(addr, count)}`;
      left -= count;
    }
    return out;
  }
}
