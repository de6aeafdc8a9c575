/**
 * A protected file (layout.ts), open: reads and writes plain bytes. Changes are kept in memory until `flush`, which
 * encrypts what has changed, each node under a new random key, from the leaves to the root.
 *
 * Metadata and root stay in memory while the file is open: nobody can put an older state of it back meanwhile. Once
 * anything does not fit, the file is broken for good and everything fails with EACCES.
 */
import { EACCES, ENOSPC, type Errno } from '../../errno.js';
import type { HostCrypto, HostFile } from '../../host.js';
import {
  DATA_SLOTS,
  FLAGS_AT,
  INLINE_SIZE,
  KEY_SIZE,
  NODE_SIZE,
  NONCE_SIZE,
  PATH_SIZE,
  PENDING,
  SLOT_SIZE,
  dataNodes,
  parentOfTree,
  placeOfData,
  placeOfTree,
  slotOfData,
  slotOfTree,
  storedSize,
} from './layout.js';
import { Metadata, Refused, isPending, openMetadata, sealMetadata } from './metadata.js';
import { readAll, writeAll, type RecoveryLog } from './recovery.js';

/** Nodes in memory before unchanged ones are forgotten, and then changed ones written. */
const CACHED_NODES = 192;

interface Node {
  /** Where it lies in the file, in nodes. */
  readonly place: number;
  /** Its number among data nodes or among tree nodes. */
  readonly index: number;
  readonly isTree: boolean;
  readonly bytes: Uint8Array;
  dirty: boolean;
}

export interface ProtectedFileOptions {
  readonly storage: HostFile;
  readonly crypto: HostCrypto;
  readonly random: (into: Uint8Array) => void;
  readonly key: Uint8Array;
  /** What the file is bound to; null: any (offline tools). A byte string. */
  readonly path: string | null;
  readonly recovery: RecoveryLog | null;
}

export function fitsPath(path: string): boolean {
  return path.length < PATH_SIZE;
}

export class ProtectedFile {
  /** Why nothing works any more. */
  broken: string | null = null;
  /** There are changes that are not in the host's file. */
  dirty = false;
  /** Data nodes that are in the host's file and count. */
  private stored: number;
  /** The host's file is longer than it has to be. */
  private mustShrink = false;
  private readonly nodes = new Map<number, Node>();
  private readonly root: Node = {
    place: 1,
    index: 0,
    isTree: true,
    bytes: new Uint8Array(NODE_SIZE),
    dirty: false,
  };
  private readonly metadata: Metadata;
  private readonly cipher = new Uint8Array(NODE_SIZE);

  private constructor(
    private readonly options: ProtectedFileOptions,
    metadata: Metadata,
  ) {
    this.metadata = metadata;
    this.stored = dataNodes(metadata.size);
  }

  /** An empty file; it is on the host when this returns. */
  static create(options: ProtectedFileOptions): ProtectedFile | Errno {
    const file = new ProtectedFile(options, new Metadata());
    file.metadata.path = options.path ?? '';
    file.dirty = true;
    const error = file.flush();
    return error === 0 ? file : error;
  }

  static open(options: ProtectedFileOptions): ProtectedFile | Refused {
    const { storage, crypto, key, path, recovery } = options;
    const node = new Uint8Array(NODE_SIZE);
    const stat = storage.stat();
    if (typeof stat === 'number' || readAll(storage, node, 0) !== NODE_SIZE)
      return new Refused('it is too short');
    if (stat.size % NODE_SIZE !== 0) return new Refused('its size is not that of whole nodes');
    if (isPending(node)) {
      if (recovery === null) return new Refused('a write to it did not end, and recovery is not enabled');
      if (!recovery.replay(storage) || readAll(storage, node, 0) !== NODE_SIZE || isPending(node))
        return new Refused('a write to it did not end, and its recovery file is no good');
    }
    const metadata = openMetadata(crypto, key, node);
    if (metadata instanceof Refused) return metadata;
    if (path !== null && metadata.path !== path)
      return new Refused(`it belongs to the path ${metadata.path}`);
    if (stat.size < storedSize(metadata.size)) return new Refused('its end is missing');
    const file = new ProtectedFile(options, metadata);
    if (file.stored > 0 && !file.load(file.root, metadata.rootSlot, 0))
      return new Refused(file.broken ?? 'it cannot be read');
    return file;
  }

  get size(): number {
    return this.metadata.size;
  }

  get path(): string {
    return this.metadata.path;
  }

  // Nodes.

  private breaks(why: string): false {
    this.broken ??= why;
    return false;
  }

