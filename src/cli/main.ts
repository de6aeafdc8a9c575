/** The command line: parses, calls the public API, turns failures into one line and Docker's exit statuses. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { CulmError } from '../index.js';
import { run, type RunOptions } from './run.js';

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

function program(): Command {
  const culm = new Command('culm')
    .description('Runs unmodified x86-64 Linux programs in Node.js.')
    .version(version())
    .enablePositionalOptions()
    .exitOverride();
  culm
    .command('run')
    .description('run a program in a new sandbox')
    .passThroughOptions()
    .argument('<program>', 'the program, looked up in the guest’s PATH if it has no slash')
    .argument('[args...]', 'its arguments')
    .option('--rootfs <dir>', 'host folder with the root filesystem; what the guest writes stays in memory')
    .option('-v, --volume <host:guest[:ro]>', 'show a host folder to the guest, writable unless :ro', append)
    .option('--tmpfs <path[:size]>', 'an empty filesystem in memory', append)
    .option('-e, --env <name=value>', 'set a variable; NAME alone passes the host’s value on', append)
    .option('-w, --workdir <dir>', 'working directory', '/')
    .option('-u, --user <uid[:gid]>', 'user, by number or by name in the guest’s /etc/passwd', '0')
    .option('--hostname <name>', 'host name that the guest sees', 'culm')
    .option('-i, --interactive', 'connect standard input')
    .option('-t, --tty', 'give the program a terminal')
    .option('-m, --memory <size>', 'memory limit, such as 512m or 2g', '1g')
    .option('--cpus <n>', 'processors that the guest sees', number, 1)
    .option('--read-only', 'the root filesystem cannot be written')
    .option('--timeout <seconds>', 'end the program after so long', number)
    .option('--strace', 'print each system call to standard error')
    .option('--strace-output <file>', 'print each system call to a file')
    .option('--log-level <level>', 'none, error, warning or debug', 'error')
    .option('--stats', 'print what was executed, translated and used to standard error at the end')
    .option('--tier <tier>', 'interpret, translate or mixed', 'mixed')
    .action(async (name: string, args: string[], options: RunOptions) => {
      process.exitCode = await run([name, ...args], options);
    });
  return culm;
}

/** What a failure means to a shell; the one line goes to standard error. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : STATUS.own;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`culm: ${message.split('\n')[0]}\n`);
  if (!(error instanceof CulmError)) return STATUS.own;
  if (error.code === 'not-found') return STATUS.notFound;
  return error.code === 'not-executable' ? STATUS.notExecutable : STATUS.own;
}

// Regions say which branches are cold; V8 heeds it only when told to (fib 70 ms to 54, FNV 47 to 28). The process is ours.
setFlagsFromString('--experimental-wasm-branch-hinting');

try {
  await program().parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
