/** A sandbox as a file: its settings, the kernel with all that belongs to it, and the programs that the caller has started. */
import { anchorsOf, kernelParts, restoreKernel, saveKernel } from '../kernel/checkpoint/checkpoint.js';
import { findAnchors, type Anchors } from '../kernel/checkpoint/anchors.js';
import { Reader, Writer } from '../kernel/checkpoint/bytes.js';
import { Damaged, Refused } from '../kernel/checkpoint/damaged.js';
import {
  DIGEST,
  GZIP,
  NO_DIGEST,
  PLAIN,
  digestOf,
  fileHeader,
  openFile,
  type FileType,
} from '../kernel/checkpoint/file.js';
import type { LeftOut, SavedMemory } from '../kernel/checkpoint/machine.js';
import { GraphReader } from '../kernel/checkpoint/reader.js';
import { GraphWriter } from '../kernel/checkpoint/writer.js';
import type { Host, HostCrypto } from '../kernel/host.js';
import type { Kernel } from '../kernel/kernel.js';
import type { ProcessId, Settings, SnapshotFile } from './backend.js';
import type { AppBridge } from './bridge.js';
import type { Guest } from './guest.js';
import { joined } from './joined.js';
import type { Namespace } from './namespace.js';
import { CulmError } from './types.js';

/** What the server adds to the kernel. */
export interface ServerState {
  readonly guests: Map<ProcessId, Guest>;
  readonly nextId: ProcessId;
  readonly output: number;
}

/** What a file says of itself before anything of it is used. */
export interface SnapshotHeader {
  readonly settings: Settings;
  /** Of the pseudo-filesystems' nodes. */
  readonly nodes: string;
  /** The host's interface for reports about its hardware, by its name; null: it has none. */
  readonly attestation: string | null;
  /** Digest of the file on which this one builds. */
  readonly parent: string | null;
  /** Pages of the host's files are not in it: they are read again. */
  readonly leftOut: boolean;
  /** Names of the keys that the sandbox had. */
  readonly keys: readonly string[];
}

interface Root extends ServerState {
  readonly namespace: object;
}

export function sandboxAnchors(kernel: Kernel, namespace: Namespace, bridge: AppBridge): Anchors {
  return anchorsOf(kernel, { roots: { namespace: namespace.parts }, opaque: { bridge, ...namespace.named } });
}

const NO_ANCHORS = findAnchors({}, {});

/** The pieces of a file that is not compressed, behind its header. */
export function saveSandbox(
  kernel: Kernel,
  anchors: Anchors,
  header: SnapshotHeader,
  state: ServerState,
  namespace: Namespace,
  leftOut?: LeftOut,
): Uint8Array[] {
  const root: Root = { ...state, namespace: namespace.parts };
  const out = new Writer();
  const graph = new GraphWriter(NO_ANCHORS).write(header);
  out.count(graph.length);
  out.raw(graph);
  return [out.done(), ...saveKernel(kernel, anchors, root, leftOut)];
}

/** The parts of a file's content: what it says of itself, and the kernel's. */
export function readHeader(content: Uint8Array): { header: SnapshotHeader; kernel: Uint8Array } {
  const input = new Reader(content);
  const graph = input.raw(input.countOf(1));
  const header = new GraphReader(graph, NO_ANCHORS).read() as Partial<SnapshotHeader>;
  const { settings, nodes, attestation, parent, leftOut, keys } = header;
  if (typeof nodes !== 'string' || typeof settings !== 'object' || !Array.isArray(keys))
    throw new Damaged('it has no settings');
  if (attestation !== null && typeof attestation !== 'string')
    throw new Damaged('it does not say on what hardware it was taken');
  if ((parent !== null && typeof parent !== 'string') || typeof leftOut !== 'boolean')
    throw new Damaged('it does not say what is in it');
  return { header: header as SnapshotHeader, kernel: input.raw(input.left) };
}

/** The state of the server as it was saved; the kernel has its own. */
export function restoreSandbox(
  kernel: Kernel,
  anchors: Anchors,
  bytes: Uint8Array,
  parents?: readonly SavedMemory[],
): ServerState {
  const { guests, nextId, output } = restoreKernel(kernel, anchors, bytes, parents) as Partial<Root>;
  if (!(guests instanceof Map) || typeof nextId !== 'number' || typeof output !== 'number')
    throw new Damaged('it has no programs');
  return { guests, nextId, output };
}

