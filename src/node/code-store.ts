/**
 * Code in files of the host, for the next run, in ~/.cache/culm/BUILD: PROGRAM.N.code is what a sandbox reads, PROGRAM.N.parts
 * what it is linked from, PROGRAM.N.VERSION.native what that version of V8 has made of it; N counts the runs that had
 * something to add. BUILD stands for the translator that made it. A file is used only if it belongs to the user alone
 * and is whole; whoever writes replaces it at once.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { guardFolder } from '../host/node/guard.js';
import type { RegionSource } from '../machine/code/types.js';
import { BUILD } from '../machine/core/prebuilt.js';
import {
  linkBySize,
  linkToBeKept,
  type LinkedRegions,
  type RegionObject,
} from '../machine/translate/link.js';
import type { KeptCode, KeptProgram, ModuleInUse } from '../machine/types.js';
import type { WasmModule } from '../machine/wasm/webassembly.js';
import { DEFAULT_BUDGET, compile } from './compile.js';
import { KEEPS_NATIVE, compileFrom, countOptimised, nativeOf, type Native } from './native-code.js';

/** Bytes of a program's files: more than that would take longer to read than it saves. */
const LARGEST = 256 << 20;
/** What can be linked anew while a program's end waits for it. */
const MOST_TO_LINK = 16 << 20;
/** Bytes of all files; beyond that the oldest go. */
const MOST_BYTES = 1 << 30;
/** Additions to a program; one more, and all its regions are linked anew, and V8 begins again with them. */
const MOST_ADDITIONS = 32;
/** How many runs share the time that V8 takes to optimise what is kept: it does it so much sooner. */
const SHARED_BY = 32;
/** The part, 1 / WORTH, of a file's optimised functions that must be new to be written down. */
const WORTH = 20;
const DIGEST = 32;
const { O_NOFOLLOW, O_RDONLY } = constants;

/** Of modules that were loaded, what was kept. */
interface Loaded {
  /** With others in one file. */
  readonly name: string;
  readonly digest: string;
  readonly budget: number;
  /** How many of its functions came optimised. */
  readonly ready: number;
}
const LOADED = new WeakMap<WasmModule, Loaded>();
const CORE = 'core';

/** Where code is kept, or null: CULM_CACHE is a folder, or 'off'. */
export function cacheFolder(env: Readonly<Record<string, string | undefined>>): string | null {
  const { CULM_CACHE, XDG_CACHE_HOME } = env;
  if (BUILD === '' || CULM_CACHE === 'off') return null;
  if (CULM_CACHE !== undefined && CULM_CACHE !== '') return CULM_CACHE;
  const home =
    XDG_CACHE_HOME !== undefined && XDG_CACHE_HOME !== '' ? XDG_CACHE_HOME : join(homedir(), '.cache');
  return home.startsWith('/') ? join(home, 'culm') : null;
}

export class CodeStore implements KeptCode {
  private readonly folder: string;

  private constructor(private readonly base: string) {
    this.folder = join(base, BUILD);
  }

  /** In this folder, which no guest enters from now on; null if it cannot be had, or others may write to it. */
  static open(base: string): CodeStore | null {
    try {
      mkdirSync(base, { recursive: true, mode: 0o700 });
      const real = realpathSync(base);
      if (!isOwn(lstatSync(real))) return null;
      guardFolder(real);
      return new CodeStore(real);
    } catch {
      return null;
    }
  }

  core(bytes: Uint8Array): WasmModule {
    return this.compile(CORE, bytes, DEFAULT_BUDGET, this.natives(CORE));
  }

  load(program: string): KeptProgram | null {
    const kept = this.additions(program).flatMap((name) => {
      const linked = (this.read(`${name}.code`) ?? []) as readonly LinkedRegions<RegionSource>[];
      const natives = this.natives(name);
      return linked.map(({ regions, bytes, budget }) => {
        const module = this.compile(name, bytes, budget / SHARED_BY, natives);
        return { module, regions, ready: LOADED.get(module)?.ready ?? 0 };
      });
    });
    return kept.length === 0 ? null : kept;
  }

  private compile(
    name: string,
    bytes: Uint8Array,
    budget: number,
    natives: ReadonlyMap<string, Native>,
  ): WasmModule {
    const key = digest(bytes).toString('base64');
    const native = natives.get(key);
    const ready = native === undefined ? null : compileFrom(native, bytes, budget);
    const module = ready ?? compile(bytes, budget);
    LOADED.set(module, { name, digest: key, budget, ready: ready === null ? 0 : (native?.optimised ?? 0) });
    return module;
  }

  /** Names of files without their ends, from the first that was added on. */
  private additions(program: string): string[] {
    const names: string[] = [];
    for (let n = 0; n < MOST_ADDITIONS; n++) {
      const name = `${program}.${n}`;
      if (!existsSync(join(this.folder, `${name}.code`))) break;
      names.push(name);
    }
    return names;
  }

