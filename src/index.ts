/** Culm for Node.js: the package's entry. */
import { createNodeHost } from './host/node/host.js';
import { nodePlatform } from './node/platform.js';
import { snapshotContents, type SnapshotContents } from './sandbox/inspect.js';
import { Sandbox as AnySandbox, filesOf } from './sandbox/sandbox.js';
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
export type { SnapshotContents } from './sandbox/inspect.js';
export { profileFile, type ProfileFormat } from './sandbox/profile-file.js';
export { profileTable } from './sandbox/profile-table.js';
export type {
  Profile,
  ProfiledCall,
  ProfiledFunction,
  ProfiledRegion,
  ProfileFrame,
  ProfileTrack,
} from './kernel/profile/types.js';
export { OPTIMISATIONS, type Optimisation } from './machine/translate/optimisations.js';
export type { SandboxProcess } from './sandbox/process.js';

export type Sandbox = AnySandbox;
export const Sandbox = {
  /** Makes a sandbox; throws CulmError where a setting is wrong. */
  create: (options: SandboxOptions = {}): Promise<AnySandbox> => AnySandbox.connect(nodePlatform, options),
  /**
   * Goes on with a snapshot's sandbox; of several, the last one's, which builds on those before it. Throws CulmError where
   * one is damaged or something that it needs is not given.
   */
  restore: (
    snapshot: SnapshotSource | readonly SnapshotSource[],
    options: RestoreOptions = {},
  ): Promise<AnySandbox> => AnySandbox.revive(nodePlatform, snapshot, options),
};

/** What is in a snapshot; of several, in the last one, which builds on those before it. Nothing of it is started. */
export async function inspectSnapshot(
  snapshot: SnapshotSource | readonly SnapshotSource[],
): Promise<SnapshotContents> {
  return snapshotContents(createNodeHost().crypto, await filesOf(snapshot));
}
