/** The core module as the build writes it down (core-text.ts), since generating it takes half a second. */
export interface PrebuiltCore {
  /** In base64, or a function that has the bytes. */
  readonly bytes: string | (() => Uint8Array);
  /** Names of the JavaScript helpers. */
  readonly helpers: readonly string[];
}

/** Null in the source; scripts/build.mjs puts the module into the compiled file. */
export const PREBUILT = null as PrebuiltCore | null;

/** Stands for everything that decides what code is translated to; '' in the source. */
export const BUILD = '' as string;
