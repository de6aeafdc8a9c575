/** Mounts and files of processes that have come, as this kernel has them; what is in memory is made if it is not there. */
import { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } from '../../abi/fcntl.js';
import { errnoName } from '../../abi/errno-names.js';
import { S_IFDIR, S_IFIFO, S_IFMT, S_IFREG } from '../../abi/stat.js';
import { ENOENT, type Errno } from '../../errno.js';
import { chmod, chown, utimens } from '../../fs/attributes.js';
import { BufferSink, BufferSource } from '../../fs/buffer.js';
import { mkdir, mknod } from '../../fs/create.js';
import { pinDentry, unattachedDentry, unpinDentry } from '../../fs/dentry.js';
import { newHandle, releaseHandle } from '../../fs/handle.js';
import { rmdir, unlink } from '../../fs/remove.js';
import { open } from '../../fs/open.js';
import type { Dentry, Handle, Inode, Location, Mount, PathContext } from '../../fs/types.js';
import { walk } from '../../fs/walk.js';
import { Damaged } from '../damaged.js';
import type { MovedFile, MovedMount } from './format.js';

export class ArrivedFiles {
  private readonly places: (Dentry | null)[] = [];
  private readonly undo: (() => void)[] = [];

  constructor(
    private readonly mounts: readonly Mount[],
    private readonly names: readonly MovedMount[],
    private readonly context: PathContext,
    private readonly problem: (what: string) => void,
  ) {}

  /** Finds or makes them, in order: folders come before what is in them. */
  find(files: readonly MovedFile[]): void {
    for (const file of files) this.places.push(this.place(file));
  }

  dentry(number: number): Dentry | undefined {
    return this.places[number] ?? undefined;
  }

  inode(number: number): Inode | undefined {
    return this.dentry(number)?.inode ?? undefined;
  }

  /** Takes back what has been made. */
  release(): void {
    for (const step of this.undo.splice(0).reverse()) step();
  }

  private shown({ mount, path }: MovedFile): string {
    return `${(this.names[mount]?.path ?? '').replace(/\/*$/, '/')}${path}`;
  }

  private place(file: MovedFile): Dentry | null {
    const mount = this.mounts[file.mount];
    if (mount === undefined) throw new Damaged('a file has no mount');
    const root = { mount, dentry: mount.root };
    if (file.deleted) return this.unnamed(root, file);
    const found = file.path === '' ? root : walk(this.context, root, file.path, 0);
    if (found === ENOENT && file.origin === 'memory') return this.make(root, file);
    if (typeof found === 'number')
      return this.wrong(file, found === ENOENT ? 'does not exist' : errnoName(found));
    const { inode } = found.dentry;
    if (found.mount !== mount || inode === null) return this.wrong(file, 'lies in another mount');
    return this.check(file, found.dentry, inode);
  }

  private wrong(file: MovedFile, what: string): null {
    this.problem(`${this.shown(file)} ${what} in the other sandbox`);
    return null;
  }

  private check(file: MovedFile, dentry: Dentry, inode: Inode): Dentry | null {
    inode.fs.refresh?.(inode);
    if ((inode.mode & S_IFMT) !== (file.mode & S_IFMT))
      return this.wrong(file, 'is no file of the same type');
    if ((file.mode & S_IFMT) !== S_IFREG || file.origin === 'given') return dentry;
    const { size, mtime } = file;
    if (file.content !== null)
      return isSameContent(file.content, inode, dentry) ? dentry : this.wrong(file, 'is another file');
    const same = inode.size === size && inode.mtime.sec === mtime.sec && inode.mtime.nsec === mtime.nsec;
    return same ? dentry : this.wrong(file, 'is another file');
  }

  private make(root: Location, file: MovedFile): Dentry | null {
    const type = file.mode & S_IFMT;
    const made =
      type === S_IFDIR
        ? mkdir(this.context, root, file.path, file.mode & 0o7777)
        : type === S_IFREG
          ? this.write(open(this.context, root, file.path, { flags: MAKE, mode: file.mode & 0o7777 }), file)
          : type === S_IFIFO
            ? mknod(this.context, root, file.path, file.mode, 0)
            : ENOENT;
    if (made !== 0) return this.wrong(file, `cannot be made (${errnoName(made)})`);
    const remove = type === S_IFDIR ? rmdir : unlink;
    this.undo.push(() => void remove(this.context, root, file.path));
    const place = walk(this.context, root, file.path, 0);
    if (typeof place === 'number') return this.wrong(file, `cannot be made (${errnoName(place)})`);
    this.dress(place, file);
    return place.dentry;
  }

  private write(handle: Handle | Errno, { content }: MovedFile): 0 | Errno {
    if (typeof handle === 'number') return handle;
    const source = new BufferSource(content ?? new Uint8Array(0));
    let failed: 0 | Errno = 0;
    for (let at = 0; source.remaining > 0 && failed === 0;) {
      const count = handle.ops.write(handle, source, at);
      if (count <= 0) failed = count === 0 ? ENOENT : (count as Errno);
      at += count;
    }
    releaseHandle(handle);
    return failed;
  }

  /** Owner, mode and times. */
  private dress(place: Location, { uid, gid, mode, mtime }: MovedFile): void {
    chown(this.context, place, uid, gid);
    chmod(this.context, place, mode & 0o7777);
    utimens(this.context, place, null, mtime);
  }

  /** A file in memory that has no name any more: made without one, and shown as it was. */
  private unnamed({ mount, dentry: top }: Location, file: MovedFile): Dentry | null {
    const dir = top.inode;
    const made = dir?.fs.tmpfile?.(dir, file.mode & 0o7777, this.context.cred) ?? ENOENT;
    if (typeof made === 'number') return this.wrong(file, `cannot be made (${errnoName(made)})`);
    const dentry = unattachedDentry(file.path.slice(file.path.lastIndexOf('/') + 1), made);
    const folder = file.path.includes('/') ? file.path.slice(0, file.path.lastIndexOf('/')) : '';
    const root = { mount, dentry: top };
    const parent = folder === '' ? root : walk(this.context, root, folder, 0);
    if (typeof parent === 'number') return this.wrong(file, `cannot be made (${errnoName(parent)})`);
    dentry.parent = parent.dentry;
    dentry.deleted = true;
    this.undo.push(() => {
      pinDentry(dentry);
      unpinDentry(dentry);
    });
    const place = { mount, dentry };
    const ops = made.fs.open(made, O_RDWR, dentry);
    const failed = this.write(typeof ops === 'number' ? ops : newHandle(made, null, O_RDWR, ops), file);
    if (failed !== 0) return this.wrong(file, `cannot be made (${errnoName(failed)})`);
    this.dress(place, file);
    return dentry;
  }
}

const MAKE = O_CREAT | O_EXCL | O_RDWR;

function isSameContent(content: Uint8Array, inode: Inode, dentry: Dentry): boolean {
  if (inode.size !== content.length) return false;
  const ops = inode.fs.open(inode, O_RDONLY, dentry);
  if (typeof ops === 'number') return false;
  const handle = newHandle(inode, null, O_RDONLY, ops);
  const sink = new BufferSink(new Uint8Array(content.length));
  let count = 1;
  while (count > 0 && sink.remaining > 0) count = ops.read(handle, sink, sink.length);
  releaseHandle(handle);
  return sink.remaining === 0 && content.every((byte, i) => byte === sink.bytes[i]);
}
