import { kind } from '../../checkpoint/registry.js';
/**
 * Which files of the host may be used: a file is allowed, trusted (it may be read while it is what its SHA-256 says) or
 * listed nowhere. Paths are canonical paths of the host, as byte strings: hostfs follows no symbolic link of the host, so
 * the path under which it finds a file is one.
 */
export type FileClass = 'allowed' | 'trusted' | 'unknown';

export interface CanonicalPath {
  /** Without symbolic links. */
  readonly path: string;
  /** The symbolic links on the way to it. */
  readonly links: readonly { readonly path: string; readonly target: string }[];
}

export interface RuleList {
  /** Whether files that are listed nowhere are refused. */
  readonly strict: boolean;
  readonly trusted: readonly { readonly at: CanonicalPath; readonly sha256: string }[];
  readonly allowed: readonly CanonicalPath[];
}

export class FileRules {
  readonly strict: boolean;
  /** Sums in hexadecimal digits. */
  private readonly trusted = new Map<string, string>();
  private readonly allowed: ReadonlySet<string>;
  /** Links that were on the way to a trusted file at the start, and what they said. */
  private readonly links = new Map<string, string>();
  /** Trusted files and the directories above them: none of these was a symbolic link. */
  private readonly solid = new Set<string>();

  constructor({ strict, trusted, allowed }: RuleList) {
    this.strict = strict;
    this.allowed = new Set(allowed.map(({ path }) => path));
    for (const { at, sha256 } of trusted) {
      this.trusted.set(at.path, sha256.toLowerCase());
      for (const { path, target } of at.links) this.links.set(path, target);
      for (let path = at.path; path !== ''; path = parentOf(path)) this.solid.add(path);
    }
  }

  /** A path that is allowed, or below one that is, is allowed; that goes before being trusted. */
  classOf(path: string): FileClass {
    for (let at = path; at !== ''; at = parentOf(at)) if (this.allowed.has(at)) return 'allowed';
    if (this.allowed.has('/')) return 'allowed';
    return this.trusted.has(path) ? 'trusted' : 'unknown';
  }

  hasTrustedBelow(path: string): boolean {
    return this.solid.has(path);
  }

  sumOf(path: string): string | null {
    return this.trusted.get(path) ?? null;
  }

  /**
   * Whether a symbolic link may lead on. One that led to a trusted file must say what it said; one that has come to stand
   * where a trusted file or a directory above it was would put another file in its place.
   */
  isGoodLink(path: string, target: string): boolean {
    const known = this.links.get(path);
    return known === undefined ? !this.solid.has(path) : known === target;
  }
}

/** '/a/b' to '/a', '/a' to ''. */
function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

kind('FileRules', FileRules);
