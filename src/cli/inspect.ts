/** `culm inspect`: what is in a snapshot, as tables or as JSON. */
import { inspectSnapshot, type SnapshotContents } from '../index.js';
import { readSnapshot } from './snapshot-file.js';

export interface InspectOptions {
  readonly parent?: readonly string[];
  readonly json?: boolean;
}

export async function inspect(file: string, options: InspectOptions): Promise<number> {
  const contents = await inspectSnapshot([...(options.parent ?? []), file].map(readSnapshot));
  process.stdout.write(options.json === true ? `${JSON.stringify(contents, null, 2)}\n` : tables(contents));
  return 0;
}

type Row = readonly (string | number)[];

function tables(contents: SnapshotContents): string {
  const parts = [
    columns(overview(contents)),
    columns([
      ['PID', 'PPID', 'STATE', 'THREADS', 'RESIDENT', 'COMMAND'],
      ...contents.processes.map(processRow),
    ]),
    columns([['PID', 'FD', 'ACCESS', 'POSITION', 'FILE'], ...fileRows(contents)]),
    columns([
      ['MOUNT', 'TYPE', ''],
      ...contents.mounts.map(({ path, type, readOnly }) => [path, type, readOnly ? 'read-only' : '']),
    ]),
  ];
  return parts.join('\n');
}

function overview(contents: SnapshotContents): Row[] {
  const { version, digest, parent, size, contentSize, settings, memory, keys, holdsKeys, hostPages } =
    contents;
  const needed = typeof settings.rootfs === 'string' ? settings.rootfs : 'none';
  return [
    ['format', version],
    ['digest', digest],
    ['parent', parent ?? 'none'],
    ['size', `${bytes(size)}, unpacked ${bytes(contentSize)}`],
    ['rootfs', needed],
    ['host name', String(settings.hostname)],
    [
      'memory',
      `${bytes(memory.used)} in use of ${bytes(Number(settings.memory))}, ${bytes(memory.stored)} stored`,
    ],
    ['host pages', hostPages ? 'included' : 'left out'],
    ['keys', keys.length === 0 ? 'none' : `${keys.join(', ')} (${holdsKeys ? 'included' : 'to be given'})`],
    ['objects', Object.values(contents.objects).reduce((sum, count) => sum + count, 0)],
  ];
}

type SavedProcess = SnapshotContents['processes'][number];

function processRow({ pid, ppid, state, threads, resident, argv, executable }: SavedProcess): Row {
  const command = argv.length > 0 ? argv.map(quoted).join(' ') : executable;
  return [pid, ppid, state, threads.length, bytes(resident), command];
}

function fileRows({ processes }: SnapshotContents): Row[] {
  return processes.flatMap(({ pid, files }) =>
    files.map(({ fd, access, position, path }): Row => [pid, fd, access, position, printable(path)]),
  );
}

function bytes(count: number): string {
  if (count < 1 << 10) return `${count} B`;
  return count < 1 << 20 ? `${Math.ceil(count / 1024)} KiB` : `${(count / (1 << 20)).toFixed(1)} MiB`;
}

/** A snapshot's maker decides what is in it: nothing of it reaches the terminal as it is. */
function printable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${printable(word)}'`;
}

function columns(rows: readonly Row[]): string {
  const texts = rows.map((row) => row.map((cell) => printable(String(cell))));
  const widths = (texts[0] ?? []).map((_, i) => Math.max(...texts.map((row) => row[i]?.length ?? 0)));
  return texts
    .map(
      (row) =>
        row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd() + '\n',
    )
    .join('');
}
