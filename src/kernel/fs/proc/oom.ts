/** /proc/<pid>/oom_*: who goes first when memory is exhausted (proc_pid_oom_score_adj(5)). */
import { PAGE_SIZE } from '../../../machine/layout.js';
import { EINVAL } from '../../errno.js';
import type { Errno } from '../../errno.js';
import { file } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import type { TaskSubject } from './task.js';
import { writtenNumber } from './text.js';

const ADJ_MAX = 1000;
/** The old scale: -16 to 15, and -17 for never. */
const OLD_MAX = 15;
const OLD_NEVER = -17;

function setScoreAdj({ process }: TaskSubject, bytes: Uint8Array): 0 | Errno {
  const value = writtenNumber(bytes, -ADJ_MAX, ADJ_MAX);
  return value === null ? EINVAL : process.setOomScoreAdj(value);
}

function setOldAdj({ process }: TaskSubject, bytes: Uint8Array): 0 | Errno {
  const value = writtenNumber(bytes, OLD_NEVER, OLD_MAX);
  if (value === null) return EINVAL;
  return process.setOomScoreAdj(value === OLD_MAX ? ADJ_MAX : Math.trunc((value * ADJ_MAX) / -OLD_NEVER));
}

function oldAdj({ process }: TaskSubject): string {
  const value = process.oomScoreAdj;
  return `${value === ADJ_MAX ? OLD_MAX : Math.trunc((value * -OLD_NEVER) / ADJ_MAX)}\n`;
}

/** oom_badness in thousandths of all memory, moved into 0 to 2000 as proc_oom_score does. */
function score({ process, kernel }: TaskSubject): string {
  const { memory, oomScoreAdj } = process;
  if (memory === null || oomScoreAdj === -ADJ_MAX) return '0\n';
  const used = (memory.rssAnonPages + memory.rssFilePages) * PAGE_SIZE + memory.pageTableBytes;
  const badness = Math.floor((used * 1000) / kernel.memory.total) + oomScoreAdj;
  return `${Math.max(0, Math.trunc(((1000 + badness) * 2) / 3))}\n`;
}

export const oomRows: readonly Row<TaskSubject>[] = [
  file('oom_adj', oldAdj, { save: setOldAdj }),
  file('oom_score', score),
  file('oom_score_adj', ({ process }) => `${process.oomScoreAdj}\n`, { save: setScoreAdj }),
];
