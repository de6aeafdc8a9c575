/**
 * `node damage.js FIRST COUNT`: snapshots with bytes flipped, cut and swapped, most of them with a digest that fits, each
 * by its number. It is refused with one line, or goes on in some way, or its sandbox ends with an error of its own; the
 * host process lives, other sandboxes are what they were, and what is mounted read-only has not changed. Prints the number
 * before each, so that one that never ends can be told, and at the end how often what came of it.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CulmError, Sandbox, type RestoreOptions, type SandboxProcess } from '../../src/index.js';
import { randomFrom } from './replay.js';

const FOLDER = fileURLToPath(new URL('../../../test/', import.meta.url));
const HEADER = 13;
const DIGEST = 32;
/** How long a damaged system may go on. */
const GOES_ON_MS = 150;
/** One that does not answer for so long has to be ended. */
const ANSWERS_MS = 10_000;
/** After so many, a new sandbox shows that the process is well. */
const BETWEEN_CHECKS = 25;

export type Outcome = 'refused' | 'restored' | 'ended';

function compile(root: string, name: string, more: readonly string[] = []): void {
  const source = join(FOLDER, 'checkpoint', `${name}.c`);
  const flags = ['-static', '-O1', '-w', '-pthread', '-I', join(FOLDER, 'kernel'), '-o', join(root, name)];
  execFileSync('gcc', [...flags, source, ...more], { stdio: 'ignore' });
}

class Victim {
  readonly folder = mkdtempSync(join(tmpdir(), 'culm-damage-'));
  private readonly kept = join(this.folder, 'kept');
  /** In workers: a kernel that a damage has made go round for ever is ended by `dispose`. */
  private readonly options: RestoreOptions;

  constructor() {
    const root = join(this.folder, 'root');
    for (const path of [root, this.kept, join(root, 'etc'), join(root, 'tmp')]) mkdirSync(path);
    copyFileSync('/etc/passwd', join(root, 'etc', 'passwd'));
    writeFileSync(join(this.kept, 'keep'), 'kept');
    compile(root, 'objects', ['-lm']);
    compile(root, 'attack');
    const mount = { type: 'host' as const, source: this.kept, target: '/mnt', readOnly: true };
    this.options = { rootfs: root, mounts: [mount] };
  }

  async file(): Promise<Uint8Array> {
    await using sandbox = await Sandbox.create({ ...this.options, env: {}, memory: '48m' });
    const program = await sandbox.spawn(['/objects']);
    for await (const bytes of program.stdout) if (Buffer.from(bytes).includes('READY')) break;
    const pieces: Uint8Array[] = [];
    for await (const piece of sandbox.snapshot({ compress: false })) pieces.push(piece);
    return new Uint8Array(Buffer.concat(pieces));
  }

  async restore(file: Uint8Array): Promise<Outcome> {
    let sandbox: Sandbox;
    try {
      sandbox = await Sandbox.restore(file, this.options);
    } catch (error) {
      if (error instanceof CulmError && error.code === 'snapshot' && !error.message.includes('\n'))
        return 'refused';
      throw error;
    }
    try {
      await Promise.race([this.goOn(sandbox), new Promise((resume) => setTimeout(resume, GOES_ON_MS))]);
      const late = new Promise<null>((resume) => setTimeout(resume, ANSWERS_MS, null));
      return (await Promise.race([sandbox.statistics(), late])) === null ? 'ended' : 'restored';
    } catch (error) {
      if (error instanceof CulmError) return 'ended';
      throw error;
    } finally {
      await sandbox.dispose();
      this.check();
    }
  }

  private async goOn(sandbox: Sandbox): Promise<void> {
    const given = async (program: SandboxProcess): Promise<void> => {
      const writer = program.stdin.getWriter();
      await writer.write(new TextEncoder().encode('go\n'));
      for await (const bytes of program.stdout) void bytes;
    };
    const all = [...sandbox.processes().map(given), this.attack(sandbox)];
    for (const result of await Promise.allSettled(all))
      if (result.status === 'rejected' && !(result.reason instanceof CulmError)) throw result.reason;
  }

  private async attack(sandbox: Sandbox): Promise<void> {
    await (
      await sandbox.spawn(['/attack'])
    ).exit;
  }

  /** What was read-only is what it was. */
  private check(): void {
    const path = join(this.kept, 'keep');
    const names = readdirSync(this.kept).join(' ');
    if (names !== 'keep' || readFileSync(path, 'utf8') !== 'kept' || (statSync(path).mode & 0o777) === 0)
      throw new Error('what was mounted read-only has been changed');
    if (Object.keys(Object.prototype).length > 0) throw new Error('all objects have got a field');
  }

  /** Nothing of a damaged snapshot is left in what sandboxes share. */
  async others(): Promise<void> {
    await using sandbox = await Sandbox.create({ ...this.options, env: {}, memory: '48m' });
    const { status, stdoutText } = await sandbox.exec(['/objects'], { stdin: 'go\n' });
    if (status !== 3 || !stdoutText.includes('signal 1, value 77'))
      throw new Error(`another sandbox is damaged, too: ${status} ${stdoutText.slice(-200)}`);
    const attack = await sandbox.exec(['/attack']);
    if (attack.status !== 0) throw new Error('a new sandbox can change what is read-only');
  }

  end(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function signed(body: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([body, createHash('sha256').update(body).digest()]));
}

/** The `number`-th way to damage a file. Most of it is frames: the rest is hit more often than they are. */
export function damaged(file: Uint8Array, number: number): { bytes: Uint8Array; signed: boolean } {
  const random = randomFrom(number);
  const below = (limit: number): number => Math.floor(random() * limit);
  const body = file.slice(0, -DIGEST);
  const graph = Math.min(body.length, 1 << 19);
  const place = (): number => HEADER + below((random() < 0.9 ? graph : body.length) - HEADER);
  let bytes = body;
  const way = random();
  if (way < 0.6)
    for (let i = 1 + below(4); i > 0; i--) {
      const at = place();
      bytes[at] = (bytes[at] as number) ^ (1 << below(8));
    }
  else if (way < 0.75) bytes[place()] = below(256);
  else if (way < 0.85) bytes = body.slice(0, place());
  else {
    const [a, b, length] = [place(), place(), 1 + below(16)];
    const piece = bytes.slice(a, a + length);
    bytes.copyWithin(a, b, b + length);
    bytes.set(piece.subarray(0, bytes.length - b), b);
  }
  if (random() < 0.9) return { bytes: signed(bytes), signed: true };
  return { bytes: new Uint8Array(Buffer.concat([bytes, file.subarray(-DIGEST)])), signed: false };
}

const [first = 0, count = 0] = process.argv.slice(2).map(Number);
const counts: Record<Outcome, number> = { refused: 0, restored: 0, ended: 0 };
const victim = new Victim();
const file = await victim.file();
for (let number = first; number < first + count; number++) {
  process.stderr.write(`${number}\n`);
  const { bytes, signed: fits } = damaged(file, number);
  const same = Buffer.compare(bytes, file) === 0;
  const outcome = await victim.restore(bytes);
  if (!fits && !same && outcome !== 'refused') throw new Error('a wrong digest was not seen');
  counts[outcome]++;
  if ((number - first) % BETWEEN_CHECKS === BETWEEN_CHECKS - 1) await victim.others();
}
await victim.others();
victim.end();
console.log(JSON.stringify(counts));
process.exit();
