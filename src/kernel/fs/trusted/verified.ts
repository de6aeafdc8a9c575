import { kind } from '../../checkpoint/registry.js';
import { EPERM, type Errno } from '../../errno.js';
import type { HostCrypto, HostFile } from '../../host.js';

/** What is read is checked in pieces of this size, as in Gramine. */
const CHUNK = 16 * 1024;
const SUM = 32;

/** A checked piece in the sandbox's own memory, where the host cannot change it any more; the last one read is kept. */
class CheckedChunk {
  readonly bytes = new Uint8Array(CHUNK);
  file: VerifiedFile | null = null;
  index = -1;
}
const $chunk = new CheckedChunk();

/**
 * A file whose whole content has once had the right SHA-256. The sums of its pieces, taken at the same time, say for
 * every later read whether the host still gives the same bytes.
 */
export class VerifiedFile {
  private constructor(
    private readonly crypto: HostCrypto,
    readonly size: number,
    private readonly sums: Uint8Array,
  ) {}

  /** Reads the file as a whole; EPERM if it is not what `sha256` (hexadecimal digits) says. */
  static check(crypto: HostCrypto, file: HostFile, sha256: string): VerifiedFile | Errno {
    const stat = file.stat();
    if (typeof stat === 'number') return stat as Errno;
    const { size } = stat;
    const sums = new Uint8Array(Math.ceil(size / CHUNK) * SUM);
    const whole = crypto.sha256();
    $chunk.file = null;
    for (let at = 0; at < size; at += CHUNK) {
      const length = readChunk(file, at, Math.min(CHUNK, size - at));
      if (length < 0) return length as Errno;
      whole.update($chunk.bytes, length);
      sums.set(sumOf(crypto, length), (at / CHUNK) * SUM);
    }
    return hex(whole.digest()) === sha256 ? new VerifiedFile(crypto, size, sums) : EPERM;
  }

  /** As HostFile.read; EPERM where the file is not any more what it was. */
  read(file: HostFile, into: Uint8Array, start: number, length: number, position: number): number {
    const end = Math.min(position + length, this.size);
    let at = position;
    while (at < end) {
      const index = Math.floor(at / CHUNK);
      const error = this.load(file, index);
      if (error < 0) return at > position ? at - position : error;
      const offset = at - index * CHUNK;
      const count = Math.min(CHUNK - offset, end - at);
      into.set($chunk.bytes.subarray(offset, offset + count), start + at - position);
      at += count;
    }
    return Math.max(0, at - position);
  }

  private load(file: HostFile, index: number): number {
    if ($chunk.file === this && $chunk.index === index) return 0;
    $chunk.file = null;
    const wanted = Math.min(CHUNK, this.size - index * CHUNK);
    const length = readChunk(file, index * CHUNK, wanted);
    if (length < 0) return length;
    if (length < wanted || !this.isRight(index, sumOf(this.crypto, length))) return EPERM;
    $chunk.file = this;
    $chunk.index = index;
    return 0;
  }

  private isRight(index: number, sum: Uint8Array): boolean {
    return sum.every((byte, i) => byte === this.sums[index * SUM + i]);
  }
}

/** Fills the chunk buffer; shorter only at the file's end. */
function readChunk(file: HostFile, position: number, length: number): number {
  let done = 0;
  while (done < length) {
    const count = file.read($chunk.bytes, done, length - done, position + done);
    if (count < 0) return count;
    if (count === 0) break;
    done += count;
  }
  return done;
}

function sumOf(crypto: HostCrypto, length: number): Uint8Array {
  const sum = crypto.sha256();
  sum.update($chunk.bytes, length);
  return sum.digest();
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

kind('VerifiedFile', VerifiedFile);
kind('CheckedChunk', CheckedChunk);
