/** How epoll sets may watch one another: no circles, not too deep, and not too many ways up from one file. */
import { EP_MAX_NESTS, EP_PATH_LIMITS } from '../abi/epoll.js';
import type { Handle } from '../fs/types.js';
import { Epoll, EpollItem } from './epoll.js';

function setOf(handle: Handle): Epoll | null {
  return handle.ops instanceof Epoll ? handle.ops : null;
}

/** The handles of the sets that watch `handle`. */
function watchersOf(handle: Handle): Handle[] {
  const above: Handle[] = [];
  for (const watch of handle.watches ?? [])
    if (watch instanceof EpollItem && watch.epoll.self !== null) above.push(watch.epoll.self);
  return above;
}

/** How many sets lie below `set`, more than EP_MAX_NESTS when `goal` is one of them. */
function depthBelow(set: Epoll, goal: Epoll, depth: number): number {
  let deepest = 0;
  for (const { handle } of set.watched()) {
    const below = setOf(handle);
    if (below === null) continue;
    if (below === goal || depth > EP_MAX_NESTS) return EP_MAX_NESTS + 1;
    deepest = Math.max(deepest, depthBelow(below, goal, depth + 1) + 1);
    if (deepest > EP_MAX_NESTS) break;
  }
  return deepest;
}

function depthAbove(handle: Handle, depth: number): number {
  if (depth > EP_MAX_NESTS) return 0;
  return Math.max(0, ...watchersOf(handle).map((above) => depthAbove(above, depth + 1) + 1));
}

/** Whether watching `target` from the set of `self` makes a circle or too long a chain: ELOOP. */
export function wouldLoop(self: Handle, target: Handle): boolean {
  const [set, below] = [setOf(self), setOf(target)];
  if (set === null || below === null) return false;
  const depth = depthBelow(below, set, 0);
  return depth > EP_MAX_NESTS || depth + 1 + depthAbove(self, 0) > EP_MAX_NESTS;
}

/** Whether watching `target` from the set of `self` gives a file too many ways up (reverse_path_check): EINVAL. */
export function hasTooManyPaths(self: Handle, target: Handle): boolean {
  if (setOf(target) === null && (self.watches?.size ?? 0) === 0) return false;
  const above = (handle: Handle): Handle[] =>
    handle === target ? [...watchersOf(handle), self] : watchersOf(handle);
  for (const file of filesBelow(target, new Set())) {
    const counts = EP_PATH_LIMITS.map(() => 0);
    if (!countPaths(above(file), 0, counts, above)) return true;
  }
  return false;
}

function filesBelow(handle: Handle, files: Set<Handle>): Set<Handle> {
  const set = setOf(handle);
  if (set === null) return files.add(handle);
  for (const item of set.watched()) filesBelow(item.handle, files);
  return files;
}

function countPaths(
  sets: readonly Handle[],
  depth: number,
  counts: number[],
  above: (handle: Handle) => Handle[],
): boolean {
  if (depth > EP_MAX_NESTS) return false;
  for (const set of sets) {
    const outer = above(set);
    if (outer.length > 0 && !countPaths(outer, depth + 1, counts, above)) return false;
    if (outer.length === 0 && ++counts[depth] > EP_PATH_LIMITS[depth]) return false;
  }
  return true;
}
