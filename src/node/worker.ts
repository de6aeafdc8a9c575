/** The worker's side of a sandbox. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { createNodeHost } from '../host/node/host.js';
import { remoteEvents, serve, type Port } from '../sandbox/remote.js';
import { SandboxServer } from '../sandbox/server.js';
import { waitingBridge } from './bridge.js';
import { nodeLoop } from './loop.js';

const { port, lock } = workerData as { port: MessagePort; lock: SharedArrayBuffer };

const parent: Port = {
  post: (message) => parentPort?.postMessage(message),
  receive: (handler) => void parentPort?.on('message', handler),
};
serve(parent, new SandboxServer(createNodeHost(), nodeLoop, remoteEvents(parent), waitingBridge(port, lock)));
