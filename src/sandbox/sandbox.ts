import type { Profile } from '../kernel/profile/types.js';
import { Annexes, type Annex } from './annexes.js';
import type { Backend, BackendEvents, Bindings, Detached, ProcessId } from './backend.js';
import { SandboxFiles } from './files.js';
import { bindingsOf, checkEnv, checkOptions, restorable } from './options.js';
import { SandboxProcess } from './process.js';
import type { AppSide } from './bridge.js';
import { joined } from './joined.js';
import { SandboxPseudo } from './pseudo.js';
import {
  CulmError,
  type AppFiles,
  type ExecOptions,
  type ExecResult,
  type ForkOptions,
  type MoveOptions,
  type MovingProcess,
  type RestoreOptions,
  type SandboxOptions,
  type SnapshotOptions,
  type SnapshotSource,
  type SpawnOptions,
  type Statistics,
} from './types.js';

/** How a platform makes the kernel's side: in a worker or in the caller's thread. */
export interface Platform {
  connect(
    thread: 'worker' | 'caller',
    events: BackendEvents,
    app: AppSide,
  ): { readonly backend: Backend; close(): Promise<void> };
  /** Gets a worker ready: one more sandbox will soon be wanted. */
  prepare(): void;
}

/** Processes that have been written down, and what is to be said then. */
interface Moving extends Detached {
  finish(gone: boolean): Promise<void>;
}

const TERM = 'xterm-256color';
/** A copy in this host process is given all there is, as fast as can be. */
const FORK = { compress: false, keys: true, hostPages: true, sealed: false };

/** Sandboxes of this host process that were restored from files, in workers. */
let restores = 0;

/** How long the kernel may take to write back what is dirty before its worker is ended without. */
const GRACE_MS = 10_000;

/** Waits for what is under way, but not for ever, and whatever comes of it. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((resume) => (timer = setTimeout(resume, ms)));
  await Promise.race([work.catch(() => undefined), late]);
  clearTimeout(timer);
}

/**
 * One Linux system: a kernel, its memory, its mounts and its processes. Several can live in one host process. Made by
 * `Sandbox.create` of the package's entry; ended by `dispose` or `await using`.
 */
export class Sandbox {
  readonly fs: SandboxFiles;
  readonly pseudo: SandboxPseudo;
  private readonly programs = new Map<ProcessId, SandboxProcess>();
  private readonly early = new Map<ProcessId, ((process: SandboxProcess) => void)[]>();
  /** @internal Kernels of children that have left this one. */
  readonly annexes: Annexes;
  private ended: CulmError | null = null;

  private constructor(
    private readonly backend: Backend,
    private readonly close: () => Promise<void>,
    private env: Readonly<Record<string, string>>,
    private readonly platform: Platform,
    /** What another sandbox is given that goes on from here. */
    private readonly bindings: RestoreOptions,
  ) {
    this.annexes = new Annexes(
      backend,
      (pieces, placed, annex) =>
        Sandbox.revive(platform, { pieces }, { ...bindings, thread: 'worker' }, { placed, annex }),
      () => platform.prepare(),
    );
    this.fs = new SandboxFiles(backend);
    this.pseudo = new SandboxPseudo(backend);
  }

  /** @internal Use `Sandbox.create` of the package's entry. */
  static async connect(platform: Platform, options: SandboxOptions): Promise<Sandbox> {
    const settings = checkOptions(options);
    const sandbox = Sandbox.make(platform, options, settings.env);
    try {
      await sandbox.backend.start(settings);
      if (settings.placement !== null) platform.prepare();
    } catch (error) {
      await sandbox.close();
      throw error;
    }
    return sandbox;
  }

  /** @internal Use `Sandbox.restore` of the package's entry. */
  static async revive(
    platform: Platform,
    snapshot: SnapshotSource | readonly SnapshotSource[] | { readonly pieces: readonly Uint8Array[] },
    options: RestoreOptions,
    child: { readonly placed: Bindings['placed']; readonly annex: Annex } | null = null,
  ): Promise<Sandbox> {
    const bindings = { ...bindingsOf(options), placed: child?.placed ?? null };
    const files = 'pieces' in snapshot ? [snapshot.pieces] : await filesOf(snapshot);
    const sandbox = Sandbox.make(platform, options, {}, child?.annex ?? null);
    try {
      const { env, programs } = await sandbox.backend.restore(files, bindings);
      sandbox.env = env;
      for (const { id, terminal } of programs) sandbox.adopt(id, {}, terminal);
      // Who restores twice will do so again: a worker is made before it is asked for.
      if (!('pieces' in snapshot) && options.thread !== 'caller' && ++restores > 1) platform.prepare();
    } catch (error) {
      await sandbox.close();
      throw error;
    }
    return sandbox;
  }

