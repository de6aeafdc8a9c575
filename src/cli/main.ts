/** The command line: parses, calls the public API, turns failures into one line and Docker's exit statuses. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { readFileSync } from 'node:fs';
import { CulmError } from '../index.js';
import type { FilesOptions } from './files.js';
import type { RunOptions } from './job.js';
import type { RenderOptions } from './manifest.js';
import { run } from './run.js';
import { addRunning, addSnapshots } from './snapshot-commands.js';

const STATUS = { own: 125, notExecutable: 126, notFound: 127 } as const;

function version(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

const append = (value: string, list: string[] = []): string[] => [...list, value];

function number(value: string): number {
  const n = Number(value);
  if (!Number.isFinite(n) || n <= 0) throw new InvalidArgumentError('not a positive number');
  return n;
}

function count(value: string): number {
  return value === '0' ? 0 : number(value);
}

function addRun(culm: Command): void {
  const running = culm
    .command('run')
    .description('run a program in a new sandbox')
    .passThroughOptions()
    .argument('[program]', 'the program, looked up in the guest’s PATH if it has no slash')
    .argument('[args...]', 'its arguments')
    .option('--manifest <file>', 'run what a manifest says; the arguments are its program’s')
    .option('-D, --define <name=value>', 'a variable of the manifest’s template', append)
    .option('--rootfs <dir>', 'host folder with the root filesystem; what the guest writes stays in memory')
    .option('--root <dir>', 'host folder as the root itself: what the guest writes goes there')
    .option(
      '-v, --volume <host:guest[:ro]>',
      'show a host folder or file to the guest, writable unless :ro',
      append,
    )
    .option('--tmpfs <path[:size]>', 'an empty filesystem in memory', append)
    .option('--encrypted <host:guest[:key[:recovery]]>', 'a host folder of encrypted files', append)
    .option('--key <name=hex>', 'a key of encrypted folders, 32 hexadecimal digits', append)
    .option('-e, --env <name=value>', 'set a variable; NAME alone passes the host’s value on', append)
    .option('--host-env', 'pass all of the host’s variables on')
    .option('-w, --workdir <dir>', 'working directory, by default /')
    .option('--argv0 <name>', 'the program’s argv[0]')
    .option('-u, --user <uid[:gid]>', 'user, by number or by name in the guest’s /etc/passwd; by default 0')
    .option('--hostname <name>', 'host name that the guest sees, by default culm')
    .option('--host-names', 'the host’s own name, and its name servers in /etc/resolv.conf')
    .option('--no-sysfs', 'there is no /sys')
    .option('--generate-etc <name>', 'make this file of /etc even if the root has it', append)
    .option('-i, --interactive', 'connect standard input')
    .option('-t, --tty', 'give the program a terminal')
    .option('-m, --memory <size>', 'memory limit, such as 512m or 2g; by default 1g')
    .option('--cpus <n>', 'processors that the guest sees', number)
    .option('--cpu <level>', 'what CPUID reports: x86-64-v2 (by default) or x86-64-v3')
    .option('--read-only', 'the root filesystem cannot be written')
    .option('--stack <size>', 'stack of a thread')
    .option('--heap <size>', 'how far brk(2) can grow a heap')
    .option('--max-files <n>', 'descriptors of a process', count)
    .option('--max-processes, --pids-limit <n>', 'processes and threads at a time, 2048 by default', number)
    .option('--cpu-time <seconds>', 'end all programs after so much processor time', number)
    .option('--max-output <size>', 'end all programs after so much output')
    .option('--aslr', 'put programs at addresses that cannot be foreseen')
    .option('--no-code-cache', 'keep no translated code for the next run, and use none')
    .option('--no-subprocesses', 'making processes fails')
    .option(
      '--place <program>',
      'run this program of the guest in a kernel of its own when children execute it',
      append,
    )
    .option(
      '--place-otherwise <what>',
      'where that would tear it from what it shares: refuse (by default) or stay',
    )
    .option('--mock-syscall <name=n>', 'a system call that only returns a number', append)
    .option('--trusted <file[=sha256]>', 'a host file that may be read while it is what it is now', append)
    .option('--allowed <path>', 'a host file or folder that may be used when others may not', append)
    .option('--file-check <policy>', 'what other files are: strict (refused) or allow_all_but_log')
    .option('--restore <file>', 'go on with a snapshot in place of a new sandbox: see `culm restore`');
  addRunning(running, number).action(
    async (name: string | undefined, args: string[], options: RunOptions & { restore?: string }) => {
      if (options.restore !== undefined) {
        if (name !== undefined)
          throw new CulmError('option', 'a restored sandbox has its program: name none');
        const { restore } = await import('./restore.js');
        process.exitCode = await restore(options.restore, options);
        return;
      }
      process.exitCode = await run(name === undefined ? [] : [name, ...args], options);
    },
  );
}

function addManifest(culm: Command): void {
  const manifest = culm.command('manifest').description('read manifests');
  const define = ['-D, --define <name=value>', 'a variable of the template', append] as const;
  manifest
    .command('check')
    .description('say what is wrong, insecure or ignored in a manifest')
    .argument('<file>', 'the manifest, or a template (.template)')
    .option(...define)
    .action(async (file: string, options: { define?: string[] }) => {
      const { check } = await import('./manifest.js');
      process.exitCode = await check(file, options);
    });
  manifest
    .command('render')
    .description('make a manifest from a template, with the sums of all trusted files')
    .argument('<template>', 'the template')
    .argument('[output]', 'the manifest; by default standard output')
    .option(...define)
    .option('--no-check', 'write it even if it cannot be run')
    .action(async (file: string, output: string | undefined, options: RenderOptions) => {
      const { render } = await import('./manifest.js');
      process.exitCode = await render(file, output, options);
    });
}

function addFiles(culm: Command): void {
  const files = culm
    .command('files')
    .description('encrypted files outside of a sandbox, in Gramine’s format');
  const command = (name: string, description: string): Command =>
    files
      .command(name)
      .description(description)
      .option('--key <hex>', 'the key: 32 hexadecimal digits')
      .option('--key-file <file>', 'the key: a file of 16 bytes')
      .option('--path <path>', 'what the file or folder is bound to; by default as it is named here');
  const anyPath = ['--any-path', 'do not ask what the files are bound to'] as const;
  command('encrypt', 'make encrypted files from plain ones, of a file or a folder')
    .argument('<from>', 'plain')
    .argument('<to>', 'encrypted')
    .action(async (from: string, to: string, options: FilesOptions) => {
      const { encrypt } = await import('./files.js');
      process.exitCode = encrypt(from, to, options);
    });
  command('decrypt', 'make plain files from encrypted ones')
    .argument('<from>', 'encrypted')
    .argument('<to>', 'plain')
    .option(...anyPath)
    .action(async (from: string, to: string, options: FilesOptions) => {
      const { decrypt } = await import('./files.js');
      process.exitCode = decrypt(from, to, options);
    });
  command('verify', 'say of encrypted files whether they are good')
    .argument('<path>', 'encrypted')
    .option(...anyPath)
    .action(async (path: string, options: FilesOptions) => {
      const { verify } = await import('./files.js');
      process.exitCode = verify(path, options);
    });
}

function program(): Command {
  const culm = new Command('culm')
    .description('Runs unmodified x86-64 Linux programs in Node.js.')
    .version(version())
    .enablePositionalOptions()
    .exitOverride();
  addRun(culm);
  addSnapshots(culm, { append, number });
  addManifest(culm);
  addFiles(culm);
  return culm;
}

/** `culm FILE.manifest ARGS` stands for `culm run --manifest FILE.manifest ARGS`. */
function withManifest(argv: readonly string[]): string[] {
  const [node = '', script = '', first = '', ...rest] = argv;
  if (!/\.manifest(\.sgx|\.template)?$/.test(first)) return [...argv];
  return [node, script, 'run', '--manifest', first, '--', ...rest];
}