/** A whole file, from its content. */
export async function packFile(
  crypto: HostCrypto,
  content: readonly Uint8Array[],
  compress: boolean,
  type: FileType = 'snapshot',
  sealed = true,
): Promise<Uint8Array[]> {
  const body = compress ? await through(new CompressionStream('gzip'), content) : content;
  const pieces = [fileHeader(compress ? GZIP : PLAIN, type), ...body];
  return [...pieces, sealed ? digestOf(crypto, pieces) : NO_DIGEST.slice()];
}

/** What opening a file needs of the host. */
export type Opener = Pick<Host, 'crypto' | 'gunzip'>;

/** `sealed`: it has a digest, as all files have that leave the host process. */
export async function unpackFile(
  { crypto, gunzip }: Opener,
  bytes: Uint8Array,
  type: FileType = 'snapshot',
  sealed = true,
): Promise<Uint8Array> {
  const { compression, content } = openFile(sealed ? crypto : null, bytes, type);
  if (compression === PLAIN) return content;
  try {
    // At once where that can be: streams cost as much again as what goes through them.
    if (gunzip !== undefined) return gunzip(content);
    return joined(await through(new DecompressionStream('gzip'), [content]));
  } catch {
    throw new Damaged('it cannot be decompressed');
  }
}

/** A file that has been opened, with those on which it builds. */
export interface OpenSnapshot {
  readonly header: SnapshotHeader;
  readonly kernel: Uint8Array;
  /** Of all files before it, the oldest first. */
  readonly parents: readonly SavedMemory[];
  /** Of the file. */
  readonly digest: string;
}

/** Opens the last of these files; each has to be what the next one builds on. Those in pieces are of this host process. */
export async function openChain(host: Opener, files: readonly SnapshotFile[]): Promise<OpenSnapshot> {
  const parents: SavedMemory[] = [];
  let before: string | null = null;
  for (const [i, given] of files.entries()) {
    const sealed = given instanceof Uint8Array;
    const file = sealed ? given : joined(given);
    const { header, kernel } = readHeader(await unpackFile(host, file, 'snapshot', sealed));
    if (header.parent !== before) throw new Refused(wrongParent(header.parent, before));
    const digest = digestText(file);
    if (i === files.length - 1) return { header, kernel, parents, digest };
    parents.push(kernelParts(kernel).memory);
    before = digest;
  }
  throw new Refused('there is none');
}

function wrongParent(wanted: string | null, given: string | null): string {
  if (wanted === null) return 'it builds on no other one';
  const name = `the snapshot ${wanted.slice(0, 12)}`;
  return given === null
    ? `it builds on ${name}, which is not given`
    : `it builds on ${name}, not on ${given.slice(0, 12)}`;
}

/** The digest at a checked file's end, in hexadecimal. */
export function digestText(file: Uint8Array): string {
  return Array.from(file.subarray(-DIGEST), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

type ByteTransform = CompressionStream | DecompressionStream;

async function through(transform: ByteTransform, pieces: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const writer = transform.writable.getWriter();
  const written = (async () => {
    for (const piece of pieces) await writer.write(piece as Uint8Array<ArrayBuffer>);
    await writer.close();
  })();
  const out: Uint8Array[] = [];
  // A failure of the writing half is the reading half's, too.
  written.catch(() => undefined);
  for await (const piece of transform.readable as unknown as AsyncIterable<Uint8Array>) out.push(piece);
  await written;
  return out;
}

/** What was thrown while a snapshot was read, as users see it. */
export function snapshotError(error: unknown): CulmError {
  if (error instanceof CulmError) return error;
  if (error instanceof Damaged) return new CulmError('snapshot', `the snapshot is damaged: ${error.message}`);
  if (error instanceof Refused)
    return new CulmError('snapshot', `the snapshot cannot be restored: ${error.message}`);
  const text = error instanceof Error ? error.message : String(error);
  return new CulmError('snapshot', `the snapshot does not fit this Culm: ${text}`);
}