  private static make(
    platform: Platform,
    options: SandboxOptions | RestoreOptions,
    env: Readonly<Record<string, string>>,
    annex: Annex | null = null,
  ): Sandbox {
    const files = new Map<string, AppFiles>();
    for (const mount of options.mounts ?? []) if (mount.type === 'app') files.set(mount.target, mount.files);
    // The events need the sandbox and the sandbox its backend: nothing is called before `start`.
    const holder: { sandbox?: Sandbox } = {};
    const events = eventsFor(() => holder.sandbox, options, annex);
    const { backend, close } = platform.connect(options.thread ?? 'worker', events, {
      files,
      pseudo: options.pseudo ?? [],
    });
    return (holder.sandbox = new Sandbox(backend, close, env, platform, restorable(options)));
  }

  /** Starts a program; `argv[0]` is looked up in PATH if it has no slash. Throws CulmError if it cannot be started. */
  async spawn(argv: readonly string[], options: SpawnOptions = {}): Promise<SandboxProcess> {
    if (this.ended !== null) throw this.ended;
    if (argv.length === 0) throw new CulmError('option', '"argv" must name a program');
    const term = options.terminal === undefined ? {} : { TERM: options.terminal.term ?? TERM };
    const id = await this.backend.spawn({
      program: options.program ?? null,
      argv,
      env: { ...this.env, ...term, ...checkEnv(options.env ?? {}) },
      cwd: options.cwd ?? null,
      user: options.user === undefined ? null : String(options.user),
      terminal: options.terminal ?? null,
    });
    return this.adopt(id, options, options.terminal !== undefined);
  }

  private adopt(id: ProcessId, options: SpawnOptions, hasTerminal: boolean): SandboxProcess {
    const process = new SandboxProcess(this.backend, id, options, hasTerminal);
    this.welcome(id, process);
    return process;
  }

  /** Programs that were started by `spawn`, here or in the sandbox whose snapshot this one was made of, and go on. */
  processes(): SandboxProcess[] {
    return [...this.programs.values()];
  }

  /**
   * A second sandbox that goes on from here as this one does: a copy with all its programs, in a worker (or thread) of its
   * own. What neither of them has changed on the host, both see; what is in memory, each has for itself.
   */
  async fork(options: ForkOptions = {}): Promise<Sandbox> {
    const { platform } = this;
    const bindings = { ...this.bindings, ...options };
    const worker = bindings.thread !== 'caller';
    if (worker) platform.prepare();
    const pieces = await this.backend.snapshot({ ...FORK, parents: [] });
    const copy = await Sandbox.revive(platform, { pieces }, bindings);
    // Who forks once will do so again.
    if (worker) platform.prepare();
    return copy;
  }

  /**
   * Lets a program, or the process with a pid, go on in another sandbox with the same mounts, and with it what it refers to:
   * threads, memory, open files, pipes and sockets. Of files only the names go along, and the content of those in memory.
   * What it shares with processes that would stay is refused by name, and nothing has moved. A moved program's streams stay
   * good.
   */
  async moveProcess(
    which: SandboxProcess | number,
    options: MoveOptions & { readonly to: Sandbox },
  ): Promise<void> {
    const { to, tree = false } = options;
    if (to === this) throw new CulmError('move', 'the process is in this sandbox');
    const moving = await this.detach(which, tree, false);
    try {
      const { programs } = await to.backend.attach(moving.pieces);
      for (const { was, id } of programs) {
        const process = this.programs.get(was);
        this.programs.delete(was);
        process?.goesOn(to.backend, id);
        if (process !== undefined) to.welcome(id, process);
      }
      await moving.finish(true);
    } catch (error) {
      await moving.finish(false);
      throw error;
    }
  }

  /**
   * The same for a sandbox of another host process: the processes as bytes. This sandbox stands still until it is told
   * whether they have gone.
   */
  async exportProcess(
    which: SandboxProcess | number,
    options: MoveOptions & { readonly compress?: boolean } = {},
  ): Promise<MovingProcess> {
    const { tree = false, compress = true } = options;
    const { pieces, pids, programs, finish } = await this.detach(which, tree, compress);
    return {
      bytes: joined(pieces),
      pids,
      gone: async () => {
        for (const id of programs) {
          this.programs.get(id)?.lost(new CulmError('move', 'the program goes on in another sandbox'));
          this.programs.delete(id);
        }
        await finish(true);
      },
      stays: () => finish(false),
    };
  }

  /** Takes in what `exportProcess` has made; the result are the programs among the processes. */
  async importProcess(bytes: Uint8Array): Promise<SandboxProcess[]> {
    const { programs } = await this.backend.attach(bytes);
    return programs.map(({ id, terminal }) => this.adopt(id, {}, terminal));
  }

