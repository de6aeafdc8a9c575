import type { BigIntStats } from 'node:fs';
import type { HostStat, Timespec } from '../../kernel/host.js';

const EXACT = 2n ** 52n;

/** Numbers too large for a double (some network and stacked filesystems) get a small one of their own, once. */
class SmallNumbers {
  readonly #known = new Map<bigint, number>();

  of(value: bigint): number {
    if (value < EXACT) return Number(value);
    let small = this.#known.get(value);
    if (small === undefined) {
      small = Number(EXACT) + this.#known.size;
      this.#known.set(value, small);
    }
    return small;
  }
}

const inodeNumbers = new SmallNumbers();
const deviceNumbers = new SmallNumbers();

const SECOND = 1_000_000_000n;

function timespec(ns: bigint): Timespec {
  const nsec = BigInt.asIntN(64, ns % SECOND);
  const sec = ns / SECOND;
  return nsec < 0n
    ? { sec: Number(sec) - 1, nsec: Number(nsec + SECOND) }
    : { sec: Number(sec), nsec: Number(nsec) };
}

/** Node's exact stat, converted at once: only BigIntStats has nanoseconds (6.1 us a call against 5.6 us without). */
export function hostStat(s: BigIntStats): HostStat {
  return {
    ino: inodeNumbers.of(s.ino),
    dev: deviceNumbers.of(s.dev),
    mode: Number(s.mode),
    nlink: Number(s.nlink),
    uid: Number(s.uid),
    gid: Number(s.gid),
    rdev: Number(s.rdev),
    size: Number(s.size),
    blocks: Number(s.blocks),
    atime: timespec(s.atimeNs),
    mtime: timespec(s.mtimeNs),
    ctime: timespec(s.ctimeNs),
    btime: timespec(s.birthtimeNs),
  };
}
