/** Threads that make regions of a machine's code (machine/translate/service.ts). */
import { availableParallelism } from 'node:os';
import { MessageChannel, Worker, receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { CodeStore, cacheFolder } from './code-store.js';
import { compile } from './compile.js';
import { createNodeHost } from '../host/node/host.js';
import type { Host } from '../kernel/host.js';
import { CPU, CPU_PUT_AWAY } from '../machine/layout.js';
import type {
  TranslatorAnswer,
  TranslatorRequest,
  TranslatorSetup,
  TranslatorThread,
} from '../machine/types.js';

/** node/translator.js as one file that V8 has compiled (scripts/build.mjs). */
const TRANSLATOR = new URL('../../../bin/translator.js', import.meta.url);

/** What a sandbox's kernel needs: the host, and threads besides, where they take no time from the program's own. */
export function nodeHost(): Host {
  const host = createNodeHost();
  if (availableParallelism() < 2) return host;
  const folder = cacheFolder(process.env);
  const keptCode = folder === null ? null : CodeStore.open(folder);
  return keptCode === null
    ? { ...host, compile, startTranslator }
    : { ...host, compile, startTranslator, keptCode };
}

/** What is not put away by then is translated again another time. */
const LONGEST_MS = 1000;
const PUT_AWAY = (CPU + CPU_PUT_AWAY) >>> 2;

function startTranslator(setup: TranslatorSetup): TranslatorThread {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(TRANSLATOR, { workerData: { ...setup, port: port2 }, transferList: [port2] });
  // The host process does not live on for it; and without it programs are only slower.
  worker.unref();
  port1.unref();
  const thread = { isLost: false };
  const lost = (): void => void (thread.isLost = true);
  worker.on('error', lost);
  worker.on('exit', lost);
  const words = new Int32Array(setup.buffer);
  return Object.assign(thread, {
    post: (request: TranslatorRequest) => port1.postMessage(request),
    receive: () => (receiveMessageOnPort(port1) as { message: TranslatorAnswer } | undefined)?.message,
    close(keeps: boolean) {
      if (setup.keeps && keeps) putAway(port1, words);
      port1.close();
      void worker.terminate();
    },
  });
}

/** Lets the thread write down what it has made; it is asleep, or soon done with what it is at. */
function putAway(port: MessagePort, words: Int32Array): void {
  Atomics.store(words, PUT_AWAY, 0);
  port.postMessage(null);
  Atomics.wait(words, PUT_AWAY, 0, LONGEST_MS);
}
