/** What is in a snapshot, without anything of it coming to life. */
import { kernelContents, type KernelContents } from '../kernel/checkpoint/contents.js';
import { kernelParts } from '../kernel/checkpoint/checkpoint.js';
import { VERSION } from '../kernel/checkpoint/file.js';
import { mergedContent } from '../kernel/checkpoint/machine.js';
import type { HostCrypto } from '../kernel/host.js';
import type { Settings } from './backend.js';
import { openChain, snapshotError } from './snapshot.js';
import { fromByteString } from './text.js';

export interface SnapshotContents extends KernelContents {
  /** Of the format. */
  readonly version: number;
  /** SHA-256, by which another snapshot names this one as its parent. */
  readonly digest: string;
  readonly parent: string | null;
  /** Bytes of the file, and of what is in it when it is not compressed. */
  readonly size: number;
  readonly contentSize: number;
  /** Pages of host files are in it. */
  readonly hostPages: boolean;
  /** Names of keys that it needs or has. */
  readonly keys: readonly string[];
  /** It has the keys themselves. */
  readonly holdsKeys: boolean;
  /** What the sandbox was made with, without keys. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Of the last of these files, which builds on those before it. Throws CulmError as a restore does. */
export async function snapshotContents(
  crypto: HostCrypto,
  files: readonly Uint8Array[],
): Promise<SnapshotContents> {
  try {
    const { header, kernel, parents, digest } = await openChain({ crypto }, files);
    const parts = kernelParts(kernel);
    return {
      version: VERSION,
      digest,
      parent: header.parent,
      size: files.at(-1)?.length ?? 0,
      contentSize: kernel.length,
      hostPages: !header.leftOut,
      keys: header.keys,
      holdsKeys: header.settings.keys.size > 0,
      settings: plain(header.settings),
      ...decoded(kernelContents(parts, mergedContent([...parents, parts.memory]))),
    };
  } catch (error) {
    throw snapshotError(error);
  }
}

/** With ordinary strings. */
function decoded(contents: KernelContents): KernelContents {
  const { processes, mounts, ...rest } = contents;
  return {
    ...rest,
    processes: processes.map(({ argv, executable, cwd, threads, files, ...process }) => ({
      ...process,
      argv: argv.map(fromByteString),
      executable: fromByteString(executable),
      cwd: fromByteString(cwd),
      threads: threads.map((thread) => ({ ...thread, name: fromByteString(thread.name) })),
      files: files.map((file) => ({ ...file, path: fromByteString(file.path) })),
    })),
    mounts: mounts.map((mount) => ({ ...mount, path: fromByteString(mount.path) })),
  };
}

/** As JSON can have it. */
function plain({ keys: _keys, mockSyscalls, limits, ...settings }: Settings): Record<string, unknown> {
  const finite = Object.entries(limits).map(([name, limit]) => [name, Number.isFinite(limit) ? limit : null]);
  return {
    ...settings,
    limits: Object.fromEntries(finite) as Record<string, number | null>,
    mockSyscalls: Object.fromEntries(mockSyscalls),
  };
}