  /** Reads and decrypts a node by the key and MAC at `slot` of `parent`. */
  private load(node: Node, parent: Uint8Array, slot: number): boolean {
    const { storage, crypto } = this.options;
    if (readAll(storage, this.cipher, node.place * NODE_SIZE) !== NODE_SIZE)
      return this.breaks(`node ${node.place} is missing`);
    const key = parent.subarray(slot, slot + KEY_SIZE);
    const mac = parent.subarray(slot + KEY_SIZE, slot + SLOT_SIZE);
    return (
      crypto.open(key, this.cipher, node.bytes, mac) || this.breaks(`node ${node.place} has been changed`)
    );
  }

  /** A node from memory, and now the last to be forgotten. */
  private cached(place: number): Node | undefined {
    const node = this.nodes.get(place);
    if (node === undefined) return undefined;
    this.nodes.delete(place);
    this.nodes.set(place, node);
    return node;
  }

  /** Tree node m; null when the file is broken. */
  private tree(m: number): Node | null {
    if (m === 0) return this.root;
    const place = placeOfTree(m);
    const known = this.cached(place);
    if (known !== undefined) return known;
    const parent = this.tree(parentOfTree(m));
    if (parent === null) return null;
    const node: Node = { place, index: m, isTree: true, bytes: new Uint8Array(NODE_SIZE), dirty: false };
    if (m * DATA_SLOTS < this.stored && !this.load(node, parent.bytes, slotOfTree(m))) return null;
    this.nodes.set(place, node);
    return node;
  }

  private data(d: number): Node | null {
    const place = placeOfData(d);
    const known = this.cached(place);
    if (known !== undefined) return known;
    const parent = this.tree(Math.floor(d / DATA_SLOTS));
    if (parent === null) return null;
    const node: Node = { place, index: d, isTree: false, bytes: new Uint8Array(NODE_SIZE), dirty: false };
    if (d < this.stored && !this.load(node, parent.bytes, slotOfData(d))) return null;
    this.nodes.set(place, node);
    return node;
  }

  /** The node and all above it will be written. */
  private touch(node: Node): void {
    this.dirty = true;
    if (node.dirty) return;
    node.dirty = true;
    this.root.dirty = true;
    for (let m = Math.floor(node.index / DATA_SLOTS); m > 0; m = parentOfTree(m)) {
      const tree = this.tree(m);
      if (tree !== null) tree.dirty = true;
    }
  }

  /** Forgets nodes that are too many; between operations on single nodes, as a node in use must not go. */
  private trim(): 0 | Errno {
    for (const [place, node] of this.nodes) {
      if (this.nodes.size <= CACHED_NODES) break;
      if (node.dirty) {
        const error = this.flush();
        if (error !== 0) return error;
      }
      this.nodes.delete(place);
    }
    return 0;
  }

  // Reading and writing.

  read(into: Uint8Array, start: number, length: number, position: number): number {
    if (this.broken !== null) return EACCES;
    const end = Math.min(position + length, this.size);
    let at = position;
    while (at < end) {
      const piece = this.piece(at);
      if (typeof piece === 'number') return at > position ? at - position : piece;
      const count = Math.min(end - at, piece.bytes.length - piece.offset);
      into.set(piece.bytes.subarray(piece.offset, piece.offset + count), start + at - position);
      at += count;
    }
    return Math.max(0, at - position);
  }

  /** Where the byte at a position lies in memory. */
  private piece(position: number): { bytes: Uint8Array; offset: number; node: Node | null } | Errno {
    if (position < INLINE_SIZE) return { bytes: this.metadata.inline, offset: position, node: null };
    const error = this.trim();
    if (error !== 0) return error;
    const node = this.data(Math.floor((position - INLINE_SIZE) / NODE_SIZE));
    if (node === null) return EACCES;
    return { bytes: node.bytes, offset: (position - INLINE_SIZE) % NODE_SIZE, node };
  }

  write(from: Uint8Array, start: number, length: number, position: number): number {
    if (this.broken !== null) return EACCES;
    const error = position > this.size ? this.extend(position) : 0;
    if (error !== 0) return error;
    let done = 0;
    while (done < length) {
      const at = position + done;
      const piece = this.piece(at);
      if (typeof piece === 'number') return done > 0 ? done : piece;
      const count = Math.min(length - done, piece.bytes.length - piece.offset);
      piece.bytes.set(from.subarray(start + done, start + done + count), piece.offset);
      if (piece.node !== null) this.touch(piece.node);
      this.dirty = true;
      done += count;
      if (at + count > this.size) this.metadata.size = at + count;
    }
    return done;
  }

  /** Makes the file longer by zeros. */
  private extend(size: number): 0 | Errno {
    if (!Number.isSafeInteger(size)) return ENOSPC;
    this.dirty = true;
    for (let d = dataNodes(this.size); d < dataNodes(size); d++) {
      const error = this.trim();
      if (error !== 0) return error;
      const node = this.data(d);
      if (node === null) return EACCES;
      this.touch(node);
      this.metadata.size = Math.min(size, INLINE_SIZE + (d + 1) * NODE_SIZE);
    }
    this.metadata.size = size;
    return 0;
  }

