/** Files of a running sandbox, seen from outside; works as the guest's root user, below its root. */
import type { Backend, FileReply, FileRequest } from './backend.js';
import type { FileStat } from './types.js';

export interface WriteOptions {
  /** Permission bits of a new file; default 0644. */
  readonly mode?: number;
}

/** `sandbox.fs`. Paths are absolute; a failure throws CulmError with the errno's name as its code. */
export class SandboxFiles {
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
}
