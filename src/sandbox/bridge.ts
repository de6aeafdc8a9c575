/**
 * An application's files, asked for from inside a system call: the answer has to be there when the call returns. In the
 * caller's thread the functions are simply called; in a worker the platform's bridge waits for the caller.
 */
import type { AppFiles } from './types.js';

export type AppRequest =
  | { readonly op: 'stat' | 'list' | 'read' | 'remove'; readonly mount: string; readonly path: string }
  | { readonly op: 'write'; readonly mount: string; readonly path: string; readonly content: Uint8Array };

/** Returns what the function returned; throws what it threw. */
export type AppBridge = (request: AppRequest) => unknown;

/** Carries a request out; the result may be a promise. */
export function answer(files: ReadonlyMap<string, AppFiles>, request: AppRequest): unknown {
  const app = files.get(request.mount);
  if (app === undefined) throw new Error(`nothing is mounted at ${request.mount}`);
  if (request.op === 'write') return app.write?.(request.path, request.content);
  if (request.op === 'remove') return app.remove?.(request.path);
  return app[request.op](request.path);
}

/** The bridge within one thread: an asynchronous function cannot be waited for there. */
export function directBridge(files: ReadonlyMap<string, AppFiles>): AppBridge {
  return (request) => {
    const result = answer(files, request);
    if (result instanceof Promise) {
      result.catch(() => undefined);
      throw new Error(
        `${request.op} of the files at ${request.mount} must not be asynchronous with thread: 'caller'`,
      );
    }
    return result;
  };
}
