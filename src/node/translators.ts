/** Threads that make regions of a machine's code (machine/translate/service.ts). */
import { availableParallelism } from 'node:os';
import { MessageChannel, Worker, receiveMessageOnPort } from 'node:worker_threads';
import { createNodeHost } from '../host/node/host.js';
import type { Host } from '../kernel/host.js';
import type { TranslatorAnswer, TranslatorSetup, TranslatorThread } from '../machine/types.js';

/** node/translator.js as one file that V8 has compiled (scripts/build.mjs). */
const TRANSLATOR = new URL('../../../bin/translator.js', import.meta.url);

/** What a sandbox's kernel needs: the host, and threads besides, where they take no time from the program's own. */
export function nodeHost(): Host {
  const host = createNodeHost();
  return availableParallelism() > 1 ? { ...host, startTranslator } : host;
}

function startTranslator(setup: TranslatorSetup): TranslatorThread {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(TRANSLATOR, { workerData: { ...setup, port: port2 }, transferList: [port2] });
  // The host process does not live on for it; and without it programs are only slower.
  worker.unref();
  port1.unref();
  worker.on('error', () => undefined);
  return {
    post: (request) => port1.postMessage(request),
    receive: () => (receiveMessageOnPort(port1) as { message: TranslatorAnswer } | undefined)?.message,
    close() {
      port1.close();
      void worker.terminate();
    },
  };
}
