/**
 * An application's files, asked for from inside a system call: the answer has to be there when the call returns. In the
 * caller's thread the functions are simply called; in a worker the platform's bridge waits for the caller.
 */
import { regionsOf } from '../kernel/fs/app/ioctl.js';
import type { AppFiles, IoctlMemory, PseudoSpec } from './types.js';

export type AppRequest =
  | { readonly op: 'stat' | 'list' | 'read' | 'remove'; readonly mount: string; readonly path: string }
  | { readonly op: 'write'; readonly mount: string; readonly path: string; readonly content: Uint8Array }
  | {
      readonly op: 'pseudo-read';
      readonly index: number;
      readonly name: string;
      readonly length: number;
      readonly position: number;
    }
  | {
      readonly op: 'pseudo-write';
      readonly index: number;
      readonly name: string;
      readonly content: Uint8Array;
      readonly position: number;
    }
  | {
      readonly op: 'pseudo-ioctl';
      readonly index: number;
      readonly request: number;
      readonly argument: number | IoctlMemory;
    }
  | { readonly op: 'pseudo-list'; readonly index: number };

/** What an ioctl comes back with: its result, and all regions of its argument as the device has left them. */
export interface IoctlReply {
  readonly result: unknown;
  readonly regions: readonly Uint8Array[];
}

/** The application's functions: files by their mount's target, pseudo-files in the order of their declaration. */
export interface AppSide {
  readonly files: ReadonlyMap<string, AppFiles>;
  readonly pseudo: readonly PseudoSpec[];
}

/** Returns what the function returned; throws what it threw. */
export type AppBridge = (request: AppRequest) => unknown;

/** Carries a request out; the result may be a promise. */
export function answer(app: AppSide, request: AppRequest): unknown {
  return 'mount' in request ? answerFile(app.files, request) : answerPseudo(app.pseudo, request);
}

function answerPseudo(
  specs: readonly PseudoSpec[],
  request: Exclude<AppRequest, { mount: string }>,
): unknown {
  const spec = specs[request.index];
  if (spec === undefined || spec.type === 'link') throw new Error('there is no such pseudo-file');
  if (request.op === 'pseudo-list') return spec.type === 'directory' ? spec.list() : [];
  if (request.op === 'pseudo-ioctl') return spec.type === 'device' ? answerIoctl(spec, request) : undefined;
  if (spec.type === 'device') {
    if (request.op === 'pseudo-read') return spec.read?.(request.length, request.position) ?? null;
    return spec.write?.(request.content, request.position);
  }
  if (spec.type === 'directory') {
    if (request.op === 'pseudo-read') return spec.read?.(request.name) ?? null;
    return spec.write?.(request.name, request.content);
  }
  return request.op === 'pseudo-read' ? (spec.read?.() ?? null) : spec.write?.(request.content);
}

function answerIoctl(
  spec: PseudoSpec & { type: 'device' },
  { request, argument }: Extract<AppRequest, { op: 'pseudo-ioctl' }>,
): IoctlReply | Promise<IoctlReply> {
  const reply = (result: unknown): IoctlReply => ({
    result,
    regions: typeof argument === 'number' ? [] : regionsOf(argument),
  });
  const result = spec.ioctl?.(request, argument);
  return result instanceof Promise ? result.then(reply) : reply(result);
}

function answerFile(
  files: ReadonlyMap<string, AppFiles>,
  request: Extract<AppRequest, { mount: string }>,
): unknown {
  const app = files.get(request.mount);
  if (app === undefined) throw new Error(`nothing is mounted at ${request.mount}`);
  if (request.op === 'write') return app.write?.(request.path, request.content);
  if (request.op === 'remove') return app.remove?.(request.path);
  return app[request.op](request.path);
}

/** The bridge within one thread: an asynchronous function cannot be waited for there. */
export function directBridge(app: AppSide): AppBridge {
  return (request) => {
    const result = answer(app, request);
    if (result instanceof Promise) {
      result.catch(() => undefined);
      const what = 'mount' in request ? `the files at ${request.mount}` : 'a pseudo-file';
      throw new Error(`${request.op} of ${what} must not be asynchronous with thread: 'caller'`);
    }
    return result;
  };
}