  private async detach(which: SandboxProcess | number, tree: boolean, compress: boolean): Promise<Moving> {
    if (this.ended !== null) throw this.ended;
    if (typeof which !== 'number' && which.place.backend !== this.backend)
      throw new CulmError('move', 'the program is in another sandbox');
    let over: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (over = resolve));
    const gated = this.processes();
    for (const process of gated) process.moves(gate);
    const open = (): void => {
      for (const process of gated) process.moves(null);
      over();
    };
    try {
      const program = typeof which === 'number' ? null : which.place.id;
      const pid = typeof which === 'number' ? which : 0;
      const detached = await this.backend.detach({ program, pid, tree, compress });
      const finish = (gone: boolean): Promise<void> => {
        open();
        return this.backend.detached(gone);
      };
      return { ...detached, finish };
    } catch (error) {
      open();
      throw error;
    }
  }

  /** A program that has come from another sandbox with its streams. */
  private welcome(id: ProcessId, process: SandboxProcess): void {
    this.programs.set(id, process);
    for (const event of this.early.get(id) ?? []) event(process);
    this.early.delete(id);
  }

  /** The whole sandbox as a file, as it is now; it goes on running. */
  snapshot(options: SnapshotOptions = {}): ReadableStream<Uint8Array> {
    const { compress = true, keys = false, hostPages = true, parent = [] } = options;
    const { backend } = this;
    return new ReadableStream<Uint8Array>({
      async start(controller) {
        const parents = await filesOf(parent);
        const request = { compress, keys, hostPages, parents };
        for (const piece of await backend.snapshot(request)) controller.enqueue(piece);
        controller.close();
      },
    });
  }

  /** Runs a program to its end and collects its output. A status that is not 0 is a value, not an exception. */
  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    const process = await this.spawn(argv, options);
    const input = options.stdin ?? '';
    const writer = process.stdin.getWriter();
    const feed = async (): Promise<void> => {
      if (input.length > 0)
        await writer.write(typeof input === 'string' ? new TextEncoder().encode(input) : input);
      await writer.close();
    };
    const fed = feed().catch(() => undefined);
    const [stdout, stderr, exit] = await Promise.all([
      collect(process.stdout),
      collect(process.stderr),
      process.exit,
    ]);
    await fed;
    const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
    return { ...exit, stdout, stderr, stdoutText: text(stdout), stderrText: text(stderr) };
  }

  /** What the machine and the kernel have done so far. */
  statistics(): Promise<Statistics> {
    return this.backend.statistics();
  }

  /**
   * What was recorded since the sandbox was made (`profile: true`) or until this was called first: recording ends then.
   * See `profileTable` and `profileFile`.
   */
  async profile(): Promise<Profile> {
    const profile = await this.backend.profile();
    if (profile === null) throw new CulmError('option', '"profile" must be set for there to be one');
    return profile;
  }

  /** Ends all programs and frees the sandbox. Calling it again does nothing. */
  async dispose(): Promise<void> {
    if (this.ended?.code === 'disposed') return;
    this.end(new CulmError('disposed', 'the sandbox has been disposed of'));
    await this.annexes.dispose();
    await within(GRACE_MS, this.backend.dispose());
    await this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  /** @internal Delivers an event about a process; one that comes before `spawn` has returned waits. */
  deliver(id: ProcessId, event: (process: SandboxProcess) => void): void {
    const process = this.programs.get(id);
    if (process !== undefined) return event(process);
    const waiting = this.early.get(id);
    if (waiting === undefined) this.early.set(id, [event]);
    else waiting.push(event);
  }

  /** @internal */
  forget(id: ProcessId): void {
    this.programs.delete(id);
  }

  /** @internal What comes from the kernel that a child has left. */
  get kernel(): Backend {
    return this.backend;
  }

  /** @internal */
  end(error: CulmError): void {
    this.ended = error;
    for (const process of this.programs.values()) process.lost(error);
    this.programs.clear();
    this.fs.end();
  }
}

function eventsFor(
  sandbox: () => Sandbox | undefined,
  options: SandboxOptions | RestoreOptions,
  annex: Annex | null,
): BackendEvents {
  return {
    output: (id, stream, bytes) => sandbox()?.deliver(id, (process) => process.received(stream, bytes)),
    exit: (id, status, signal) =>
      sandbox()?.deliver(id, (process) => {
        process.exited({ status, signal });
        sandbox()?.forget(id);
      }),
    watched: (id, events, ended) => sandbox()?.fs.watched(id, events, ended),
    place: (id, pid, pieces) => void sandbox()?.annexes.place(id, pid, pieces),
    toAway: (id, message) => sandbox()?.annexes.toAway(id, message),
    toHome: (message) => annex?.toHome(message),
    deserted: () => annex?.deserted(),
    log: (line) => options.log?.(line),
    strace: (line) => options.strace?.(line),
    failed: (message) => {
      sandbox()?.end(new CulmError('kernel', message));
      annex?.deserted();
    },
  };
}

export async function filesOf(source: SnapshotSource | readonly SnapshotSource[]): Promise<Uint8Array[]> {
  const all = source instanceof Uint8Array || source instanceof ReadableStream ? [source] : source;
  return Promise.all(all.map((one) => (one instanceof Uint8Array ? one : collect(one))));
}

async function collect(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return joined(chunks);
}