  truncate(size: number): 0 | Errno {
    if (this.broken !== null) return EACCES;
    if (size > this.size) return this.extend(size);
    if (size === this.size) return 0;
    this.dirty = true;
    this.mustShrink = true;
    const count = dataNodes(size);
    const error = this.clearEnd(size, count);
    if (error !== 0) return error;
    for (const [place, node] of this.nodes) {
      const gone = node.isTree ? node.index * DATA_SLOTS >= count : node.index >= count;
      if (gone) this.nodes.delete(place);
    }
    this.stored = Math.min(this.stored, count);
    if (count === 0) this.root.bytes.fill(0);
    this.metadata.size = size;
    return 0;
  }

  /** What lies behind the new end in its node is zeros, should the file grow again. */
  private clearEnd(size: number, count: number): 0 | Errno {
    if (size < INLINE_SIZE) this.metadata.inline.fill(0, size);
    const used = (size - INLINE_SIZE) % NODE_SIZE;
    if (count === 0 || used === 0) return 0;
    const last = this.data(count - 1);
    if (last === null) return EACCES;
    last.bytes.fill(0, used);
    this.touch(last);
    return 0;
  }

  /** Binds the file to another path; on the host when this returns. */
  rebind(path: string): 0 | Errno {
    if (this.broken !== null) return EACCES;
    this.metadata.path = path;
    this.dirty = true;
    return this.flush();
  }

  // To the host.

  /** Writes all changes. After an error some may be written: the file is broken then. */
  flush(): 0 | Errno {
    if (this.broken !== null) return EACCES;
    if (!this.dirty) return 0;
    const nodes = [...this.nodes.values()].filter((node) => node.dirty);
    if (this.root.dirty && dataNodes(this.size) > 0) nodes.push(this.root);
    const error = this.saveOld(nodes) || this.writeAll(nodes);
    if (error !== 0) this.broken = 'writing it has failed';
    return error as 0 | Errno;
  }

  private writeAll(nodes: readonly Node[]): number {
    const { storage } = this.options;
    const data = nodes.filter((node) => !node.isTree);
    // From the leaves to the root: a tree node's number is above its parent's.
    const trees = nodes.filter((node) => node.isTree).sort((a, b) => b.index - a.index);
    for (const node of [...data, ...trees]) {
      const error = this.writeNode(node);
      if (error !== 0) return error;
    }
    const error = this.writeMetadata();
    if (error !== 0) return error;
    for (const node of nodes) node.dirty = false;
    this.root.dirty = false;
    this.dirty = false;
    this.stored = dataNodes(this.size);
    if (!this.mustShrink) return 0;
    this.mustShrink = false;
    return storage.truncate(storedSize(this.size));
  }

  private writeNode(node: Node): number {
    const { crypto, random, storage } = this.options;
    const slot = this.slotFor(node);
    if (slot === null) return EACCES;
    const key = slot.subarray(0, KEY_SIZE);
    random(key);
    crypto.seal(key, node.bytes, this.cipher, slot.subarray(KEY_SIZE));
    return writeAll(storage, this.cipher, node.place * NODE_SIZE);
  }

  /** Where a node's key and MAC stand. */
  private slotFor(node: Node): Uint8Array | null {
    if (node === this.root) return this.metadata.rootSlot;
    const parent = this.tree(node.isTree ? parentOfTree(node.index) : Math.floor(node.index / DATA_SLOTS));
    const at = node.isTree ? slotOfTree(node.index) : slotOfData(node.index);
    return parent?.bytes.subarray(at, at + SLOT_SIZE) ?? null;
  }

  private writeMetadata(): number {
    const { crypto, random, storage, key, recovery } = this.options;
    const nonce = new Uint8Array(NONCE_SIZE);
    random(nonce);
    const pending = recovery !== null;
    const error = writeAll(
      storage,
      sealMetadata(crypto, key, { metadata: this.metadata, nonce, pending }),
      0,
    );
    return error !== 0 || !pending ? error : writeAll(storage, new Uint8Array(1), FLAGS_AT);
  }

  /** With recovery: what will be overwritten goes to the log, and the file says that a write has begun. */
  private saveOld(nodes: readonly Node[]): number {
    const { recovery, storage } = this.options;
    const stat = storage.stat();
    if (recovery === null || typeof stat === 'number' || stat.size === 0) return 0;
    let error = recovery.begin();
    for (const { place } of [...nodes, { place: 0 }]) {
      if (error !== 0) return error;
      if ((place + 1) * NODE_SIZE > stat.size) continue;
      const read = readAll(storage, this.cipher, place * NODE_SIZE);
      error = read < 0 ? read : recovery.add(place, this.cipher);
    }
    return error !== 0 ? error : writeAll(storage, Uint8Array.of(PENDING), FLAGS_AT);
  }
}
