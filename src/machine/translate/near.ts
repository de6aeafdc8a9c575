import { NEAR_HELPERS } from '../semantics/crypto/index.js';
import type { Helper } from '../semantics/helper.js';
import { FunctionBuilder } from '../wasm/function.js';

const HELPERS = new Map<string, Helper>(NEAR_HELPERS.map((helper) => [helper.name, helper]));
const PREFIX = 'near ';

/** What a region calls that helper by, of which its module has a copy (Helper.near). */
export const nearSymbol = ({ name }: Helper): string => PREFIX + name;

/** The copy; null for another symbol. */
export function nearNamed(symbol: string): FunctionBuilder | null {
  const helper = symbol.startsWith(PREFIX) ? HELPERS.get(symbol.slice(PREFIX.length)) : undefined;
  if (helper?.wasm === undefined) return null;
  const f = new FunctionBuilder(helper.params, helper.result === null ? [] : [helper.result]);
  helper.wasm(f, ({ name }) => {
    throw new Error(`${helper.name} calls ${name}`);
  });
  return f;
}
