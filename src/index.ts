/** Culm for Node.js: the package's entry. */
import { nodePlatform } from './node/platform.js';
import { Sandbox as AnySandbox } from './sandbox/sandbox.js';
import type { SandboxOptions } from './sandbox/types.js';

export * from './sandbox/types.js';
export type { SandboxFiles, WriteOptions } from './sandbox/files.js';
export type { SandboxPseudo } from './sandbox/pseudo.js';
export type { SandboxProcess } from './sandbox/process.js';

export type Sandbox = AnySandbox;
export const Sandbox = {
  /** Makes a sandbox; throws CulmError where a setting is wrong. */
  create: (options: SandboxOptions = {}): Promise<AnySandbox> => AnySandbox.connect(nodePlatform, options),
};
