import { kind } from '../../checkpoint/registry.js';
import { IPCMNI, IPCMNI_SHIFT, IPC_CREAT, IPC_EXCL, IPC_PRIVATE } from '../../abi/ipc.js';
import { EEXIST, EINVAL, ENOENT, ENOSPC, type Errno } from '../../errno.js';
import type { Credentials } from '../../fs/types.js';
import { mayUse, type IpcObject } from './object.js';

/** Slots are given in turn, but only so many before the lowest come again. */
const LEAST_CYCLE = 64;
const SEQ_MAX = 0x7fffffff >> IPCMNI_SHIFT;

/** What IPC_CREAT makes, and what an existing object must fit. */
export interface Making<T> {
  readonly make: () => T | Errno;
  readonly fits?: (object: T) => 0 | Errno;
}

/**
 * The objects of one kind. An id is a slot and a sequence number, so that the id of a removed object does not soon name
 * another one.
 */
export class IpcTable<T extends IpcObject> {
  private readonly slots = new Map<number, T>();
  private lastSlot = -1;
  private seq = 0;

  constructor(
    /** As many may exist. */
    private readonly limit: () => number,
  ) {}

  get count(): number {
    return this.slots.size;
  }

  /** The highest slot in use, or 0: what the calls that ask for limits return. */
  get highest(): number {
    return Math.max(0, ...this.slots.keys());
  }

  /** All, by slot. */
  list(): T[] {
    return [...this.slots].sort(([a], [b]) => a - b).map(([, object]) => object);
  }

  /** shmget, semget, msgget: finds the object of a key or makes one. */
  get(key: number, flags: number, cred: Credentials, { make, fits }: Making<T>): number | Errno {
    const known = key === IPC_PRIVATE ? undefined : this.find(key);
    if (known === undefined) {
      if (key !== IPC_PRIVATE && (flags & IPC_CREAT) === 0) return ENOENT;
      const made = make();
      return typeof made === 'number' ? made : made.id;
    }
    if ((flags & (IPC_CREAT | IPC_EXCL)) === (IPC_CREAT | IPC_EXCL)) return EEXIST;
    const refused = fits?.(known) ?? 0;
    return refused < 0 ? refused : mayUse(known, flags, cred) || known.id;
  }

  private find(key: number): T | undefined {
    for (const object of this.slots.values()) if (object.key === key) return object;
    return undefined;
  }

  /** Whether one more can be added. */
  hasRoom(): 0 | Errno {
    return this.slots.size < Math.min(IPCMNI, this.limit()) ? 0 : ENOSPC;
  }

  /** Gives a new object its id. */
  add(object: T): void {
    const cycle = Math.min(IPCMNI, Math.max(LEAST_CYCLE, Math.floor((this.slots.size * 3) / 2) + 1));
    const slot = this.freeSlot(cycle);
    if (slot <= this.lastSlot) this.seq = (this.seq + 1) % SEQ_MAX;
    this.lastSlot = slot;
    object.seq = this.seq;
    object.id = this.seq * IPCMNI + slot;
    this.slots.set(slot, object);
  }

  private freeSlot(cycle: number): number {
    let slot = (this.lastSlot + 1) % cycle;
    while (this.slots.has(slot)) slot = (slot + 1) % IPCMNI;
    return slot;
  }

  byId(id: number): T | Errno {
    const object = this.bySlot(id);
    return typeof object === 'number' || object.id === id ? object : EINVAL;
  }

  /** By slot alone, as SHM_STAT and its relatives ask. */
  bySlot(id: number): T | Errno {
    return this.slots.get(id & (IPCMNI - 1)) ?? EINVAL;
  }

  remove(object: T): void {
    object.removed = true;
    this.slots.delete(object.id & (IPCMNI - 1));
  }
}

kind('IpcTable', IpcTable);
