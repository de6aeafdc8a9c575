// Writes docs/pseudo-files.md from the kernel's trees of pseudo-files; with --check it only says whether it is up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DEV_ROOT } from '../build/src/kernel/fs/dev/dev.js';
import { ETC_ROOT } from '../build/src/kernel/fs/etc/etc.js';
import { PROC_ROOT } from '../build/src/kernel/fs/proc/proc.js';
import { CGROUP_ROOT } from '../build/src/kernel/fs/sys/cgroup.js';
import { SYS_ROOT } from '../build/src/kernel/fs/sys/sys.js';

const OUT = fileURLToPath(new URL('../docs/pseudo-files.md', import.meta.url));
const GRAMINE = fileURLToPath(new URL('gramine-pseudo-files.txt', import.meta.url));

const TREES = [
  ['/proc', PROC_ROOT],
  ['/dev', DEV_ROOT],
  ['/sys', SYS_ROOT],
  ['/sys/fs/cgroup', CGROUP_ROOT],
  ['', ETC_ROOT],
];

const HEAD = `# Pseudo-files

What \`/proc\`, \`/dev\`, \`/sys\` and the generated part of \`/etc\` hold in a sandbox. This page is made from the kernel's tables by
\`npm run docs\`; a test keeps it up to date. An application can add files of its own (\`pseudo\` in \`SandboxOptions\`).

Gramine: whether Gramine 1.9 has the file, whole (yes) or in part or with made-up content (part). Content is Linux's, about the
sandbox, unless the last column says otherwise; numbers are counted by the kernel, and 0 where a thing does not exist or cannot be
known. Files with mode bits for writing take what Linux takes there.
`;

/** Path to 'yes' or 'part'. */
function gramine() {
  const lines = readFileSync(GRAMINE, 'utf8').split('\n');
  return new Map(lines.filter((line) => /^\//.test(line)).map((line) => line.split(/\s+/)));
}

const KINDS = { file: 'file', data: 'file', link: 'link', device: 'device', dir: 'directory' };

function modeOf(row) {
  return typeof row.mode === 'number' ? row.mode.toString(8).padStart(4, '0') : 'varies';
}

function noteOf(row, rows) {
  const constant = row.kind === 'file' && row.note === 'always the same' ? row.content() : null;
  if (constant !== null && constant.length < 40)
    return `always \`${constant.trim().replace(/\s+/g, ' ') || ' '}\``;
  if (row.kind === 'device') return `${row.major}:${typeof row.minor === 'number' ? row.minor : 'n'}`;
  if (row.note !== undefined) return row.note;
  return row.kind === 'dir' && rows === 0 ? 'empty' : '';
}

/** All rows below one, in the order of their listing; a thread's that are its process's own are left out. */
function* walk(path, row, seen) {
  if (row.kind !== 'dir') return;
  const rows = row.rows.filter((child) => !seen.has(child));
  const inside = new Set([...seen, ...row.rows]);
  if (rows.length < row.rows.length) yield [`${path}/...`, null, 0];
  for (const child of rows) {
    const [name, named] = child.kind === 'family' ? [child.label, child.row] : [child.name, child];
    yield [`${path}/${name}`, named, named.kind === 'dir' ? named.rows.length : 0];
    yield* walk(`${path}/${name}`, named, inside);
  }
}

export function render() {
  const known = gramine();
  const lines = [];
  const missing = new Set(known.keys());
  for (const [root, tree] of TREES) {
    lines.push('', `## ${root === '' ? '/etc, behind the files that the root has' : root}`, '');
    lines.push('| File | Kind | Mode | Gramine | Here |', '| --- | --- | --- | --- | --- |');
    for (const [path, row, rows] of walk(root, tree, new Set())) {
      missing.delete(path);
      if (row === null)
        lines.push(
          `| \`${path}\` | | | ${known.get(path) ?? ''} | the files of its process, for the thread |`,
        );
      else
        lines.push(
          `| \`${path}\` | ${KINDS[row.kind]} | ${modeOf(row)} | ${known.get(path) ?? ''} | ${noteOf(row, rows).replaceAll('|', '\\|')} |`,
        );
    }
  }
  if (missing.size > 0) {
    lines.push('', '## In Gramine, made elsewhere or not here', '', '| File | Gramine |', '| --- | --- |');
    for (const path of [...missing].sort()) lines.push(`| \`${path}\` | ${known.get(path)} |`);
  }
  return { text: `${HEAD}${lines.join('\n')}\n`, missing: [...missing] };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { text } = render();
  if (!process.argv.includes('--check')) writeFileSync(OUT, text);
  else if (readFileSync(OUT, 'utf8') !== text) {
    console.error('docs/pseudo-files.md is out of date: npm run docs');
    process.exitCode = 1;
  }
}
