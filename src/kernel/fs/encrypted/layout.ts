/**
 * Gramine's format of protected files: nodes of 4096 bytes. Node 0 is the metadata with the file's first bytes, node 1 the
 * root of a Merkle tree; then come data nodes, with a tree node before every 96 of them. Each node but the first is
 * encrypted under a key of its own, which stands with its MAC in the tree node above it, and the root's in the metadata.
 */
export const NODE_SIZE = 4096;
export const KEY_SIZE = 16;
export const MAC_SIZE = 16;
/** A key and a MAC. */
export const SLOT_SIZE = KEY_SIZE + MAC_SIZE;
/** Data nodes under a tree node, and tree nodes. */
export const DATA_SLOTS = 96;
export const TREE_SLOTS = 32;
/** Bytes of the file that the metadata node holds. */
export const INLINE_SIZE = 3072;

/** What node 0 is made of. */
export const MAGIC = 'GRAFS_PF';
export const MAJOR = 2;
export const NONCE_AT = 10;
export const NONCE_SIZE = 32;
export const METADATA_MAC_AT = 42;
/** Bit 0: a write had begun and not ended. Version 1 has no such byte. */
export const FLAGS_AT = 58;
export const PENDING = 1;
/** The encrypted part: the path, the size, the root's slot, the first bytes. */
export const PATH_SIZE = 772;
export const SIZE_AT = PATH_SIZE;
export const ROOT_SLOT_AT = SIZE_AT + 8;
export const INLINE_AT = ROOT_SLOT_AT + SLOT_SIZE;
export const PLAIN_SIZE = INLINE_AT + INLINE_SIZE;

/** Data nodes of a file of so many bytes. */
export function dataNodes(size: number): number {
  return size <= INLINE_SIZE ? 0 : Math.ceil((size - INLINE_SIZE) / NODE_SIZE);
}

/** Where data node d lies, in nodes. */
export function placeOfData(d: number): number {
  return d + 2 + Math.floor(d / DATA_SLOTS);
}

/** Where tree node m lies, in nodes; 0 is the root. */
export function placeOfTree(m: number): number {
  return 1 + m * (DATA_SLOTS + 1);
}

/** The slot of data node d in its tree node, in bytes. */
export function slotOfData(d: number): number {
  return (d % DATA_SLOTS) * SLOT_SIZE;
}

/** The tree node above tree node m > 0, and m's slot there. */
export function parentOfTree(m: number): number {
  return Math.floor((m - 1) / TREE_SLOTS);
}
export function slotOfTree(m: number): number {
  return (DATA_SLOTS + ((m - 1) % TREE_SLOTS)) * SLOT_SIZE;
}

/** How long the host's file is at least. */
export function storedSize(size: number): number {
  const count = dataNodes(size);
  return (count === 0 ? 1 : placeOfData(count - 1) + 1) * NODE_SIZE;
}
