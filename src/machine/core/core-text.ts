import { semanticsOf } from '../semantics/index.js';
import { JS_HELPERS } from '../semantics/js-helpers.js';
import { allForms } from '../x86/decode.js';
import { buildCore, type CoreModule, type GeneratedCore } from './build.js';
import { PREBUILT, type PrebuiltCore } from './prebuilt.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

function toBase64(bytes: Uint8Array): string {
  const text: string[] = [];
  for (let i = 0; i < bytes.length; i += 3) {
    const group = [bytes[i], bytes[i + 1] ?? 0, bytes[i + 2] ?? 0] as const;
    const word = ((group[0] as number) << 16) | (group[1] << 8) | group[2];
    for (let shift = 18; shift >= 0; shift -= 6) text.push(ALPHABET[(word >>> shift) & 63] as string);
  }
  const padding = (3 - (bytes.length % 3)) % 3;
  return text.join('').slice(0, -padding || undefined) + '='.repeat(padding);
}

function fromBase64(text: string): Uint8Array {
  const values = new Uint8Array(128);
  for (let i = 0; i < ALPHABET.length; i++) values[ALPHABET.charCodeAt(i)] = i;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3);
  const sextet = (i: number) => values[text.charCodeAt(i)] as number;
  for (let i = 0, at = 0; i < text.length; i += 4, at += 3) {
    const word = (sextet(i) << 18) | (sextet(i + 1) << 12) | (sextet(i + 2) << 6) | sextet(i + 3);
    bytes[at] = word >>> 16;
    bytes[at + 1] = word >>> 8;
    bytes[at + 2] = word;
  }
  return bytes.subarray(0, bytes.length - padding);
}

/** Generates the core module from the instruction table and the semantics. */
export function generateCore(): GeneratedCore {
  return buildCore(allForms(), semanticsOf);
}

/** The text of a JavaScript module like prebuilt.ts; `bytes` is an expression for the module's bytes. */
function moduleText(bytes: string, { helpers }: CoreModule): string {
  const names = helpers.map(({ name }) => name);
  return `export const PREBUILT = { bytes: ${bytes}, helpers: ${JSON.stringify(names)} };\n`;
}

/** The core module, and modules like prebuilt.ts: one that has it in it, one that takes it from what `load` gives. */
export function prebuiltTexts(load: string): { bytes: Uint8Array; whole: string; loading: string } {
  const core = generateCore();
  const whole = moduleText(JSON.stringify(toBase64(core.bytes)), core);
  return { bytes: core.bytes, whole, loading: moduleText(load, core) };
}

function restore({ bytes, helpers }: PrebuiltCore): CoreModule {
  const wanted = new Set(helpers);
  const known = JS_HELPERS.filter(({ name }) => wanted.has(name));
  return { bytes: typeof bytes === 'string' ? fromBase64(bytes) : bytes(), helpers: known };
}

/** The core module, prebuilt if it is. */
export function loadCore(): CoreModule {
  return PREBUILT === null ? generateCore() : restore(PREBUILT);
}
