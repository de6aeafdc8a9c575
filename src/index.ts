/** Culm for Node.js: the package's entry. */
import { nodePlatform } from './node/platform.js';
import { Sandbox as AnySandbox } from './sandbox/sandbox.js';
import type { RestoreOptions, SandboxOptions, SnapshotSource } from './sandbox/types.js';

export * from './sandbox/types.js';
export { formatFinding, type Finding, type Severity } from './manifest/finding.js';
export { readManifest, type ReadManifest } from './manifest/read.js';
export {
  decryptFiles,
  encryptFiles,
  verifyFiles,
  type ProtectedFilesOptions,
} from './node/protected-files.js';
export { hostNames } from './node/names.js';
export { renderManifest, type RenderManifestOptions } from './node/render.js';
export { sha256Of } from './node/trusted.js';
export { loadManifest, manifestText, type LoadOptions, type LoadedManifest } from './node/manifest.js';
export type { SandboxFiles, WatchOptions, WriteOptions } from './sandbox/files.js';
export type { SandboxPseudo } from './sandbox/pseudo.js';
export type { SandboxProcess } from './sandbox/process.js';

export type Sandbox = AnySandbox;
export const Sandbox = {
  /** Makes a sandbox; throws CulmError where a setting is wrong. */
  create: (options: SandboxOptions = {}): Promise<AnySandbox> => AnySandbox.connect(nodePlatform, options),
  /** Goes on with a snapshot's sandbox; throws CulmError where it is damaged or something that it needs is not given. */
  restore: (snapshot: SnapshotSource, options: RestoreOptions = {}): Promise<AnySandbox> =>
    AnySandbox.revive(nodePlatform, snapshot, options),
};
