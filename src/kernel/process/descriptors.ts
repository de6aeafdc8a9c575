import { kind } from '../checkpoint/registry.js';
import { RLIMIT_NOFILE } from '../abi/resource.js';
import { EBADF, EMFILE, type Errno } from '../errno.js';
import { closeHandle } from '../fs/handle.js';
import type { Handle } from '../fs/types.js';
import type { Limits } from '../mm/mm.js';
import type { DescriptorTable } from '../types.js';

interface Slot {
  readonly handle: Handle;
  closeOnExec: boolean;
}

/** Descriptors that a table has room for at first, and by which a copy's size is rounded (NR_OPEN_DEFAULT). */
const LEAST_CAPACITY = 64;
/** A table that grows holds a power of two times as many (alloc_fdtable). */
const GROWTH_UNIT = 128;

/** The size of a grown table that has room for `fd`. */
function capacityFor(fd: number): number {
  let capacity = GROWTH_UNIT;
  while (capacity <= fd) capacity *= 2;
  return capacity;
}

/** A process's open files by descriptor (files_struct). Each descriptor holds a reference to its handle. */
export class Descriptors implements DescriptorTable {
  private slots: (Slot | undefined)[] = [];
  /** No descriptor below is free. */
  private firstFree = 0;
  /** Descriptors that Linux's table would have room for: select(2) does not look beyond. */
  capacity = LEAST_CAPACITY;
  /** Processes that share the table (CLONE_FILES). */
  users = 1;

  constructor(
    /** Whose limit holds. */
    private readonly owner: Limits,
  ) {}

  /** One more than the highest descriptor allowed. */
  private get limit(): number {
    return this.owner.limit(RLIMIT_NOFILE);
  }

  get(fd: number): Handle | Errno {
    return this.slots[fd]?.handle ?? EBADF;
  }

  hasRoom(): 0 | Errno {
    return this.lowestFree(0) < this.limit ? 0 : EMFILE;
  }

  private lowestFree(from: number): number {
    let fd = Math.max(from, this.firstFree);
    while (this.slots[fd] !== undefined) fd++;
    return fd;
  }

  install(handle: Handle, closeOnExec: boolean, from = 0): number | Errno {
    const fd = this.lowestFree(from);
    if (fd >= this.limit) return EMFILE;
    this.put(fd, { handle, closeOnExec });
    if (from <= this.firstFree) this.firstFree = fd + 1;
    return fd;
  }

  replace(fd: number, handle: Handle, closeOnExec: boolean): number | Errno {
    if (fd < 0 || fd >= this.limit) return EBADF;
    const old = this.slots[fd];
    while (this.slots.length < fd) this.slots.push(undefined);
    this.put(fd, { handle, closeOnExec });
    if (old !== undefined) this.drop(old);
    return fd;
  }

  private put(fd: number, slot: Slot): void {
    this.slots[fd] = slot;
    if (this.capacity > fd) return;
    this.capacity = capacityFor(fd);
  }

  close(fd: number): 0 | Errno {
    const slot = this.slots[fd];
    if (slot === undefined) return EBADF;
    this.slots[fd] = undefined;
    this.firstFree = Math.min(this.firstFree, fd);
    return this.drop(slot);
  }

  closeOnExec(fd: number): boolean {
    return this.slots[fd]?.closeOnExec ?? false;
  }

  setCloseOnExec(fd: number, on: boolean): void {
    const slot = this.slots[fd];
    if (slot !== undefined) slot.closeOnExec = on;
  }

  list(): number[] {
    const open: number[] = [];
    this.slots.forEach((slot, fd) => {
      if (slot !== undefined) open.push(fd);
    });
    return open;
  }

  /** One more process uses the table itself. */
  share(): this {
    this.users++;
    return this;
  }

  /** A copy for a child process; each handle gets a reference more. */
  copy(owner: Limits): Descriptors {
    const copy = new Descriptors(owner);
    copy.slots = this.slots.map((slot) => slot && { ...slot });
    copy.firstFree = this.firstFree;
    copy.capacity = this.capacityForCopy();
    for (const slot of copy.slots) if (slot !== undefined) slot.handle.references++;
    return copy;
  }

  /** A copy is as large as its open descriptors need (sane_fdtable_size). */
  private capacityForCopy(): number {
    const highest = this.slots.findLastIndex((slot) => slot !== undefined);
    return highest < LEAST_CAPACITY ? LEAST_CAPACITY : capacityFor(highest);
  }

  /** Closes what execve closes. */
  exec(): void {
    for (const fd of this.list()) if (this.closeOnExec(fd)) this.close(fd);
  }

  /** Gives up one user's share; the last one closes everything. */
  release(): void {
    if (--this.users > 0) return;
    for (const fd of this.list()) this.close(fd);
  }

  private drop(slot: Slot): 0 | Errno {
    return closeHandle(slot.handle, this);
  }
}

kind('Descriptors', Descriptors);
