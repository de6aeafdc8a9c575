/** The translator's side: takes requests, and makes regions while there are any. */
import { receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import { CPU, CPU_PUT_AWAY, CPU_TRANSLATED } from '../machine/layout.js';
import { TranslationService } from '../machine/translate/service.js';
import type { TranslatorRequest, TranslatorSetup } from '../machine/types.js';
import { CodeStore, cacheFolder } from './code-store.js';
import { compile } from './compile.js';

/** Null: put away what is to be kept. */
type Message = TranslatorRequest | null;

/** Bytes of regions that are put away while the program runs: at its end there is no time for more. */
const MUCH = 4 << 20;
/** How long it makes what is wanted when nobody waits for it but the next run. */
const LONGEST_MS = 500;

const { port, ...setup } = workerData as TranslatorSetup & { port: MessagePort };
const service = new TranslationService(setup, compile);
const words = new Int32Array(setup.buffer);
const folder = setup.keeps ? cacheFolder(process.env) : null;
const store = folder === null ? null : CodeStore.open(folder);

function putAway(): void {
  for (const [program, regions] of service.takeFresh()) store?.add(program, regions);
}

function take(message: Message): void {
  if (message !== null) return service.add(message);
  const end = performance.now() + LONGEST_MS;
  while (!service.isIdle && performance.now() < end) service.step();
  putAway();
  Atomics.store(words, (CPU + CPU_PUT_AWAY) >>> 2, 1);
  Atomics.notify(words, (CPU + CPU_PUT_AWAY) >>> 2);
}

function work(): void {
  for (;;) {
    const more = receiveMessageOnPort(port) as { message: Message } | undefined;
    if (more === undefined) break;
    take(more.message);
  }
  if (service.isIdle) return;
  port.postMessage(service.step());
  Atomics.add(words, (CPU + CPU_TRANSLATED) >>> 2, 1);
  if (service.freshBytes > MUCH) putAway();
  if (!service.isIdle) setImmediate(work);
}

port.on('message', (message: Message) => {
  const wasIdle = service.isIdle;
  take(message);
  if (wasIdle && !service.isIdle) setImmediate(work);
});
