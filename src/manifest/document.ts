/** docs/manifest.md, from the table of keys. */
import { size } from './kinds.js';
import { REMOVED, KEYS, type Effect, type Key } from './schema.js';

const INTRODUCTION = `# Manifests

A manifest says what a program is started with and what it may see. It is a TOML file in Gramine's syntax; Gramine's manifests
work as they are.

\`\`\`sh
culm manifest check app.manifest              # what is wrong, insecure or ignored, each with file, line and reason
culm manifest render app.manifest.template app.manifest -Dname=value
culm run --manifest app.manifest ARGS         # or: culm app.manifest ARGS
\`\`\`

\`\`\`ts
const { options, argv, spawn } = await loadManifest('app.manifest', { args });
await using sandbox = await Sandbox.create(options);
await sandbox.exec(argv, spawn);
\`\`\`

Options of \`culm run\` go before what the manifest says; its mounts are added to the manifest's. Relative paths of the host
begin where \`culm\` is started. Standard input is connected; of signals from outside only what
\`sys.enable_sigterm_injection\` lets in reaches the program.

## Templates

A file whose name ends in \`.template\` is rendered first, by [nunjucks](https://mozilla.github.io/nunjucks/) in its Jinja-compatible
mode; a variable that is not defined and is written out is an error. There are \`-D\` variables, \`env\` (the host's
environment), \`gramine.libos\`, \`gramine.pkglibdir\`, \`gramine.runtimedir(libc)\`, \`python.stdlib\`, \`python.get_sys_path(...)\`
and the others that gramine-manifest has, and \`ldd(file, ...)\`. \`culm manifest render\` also lists every file of
\`sgx.trusted_files\` with its SHA-256.

## Mounts

\`fs.root\` and the entries of \`fs.mounts\` are tables. \`type\` is one of:

| type            | \`uri\`              | more                                                    | what it is                                                              |
| --------------- | ------------------ | ------------------------------------------------------- | ----------------------------------------------------------------------- |
| \`chroot\`        | \`file:\` or \`dev:\`  |                                                         | a folder, file or device node of the host; writes reach the host        |
| \`encrypted\`     | \`file:\`            | \`key_name\` ("default"), \`enable_recovery\` (false)       | a host folder of encrypted files                                        |
| \`tmpfs\`         | ignored            |                                                         | an empty filesystem in memory                                           |
| \`untrusted_shm\` | \`dev:\`             |                                                         | a host folder, as it is; mappings reach the host when they are synced   |

Entries of \`fs.mounts\` also have \`path\`. Symbolic links of the host are symbolic links in the sandbox and lead on inside it. Of device
nodes those work that Culm has itself (/dev/null, zero, full, random, urandom, tty).

## Trusted and allowed files

A file of a \`chroot\` mount is used if it is listed. Allowed files are used as they are. Trusted ones can only be read; their content
is checked when they are opened and again, in pieces of 16 KiB, when it is read or mapped: once it is not what the SHA-256 says, EPERM
(in a mapping SIGBUS). Other files can be looked at; opening them, and making, removing or renaming names where nothing is allowed, is
refused with EACCES. A symbolic link that has come to stand in the way to a trusted file since the start is not followed. Files in
encrypted mounts vouch for themselves and need not be listed.

## Encrypted files

The format is that of Gramine's protected files, version 2 (1 can be read); \`culm files encrypt|decrypt|verify\` works on them outside of
a sandbox. A file is bound to its path, which begins with the mount's \`uri\` as written. A file that was changed, cut, renamed or
replaced by another one is refused with EACCES and can only be removed. Renaming directories gives EXDEV (mv copies), hard and
symbolic links EPERM. Changes are written when a descriptor is closed or synced. With \`enable_recovery\` a write that did not come to
its end is undone when the file is next opened. Names and sizes can be seen by the host, and a whole file can be put back as it was.

Keys are files in /dev/attestation/keys, one for each name: a program sets one by writing 16 bytes. Where the host has a
report interface (configfs TSM), /dev/attestation also has attestation_type, user_report_data, report and quote; where not,
attestation_type says \`none\`.

## Keys

`;

const HEADINGS: readonly (readonly [Effect, string])[] = [
  ['works', ''],
  ['needless', '### Accepted, and not needed\n\n'],
  ['sgx', '### About SGX: accepted and ignored\n\n'],
];

function shownDefault({ fallback, kind }: Key<unknown>): string {
  if (fallback === null) return '';
  if (Array.isArray(fallback) || typeof fallback === 'object') return 'none';
  return `\`${JSON.stringify(kind === size ? sizeText(Number(fallback)) : fallback)}\``;
}

function sizeText(bytes: number): string {
  return bytes % 2 ** 30 === 0 ? `${bytes / 2 ** 30}G` : `${bytes / 1024}K`;
}

function row(key: Key<unknown>): string {
  const kind = key.kind.name.replaceAll('|', '\\|');
  const insecure = key.insecure === undefined ? '' : ' Can be insecure.';
  const sentence = [key.sentence, key.note ?? ''].join(' ').trim() + insecure;
  return `| \`${key.key}\` | ${kind} | ${shownDefault(key)} | ${sentence} |\n`;
}

function table(keys: readonly Key<unknown>[]): string {
  return `| key | value | default | meaning |\n| --- | --- | --- | --- |\n${keys.map(row).join('')}\n`;
}

/** The whole document; formatting is left to the formatter. */
export function manifestDocument(): string {
  const keys = Object.values(KEYS) as readonly Key<unknown>[];
  const own = keys.filter(({ key }) => key.startsWith('culm.'));
  const parts = HEADINGS.map(
    ([effect, heading]) => heading + table(keys.filter((key) => key.effect === effect && !own.includes(key))),
  );
  const removed = Object.keys(REMOVED).map((key) => `\`${key}\``);
  return (
    INTRODUCTION +
    parts.join('') +
    `### Removed from Gramine, and errors\n\n${removed.join(', ')}.\n\n` +
    `### Culm's own\n\n${table(own)}`
  );
}
