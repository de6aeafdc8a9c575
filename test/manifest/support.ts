import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Sandbox, loadManifest, type LoadOptions, type SandboxProcess } from '../../src/index.js';

/** A host folder for one test file; `host` names what is in it. */
export class Place {
  readonly folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'culm-manifest-')));
  readonly log: string[] = [];

  host(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, content: string | Uint8Array): string {
    fs.mkdirSync(join(this.host(name), '..'), { recursive: true });
    fs.writeFileSync(this.host(name), content);
    return this.host(name);
  }

  /** A manifest that runs a shell's `command` with busybox; `more` are further lines. */
  shell(command: string, more = ''): string {
    return `libos.entrypoint = "/bin/busybox"
loader.argv = ["sh", "-c", ${JSON.stringify(command)}]
loader.env.PATH = "/bin"
fs.root.type = "tmpfs"
fs.mounts = [
  { path = "/bin/busybox", uri = "file:${BUSYBOX}" },
  { path = "/d", uri = "file:${this.folder}" },
]
sgx.trusted_files = ["file:${BUSYBOX}", ${this.trusted.join(', ')}]
sgx.allowed_files = [${this.allowed.join(', ')}]
${more}
`;
  }
  trusted: string[] = [];
  allowed: string[] = [];

  async sandbox(text: string, options: LoadOptions = {}): Promise<Loaded> {
    const manifest = await loadManifest(this.write('test.manifest', text), options);
    const sandbox = await Sandbox.create({
      ...manifest.options,
      thread: 'caller',
      logLevel: 'warning',
      log: (line) => this.log.push(line),
    });
    return { sandbox, manifest };
  }

  /** Runs a manifest to its end. */
  async run(text: string, options: LoadOptions = {}): Promise<Result> {
    const { sandbox, manifest } = await this.sandbox(text, options);
    try {
      const { status, stdoutText, stderrText } = await sandbox.exec(manifest.argv, manifest.spawn);
      return { status, stdout: stdoutText, stderr: stderrText };
    } finally {
      await sandbox.dispose();
    }
  }

  remove(): void {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

export type Loaded = {
  sandbox: Awaited<ReturnType<typeof Sandbox.create>>;
  manifest: Awaited<ReturnType<typeof loadManifest>>;
};
export interface Result {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const BUSYBOX = fs.realpathSync('/bin/busybox');

export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Compiles a C program beside this file into `place`. */
export function compile(place: Place, name: string): string {
  const source = fileURLToPath(new URL(`../../../test/manifest/${name}.c`, import.meta.url));
  const program = place.host(name);
  execFileSync('gcc', ['-O1', '-static', '-o', program, source]);
  return program;
}

/** Reads a program's output until it has `text`; then does `change` and gives the program a line. */
export async function between(process: SandboxProcess, text: string, change: () => void): Promise<string> {
  let output = '';
  let changed = false;
  const decoder = new TextDecoder();
  const writer = process.stdin.getWriter();
  for await (const bytes of process.stdout) {
    output += decoder.decode(bytes, { stream: true });
    if (changed || !output.includes(text)) continue;
    changed = true;
    change();
    await writer.write(new TextEncoder().encode('\n'));
    await writer.close();
  }
  assert.ok(changed, `the output lacks ${text}: ${output}`);
  return output;
}
