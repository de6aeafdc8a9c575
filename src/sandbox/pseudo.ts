/** Pseudo-files of the application: checked where it declares them, made into rows of the kernel's trees on the other side. */
import { errnoOf } from '../kernel/abi/errno-names.js';
import { EIO, type Errno } from '../kernel/errno.js';
import {
  Notices,
  appRow,
  type AppNode,
  type PseudoDeclaration,
  type PseudoFunctions,
} from '../kernel/fs/app/pseudo.js';
import type { IoctlRules } from '../kernel/fs/app/ioctl.js';
import { dir } from '../kernel/fs/pseudo/row.js';
import type { Nodes } from '../kernel/fs/pseudo/nodes.js';
import type { PseudoFs } from '../kernel/fs/pseudo/pseudofs.js';
import type { Backend } from './backend.js';
import type { AppBridge, IoctlReply } from './bridge.js';
import { toByteString } from './text.js';
import { CulmError, type PseudoSpec } from './types.js';

/** The trees to which can be added, by where they are mounted, the longest first. */
const ROOTS = ['/sys/fs/cgroup', '/proc', '/dev', '/sys'] as const;
const MAX_MAJOR = 4095;
const MAX_MINOR = 1048575;

function refuse(message: string): never {
  throw new CulmError('option', message);
}

function checkPath(path: string): string {
  const names = typeof path === 'string' ? path.split('/').slice(1) : [];
  const bad = names.length < 2 || names.some((name) => name === '' || name === '.' || name === '..');
  if (bad || path.includes('\0') || rootOf(path) === undefined)
    refuse(
      `a pseudo-file's "path" must lie below ${ROOTS.slice(1).join(', ')}, not be ${JSON.stringify(path)}`,
    );
  return path;
}

function rootOf(path: string): (typeof ROOTS)[number] | undefined {
  return ROOTS.find((root) => path.startsWith(`${root}/`));
}

function checkNumber(name: string, value: number | undefined, max: number): number | undefined {
  if (value !== undefined && !(Number.isInteger(value) && value >= 0 && value <= max))
    refuse(`"${name}" must be a whole number from 0 to ${max}`);
  return value;
}

function checkDevice(spec: PseudoSpec & { type: 'device' }): { major?: number; minor?: number } {
  const major = checkNumber('major', spec.major, MAX_MAJOR);
  const minor = checkNumber('minor', spec.minor, MAX_MINOR);
  if ((major === undefined) !== (minor === undefined)) refuse('"major" and "minor" go together');
  if (major === undefined || minor === undefined) return {};
  if (!spec.path.startsWith('/dev/')) refuse(`the device ${spec.path} must lie below /dev`);
  return { major, minor };
}

/** What the caller declared, as plain data; the functions stay on its side. */
export function checkPseudo(specs: readonly PseudoSpec[]): readonly PseudoDeclaration[] {
  return specs.map((spec) => {
    const path = checkPath(spec.path);
    if (spec.type === 'link')
      return { kind: 'link', path, mode: 0o777, readable: false, writable: false, target: spec.target };
    if (spec.type !== 'file' && spec.type !== 'directory' && spec.type !== 'device')
      return refuse(
        `"type" must be file, link, directory or device, not ${JSON.stringify((spec as PseudoSpec).type)}`,
      );
    const writable = spec.write !== undefined;
    const readable = spec.read !== undefined;
    const controllable = spec.type === 'device' && spec.ioctl !== undefined;
    if (!readable && !writable && !controllable) refuse(`the pseudo-file ${path} needs "read" or "write"`);
    const mode =
      checkNumber('mode', spec.mode, 0o777) ?? ((readable ? 0o444 : 0) | (writable ? 0o200 : 0) || 0o600);
    const numbers = spec.type === 'device' ? checkDevice(spec) : {};
    return { kind: spec.type, path, mode, readable, writable, ...numbers, controllable };
  });
}

