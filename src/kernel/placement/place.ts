/** Which programs go to a kernel of their own, and what stands against it. */
import { S_IFCHR, S_IFDIR, S_IFMT } from '../abi/stat.js';
import { EREMOTE, type Errno } from '../errno.js';
import { TcpSocket } from '../net/inet/tcp.js';
import { SocketOperations } from '../net/sockfs.js';
import { UnixStream } from '../net/unix/stream.js';
import { PseudoFs } from '../fs/pseudo/pseudofs.js';
import { HostFs } from '../fs/hostfs/hostfs.js';
import { isRegular } from '../fs/inode.js';
import { canRead, canWrite } from '../fs/handle.js';
import { PipeOperations } from '../fs/pipe/pipe.js';
import { InputStream, OutputStream } from '../fs/stdio/streams.js';
import type { Handle, Location } from '../fs/types.js';
import { LOOKUP_FOLLOW, walk } from '../fs/walk.js';
import { kindOfPrototype } from '../checkpoint/registry.js';
import { nounOf } from '../checkpoint/move/kinds.js';
import type { Process } from '../process/process.js';
import { WAITING } from '../process/state.js';
import type { Thread } from '../process/thread.js';
import { Terminal } from '../tty/terminal.js';
import { FarFile } from './home.js';
import { StandIn } from './stand-in.js';

/** Whether the file at `place`, which a process is about to run, is to run in a kernel of its own. */
export function isToGo({ kernel, parent, fs }: Process, place: Location | null): boolean {
  const settings = kernel.carrier?.settings ?? null;
  if (settings === null || parent === null || place === null) return false;
  return settings.programs.some((program) => {
    if (program === '*') return true;
    const found = walk({ ...contextOf(fs), cwd: fs.root }, fs.root, program, LOOKUP_FOLLOW);
    return typeof found !== 'number' && found.dentry === place.dentry;
  });
}

function contextOf({ root, cwd, umask, cred }: Process['fs']): Parameters<typeof walk>[0] {
  return { root, cwd, umask, cred };
}

/** 0: it can go. EREMOTE: its execve is to fail; what stands against it has been told. Null: it is to run here. */
export function mayGo(process: Process, path: string): 0 | Errno | null {
  const { kernel, pid } = process;
  const problems = problemsOf(process);
  if (problems.length === 0) return 0;
  const stays = kernel.carrier?.settings?.otherwise === 'stay';
  const what = stays ? 'runs here' : 'cannot run';
  kernel.log(`${path} (process ${pid}) ${what}, not in a kernel of its own: ${problems.join('; ')}`);
  return stays ? null : EREMOTE;
}

/** What would be torn apart, by name. */
function problemsOf(process: Process): string[] {
  const problems: string[] = [];
  const { pid, files, fs } = process;
  for (const child of process.children) problems.push(`process ${child.pid}, its child, would stay`);
  if (process.semUndo !== null) problems.push('it has System V semaphores to be undone (SEM_UNDO)');
  if (fs.places.users > process.threads.size)
    problems.push('its working directory is shared with another process (CLONE_FS)');
  for (const fd of files.list()) {
    const handle = files.get(fd);
    if (typeof handle === 'number' || files.closeOnExec(fd)) continue;
    if (wayOf(process, handle) === null)
      problems.push(`descriptor ${fd} of process ${pid} leads to ${nameOf(handle)}`);
  }
  return problems;
}

function nameOf({ ops }: Handle): string {
  const what = ops instanceof SocketOperations ? ops.socket : ops;
  const kind = kindOfPrototype(Object.getPrototypeOf(what) as object | null);
  return nounOf(kind?.name ?? what.constructor.name);
}

/**
 * How a child has an open file: a copy of its own, where nobody can tell the difference; or it stays here, and the child
 * reads and writes it through its stand-in. Null: neither.
 */
function wayOf(process: Process, handle: Handle): 'copy' | 'stays' | null {
  const { inode, ops } = handle;
  const type = inode.mode & S_IFMT;
  if (!canRead(handle) && !canWrite(handle)) return 'copy';
  if (type === S_IFDIR || inode.fs instanceof PseudoFs) return 'copy';
  if (ops instanceof Terminal || ops instanceof FarFile) return 'stays';
  if (type === S_IFCHR) return kindOfDevice(handle) ? 'copy' : null;
  if (isRegular(inode)) return inode.fs instanceof HostFs && isOwn(process, handle) ? 'copy' : 'stays';
  if (ops instanceof PipeOperations || ops instanceof InputStream || ops instanceof OutputStream)
    return 'stays';
  if (!(ops instanceof SocketOperations)) return null;
  const { socket } = ops;
  const connected = socket instanceof UnixStream || socket instanceof TcpSocket;
  return connected && socket.peer !== null ? 'stays' : null;
}

const DEVICES: ReadonlySet<string> = new Set(['ZeroDevice', 'RandomDevice', 'NullDevice', 'FullDevice']);

/** One without state. */
function kindOfDevice({ ops }: Handle): boolean {
  const prototype = Object.getPrototypeOf(ops) as object | null;
  return prototype === Object.prototype || DEVICES.has(kindOfPrototype(prototype)?.name ?? '');
}

/** Nobody else has the open file. */
function isOwn({ files }: Process, handle: Handle): boolean {
  return files.list().filter((fd) => files.get(fd) === handle).length === handle.references;
}

/** The thread's process, whose program has just been replaced, waits from now on until it has gone. */
export function beginToGo(thread: Thread): void {
  const { process } = thread;
  const { kernel, files } = process;
  const standIn = new StandIn(process);
  const seen = new Set<Handle>();
  for (const fd of files.list()) {
    const handle = files.get(fd);
    if (typeof handle === 'number' || seen.has(handle)) continue;
    seen.add(handle);
    if (wayOf(process, handle) === 'stays') standIn.keep(handle);
  }
  process.away = standIn;
  thread.state = WAITING;
  kernel.carrier?.begin(standIn);
}
