/** The translator's side: takes requests, and makes regions while there are any. */
import { receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import { CPU, CPU_TRANSLATED } from '../machine/layout.js';
import { TranslationService } from '../machine/translate/service.js';
import type { TranslatorRequest, TranslatorSetup } from '../machine/types.js';

const { port, ...setup } = workerData as TranslatorSetup & { port: MessagePort };
const service = new TranslationService(setup);
const words = new Int32Array(setup.buffer);

function work(): void {
  for (;;) {
    const more = receiveMessageOnPort(port) as { message: TranslatorRequest } | undefined;
    if (more === undefined) break;
    service.add(more.message);
  }
  port.postMessage(service.step());
  Atomics.add(words, (CPU + CPU_TRANSLATED) >>> 2, 1);
  if (!service.isIdle) setImmediate(work);
}

port.on('message', (request: TranslatorRequest) => {
  const wasIdle = service.isIdle;
  service.add(request);
  if (wasIdle) setImmediate(work);
});
