/**
 * What lets a file survive a write that does not come to its end: before nodes are overwritten, what they held goes to a
 * file beside it, as records of a node's number (8 bytes) and the node.
 */
import { EEXIST } from '../../errno.js';
import type { HostFile, HostFolder } from '../../host.js';
import { NODE_SIZE } from './layout.js';

export const RECOVERY_SUFFIX = '.gramine.recovery';
const RECORD_SIZE = 8 + NODE_SIZE;

export class RecoveryLog {
  private file: HostFile | null = null;
  private length = 0;
  private readonly record = new Uint8Array(RECORD_SIZE);

  constructor(
    private readonly folder: HostFolder,
    private readonly name: string,
  ) {}

  /** An empty log; 0 or an error. */
  begin(): number {
    this.length = 0;
    if (this.file !== null) return this.file.truncate(0);
    const name = this.name + RECOVERY_SUFFIX;
    let file = this.folder.create(name, 0o600);
    if (file === EEXIST) file = this.folder.openFile(name, true);
    if (typeof file === 'number') return file;
    this.file = file;
    return file.truncate(0);
  }

  add(place: number, node: Uint8Array): number {
    if (this.file === null) return 0;
    new DataView(this.record.buffer).setBigUint64(0, BigInt(place), true);
    this.record.set(node, 8);
    const written = writeAll(this.file, this.record, this.length);
    if (written < 0) return written;
    this.length += RECORD_SIZE;
    return 0;
  }

  /** Puts back what the log holds into `target`; false if there is no whole log. */
  replay(target: HostFile): boolean {
    const file = this.folder.openFile(this.name + RECOVERY_SUFFIX, false);
    if (typeof file === 'number') return false;
    const stat = file.stat();
    const size = typeof stat === 'number' ? 0 : stat.size;
    let good = size > 0 && size % RECORD_SIZE === 0;
    for (let at = 0; good && at < size; at += RECORD_SIZE) {
      if (readAll(file, this.record, at) !== RECORD_SIZE) good = false;
      else good = this.putBack(target);
    }
    file.close();
    return good;
  }

  private putBack(target: HostFile): boolean {
    const place = Number(new DataView(this.record.buffer).getBigUint64(0, true));
    return writeAll(target, this.record.subarray(8), place * NODE_SIZE) === 0;
  }

  /** The file has been closed in good order. */
  remove(): void {
    if (this.file === null) return;
    this.file.close();
    this.file = null;
    this.folder.unlink(this.name + RECOVERY_SUFFIX);
  }
}

/** Writes all bytes at a position; 0 or an error. */
export function writeAll(file: HostFile, bytes: Uint8Array, position: number): number {
  for (let done = 0; done < bytes.length;) {
    const count = file.write(bytes, done, bytes.length - done, position + done);
    if (count < 0) return count;
    done += count;
  }
  return 0;
}

/** Reads until `into` is full or the file ends; how many, or an error. */
export function readAll(file: HostFile, into: Uint8Array, position: number): number {
  let done = 0;
  while (done < into.length) {
    const count = file.read(into, done, into.length - done, position + done);
    if (count < 0) return count;
    if (count === 0) break;
    done += count;
  }
  return done;
}
