/**
 * A whole kernel as bytes, and back.
 *
 *   registry   what is told of each class, beside the class
 *   anchors    what all kernels of the same settings have, by name
 *   writer     a graph of objects to bytes;  reader  back
 *   machine    frames and address spaces
 *   file       the sections in a file, with version and digest
 *
 * A checkpoint is taken between two steps, when no thread runs. Restoring begins with a new kernel of the same settings;
 * its own objects get the checkpoint's state and keep their identity, all others are made. Nothing runs before all is
 * there: what does not fit throws Damaged or Refused, and the kernel that was begun is to be dropped.
 */
import type { Kernel } from '../kernel.js';
import { findAnchors, type Anchors } from './anchors.js';
import { Reader, Writer } from './bytes.js';
import { Damaged } from './damaged.js';
import {
  checkHolders,
  isUsed,
  machineParts,
  readFrames,
  restoreFrames,
  saveFrames,
  type LeftOut,
  type SavedMemory,
} from './machine.js';
import { GraphReader } from './reader.js';
import { GraphWriter } from './writer.js';

/** What a sandbox consists of beside its kernel. */
export interface Surroundings {
  /** Where the search for what all kernels have begins. */
  readonly roots: Readonly<Record<string, object>>;
  /** What is only ever named: the host, numbered nodes. */
  readonly opaque: Readonly<Record<string, object>>;
}

/** To be called before the first program starts, while all that is there is what every kernel has. */
export function anchorsOf(kernel: Kernel, { roots, opaque }: Surroundings): Anchors {
  const named: Record<string, object> = { host: kernel.host };
  for (const [key, part] of Object.entries(kernel.host))
    if (part !== null) named[`host.${key}`] = part as object;
  for (const [key, part] of Object.entries(machineParts(kernel.machine))) named[`machine.${key}`] = part;
  return findAnchors({ kernel, ...roots }, { ...named, machine: kernel.machine, ...opaque });
}

/** Everything that can be reached from `root`, the kernel and its memory; in pieces. */
export function saveKernel(kernel: Kernel, anchors: Anchors, root: object, leftOut?: LeftOut): Uint8Array[] {
  kernel.park();
  const out = new Writer();
  const graph = new GraphWriter(anchors).write({ kernel, root });
  out.f64(kernel.clock.nowMs());
  out.count(graph.length);
  out.raw(graph);
  return [out.done(), ...saveFrames(kernel.machine, leftOut)];
}

/** A checkpoint's parts, not yet understood. */
export interface KernelParts {
  readonly nowMs: number;
  readonly graph: Uint8Array;
  readonly memory: SavedMemory;
}

export function kernelParts(bytes: Uint8Array): KernelParts {
  const input = new Reader(bytes);
  const nowMs = input.f64();
  if (!Number.isFinite(nowMs)) throw new Damaged('its time is none');
  const graph = input.raw(input.countOf(1));
  return { nowMs, graph, memory: readFrames(new Reader(input.raw(input.left))) };
}

/** The root that was saved, in the state in which it was. `parents`: the memory on which the checkpoint builds. */
export function restoreKernel(
  kernel: Kernel,
  anchors: Anchors,
  bytes: Uint8Array,
  parents: readonly SavedMemory[] = [],
): object {
  const { nowMs, graph, memory } = kernelParts(bytes);
  kernel.park();
  restoreFrames(kernel.machine, [...parents, memory]);
  const reader = new GraphReader(graph, anchors);
  const { kernel: same, root } = reader.read() as { kernel: unknown; root: unknown };
  if (same !== kernel || typeof root !== 'object' || root === null) throw new Damaged('it has no root');
  if (!isUsed(kernel.machine.frames, kernel.zeroFrame)) throw new Damaged('its page of zeros lies nowhere');
  checkHolders(kernel.machine, reader.made);
  kernel.clock.resumeAt(nowMs);
  return root;
}
