import { CulmError } from './types.js';

/** Ends a check of settings: the message names the setting and says what is wrong. */
export function refuse(message: string): never {
  throw new CulmError('option', message);
}