/** Asks the application for the declaration with this number; what it throws becomes an error number, EIO by default. */
function functionsOf(
  index: number,
  path: string,
  bridge: AppBridge,
  log: (line: string) => void,
): PseudoFunctions {
  const ask = <T>(run: () => T): T | Errno => {
    try {
      return run();
    } catch (thrown) {
      const code = thrown instanceof Error && 'code' in thrown ? errnoOf(String(thrown.code)) : null;
      if (code === null) log(`${path}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      return code ?? EIO;
    }
  };
  const bytesOf = (found: unknown): Uint8Array | null => {
    if (found === null || found === undefined) return null;
    return typeof found === 'string' ? new TextEncoder().encode(found) : (found as Uint8Array);
  };
  return {
    read: (name, length, position) =>
      ask(() => bytesOf(bridge({ op: 'pseudo-read', index, name, length, position }))),
    write: (name, bytes, position) =>
      ask(() => {
        const done = bridge({ op: 'pseudo-write', index, name, content: bytes.slice(), position });
        return typeof done === 'number' ? Math.max(0, Math.min(done, bytes.length)) : bytes.length;
      }),
    ioctl: (request, argument) =>
      ask(() => bridge({ op: 'pseudo-ioctl', index, request, argument }) as IoctlReply),
    list: () => ask(() => (bridge({ op: 'pseudo-list', index }) as readonly string[]).map(toByteString)),
  };
}

/** The kernel's side: the declared files, in the trees by where these are mounted. */
export class AppPseudo {
  private readonly notices = new Map<string, Notices>();
  private readonly devices = new Map<string, AppNode>();

  constructor(
    private readonly nodes: Nodes,
    private readonly trees: ReadonlyMap<string, PseudoFs>,
    private readonly ioctls: IoctlRules,
  ) {}

  /** Before the kernel starts: numbers are given in the order of the declarations. */
  add(declared: readonly PseudoDeclaration[], bridge: AppBridge, log: (line: string) => void): void {
    for (const [index, one] of declared.entries()) {
      const notices = new Notices();
      this.notices.set(one.path, notices);
      const functions = functionsOf(index, one.path, bridge, log);
      const node: AppNode = { declared: one, functions, notices, ioctls: this.ioctls };
      this.devices.set(one.path, node);
      this.addOne(node);
    }
  }

  /** What open files of it refer to. */
  get parts(): Record<string, object> {
    return { notices: this.notices, devices: this.devices };
  }

  private addOne(node: AppNode): void {
    const { path } = node.declared;
    const root = rootOf(path) ?? refuse(`${path} is in no tree`);
    const tree = this.trees.get(root) ?? refuse(`${path}: this sandbox has no ${root}`);
    const names = toByteString(path.slice(root.length + 1)).split('/');
    const last = names.pop() ?? '';
    let at = '';
    for (const name of names) {
      const parent = tree.node(at) ?? refuse(`${path} is in no tree`);
      at += `/${name}`;
      if (tree.node(at) === undefined) this.nodes.add(parent, dir(name, []));
    }
    const parent = tree.node(at);
    if (parent?.row.kind !== 'dir') return refuse(`${path}: what is above it is no directory`);
    if (!this.nodes.add(parent, appRow(node, last))) refuse(`${path} is there already`);
  }

  notify(path: string): void {
    this.notices.get(path)?.notify();
  }
}

/** The caller's side: `sandbox.pseudo`. */
export class SandboxPseudo {
  constructor(private readonly backend: Backend) {}

  /** The declared file has changed, or the device has news: whoever waits for it (poll, a blocked read) looks again. */
  notify(path: string): Promise<void> {
    return this.backend.notifyPseudo(path);
  }

  /** 16 hexadecimal digits that two sandboxes share when their pseudo-files agree in number, place, kind and name. */
  digest(): Promise<string> {
    return this.backend.pseudoDigest();
  }
}
