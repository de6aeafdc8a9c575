/** Culm's host in Node.js: implements kernel/host.ts, and is with cli/ the only code that imports Node's modules. */
import { gunzipSync } from 'node:zlib';
import type { Host } from '../../kernel/host.js';
import { canonical } from './canonical.js';
import { NodeClock } from './clock.js';
import { nodeCrypto } from './crypto.js';
import { openRoot } from './folder.js';
import { nodeProfiler } from './profiler.js';
import { random } from './random.js';
import { findReports } from './tsm.js';

export function createNodeHost(): Host {
  return {
    clock: new NodeClock(),
    files: { openRoot, canonical },
    crypto: nodeCrypto,
    gunzip: (bytes) => gunzipSync(bytes),
    reports: findReports(),
    random,
    profiler: nodeProfiler,
  };
}
