/** The options of `culm restore`, `culm snapshot` and `culm inspect`. */
import { InvalidArgumentError, type Command } from 'commander';
import type { InspectOptions } from './inspect.js';
import type { RestoreCommandOptions } from './restore.js';
import type { SnapshotCommandOptions } from './snapshot.js';

type Append = (value: string, list?: string[]) => string[];

interface Parsers {
  readonly append: Append;
  readonly number: (value: string) => number;
}

/** Options of whatever has a program run. */
export function addRunning(command: Command, number: Parsers['number']): Command {
  return command
    .option('--timeout <seconds>', 'end the program after so long', number)
    .option('--strace', 'print each system call to standard error')
    .option('--strace-output <file>', 'print each system call to a file')
    .option('--log-level <level>', 'none, error, warning or debug; by default error')
    .option('--log-file <file>', 'append what is logged to a file')
    .option('--stats', 'print what was executed, translated and used to standard error at the end')
    .option(
      '--profile [=file]',
      'print what took the time to standard error at the end; write it to a file, .cpuprofile for Chrome, else for speedscope',
    )
    .option('--tier <tier>', 'interpret, translate or mixed', 'mixed')
    .option(
      '--without <name,...>',
      'parts of the translator to do without, to find faults (docs/optimisations.md)',
    );
}

export function addSnapshots(culm: Command, parsers: Parsers): void {
  addRestore(culm, parsers);
  addSnapshot(culm, parsers);
  addInspect(culm, parsers);
}

const PARENT = ['--parent <file>', 'a snapshot on which the file builds, the oldest first'] as const;

function addRestore(culm: Command, { append, number }: Parsers): void {
  const restoring = culm
    .command('restore')
    .description('go on with a snapshot; what it had of the host is named again')
    .argument('<file>', 'the snapshot')
    .option(...PARENT, append)
    .option('--rootfs <dir>', 'host folder with the root filesystem')
    .option('--root <dir>', 'host folder as the root itself')
    .option('-v, --volume <host:guest[:ro]>', 'the host folder or file for a mount', append)
    .option('--encrypted <host:guest[:key[:recovery]]>', 'the folder for a mount of encrypted files', append)
    .option('--key <name=hex>', 'a key of encrypted folders, 32 hexadecimal digits', append)
    .option('-i, --interactive', 'connect standard input')
    .option('-t, --tty', 'join the program’s terminal to this one');
  addRunning(restoring, number).action(async (file: string, options: RestoreCommandOptions) => {
    const { restore } = await import('./restore.js');
    process.exitCode = await restore(file, options);
  });
}

function pidOf(value: string): number {
  if (!/^[1-9]\d{0,9}$/.test(value)) throw new InvalidArgumentError('not a process id');
  return Number(value);
}

function addSnapshot(culm: Command, { append, number }: Parsers): void {
  culm
    .command('snapshot')
    .description('write a running `culm run` down; it goes on')
    .argument('<pid>', 'the process id of `culm run` or `culm restore`', pidOf)
    .argument('<file>', 'the snapshot; an old one is replaced once the new one is whole')
    .option('--no-compress', 'a larger file, in less time')
    .option('--no-host-pages', 'a smaller file: what is mapped of host files is read from them again')
    .option('--keys', 'keys of encrypted folders, too: whoever has the file has them')
    .option(
      '--parent <file>',
      'hold only what has changed since this snapshot; those it builds on first',
      append,
    )
    .option('--timeout <seconds>', 'how long to wait for the answer', number, 120)
    .action(async (pid: number, file: string, options: SnapshotCommandOptions) => {
      const { snapshot } = await import('./snapshot.js');
      process.exitCode = await snapshot(pid, file, options);
    });
}

function addInspect(culm: Command, { append }: Parsers): void {
  culm
    .command('inspect')
    .description('say what is in a snapshot')
    .argument('<file>', 'the snapshot')
    .option(...PARENT, append)
    .option('--json', 'as JSON')
    .action(async (file: string, options: InspectOptions) => {
      const { inspect } = await import('./inspect.js');
      process.exitCode = await inspect(file, options);
    });
}
