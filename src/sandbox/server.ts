/**
 * The kernel's side of a sandbox: makes the kernel and its mounts, starts programs, and runs the outermost loop, the only
 * asynchronous one. The loop steps the kernel for a few milliseconds at a time, gives way to the host's event loop in
 * between (input, requests and timers arrive there), and sleeps while nothing can run.
 */
import type { Anchors } from '../kernel/checkpoint/anchors.js';
import { Refused } from '../kernel/checkpoint/damaged.js';
import { kernelParts } from '../kernel/checkpoint/checkpoint.js';
import { mergedContent, type FrameContent, type LeftOut } from '../kernel/checkpoint/machine.js';
import type { MoveKernel } from '../kernel/checkpoint/move/depart.js';
import { KernelBug } from '../kernel/errno.js';
import { isFailure } from '../kernel/exec/failure.js';
import { forgetUnused } from '../kernel/fs/dentry.js';
import type { Host } from '../kernel/host.js';
import { Kernel } from '../kernel/kernel.js';
import { killAll, killDescendants } from '../kernel/process/oom.js';
import { countObjects } from '../kernel/view/objects.js';
import type { Profile } from '../kernel/profile/types.js';
import { becomeAway } from '../kernel/placement/away.js';
import type { FromAway, FromHome } from '../kernel/placement/types.js';
import { spawn } from '../kernel/process/spawn.js';
import { kernelInfo } from '../kernel/signal/info.js';
import { sendSignal } from '../kernel/signal/send.js';
import type {
  Backend,
  Attached,
  BackendEvents,
  Bindings,
  DetachRequest,
  Detached,
  FileReply,
  FileRequest,
  OutputStream,
  PlacementId,
  ProcessId,
  Restored,
  Settings,
  SnapshotFile,
  SnapshotRequest,
  SpawnRequest,
} from './backend.js';
import type { AppBridge } from './bridge.js';
import { GuestFiles, fileError } from './guest-files.js';
import { PipeStreams, TerminalStreams, type Deliver, type Guest, type Streams } from './guest.js';
import { joined } from './joined.js';
import { Moves } from './moves.js';
import { Placements } from './placements.js';
import { Namespace } from './namespace.js';
import { exitOf, startFailure } from './status.js';
import { boundSettings } from './bindings.js';
import {
  packFile,
  openChain,
  restoreSandbox,
  sandboxAnchors,
  saveSandbox,
  snapshotError,
  type OpenSnapshot,
  type SnapshotHeader,
} from './snapshot.js';
import { TreeWatches } from './tree-watch.js';
import { toByteString } from './text.js';
import { CulmError, type Statistics } from './types.js';
import { limitsOf, restrictionsOf } from './kernel-limits.js';
import { findUser } from './user.js';

function wholeFile(file: SnapshotFile): Uint8Array {
  return file instanceof Uint8Array ? file : joined(file);
}

/** What programs have been told of the hardware, and the files that they get for it, are the same. */
function checkAttestation(there: string | null, reports: Host['reports']): void {
  const here = reports?.provider ?? null;
  const shown = (provider: string | null): string =>
    provider === null ? 'without attestation' : `with attestation (${provider})`;
  if (there !== here)
    throw new Refused(
      `it was taken on a host ${shown(there)}, and this one is ${shown(here)}: /dev/attestation differs`,
    );
}

/** How the loop gives way. */
export interface EventLoop {
  /** Lets everything that waits in the event loop happen. */
  breathe(): Promise<void>;
  /** Calls `wake` after so many milliseconds; returns how to cancel that. */
  timer(ms: number, wake: () => void): () => void;
}

/** How long the kernel runs before the event loop has its turn, in milliseconds. */
const STEP_MS = 8;
/** A copy in this host process. */
const COPY = { compress: false, keys: true, hostPages: true, sealed: false };
/** A sleeping sandbox whose programs live wakes up this often at least, so that the host's process lives too. */
const LONGEST_SLEEP_MS = 3_600_000;

