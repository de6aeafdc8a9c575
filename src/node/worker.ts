/** The worker's side of a sandbox. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { Kernel } from '../kernel/kernel.js';
import { prepareMemory } from '../machine/memory/memory.js';
import { DEFAULT_MEMORY } from '../sandbox/options.js';
import { remoteEvents, serve, type Port } from '../sandbox/remote.js';
import { SandboxServer } from '../sandbox/server.js';
import { waitingBridge } from './bridge.js';
import { nodeLoop } from './loop.js';
import { nodeHost } from './translators.js';

/** Bytes of memory. */
const SMALL = 16 << 20;

const { port, lock, early } = workerData as { port: MessagePort; lock: SharedArrayBuffer; early: boolean };

const parent: Port = {
  post: (message, given = []) => parentPort?.postMessage(message, given),
  receive: (handler) => void parentPort?.on('message', handler),
};
serve(parent, new SandboxServer(nodeHost(), nodeLoop, remoteEvents(parent), waitingBridge(port, lock)));
// What takes time at the first sandbox is done before there is one: V8 has seen the code, and keeps the core's module.
if (early) {
  const host = nodeHost();
  host.crypto.sha256().digest();
  new Kernel({ host, machine: { memory: SMALL } }).park();
  prepareMemory(DEFAULT_MEMORY);
}
