import { kind } from '../checkpoint/registry.js';
import type { Credentials } from '../fs/types.js';

/** The capabilities that Docker gives root in a container. */
const CONTAINER_ROOT = [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31];

/** A set of capabilities 0..40, in two halves. */
export class CapSet {
  constructor(
    public lo = 0,
    public hi = 0,
  ) {}

  static of(capabilities: readonly number[]): CapSet {
    const set = new CapSet();
    for (const capability of capabilities) set.add(capability);
    return set;
  }

  has(capability: number): boolean {
    const half = capability < 32 ? this.lo : this.hi;
    return (half & (1 << (capability & 31))) !== 0;
  }

  add(capability: number): void {
    if (capability < 32) this.lo |= 1 << capability;
    else this.hi |= 1 << (capability - 32);
  }

  delete(capability: number): void {
    if (capability < 32) this.lo &= ~(1 << capability);
    else this.hi &= ~(1 << (capability - 32));
  }

  copy(): CapSet {
    return new CapSet(this.lo, this.hi);
  }

  isSubsetOf(other: CapSet): boolean {
    return ((this.lo & ~other.lo) | (this.hi & ~other.hi)) === 0;
  }
}

/** Linux's struct cred: whose a process is and what it may do. */
export class Cred implements Credentials {
  ruid: number;
  euid: number;
  suid: number;
  fsuid: number;
  rgid: number;
  egid: number;
  sgid: number;
  fsgid: number;
  groups: readonly number[];
  effective: CapSet;
  permitted: CapSet;
  inheritable = new CapSet();
  bounding = CapSet.of(CONTAINER_ROOT);
  ambient = new CapSet();
  /** PR_SET_KEEPCAPS: permitted capabilities survive the change of all user ids from 0. */
  keepCaps = false;
  securebits = 0;
  noNewPrivs = false;

  constructor(uid: number, gid: number, groups: readonly number[]) {
    this.ruid = this.euid = this.suid = this.fsuid = uid;
    this.rgid = this.egid = this.sgid = this.fsgid = gid;
    this.groups = groups;
    const capabilities = uid === 0 ? this.bounding : new CapSet();
    this.effective = capabilities.copy();
    this.permitted = capabilities.copy();
  }

  copy(): Cred {
    const copy = Object.assign(new Cred(this.ruid, this.rgid, this.groups), this);
    for (const key of ['effective', 'permitted', 'inheritable', 'bounding', 'ambient'] as const)
      copy[key] = this[key].copy();
    return copy;
  }

  capable(capability: number): boolean {
    return this.effective.has(capability);
  }

  /** After user ids have changed: capabilities follow the step from or to user 0 (capabilities(7)). */
  fixCapabilities(before: { ruid: number; euid: number; suid: number }): void {
    const hadRoot = before.ruid === 0 || before.euid === 0 || before.suid === 0;
    const hasRoot = this.ruid === 0 || this.euid === 0 || this.suid === 0;
    if (hadRoot && !hasRoot) {
      if (!this.keepCaps) this.permitted = new CapSet();
      this.effective = new CapSet();
      this.ambient = new CapSet();
    }
    if (before.euid === 0 && this.euid !== 0) this.effective = new CapSet();
    if (before.euid !== 0 && this.euid === 0) this.effective = this.permitted.copy();
  }

  /** The program is replaced: user 0 gets what the bounding set allows, others keep the ambient set. */
  resetForExec(): void {
    this.suid = this.fsuid = this.euid;
    this.sgid = this.fsgid = this.egid;
    this.keepCaps = false;
    const root = this.euid === 0 || this.ruid === 0;
    this.permitted = (root ? this.bounding : this.ambient).copy();
    this.effective = (this.euid === 0 ? this.permitted : this.ambient).copy();
  }

  inGroup(gid: number): boolean {
    return this.egid === gid || this.groups.includes(gid);
  }
}

kind('CapSet', CapSet);
kind('Cred', Cred);