export class SandboxServer implements Backend {
  private kernel: Kernel | null = null;
  private namespace: Namespace | null = null;
  private files: GuestFiles | null = null;
  private watches: TreeWatches | null = null;
  private settings: Settings | null = null;
  private anchors: Anchors | null = null;
  private guests = new Map<ProcessId, Guest>();
  private nextId: ProcessId = 1;
  /** Bytes that programs have written so far. */
  private output = 0;
  private ended = false;
  private readonly moves: Moves;
  private readonly placements: Placements;
  private wake: (() => void) | null = null;

  constructor(
    private readonly host: Host,
    private readonly loop: EventLoop,
    private readonly events: BackendEvents,
    private readonly bridge: AppBridge,
  ) {
    this.moves = new Moves(host);
    this.placements = new Placements(events);
  }

  start(settings: Settings): Promise<void> {
    void this.run(this.build(settings));
    return Promise.resolve();
  }

  /** Makes the kernel and its mounts: all that is there before anything runs. */
  private build(settings: Settings): Kernel {
    this.settings = settings;
    const { memory, tier, without, cpus, cpu, hostname, profile } = settings;
    // What kernel and machine have to say are warnings: unknown calls and instructions.
    const verbose = settings.logLevel === 'warning' || settings.logLevel === 'debug';
    const log = verbose ? { log: (line: string) => this.events.log(line) } : {};
    const { startTranslator, keptCode, compile } = this.host;
    const translator = startTranslator === undefined ? {} : { translator: startTranslator };
    const compiler = compile === undefined ? {} : { compile };
    const kept = settings.codeCache && keptCode !== undefined ? { keptCode } : {};
    const kernel = new Kernel({
      host: this.host,
      machine: { memory, tier, without, ...translator, ...compiler, ...kept, ...log },
      hostname,
      cpus,
      profile,
      cpu,
      randomizeAddresses: settings.aslr,
      restrictions: restrictionsOf(settings),
      ...log,
      ...(settings.strace ? { strace: (line: string) => this.events.strace(line) } : {}),
    });
    this.kernel = kernel;
    this.placements.settings = settings.placement;
    kernel.carrier = this.placements;
    this.namespace = new Namespace(kernel, settings, this.bridge);
    this.files = new GuestFiles(this.namespace.vfs);
    this.watches = new TreeWatches(this.files, (id, events, ended) => {
      this.events.watched(id, events, ended);
    });
    kernel.onReady = () => this.wake?.();
    this.anchors = sandboxAnchors(kernel, this.namespace, this.bridge);
    return kernel;
  }

  async restore(snapshots: readonly SnapshotFile[], bindings: Bindings): Promise<Restored> {
    try {
      const snapshot = await openChain(this.host, snapshots);
      const settings = boundSettings(snapshot.header, bindings);
      const kernel = this.build(settings);
      this.adopt(kernel, snapshot);
      if (bindings.placed !== null) this.becomeAway(kernel, bindings.placed);
      // Nothing runs, and ends, before the caller knows what there is.
      void this.loop.breathe().then(() => this.run(kernel));
      const programs = [...this.guests].map(([id, { process, streams }]) => ({
        id,
        pid: process.pid,
        terminal: streams instanceof TerminalStreams,
      }));
      return { env: settings.env, programs };
    } catch (error) {
      this.ended = true;
      this.namespace?.abandon();
      throw snapshotError(error);
    }
  }

  private adopt(kernel: Kernel, { header, kernel: state, parents }: OpenSnapshot): void {
    const { namespace, anchors } = this;
    if (namespace === null || anchors === null) throw new KernelBug('there is no sandbox to restore into');
    checkAttestation(header.attestation, this.host.reports);
    if (namespace.nodes.digest() !== header.nodes)
      throw new Refused('its files in /proc, /sys and /dev are not those that this sandbox has');
    const { guests, nextId, output } = restoreSandbox(kernel, anchors, state, parents);
    const problems: string[] = [];
    namespace.rebind(header.leftOut, (what) => problems.push(what));
    if (problems.length > 0) throw new Refused(problems.join('; '));
    this.guests = guests;
    this.nextId = nextId;
    this.output = output;
    for (const [id, guest] of guests) this.connect(id, guest);
  }

