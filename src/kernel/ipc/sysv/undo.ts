import { kind } from '../../checkpoint/registry.js';
import { SEMVMX } from '../../abi/ipc.js';

/** A set of semaphores, as far as undoing needs it. */
export interface Undoable {
  readonly values: Int32Array;
  readonly undoers: Set<UndoList>;
  undo(adjustments: Int32Array, pid: number): void;
}

export function clampValue(value: number): number {
  return Math.max(0, Math.min(SEMVMX, value));
}

/** What is taken back at the end of those that share the list (SEM_UNDO, CLONE_SYSVSEM). */
export class UndoList {
  /** Processes that share it. */
  users = 1;
  private readonly adjustments = new Map<Undoable, Int32Array>();

  /** The adjustments for a set's semaphores, which begin at 0. */
  of(array: Undoable): Int32Array {
    let adjustments = this.adjustments.get(array);
    if (adjustments === undefined) {
      adjustments = new Int32Array(array.values.length);
      this.adjustments.set(array, adjustments);
      array.undoers.add(this);
    }
    return adjustments;
  }

  /** The set is gone. */
  forget(array: Undoable): void {
    this.adjustments.delete(array);
  }

  /** One user less: the last one undoes everything (exit_sem). */
  release(pid: number): void {
    if (--this.users > 0) return;
    for (const [array, adjustments] of this.adjustments) {
      array.undoers.delete(this);
      array.undo(adjustments, pid);
    }
    this.adjustments.clear();
  }
}

kind('UndoList', UndoList);
