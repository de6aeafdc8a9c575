import type { PlainInode } from '../inode.js';
import type { Inode } from '../types.js';

/** What overlay keeps with an inode. Everything has an upper inode, lower ones, or both. */
export interface OverlayNode {
  upper: Inode | null;
  /** A directory's that are merged into it, the top one first; a file's one origin. */
  readonly lowers: readonly Inode[];
  /** For an upper inode with something below. */
  shadow: Shadow | null;
  /** Where it was found last, which is where it is copied up to; null once that name has been removed. */
  parent: OverlayInode | null;
  name: string;
  /** st_nlink where the layers' own does not say it: for a file with lower links, and for what has been removed. */
  links: number | null;
}

/**
 * What an upper inode stands for besides itself. Other overlays write this into the upper filesystem (whiteouts, opaque
 * marks, redirects, origins); here the upper one is in memory, and so is this.
 */
export interface Shadow {
  /** The number that the file had before it was copied up, and keeps. */
  readonly ino: number;
  readonly lowers: readonly Inode[];
  /** Names of the lower directories that no longer are there. */
  readonly hidden: Set<string>;
  /** The content is still the lower one's: a file that has only been given attributes so far, or a directory. */
  lowerData: boolean;
  /** As OverlayNode.links. */
  links: number | null;
}

export type OverlayInode = PlainInode<OverlayNode>;

/** Whose attributes are the file's. */
export function metadataOf({ upper, lowers }: OverlayNode): Inode {
  const inode = upper ?? lowers[0];
  if (inode === undefined) throw new Error('overlay inode without a layer');
  return inode;
}

/** Whose content is the file's; a directory's is as large as it is where it comes from. */
export function contentOf(node: OverlayNode): Inode {
  return (node.shadow?.lowerData === true ? node.lowers[0] : undefined) ?? metadataOf(node);
}
