/** A sandbox as a file: its settings, the kernel with all that belongs to it, and the programs that the caller has started. */
import { anchorsOf, restoreKernel, saveKernel } from '../kernel/checkpoint/checkpoint.js';
import { findAnchors, type Anchors } from '../kernel/checkpoint/anchors.js';
import { Reader, Writer } from '../kernel/checkpoint/bytes.js';
import { Damaged, Refused } from '../kernel/checkpoint/damaged.js';
import { GZIP, PLAIN, digestOf, fileHeader, openFile } from '../kernel/checkpoint/file.js';
import { GraphReader } from '../kernel/checkpoint/reader.js';
import { GraphWriter } from '../kernel/checkpoint/writer.js';
import type { HostCrypto } from '../kernel/host.js';
import type { Kernel } from '../kernel/kernel.js';
import type { ProcessId, Settings } from './backend.js';
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
): Uint8Array[] {
  const root: Root = { ...state, namespace: namespace.parts };
  const out = new Writer();
  const graph = new GraphWriter(NO_ANCHORS).write(header);
  out.count(graph.length);
  out.raw(graph);
  return [out.done(), ...saveKernel(kernel, anchors, root)];
}

/** The parts of a file's content: what it says of itself, and the kernel's. */
export function readHeader(content: Uint8Array): { header: SnapshotHeader; kernel: Uint8Array } {
  const input = new Reader(content);
  const graph = input.raw(input.countOf(1));
  const header = new GraphReader(graph, NO_ANCHORS).read() as Partial<SnapshotHeader>;
  if (typeof header.nodes !== 'string' || typeof header.settings !== 'object')
    throw new Damaged('it has no settings');
  return { header: header as SnapshotHeader, kernel: input.raw(input.left) };
}

/** The state of the server as it was saved; the kernel has its own. */
export function restoreSandbox(kernel: Kernel, anchors: Anchors, bytes: Uint8Array): ServerState {
  const { guests, nextId, output } = restoreKernel(kernel, anchors, bytes) as Partial<Root>;
  if (!(guests instanceof Map) || typeof nextId !== 'number' || typeof output !== 'number')
    throw new Damaged('it has no programs');
  return { guests, nextId, output };
}

/** A whole file, from its content. */
export async function packFile(
  crypto: HostCrypto,
  content: readonly Uint8Array[],
  compress: boolean,
): Promise<Uint8Array[]> {
  const body = compress ? await through(new CompressionStream('gzip'), content) : content;
  const pieces = [fileHeader(compress ? GZIP : PLAIN), ...body];
  return [...pieces, digestOf(crypto, pieces)];
}

export async function unpackFile(crypto: HostCrypto, bytes: Uint8Array): Promise<Uint8Array> {
  const { compression, content } = openFile(crypto, bytes);
  if (compression === PLAIN) return content;
  try {
    return joined(await through(new DecompressionStream('gzip'), [content]));
  } catch {
    throw new Damaged('it cannot be decompressed');
  }
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
