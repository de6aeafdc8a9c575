/** What a sandbox shows of the host's files: folders, single files, encrypted folders, all kept to the same rules. */
import { errnoName } from '../kernel/abi/errno-names.js';
import { ENOTDIR } from '../kernel/errno.js';
import { EncryptedFolder, type EncryptedTree } from '../kernel/fs/encrypted/folder.js';
import type { KeyRing } from '../kernel/fs/encrypted/keys.js';
import { ReadOnlyFolder } from '../kernel/fs/hostfs/readonly.js';
import { HostFs, type HostFsOptions } from '../kernel/fs/hostfs/hostfs.js';
import { FileGuard } from '../kernel/fs/trusted/guard.js';
import { FileRules } from '../kernel/fs/trusted/rules.js';
import type { FrameMemory } from '../kernel/fs/types.js';
import type { HostCanonical, HostFiles, HostFolder } from '../kernel/host.js';
import type { Kernel } from '../kernel/kernel.js';
import type { PlainMount, Settings } from './backend.js';
import { toByteString } from './text.js';
import { CulmError } from './types.js';

export type HostMount = Extract<PlainMount, { type: 'host' }>;
type EncryptedMount = Extract<PlainMount, { type: 'encrypted' }>;

/** A single file: its folder, and its name in it as a byte string. */
export interface HostFilePlace {
  readonly folder: string;
  readonly name: string;
}

interface Surroundings {
  readonly kernel: Kernel;
  readonly memory: FrameMemory;
  readonly keys: KeyRing;
  readonly check: Settings['fileCheck'];
  readonly allocateDev: () => number;
}

export class HostFilesystems {
  private readonly all: HostFs[] = [];
  private readonly guard: FileGuard | null;

  constructor(private readonly around: Surroundings) {
    const { kernel, check } = around;
    const log = (line: string): void => kernel.log(line);
    this.guard = check === null ? null : new FileGuard(this.rules(check), kernel.host.crypto, log);
  }

  private get files(): HostFiles {
    const { files } = this.around.kernel.host;
    if (files === null) throw new CulmError('option', 'this host has no files');
    return files;
  }

  private canonical(path: string, what: string): HostCanonical {
    const found = this.files.canonical(toByteString(path));
    if (typeof found === 'number') throw new CulmError('option', `${what}: ${path}: ${errnoName(found)}`);
    return found;
  }

  private rules({ policy, trusted, allowed }: NonNullable<Settings['fileCheck']>): FileRules {
    return new FileRules({
      strict: policy === 'strict',
      trusted: trusted.map(({ path, sha256 }) => ({ at: this.canonical(path, 'a trusted file'), sha256 })),
      allowed: allowed.map((path) => this.canonical(path, 'an allowed file')),
    });
  }

  /** A folder as it is. `what` begins the message if it cannot be had. */
  folder(path: string, readOnly: boolean, what: string): HostFs {
    const folder = this.openRoot(path, what);
    const at = this.canonical(path, what).path;
    const guarded = this.guard === null ? {} : { guarded: { guard: this.guard, path: at } };
    const kept = readOnly ? new ReadOnlyFolder(folder) : folder;
    return this.make(kept, { readOnly, ...guarded }, `${what}: ${path}`);
  }

  /** A folder of protected files. They vouch for themselves: the rules for files are not asked. */
  encrypted({ source, key = 'default', recovery = false, boundAs }: EncryptedMount, what: string): HostFs {
    const { kernel, keys } = this.around;
    keys.declare(key);
    const tree: EncryptedTree = {
      crypto: kernel.host.crypto,
      random: (into) => kernel.host.random(into),
      realtime: (out) => kernel.host.clock.realtime(out),
      key: () => keys.get(key),
      recovery,
      log: (line) => kernel.log(line),
      open: new Map(),
      sizes: new Map(),
    };
    const base = this.openRoot(source, what);
    const folder = new EncryptedFolder(base, toByteString(boundAs ?? source), tree);
    return this.make(folder, {}, `${what}: ${source}`);
  }

  /** Where a mount's source is a file, not a folder. */
  file({ source }: HostMount): HostFilePlace | null {
    const { path } = this.canonical(source, 'a mount');
    const folder = this.files.openRoot(path);
    if (typeof folder !== 'number') folder.close();
    if (folder !== ENOTDIR) return null;
    const slash = path.lastIndexOf('/');
    const bytes = Uint8Array.from(path.slice(0, slash), (c) => c.charCodeAt(0));
    return { folder: slash === 0 ? '/' : new TextDecoder().decode(bytes), name: path.slice(slash + 1) };
  }

  private openRoot(path: string, what: string): HostFolder {
    const folder = this.files.openRoot(toByteString(path));
    if (typeof folder === 'number') throw new CulmError('option', `${what}: ${path}: ${errnoName(folder)}`);
    return folder;
  }

  private make(
    folder: HostFolder,
    options: Pick<HostFsOptions, 'readOnly' | 'guarded'>,
    what: string,
  ): HostFs {
    const { kernel, memory, allocateDev } = this.around;
    const fs = HostFs.create({ folder, clock: kernel.host.clock, memory, dev: allocateDev(), ...options });
    if (typeof fs === 'number') throw new CulmError('option', `${what}: ${errnoName(fs)}`);
    this.all.push(fs);
    return fs;
  }

  distrust(): void {
    for (const fs of this.all) fs.distrust();
  }

  rebind(leftOut: boolean, problem: (what: string) => void): void {
    for (const fs of this.all) fs.rebind(leftOut, problem);
  }

  pages(): ReadonlySet<number> {
    const frames = new Set<number>();
    for (const fs of this.all) fs.cleanFrames(frames);
    return frames;
  }

  /** The same when the state may be broken: it comes from a damaged snapshot, or the kernel has failed. */
  abandon(): void {
    for (const fs of this.all)
      try {
        fs.close();
      } catch {
        fs.abandon();
      }
    this.all.length = 0;
  }

  close(): void {
    for (const fs of this.all) fs.close();
    this.all.length = 0;
  }
}
