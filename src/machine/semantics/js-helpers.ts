import { softFloat } from './float/instruction.js';
import type { Helper } from './helper.js';
import { cpuidHelper, rdtscHelper } from './integer/system.js';
import { xcr0Helper } from './sse/xsave.js';
import * as x87Operations from './x87/operations.js';
import { setRegister, setTags } from './x87/save.js';

function isHelper(value: unknown): value is Helper {
  return typeof value === 'object' && value !== null && 'js' in value && 'params' in value;
}

/** All helpers that are written in TypeScript, for whoever has only their names. */
export const JS_HELPERS: readonly Helper[] = [
  softFloat,
  cpuidHelper,
  rdtscHelper,
  xcr0Helper,
  setRegister,
  setTags,
  ...Object.values(x87Operations).filter(isHelper),
];