/**
 * `--profile` alone takes no value, though it can have one behind `=`: it must not take the program's name for its own. It
 * stands before the program, as all of Culm's options.
 */
function withValues(culm: Command, argv: readonly string[]): string[] {
  const [node = '', script = '', name = '', ...rest] = argv;
  const options = culm.commands.find((command) => command.name() === name)?.options ?? [];
  let at = 0;
  for (let arg = rest[at]; arg?.startsWith('-') === true && arg !== '--'; arg = rest[++at]) {
    if (arg === '--profile') rest[at] = '--profile=';
    else if (options.some(({ required, long, short }) => required && (long === arg || short === arg))) at++;
  }
  return [node, script, name, ...rest];
}

/** What a failure means to a shell; the one line goes to standard error. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : STATUS.own;
  const message = error instanceof Error ? error.message : String(error);
  const lines = error instanceof CulmError ? message.split('\n') : message.split('\n', 1);
  for (const line of lines) process.stderr.write(`culm: ${line}\n`);
  if (!(error instanceof CulmError)) return STATUS.own;
  if (error.code === 'not-found') return STATUS.notFound;
  return error.code === 'not-executable' ? STATUS.notExecutable : STATUS.own;
}

const culm = program();
culm.parseAsync(withValues(culm, withManifest(process.argv))).catch((error: unknown) => {
  process.exitCode = report(error);
});