  /** By the digests of modules. */
  private natives(name: string): ReadonlyMap<string, Native> {
    if (!KEEPS_NATIVE) return new Map();
    return (this.read(nativeName(name)) ?? new Map()) as ReadonlyMap<string, Native>;
  }

  keep(modules: readonly ModuleInUse[]): void {
    const files = new Map<string, (Loaded & ModuleInUse)[]>();
    for (const inUse of modules) {
      const loaded = LOADED.get(inUse.module);
      if (loaded === undefined) continue;
      const together = files.get(loaded.name) ?? [];
      together.push({ ...loaded, ...inUse });
      files.set(loaded.name, together);
    }
    for (const [name, together] of files) this.keepNative(name, together);
  }

  private keepNative(name: string, modules: readonly (Loaded & ModuleInUse)[]): void {
    const before = modules.reduce((sum, { ready }) => sum + ready, 0);
    const now = modules.reduce((sum, { functions }) => sum + countOptimised(functions()), 0);
    if (now === before || now - before < before / WORTH) return;
    const natives = new Map<string, Native>();
    for (const { digest: key, budget, module, functions } of modules) {
      const native = nativeOf(module, budget, functions());
      if (native !== null) natives.set(key, native);
    }
    this.tryWrite(nativeName(name), natives);
  }

  /** Adds regions to what is kept of a program; of regions with the same entry and code the new one stays. */
  add(program: string, regions: readonly RegionObject[]): void {
    const names = this.additions(program);
    const isFull = names.length === MOST_ADDITIONS;
    const before = names.reduce((sum, name) => sum + statSync(join(this.folder, `${name}.code`)).size, 0);
    if (before > (isFull ? MOST_TO_LINK : LARGEST)) return;
    const added = isFull ? this.merged(names, regions) : regions;
    const linked = link(added);
    if (isFull) for (const name of names) rmSync(join(this.folder, `${name}.code`), { force: true });
    const name = `${program}.${isFull ? 0 : names.length}`;
    this.tryWrite(`${name}.parts`, added);
    this.tryWrite(`${name}.code`, linked);
    this.prune();
  }

  private merged(names: readonly string[], regions: readonly RegionObject[]): RegionObject[] {
    const before = names.flatMap((name) => (this.read(`${name}.parts`) ?? []) as RegionObject[]);
    const merged = new Map<string, RegionObject>();
    for (const region of [...before, ...regions]) merged.set(`${region.entry} ${hash(region.code)}`, region);
    return [...merged.values()];
  }

  /** Null for what is not there, not whole, or could have been written by somebody else. */
  private read(name: string): unknown {
    let file: number;
    try {
      if (!isOwn(lstatSync(this.base)) || !isOwn(lstatSync(this.folder))) return null;
      file = openSync(join(this.folder, name), O_RDONLY | O_NOFOLLOW);
    } catch {
      return null;
    }
    try {
      const stat = fstatSync(file);
      if (!stat.isFile() || !isOwn(stat) || stat.size < DIGEST || stat.size > LARGEST) return null;
      const bytes = Buffer.allocUnsafe(stat.size);
      if (readSync(file, bytes, 0, stat.size, 0) !== stat.size) return null;
      const content = bytes.subarray(DIGEST);
      return digest(content).equals(bytes.subarray(0, DIGEST)) ? (deserialize(content) as unknown) : null;
    } catch {
      return null;
    } finally {
      closeSync(file);
    }
  }

  /** What cannot be written is made again another time. */
  private tryWrite(name: string, value: unknown): void {
    try {
      this.write(name, value);
    } catch {
      rmSync(join(this.folder, name), { force: true });
    }
  }

  private write(name: string, value: unknown): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const content = serialize(value);
    const path = join(this.folder, name);
    const temporary = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
    writeFileSync(temporary, Buffer.concat([digest(content), content]), { mode: 0o600, flag: 'wx' });
    renameSync(temporary, path);
  }

  /** Of all builds' files, those that were written longest ago go first. */
  private prune(): void {
    const entries = readdirSync(this.base, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath ?? entry.path, entry.name);
        const { size, mtimeMs } = statSync(path);
        return { path, size, mtimeMs };
      });
    files.sort((a, b) => b.mtimeMs - a.mtimeMs);
    let sum = 0;
    for (const { path, size } of files) {
      sum += size;
      if (sum > MOST_BYTES) rmSync(path, { force: true });
    }
  }
}

function link(objects: readonly RegionObject[]): LinkedRegions<RegionSource>[] {
  return linkBySize(objects, linkToBeKept).map(({ regions, bytes, budget }) => ({
    regions: regions.map(({ entry, ranges, code }) => ({ entry, ranges, code })),
    bytes,
    budget,
  }));
}

function nativeName(name: string): string {
  return `${name}.${process.versions.v8}.native`;
}

interface Owned {
  readonly uid: number;
  readonly mode: number;
}

/** Nobody else can write to it. */
function isOwn({ uid, mode }: Owned): boolean {
  return uid === process.getuid?.() && (mode & 0o022) === 0;
}

function digest(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function hash(code: Uint8Array): string {
  return createHash('sha1').update(code).digest('base64');
}