  /** Of all that has been restored only one child remains, which has left its own kernel. */
  private becomeAway(kernel: Kernel, { pid, range }: NonNullable<Bindings['placed']>): void {
    this.guests.clear();
    becomeAway(kernel, this.running.namespace.vfs, pid, range);
  }

  async snapshot(request: SnapshotRequest): Promise<Uint8Array[]> {
    await this.moves.over();
    this.placements.refuseSnapshot(this.running.kernel);
    return this.write(request);
  }

  private async write(request: SnapshotRequest): Promise<Uint8Array[]> {
    const base = await this.parentOf(request);
    const { kernel, namespace, settings } = this.running;
    const { anchors, guests, nextId, output } = this;
    if (anchors === null) throw new KernelBug('a sandbox without anchors');
    const header: SnapshotHeader = {
      settings: { ...settings, keys: request.keys ? namespace.heldKeys() : new Map() },
      nodes: namespace.nodes.digest(),
      attestation: this.host.reports?.provider ?? null,
      parent: base?.digest ?? null,
      leftOut: !request.hostPages,
      keys: [...namespace.heldKeys().keys()],
    };
    const leftOut: LeftOut = {
      ...(base === null ? {} : { known: base.known }),
      ...(request.hostPages ? {} : { filled: namespace.hostPages() }),
    };
    const resume = this.watches?.pause();
    forgetUnused(namespace.vfs);
    const content = saveSandbox(kernel, anchors, header, { guests, nextId, output }, namespace, leftOut);
    resume?.();
    return packFile(this.host.crypto, content, request.compress, 'snapshot', request.sealed ?? true);
  }

  async detach(request: DetachRequest): Promise<Detached> {
    await this.moves.over();
    this.namespace?.distrust();
    return this.moves.detach(this.moveKernel, this.guests, request);
  }

  detached(gone: boolean): Promise<void> {
    if (this.kernel !== null) this.moves.finish(this.kernel, this.guests, gone);
    return Promise.resolve();
  }

  async attach(file: SnapshotFile): Promise<Attached> {
    this.namespace?.distrust();
    const programs: Attached['programs'][number][] = [];
    await this.moves.attach(
      () => this.moveKernel,
      wholeFile(file),
      (was, guest) => {
        const id = this.nextId++;
        this.guests.set(id, guest);
        this.connect(id, guest);
        programs.push({ was, id, terminal: guest.streams instanceof TerminalStreams });
      },
    );
    // Their timers are the loop's affair now.
    this.wake?.();
    return { programs };
  }

  private get moveKernel(): MoveKernel {
    const { namespace } = this.running;
    if (this.anchors === null) throw new KernelBug('a sandbox without anchors');
    return namespace.moving(this.anchors);
  }

  private connect(id: ProcessId, { process, streams }: Guest): void {
    streams.reconnect((stream, bytes) => this.deliver(id, stream, bytes));
    process.onExit((status) => this.exited(id, status));
  }

  /** What whoever restores the new snapshot has already. */
  private async parentOf({
    parents,
  }: SnapshotRequest): Promise<{ digest: string; known: FrameContent } | null> {
    if (parents.length === 0) return null;
    try {
      const { digest, kernel, parents: before } = await openChain(this.host, parents);
      return { digest, known: mergedContent([...before, kernelParts(kernel).memory]) };
    } catch (error) {
      throw snapshotError(error);
    }
  }

