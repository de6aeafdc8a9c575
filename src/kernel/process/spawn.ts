import { EACCES, ENOENT } from '../errno.js';
import { initialCpu, loadProgram } from '../exec/exec.js';
import { failure, isFailure, type ExecFailure } from '../exec/failure.js';
import { openExecutable } from '../exec/open.js';
import { pinDentry } from '../fs/dentry.js';
import type { Handle, Location } from '../fs/types.js';
import type { Kernel } from '../kernel.js';
import { SignalHandlers } from '../signal/handlers.js';
import { Cred } from './credentials.js';
import { Descriptors } from './descriptors.js';
import { LimitList, initialLimits } from './limits.js';
import { FsContext, Process } from './process.js';
import { Thread } from './thread.js';

/** What the embedder says about a program that it starts. Strings are byte strings. */
export interface SpawnOptions {
  /** Looked up in the environment's PATH if it has no slash; argv[0] if it is left out. */
  readonly path?: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly cwd: Location;
  readonly root: Location;
  readonly uid?: number;
  readonly gid?: number;
  readonly groups?: readonly number[];
  /** Descriptors 0, 1, 2 and so on; references are taken over. */
  readonly stdio: readonly Handle[];
  /** Limits that differ from the usual ones, by resource. */
  readonly limits?: ReadonlyMap<number, number>;
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Starts a program as a process without a parent; it runs with the next step. */
export function spawn(kernel: Kernel, options: SpawnOptions): Process | ExecFailure {
  const cred = new Cred(options.uid ?? 0, options.gid ?? 0, options.groups ?? []);
  const { root, cwd } = options;
  const fs = new FsContext({ root, cwd, umask: 0o022, users: 1 }, cred);
  const limits = initialLimits();
  for (const [resource, limit] of options.limits ?? []) limits[resource].current = limit;
  const found = findProgram(fs, options);
  if (isFailure(found)) return found;
  const program = loadProgram(
    { kernel, fs, limits: new LimitList(limits) },
    { ...found, argv: options.argv, envp: options.env },
  );
  if (isFailure(program)) return program;
  const pid = kernel.allocatePid();
  const process = new Process({ kernel, pid, parent: null, fs, limits, handlers: new SignalHandlers() });
  pinDentry(fs.root.dentry);
  pinDentry(fs.cwd.dentry);
  process.mm = program.mm;
  process.files = new Descriptors(process);
  options.stdio.forEach((handle) => process.files.install(handle, false));
  const thread = new Thread(pid, process, program.name, fs, process.files);
  initialCpu(program, thread.cpu);
  kernel.addProcess(process);
  kernel.addThread(thread);
  kernel.tracer?.started(thread, found.path, options.argv, options.env.length);
  return process;
}

/** Opens the program, by PATH if its name has no slash. What is there but cannot be run is told of before what is not. */
function findProgram(fs: FsContext, options: SpawnOptions): { handle: Handle; path: string } | ExecFailure {
  const name = options.path ?? options.argv[0] ?? '';
  if (name === '') return failure(ENOENT, 'no program is named');
  const search = options.env.find((entry) => entry.startsWith('PATH='))?.slice(5) ?? DEFAULT_PATH;
  const folders = name.includes('/') ? [null] : search.split(':');
  let refused: ExecFailure | null = null;
  for (const folder of folders) {
    const path = folder === null ? name : `${folder === '' ? '.' : folder}/${name}`;
    const handle = openExecutable(fs, path);
    if (!isFailure(handle)) return { handle, path };
    if (folder === null || handle.errno === EACCES) refused ??= handle;
  }
  return refused ?? failure(ENOENT, `${name}: not found in PATH`);
}
