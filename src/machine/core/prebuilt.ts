import type { HandlerInfo } from '../interpret/handlers.js';

/** The core module as the build writes it down (core-text.ts), since generating it takes half a second. */
export interface PrebuiltCore {
  /** In base64. */
  readonly bytes: string;
  readonly handlers: readonly HandlerInfo[];
  /** Names of the JavaScript helpers. */
  readonly helpers: readonly string[];
}

/** Null in the source; scripts/build.mjs puts the module into the compiled file. */
export const PREBUILT = null as PrebuiltCore | null;
