/**
 * Keeps the files of a hostfs to the rules (rules.ts).
 *
 *   open      allowed: as it is; trusted: for reading, once its content has been found right; unknown: EACCES, or with a
 *             warning where the policy says so
 *   read      of a trusted file: every piece is checked again (verified.ts), also those of mappings
 *   change    names can be made, removed and given only where files are allowed, so that nothing becomes allowed or
 *             stops being trusted by being renamed or linked
 *   readlink  a link that did not lead to a trusted file at the start cannot stand in for one
 *
 * What is listed nowhere can still be looked at (stat, readdir), as in Gramine.
 */
import { kind } from '../../checkpoint/registry.js';
import { EACCES, type Errno } from '../../errno.js';
import type { HostCrypto, HostFile } from '../../host.js';
import type { FileRules } from './rules.js';
import { VerifiedFile } from './verified.js';

export class FileGuard {
  private readonly verified = new Map<string, VerifiedFile>();

  constructor(
    private readonly rules: FileRules,
    private readonly crypto: HostCrypto,
    private readonly log: (line: string) => void,
  ) {}

  /** Whether a file may be opened. */
  mayOpen(path: string, write: boolean): 0 | Errno {
    const kind = this.rules.classOf(path);
    if (kind === 'allowed') return 0;
    if (kind === 'unknown') return this.unknown(path, 'opened');
    return write ? this.refuse(path, 'is a trusted file and cannot be written') : 0;
  }

  /** Whether a name may be made, removed or changed. */
  mayChange(path: string): 0 | Errno {
    const kind = this.rules.classOf(path);
    if (kind === 'allowed') return 0;
    return kind === 'unknown'
      ? this.unknown(path, 'changed')
      : this.refuse(path, 'is a trusted file and cannot be changed');
  }

  private unknown(path: string, what: string): 0 | Errno {
    if (this.rules.strict) return this.refuse(path, `is not among the allowed or trusted files: not ${what}`);
    this.log(`${path} is not among the allowed or trusted files: ${what} all the same`);
    return 0;
  }

  private refuse(path: string, why: string): Errno {
    this.log(`${path} ${why}`);
    return EACCES;
  }

  /** Whether everything below a directory may be used like the directory itself. */
  coversTree(path: string): boolean {
    return this.rules.classOf(path) === 'allowed' || !this.rules.hasTrustedBelow(path);
  }

  mayFollow(path: string, target: string): 0 | Errno {
    if (this.rules.isGoodLink(path, target)) return 0;
    return this.refuse(path, `is now a link to ${target} and stands in the way of a trusted file`);
  }

  /** The checked content of a trusted file; null for files that need no check, an Errno if it is not what it should be. */
  verify(path: string, file: HostFile): VerifiedFile | null | Errno {
    const sum = this.rules.classOf(path) === 'trusted' ? this.rules.sumOf(path) : null;
    if (sum === null) return null;
    const known = this.verified.get(path);
    if (known !== undefined) return known;
    const checked = VerifiedFile.check(this.crypto, file, sum);
    if (typeof checked === 'number') this.log(`${path} is not what its SHA-256 says: refused`);
    else this.verified.set(path, checked);
    return checked;
  }
}

/** The rules for one hostfs: where it begins on the host. */
export interface GuardedTree {
  readonly guard: FileGuard;
  /** Canonical; '/' for the host's root. */
  readonly path: string;
}

kind('FileGuard', FileGuard);
