/** How entries of /proc/sys are declared. Whoever may write by the mode bits may only write what has an effect here. */
import { EINVAL } from '../../../errno.js';
import type { KernelLimits } from '../../../limits.js';
import { file } from '../../pseudo/row.js';
import type { Row } from '../../pseudo/row.js';
import type { KernelView } from '../subject.js';
import { written, writtenNumber } from '../text.js';

type KeysOf<T> = { [K in keyof KernelLimits]: KernelLimits[K] extends T ? K : never }[keyof KernelLimits];
type NumberKey = KeysOf<number>;

/** Numbers in one line, which are all written together. */
export function line(
  name: string,
  get: (limits: KernelLimits) => readonly number[],
  set: (limits: KernelLimits, values: readonly number[]) => boolean,
): Row<KernelView> {
  return file(name, ({ limits }) => `${get(limits).join('\t')}\n`, {
    save({ limits }, bytes) {
      const text = written(bytes).trim();
      const values = text.split(/\s+/).map(Number);
      if (!/^[0-9\s]+$/.test(text) || values.length !== get(limits).length) return EINVAL;
      return set(limits, values) ? 0 : EINVAL;
    },
  });
}

/** A number that the kernel goes by, within limits. */
export function setting(name: string, key: NumberKey, min: number, max: number): Row<KernelView> {
  return file(name, ({ limits }) => `${limits[key]}\n`, {
    save({ limits }, bytes) {
      const value = writtenNumber(bytes, min, max);
      if (value === null) return EINVAL;
      limits[key] = value;
      return 0;
    },
  });
}