  private async run(kernel: Kernel): Promise<void> {
    try {
      while (!this.ended) {
        if (this.moves.held) await this.moves.over();
        const { state, wakeAtMs } = kernel.step(STEP_MS);
        if (this.placements.waits) {
          await this.place(kernel);
          continue;
        }
        if (state === 'ended') this.placements.deserted(kernel);
        if (state === 'ready') await this.loop.breathe();
        else await this.sleep(wakeAtMs - kernel.clock.nowMs(), state === 'idle');
      }
    } catch (error) {
      this.fail(error);
    }
  }

  /** Sends children that wait for it to kernels of their own. What is dirty is written first: it is this kernel's to write. */
  private async place(kernel: Kernel): Promise<void> {
    const mounts = this.running.namespace.vfs.mounts;
    for (const fs of new Set(mounts.map((mount) => mount.fs))) fs.sync?.();
    await this.placements.send(kernel, () => this.write({ ...COPY, parents: [] }));
  }

  placed(id: PlacementId, problem: string | null): Promise<void> {
    this.placements.placed(id, problem);
    return Promise.resolve();
  }

  fromAway(id: PlacementId, message: FromAway): Promise<void> {
    this.placements.fromAway(id, message);
    return Promise.resolve();
  }

  fromHome(message: FromHome): Promise<void> {
    if (this.kernel !== null) this.placements.fromHome(this.kernel, message);
    return Promise.resolve();
  }

  awayEnded(id: PlacementId): Promise<void> {
    this.placements.awayEnded(id);
    return Promise.resolve();
  }

