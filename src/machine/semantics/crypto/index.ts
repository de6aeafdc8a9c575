import { sibling } from '../avx/halves.js';
import type { SemanticsTable } from '../emitter.js';
import type { MachineViews } from '../helper.js';
import { writeAesTables } from './aes-tables.js';
import { AES, AES_HELPERS } from './aes.js';
import { CARRYLESS, carrylessProduct, writeCarrylessMasks } from './carryless.js';
import { SHA1 } from './sha1.js';
import { SHA256 } from './sha256.js';

const PLAIN = ['aesimc', 'aeskeygenassist'];

/** Those that VEX has too: all that are not of SHA. */
function withVex(table: SemanticsTable): SemanticsTable {
  const rows = Object.entries(table);
  const vex = rows.map(([name, meaning]) => [
    `v${name}`,
    sibling(meaning, { merges: !PLAIN.includes(name) }),
  ]);
  return { ...table, ...(Object.fromEntries(vex) as SemanticsTable) };
}

/** Instructions for ciphers and digests. WebAssembly has none of these, so whether CPUID reports them depends on how fast they are. */
export const crypto: SemanticsTable = { ...withVex(AES), ...withVex(CARRYLESS), ...SHA1, ...SHA256 };

/** Fills the tables that these instructions use. */
export function writeCryptoTables(m: MachineViews): void {
  writeAesTables(m);
  writeCarrylessMasks(m);
}

/** Helpers of which regions have copies. */
export const NEAR_HELPERS = [...AES_HELPERS, carrylessProduct];
