/** How entries of /proc/sys are declared. Whoever may write by the mode bits may only write what has an effect here. */
import { EINVAL } from '../../../errno.js';
import type { KernelLimits } from '../../../limits.js';
import { file } from '../../pseudo/row.js';
import type { Row } from '../../pseudo/row.js';
import type { KernelView } from '../subject.js';
import { writtenNumber } from '../text.js';

/** A number that the kernel goes by, within limits. */
export function setting(name: string, key: keyof KernelLimits, min: number, max: number): Row<KernelView> {
  return file(name, ({ limits }) => `${limits[key]}\n`, {
    save({ limits }, bytes) {
      const value = writtenNumber(bytes, min, max);
      if (value === null) return EINVAL;
      limits[key] = value;
      return 0;
    },
  });
}