  /** Until a thread becomes ready, a timer fires, or the sandbox ends. */
  private async sleep(ms: number, alive: boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const limit = Math.min(ms, alive ? LONGEST_SLEEP_MS : Infinity);
      const cancel = Number.isFinite(limit) ? this.loop.timer(Math.ceil(limit), resolve) : () => undefined;
      this.wake = () => {
        cancel();
        resolve();
      };
    });
    this.wake = null;
  }

  /** The kernel is broken: nothing of the sandbox goes on. */
  private fail(error: unknown): void {
    this.ended = true;
    const what = error instanceof Error ? error : new KernelBug(String(error));
    const where = what.stack?.split('\n')[1]?.trim() ?? '';
    this.events.failed(`internal error: ${what.message} ${where}`.trim());
  }

  private get running(): { kernel: Kernel; namespace: Namespace; files: GuestFiles; settings: Settings } {
    const { kernel, namespace, files, settings } = this;
    if (kernel === null || namespace === null || files === null || settings === null || this.ended)
      throw new CulmError('disposed', 'the sandbox has ended');
    return { kernel, namespace, files, settings };
  }

  spawn(request: SpawnRequest): Promise<ProcessId> {
    const { kernel, namespace, settings } = this.running;
    namespace.distrust();
    const user = findUser(namespace.vfs, request.user ?? settings.user);
    const cwd = namespace.directory(toByteString(request.cwd ?? settings.cwd));
    const id = this.nextId++;
    const streams = this.makeStreams(id, request, user);
    const process = spawn(kernel, {
      ...(request.program === null ? {} : { path: toByteString(request.program) }),
      limits: limitsOf(settings),
      argv: request.argv.map(toByteString),
      env: Object.entries(request.env).map(([name, value]) => toByteString(`${name}=${value}`)),
      cwd,
      root: namespace.vfs.root,
      ...user,
      stdio: streams.handles,
    });
    if (isFailure(process)) {
      for (const handle of streams.handles) kernel.releaseHandle(handle);
      streams.release();
      throw startFailure(process);
    }
    if (streams instanceof TerminalStreams) streams.controls(process);
    this.guests.set(id, { process, streams });
    process.onExit((status) => this.exited(id, status));
    return Promise.resolve(id);
  }

  private makeStreams(
    id: ProcessId,
    { terminal }: SpawnRequest,
    user: { uid: number; gid: number },
  ): Streams {
    const deliver: Deliver = (stream, bytes) => this.deliver(id, stream, bytes);
    const { namespace } = this.running;
    if (terminal === null) return new PipeStreams(namespace.streams, user, deliver);
    return new TerminalStreams(namespace.terminalPlace, terminal, user.uid, deliver);
  }

  /** Hands output on, until there has been as much as there may be. */
  private deliver(id: ProcessId, stream: OutputStream, bytes: Uint8Array): void {
    const { kernel, settings } = this;
    if (kernel === null || settings === null) return;
    const left = settings.limits.output - this.output;
    this.output += bytes.length;
    if (left > 0) this.events.output(id, stream, bytes.length <= left ? bytes : bytes.subarray(0, left));
    if (bytes.length > left) killAll(kernel, 'there has been too much output');
  }

  private exited(id: ProcessId, status: number): void {
    const guest = this.guests.get(id);
    this.guests.delete(id);
    guest?.streams.release();
    const { code, signal } = exitOf(status);
    this.events.exit(id, code, signal);
  }

  async writeInput(id: ProcessId, bytes: Uint8Array): Promise<void> {
    if (this.moves.held) await this.moves.over();
    this.namespace?.distrust();
    await this.guests.get(id)?.streams.write(bytes);
  }

  endInput(id: ProcessId): Promise<void> {
    this.guests.get(id)?.streams.end();
    return Promise.resolve();
  }

  consumed(id: ProcessId, stream: OutputStream, count: number): Promise<void> {
    this.guests.get(id)?.streams.consumed(stream, count);
    return Promise.resolve();
  }

  closeOutput(id: ProcessId, stream: OutputStream): Promise<void> {
    this.guests.get(id)?.streams.closeOutput(stream);
    return Promise.resolve();
  }

  kill(id: ProcessId, signal: number): Promise<void> {
    const guest = this.guests.get(id);
    this.namespace?.distrust();
    if (guest !== undefined) sendSignal(guest.process, kernelInfo(signal));
    return Promise.resolve();
  }

  end(id: ProcessId): Promise<void> {
    const guest = this.guests.get(id);
    this.namespace?.distrust();
    if (guest !== undefined) killDescendants(guest.process);
    return Promise.resolve();
  }

  resize(id: ProcessId, columns: number, rows: number): Promise<void> {
    this.guests.get(id)?.streams.resize(columns, rows);
    return Promise.resolve();
  }

  file(request: FileRequest): Promise<FileReply> {
    this.namespace?.distrust();
    return Promise.resolve(this.running.files.answer(request));
  }

  notifyPseudo(path: string): Promise<void> {
    this.running.namespace.pseudo.notify(path);
    return Promise.resolve();
  }

  pseudoDigest(): Promise<string> {
    return Promise.resolve(this.running.namespace.nodes.digest());
  }

  watch(id: number, path: string, recursive: boolean): Promise<void> {
    const failed = this.running && (this.watches?.start(id, toByteString(path), recursive) ?? 0);
    if (failed !== 0) throw fileError('watch', path, failed);
    return Promise.resolve();
  }

  unwatch(id: number): Promise<void> {
    this.watches?.stop(id);
    return Promise.resolve();
  }

  statistics(): Promise<Statistics> {
    const { kernel, namespace } = this.running;
    const { frames, stats } = kernel.machine;
    const memoryTotal = frames.total * 4096;
    return Promise.resolve({
      ...stats,
      syscalls: kernel.dispatcher.calls,
      memoryUsed: memoryTotal - frames.free * 4096,
      memoryTotal,
      memoryCached: kernel.pageCounts.cached * 4096,
      ...countObjects(kernel, namespace.vfs),
    });
  }

  profile(): Promise<Profile | null> {
    return Promise.resolve(this.running.kernel.takeProfile());
  }

  dispose(): Promise<void> {
    if (this.ended) this.namespace?.abandon();
    else this.namespace?.close();
    this.kernel?.machine.close();
    this.ended = true;
    this.wake?.();
    this.guests.clear();
    return Promise.resolve();
  }
}
