/**
 * Samples of JavaScript and WebAssembly, read as what they mean: a region's function is a guest's function, the
 * interpreter is the interpreter, and what JavaScript does below them is the kernel's work for one call or fault.
 *
 * Guest calls from region to region are calls of WebAssembly, so that callers are on the stack; where a call was unwound
 * (ARCHITECTURE.md, "A region"), or had been made by interpreted code, those above it are not.
 */
import type { HostSampleNode, HostSamples } from '../host.js';
import { CALL_DIGITS, digitOf } from './calls.js';
import type { ProfileFrame } from './types.js';

/** What a stack's time counts as. */
export const PARTS = {
  translated: 'translated code',
  interpreter: 'interpreter',
  memory: 'memory accesses that miss the TLB',
  decoder: 'decoding',
  translator: 'translating',
  dispatcher: 'going from code to code',
  calls: 'system calls',
  faults: 'page faults',
  kernel: 'scheduling and signals',
  garbage: 'garbage collection',
} as const;
type Part = keyof typeof PARTS;

/** Functions of the core module that are no part of the guest's own work, and what a sample in them is called. */
const CORE: Readonly<Record<string, Part>> = {
  interpret: 'interpreter',
  enterBlock: 'interpreter',
  op: 'interpreter',
  enter: 'decoder',
  run: 'dispatcher',
  runUntil: 'dispatcher',
  lookup: 'dispatcher',
  refill: 'dispatcher',
};
const MEMORY = /^(load|store|probe|span|range|noteRange|searchRange|walk|writeBack|copyBack)/;
/** Functions of JavaScript's that translated and interpreted code call; others are helpers, part of an instruction. */
const HOST: Readonly<Record<string, Part>> = {
  syscall: 'calls',
  pageFault: 'faults',
  look: 'decoder',
  hot: 'translator',
  search: 'dispatcher',
  step: 'decoder',
  codeHit: 'decoder',
};
/** The kernel's loop: what is not below it is not about programs. */
const LOOP = new Set(['runThread', 'nextReady']);
const GARBAGE = '(garbage collector)';
export const IDLE = '(idle)';

/** Whose function a node is, or was above it. */
type Realm = 'outside' | 'guest' | 'culm';

/** What a node means. */
export interface Meaning {
  /** The stack that a sample in it has; -1: none, it is not about programs. */
  readonly stack: number;
  readonly part: Part;
  /** The frame that its own time belongs to: the last one that is not a detail of Culm's. */
  readonly owner: number;
  /** The region in which it is, as its function is called; '' for none. */
  readonly region: string;
  readonly isIdle: boolean;
}

interface Context {
  readonly realm: Realm;
  readonly part: Part;
  /** The frames so far, and the one to add if nothing comes below. */
  readonly stack: number;
  readonly owner: number;
  readonly last: ProfileFrame | null;
  readonly region: string;
  /** Digits of the call's number, last first, while they come. */
  readonly digits: readonly number[];
}

const OUTSIDE: Context = {
  realm: 'outside',
  part: 'kernel',
  stack: -1,
  owner: -1,
  last: null,
  region: '',
  digits: [],
};

const part = (name: Part): ProfileFrame => ({ name: `[${PARTS[name]}]`, file: '' });
const fileName = (url: string): string => url.slice(url.lastIndexOf('/') + 1);

export class StackReader {
  readonly frames: ProfileFrame[] = [];
  readonly stacks: { frame: number; caller: number }[] = [];
  readonly meanings = new Map<number, Meaning>();
  private readonly frameIds = new Map<string, number>();
  private readonly stackIds = new Map<string, number>();

  /** `regionOf`: the function that a region's name stands for; null for a name that is not one of this sandbox's. */
  constructor(
    { nodes }: HostSamples,
    private readonly regionOf: (name: string) => ProfileFrame | null,
    private readonly callName: (number: number) => string,
  ) {
    const byId = new Map(nodes.map((node) => [node.id, node]));
    const inner = new Set(nodes.flatMap(({ children }) => children));
    const pending: [HostSampleNode, Context][] = nodes
      .filter(({ id }) => !inner.has(id))
      .map((node) => [node, OUTSIDE]);
    for (const [node, context] of pending) {
      const own = this.enter(context, node);
      this.meanings.set(node.id, this.meaning(own, node));
      for (const id of node.children) {
        const child = byId.get(id);
        if (child !== undefined) pending.push([child, own]);
      }
    }
  }

