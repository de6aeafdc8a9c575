/** Files of a running sandbox, seen from outside; works as the guest's root user, below its root. */
import type { Backend, FileReply, FileRequest } from './backend.js';
import type { FileEvent, FileStat } from './types.js';
import { FileWatcher } from './watch.js';

export interface WatchOptions {
  /** Everything below a folder too, also in folders that are made later. */
  readonly recursive?: boolean;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
}

export interface WriteOptions {
  /** Permission bits of a new file; default 0644. */
  readonly mode?: number;
}

/** `sandbox.fs`. Paths are absolute; a failure throws CulmError with the errno's name as its code. */
export class SandboxFiles {
  private readonly watchers = new Map<number, FileWatcher>();
  private nextWatch = 1;

  constructor(private readonly backend: Backend) {}

  private async ask<T extends FileReply>(request: FileRequest): Promise<T> {
    return (await this.backend.file(request)) as T;
  }

  read(path: string): Promise<Uint8Array> {
    return this.ask({ op: 'read', path });
  }

  async readText(path: string): Promise<string> {
    return new TextDecoder().decode(await this.read(path));
  }

  /** Makes or replaces a file. */
  async write(path: string, content: string | Uint8Array, options: WriteOptions = {}): Promise<void> {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    await this.ask({ op: 'write', path, content: bytes, mode: options.mode ?? 0o644 });
  }

  /** Names in a folder, without `.` and `..`, sorted. */
  list(path: string): Promise<readonly string[]> {
    return this.ask({ op: 'list', path });
  }

  stat(path: string): Promise<FileStat> {
    return this.ask({ op: 'stat', path });
  }

  /** As `stat`, but of a symbolic link itself. */
  lstat(path: string): Promise<FileStat> {
    return this.ask({ op: 'lstat', path });
  }

  readlink(path: string): Promise<string> {
    return this.ask({ op: 'readlink', path });
  }

  async exists(path: string): Promise<boolean> {
    try {
      await this.stat(path);
      return true;
    } catch {
      return false;
    }
  }

  async mkdir(path: string, options: { recursive?: boolean; mode?: number } = {}): Promise<void> {
    const { recursive = false, mode = 0o755 } = options;
    await this.ask({ op: 'mkdir', path, recursive, mode });
  }

  async rename(path: string, to: string): Promise<void> {
    await this.ask({ op: 'rename', path, to });
  }

  /** Makes `path` a symbolic link with the text `to`. */
  async symlink(to: string, path: string): Promise<void> {
    await this.ask({ op: 'symlink', path, to });
  }

  /** Removes a file or an empty folder; with `recursive` a folder and all below it. */
  async remove(path: string, options: { recursive?: boolean } = {}): Promise<void> {
    await this.ask({ op: options.recursive === true ? 'removeAll' : 'remove', path });
  }

  /**
   * What happens to a file, or to the names in a folder, from now on; by the sandbox's programs or through this object.
   * Ends when the file is removed, by `signal`, by leaving the loop, and with the sandbox. The first event throws
   * CulmError where the file cannot be watched.
   */
  watch(path: string, options: WatchOptions = {}): AsyncIterableIterator<FileEvent> {
    const { recursive = false, signal } = options;
    const id = this.nextWatch++;
    const cancel = (): void => {
      watcher.cancel();
    };
    const watcher: FileWatcher = new FileWatcher(() => {
      this.watchers.delete(id);
      signal?.removeEventListener('abort', cancel);
      void this.backend.unwatch(id).catch(() => undefined);
    });
    this.watchers.set(id, watcher);
    if (signal?.aborted === true) watcher.cancel();
    else {
      signal?.addEventListener('abort', cancel, { once: true });
      void this.begin(watcher, id, path, recursive);
    }
    return watcher;
  }

  private async begin(watcher: FileWatcher, id: number, path: string, recursive: boolean): Promise<void> {
    try {
      await this.backend.watch(id, path, recursive);
    } catch (error) {
      this.watchers.delete(id);
      watcher.finish(error);
    }
  }

  /** @internal */
  watched(id: number, events: readonly FileEvent[], ended: boolean): void {
    this.watchers.get(id)?.received(events);
    if (!ended) return;
    this.watchers.get(id)?.finish();
    this.watchers.delete(id);
  }

  /** @internal The sandbox has ended. */
  end(): void {
    for (const watcher of this.watchers.values()) watcher.finish();
    this.watchers.clear();
  }
}
