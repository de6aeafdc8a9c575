/** All calls on files, each family in a file of its own. */
import type { SyscallRow } from '../types.js';
import { attributeRows } from './file-attr.js';
import { copyRows } from './file-copy.js';
import { descriptorRows } from './file-descriptors.js';
import { directoryRows } from './file-dirs.js';
import { mountRows } from './file-mount.js';
import { nameRows } from './file-names.js';
import { openRows } from './file-open.js';
import { spaceRows } from './file-space.js';
import { statRows } from './file-stat.js';
import { transferRows } from './file-transfer.js';
import { xattrRows } from './file-xattr.js';

export const fileRows: readonly SyscallRow[] = [
  ...attributeRows,
  ...copyRows,
  ...descriptorRows,
  ...directoryRows,
  ...mountRows,
  ...nameRows,
  ...openRows,
  ...spaceRows,
  ...statRows,
  ...transferRows,
  ...xattrRows,
];
