import { setFlagsFromString } from 'node:v8';

/**
 * How much of a region runs, in bytes, before V8 optimises it: thirty times as much as V8 waits by itself, which is right for
 * the core module, that is there already. To optimise a region takes a second for a megabyte, most of which a program that
 * runs for some seconds never gets back.
 */
const BUDGET = 60_000_000;

/** To be called when a sandbox is there and no program runs yet. */
export function waitLongerWithRegions(): void {
  setFlagsFromString(`--wasm-tiering-budget=${BUDGET}`);
}