  private meaning({ stack, part: of, owner, last, region }: Context, node: HostSampleNode): Meaning {
    const isIdle = node.functionName === IDLE;
    if (last === null) return { stack, part: of, owner, region, isIdle };
    return { stack: this.push(stack, last), part: of, owner: this.frameId(last), region, isIdle };
  }

  private frameId(frame: ProfileFrame): number {
    const key = `${frame.name}\n${frame.file}`;
    let id = this.frameIds.get(key);
    if (id === undefined) {
      this.frameIds.set(key, (id = this.frames.length));
      this.frames.push(frame);
    }
    return id;
  }

  private push(caller: number, frame: ProfileFrame): number {
    const id = this.frameId(frame);
    const key = `${caller} ${id}`;
    let stack = this.stackIds.get(key);
    if (stack === undefined) {
      this.stackIds.set(key, (stack = this.stacks.length));
      this.stacks.push({ frame: id, caller });
    }
    return stack;
  }

  /** The context below a node. */
  private enter(context: Context, node: HostSampleNode): Context {
    if (node.url.startsWith('wasm:')) return this.enterWasm(context, node.functionName);
    if (node.functionName === GARBAGE)
      return { ...context, realm: 'culm', part: 'garbage', last: part('garbage') };
    if (context.realm === 'outside') {
      if (!LOOP.has(node.functionName)) return context;
      return { ...context, realm: 'culm', part: 'kernel', last: part('kernel') };
    }
    if (context.realm === 'guest') return this.enterHost(context, node.functionName);
    return this.enterCulm(context, node);
  }

  private enterWasm(context: Context, name: string): Context {
    const from = context.realm === 'culm' ? OUTSIDE : context;
    const frame = this.regionOf(name);
    if (frame !== null) {
      const stack = this.push(from.stack, frame);
      const owner = this.frameId(frame);
      return { realm: 'guest', part: 'translated', stack, owner, last: null, region: name, digits: [] };
    }
    const core = Object.hasOwn(CORE, name) ? CORE[name] : MEMORY.test(name) ? 'memory' : undefined;
    if (core === undefined) return { ...from, realm: 'guest' };
    // Within the interpreter an access is the interpreter's own.
    if (core === 'memory' && from.part === 'interpreter') return { ...from, realm: 'guest' };
    return { ...from, realm: 'guest', part: core, last: part(core), region: '' };
  }

  private enterHost(context: Context, name: string): Context {
    const kernel = Object.hasOwn(HOST, name) ? HOST[name] : undefined;
    if (kernel === undefined) return context;
    return { ...context, realm: 'culm', part: kernel, last: part(kernel), region: '' };
  }

  private enterCulm(context: Context, { functionName, url }: HostSampleNode): Context {
    const digit = digitOf(functionName);
    if (digit >= 0 && context.digits.length < CALL_DIGITS) return this.enterCall(context, digit);
    // Before the call's number is known, and where nothing has a name.
    if (functionName === '' || functionName === 'numbered') return context;
    if (context.part === 'calls' && context.digits.length < CALL_DIGITS) return context;
    const stack = context.last === null ? context.stack : this.push(context.stack, context.last);
    const owner = context.last === null ? context.owner : this.frameId(context.last);
    const frame = { name: functionName, file: `culm: ${fileName(url)}` };
    return { ...context, stack: this.push(stack, frame), owner, last: null };
  }

  private enterCall(context: Context, digit: number): Context {
    const digits = [...context.digits, digit];
    if (digits.length < CALL_DIGITS) return { ...context, part: 'calls', digits };
    const number = digits.reduce((sum, d, i) => sum | (d << (3 * i)), 0);
    return {
      ...context,
      part: 'calls',
      digits,
      last: { name: `[${this.callName(number)}]`, file: '[system call]' },
    };
  }
}
