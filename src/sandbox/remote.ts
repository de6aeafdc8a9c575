/** A Backend on the other side of a message port: calls become messages, failures come back as CulmError. */
import type { Backend, BackendEvents } from './backend.js';
import { CulmError, type CulmErrorCode } from './types.js';

/** A message port, as far as it is needed: Node's and the browser's both can be made to fit. */
export interface Port {
  /** `given`: memory that the other side gets, in place of a copy. */
  post(message: unknown, given?: readonly ArrayBuffer[]): void;
  receive(handler: (message: unknown) => void): void;
}

type Method = keyof Backend;
type EventName = keyof BackendEvents;

type Message =
  | { readonly kind: 'call'; readonly id: number; readonly method: Method; readonly args: readonly unknown[] }
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly code: CulmErrorCode; readonly message: string }
  | { readonly kind: 'event'; readonly name: EventName; readonly args: readonly unknown[] };

const METHODS: readonly Method[] = [
  'start',
  'restore',
  'snapshot',
  'detach',
  'detached',
  'attach',
  'placed',
  'fromAway',
  'fromHome',
  'awayEnded',
  'spawn',
  'writeInput',
  'endInput',
  'consumed',
  'closeOutput',
  'kill',
  'end',
  'resize',
  'file',
  'watch',
  'unwatch',
  'notifyPseudo',
  'pseudoDigest',
  'statistics',
  'profile',
  'dispose',
];
const EVENTS: readonly EventName[] = [
  'output',
  'exit',
  'watched',
  'place',
  'toAway',
  'toHome',
  'deserted',
  'log',
  'strace',
  'failed',
];

type Callable = (...args: readonly unknown[]) => unknown;

/** Below this a copy costs less; and what is smaller may lie in memory that others use, too. */
const LARGE = 1 << 18;

/** Of files among arguments those that come in pieces are given away; whole ones are the caller's. */
function givenFiles(argument: unknown): ArrayBuffer[] {
  return Array.isArray(argument) ? argument.flatMap(givenAway) : [];
}

/** A snapshot's pieces belong to whoever gets them. */
function givenAway(value: unknown): ArrayBuffer[] {
  if (!Array.isArray(value)) return [];
  return value
    .filter((piece) => piece instanceof Uint8Array && piece.byteLength >= LARGE)
    .map((piece) => (piece as Uint8Array<ArrayBuffer>).buffer);
}

/** The caller's end. `lost` ends all calls that wait, when the other side has died. */
export function remoteBackend(
  port: Port,
  events: BackendEvents,
): { backend: Backend; lost: (why: string) => void } {
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let nextId = 1;
  let dead: string | null = null;
  const handlers = events as unknown as Record<EventName, Callable>;
  port.receive((raw) => {
    const message = raw as Message;
    if (message.kind === 'event') return void handlers[message.name](...message.args);
    if (message.kind === 'call') return;
    const call = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.kind === 'result') call?.resolve(message.value);
    else call?.reject(new CulmError(message.code, message.message));
  });
  const send = (method: Method, args: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (dead !== null) return reject(new CulmError('disposed', dead));
      const id = nextId++;
      waiting.set(id, { resolve, reject });
      port.post({ kind: 'call', id, method, args } satisfies Message, args.flatMap(givenFiles));
    });
  const entries = METHODS.map((method) => [method, (...args: unknown[]) => send(method, args)]);
  return {
    backend: Object.fromEntries(entries) as unknown as Backend,
    lost(why) {
      dead = why;
      for (const call of waiting.values()) call.reject(new CulmError('disposed', why));
      waiting.clear();
    },
  };
}

/** Events that go out through a port. */
export function remoteEvents(port: Port): BackendEvents {
  const entries = EVENTS.map((name) => [
    name,
    (...args: unknown[]) =>
      port.post({ kind: 'event', name, args } satisfies Message, args.flatMap(givenAway)),
  ]);
  return Object.fromEntries(entries) as unknown as BackendEvents;
}

/** The kernel's end: carries out calls that come through a port. */
export function serve(port: Port, backend: Backend): void {
  const methods = backend as unknown as Record<Method, Callable>;
  port.receive((raw) => {
    const message = raw as Message;
    if (message.kind !== 'call') return;
    const { id, method, args } = message;
    Promise.resolve()
      .then(() => methods[method].call(backend, ...args))
      .then(
        (value) => port.post({ kind: 'result', id, value } satisfies Message, givenAway(value)),
        (error: unknown) => {
          const { code, message: text } = asCulmError(error);
          port.post({ kind: 'error', id, code, message: text } satisfies Message);
        },
      );
  });
}

/** Whatever was thrown, as the one kind of error that users see. */
export function asCulmError(error: unknown): CulmError {
  if (error instanceof CulmError) return error;
  return new CulmError('kernel', error instanceof Error ? `${error.name}: ${error.message}` : String(error));
}
