/**
 * Asks the caller's thread from inside a system call: the request goes through a port, the worker sleeps on a shared
 * word until the answer has been posted, then takes it without the event loop.
 */
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { answer, type AppBridge, type AppRequest, type AppSide } from '../sandbox/bridge.js';

type Answer = { readonly value: unknown } | { readonly error: string; readonly code?: string };

/** The worker's end. */
export function waitingBridge(port: MessagePort, lock: SharedArrayBuffer): AppBridge {
  const word = new Int32Array(lock);
  return (request) => {
    Atomics.store(word, 0, 0);
    port.postMessage(request);
    Atomics.wait(word, 0, 0);
    const received = receiveMessageOnPort(port) as { message: Answer } | undefined;
    if (received === undefined) throw new Error('the application has not answered');
    if ('error' in received.message) {
      const { error, code } = received.message;
      throw Object.assign(new Error(error), code === undefined ? {} : { code });
    }
    return received.message.value;
  };
}

/** The caller's end. */
export function answerRequests(port: MessagePort, lock: SharedArrayBuffer, app: AppSide): void {
  const word = new Int32Array(lock);
  const reply = (message: Answer): void => {
    port.postMessage(message);
    Atomics.store(word, 0, 1);
    Atomics.notify(word, 0);
  };
  port.on('message', (request: AppRequest) => {
    Promise.resolve()
      .then(() => answer(app, request))
      .then(
        (value) => reply({ value }),
        (error: unknown) => reply(failure(error)),
      );
  });
  port.unref();
}

function failure(error: unknown): Answer {
  if (!(error instanceof Error)) return { error: String(error) };
  return { error: error.message, ...('code' in error ? { code: String(error.code) } : {}) };
}
