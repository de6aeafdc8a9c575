/** Sandboxes in Node.js: the kernel in a worker thread or in the caller's. */
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { directBridge, type AppSide } from '../sandbox/bridge.js';
import type { BackendEvents } from '../sandbox/backend.js';
import { remoteBackend } from '../sandbox/remote.js';
import type { Platform } from '../sandbox/sandbox.js';
import { SandboxServer } from '../sandbox/server.js';
import { answerRequests } from './bridge.js';
import { nodeLoop } from './loop.js';
import { nodeHost } from './translators.js';

type Connection = ReturnType<Platform['connect']>;

function inCaller(events: BackendEvents, app: AppSide): Connection {
  const backend = new SandboxServer(nodeHost(), nodeLoop, events, directBridge(app));
  return { backend, close: () => Promise.resolve() };
}

interface Started {
  readonly worker: Worker;
  readonly port1: MessagePort;
  readonly lock: SharedArrayBuffer;
}

/** One that has been started before there is something to do. The host process does not live on for it. */
let spare: Started | null = null;

/** node/worker.js as one file that V8 has compiled (scripts/build.mjs). */
const WORKER = new URL('../../../bin/worker.js', import.meta.url);

function startWorker(early: boolean): Started {
  const { port1, port2 } = new MessageChannel();
  const lock = new SharedArrayBuffer(4);
  const worker = new Worker(WORKER, {
    workerData: { port: port2, lock, early },
    transferList: [port2],
  });
  return { worker, port1, lock };
}

function prepare(): void {
  if (spare !== null) return;
  const started = startWorker(true);
  const { worker } = started;
  spare = started;
  worker.unref();
  const lost = (): void => {
    if (spare === started) spare = null;
  };
  worker.on('error', lost);
  worker.on('exit', lost);
}

function takeWorker(): Started {
  const started = spare ?? startWorker(false);
  if (started === spare) started.worker.ref();
  spare = null;
  return started;
}

function inWorker(events: BackendEvents, app: AppSide): Connection {
  const { worker, port1, lock } = takeWorker();
  const port = {
    post: (message: unknown, given: readonly ArrayBuffer[] = []) => worker.postMessage(message, given),
    receive: (handler: (message: unknown) => void) => void worker.on('message', handler),
  };
  answerRequests(port1, lock, app);
  const { backend, lost } = remoteBackend(port, events);
  let closing = false;
  worker.on('error', (error) => {
    events.failed(error.message);
    lost(error.message);
  });
  worker.on('exit', () => {
    port1.close();
    lost('the sandbox has ended');
    if (!closing) events.failed('the sandbox’s worker has ended');
  });
  return {
    backend,
    async close() {
      closing = true;
      await worker.terminate();
    },
  };
}

export const nodePlatform: Platform = {
  connect: (thread, events, app) => (thread === 'worker' ? inWorker(events, app) : inCaller(events, app)),
  prepare,
};
