/** `node stalled.js FILE`: writes a part of a snapshot, says so, and waits for its end. */
import { writeSnapshot } from '../../src/cli/snapshot-file.js';

async function* pieces(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(1 << 16);
  process.stdout.write('half\n');
  await new Promise((resolve) => setTimeout(resolve, 2 ** 31 - 1));
}

await writeSnapshot(process.argv[2] ?? '', pieces());
