/** What is wrong not with a key but with keys together. */
import { structProblems } from '../sandbox/ioctls.js';
import type { Severity } from './finding.js';
import { KEYS, type KeyId, type Manifest } from './schema.js';

interface Contradiction {
  readonly severity: Severity;
  readonly id: KeyId;
  readonly reason: string;
}

type Check = (manifest: Manifest, given: ReadonlySet<KeyId>) => Iterable<Contradiction>;

function error(id: KeyId, reason: string): Contradiction {
  return { severity: 'error', id, reason };
}

const required: Check = function* (manifest, given) {
  const { entrypoint } = manifest;
  if (!given.has('entrypoint')) yield error('entrypoint', 'is required: the program to run');
  else if (entrypoint?.startsWith('file:') === true)
    yield error('entrypoint', 'must be a path in the sandbox, without "file:"');
  else if (entrypoint === '') yield error('entrypoint', 'must not be empty');
};

/** At most one source of arguments. */
const argvSources: Check = function* (manifest, given) {
  const sources: KeyId[] = (['argv', 'argvFile'] as const).filter((id) => given.has(id));
  if (manifest.cmdlineArgv === true) sources.push('cmdlineArgv');
  const [first, second] = sources;
  if (first !== undefined && second !== undefined)
    yield error(second, `excludes ${KEYS[first].key}: there is one source of arguments`);
};

const envSources: Check = function* (manifest, given) {
  if (manifest.hostEnv === true && given.has('envFile'))
    yield error('envFile', `excludes ${KEYS.hostEnv.key}: there is one source of variables`);
};

const edmm: Check = function* (manifest, given) {
  if (manifest.edmm === true && manifest.preheat === true && given.has('preheat'))
    yield error('preheat', `excludes ${KEYS.edmm.key}`);
  if (manifest.profileStack === true && manifest.profileMode === 'ocall_outer')
    yield error('profileStack', 'cannot be with mode "ocall_outer"');
};

/** Two encrypted mounts must not show one host folder: each would keep its own idea of a file. */
const encryptedOverlap: Check = function* ({ mounts, root }) {
  const encrypted = [...(root === null ? [] : [root]), ...(mounts ?? [])].filter(
    ({ type }) => type === 'encrypted',
  );
  const paths = encrypted.map(({ uri }) => `${uri?.path ?? ''}/`.replace(/\/+$/, '/'));
  for (const [i, a] of paths.entries())
    for (const b of paths.slice(i + 1))
      if (a.startsWith(b) || b.startsWith(a))
        yield error('mounts', `the encrypted mounts of ${a} and ${b} overlap on the host`);
};

const HOST_PSEUDO = /^\/(proc|sys|dev)(\/|$)/;

/** Gramine shouts at these, and so does Culm. */
const hostPseudo: Check = function* ({ mounts, root }) {
  for (const { uri, type } of [...(root === null ? [] : [root]), ...(mounts ?? [])])
    if (uri?.scheme === 'file' && type === 'chroot' && HOST_PSEUDO.test(uri.path))
      yield {
        severity: 'warning',
        id: 'mounts',
        reason: `${uri.path} is a pseudo-filesystem of the host: what it shows is not the sandbox’s`,
      };
};

const duplicateTrusted: Check = function* ({ trustedFiles }) {
  const sums = new Map<string, string>();
  for (const { uri, sha256 } of trustedFiles ?? []) {
    const known = sums.get(uri.path);
    if (sha256 === null) continue;
    if (known !== undefined && known !== sha256)
      yield error('trustedFiles', `${uri.path} has two different sums`);
    sums.set(uri.path, sha256);
  }
};

const keyNames: Check = function* ({ keys }) {
  for (const name of Object.keys(keys ?? {}))
    if (name.startsWith('_') || name.includes('/') || name === '')
      yield error('keys', `"${name}" cannot be a key’s name: those that begin with "_" are sealing keys`);
};

const ioctls: Check = function* ({ ioctls: allowed, ioctlStructs }) {
  const structs = ioctlStructs ?? {};
  for (const { struct = '', request } of allowed ?? [])
    if (struct !== '' && !Object.hasOwn(structs, struct))
      yield error('ioctls', `0x${request.toString(16)} names the struct "${struct}", which is not defined`);
  for (const reason of structProblems(structs)) yield error('ioctlStructs', reason);
};

const hostname: Check = function* ({ hostname: name, domainNames }) {
  if (name !== null && domainNames === true)
    yield error('hostname', `excludes ${KEYS.domainNames.key}, which takes the host’s name`);
};

const CHECKS: readonly Check[] = [
  required,
  argvSources,
  envSources,
  edmm,
  encryptedOverlap,
  hostPseudo,
  duplicateTrusted,
  keyNames,
  ioctls,
  hostname,
];

export function* contradictions(manifest: Manifest, given: ReadonlySet<KeyId>): Generator<Contradiction> {
  for (const check of CHECKS) yield* check(manifest, given);
}
