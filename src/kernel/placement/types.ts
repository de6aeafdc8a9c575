/**
 * Children in kernels of their own: a program of the settings that a child executes goes on in another kernel, which
 * begins as a copy of this one. Here a stand-in remains: its parent's child, which is waited for and gets signals.
 *
 *   place      which programs go, what stands against it, and how it begins
 *   stand-in   what remains here: does the child's reads and writes, passes signals on, ends with it
 *   away       the copy becomes the child's kernel: all other processes are gone
 *   home       the child's side: its ties to the kernel that it has left, and the files that are there
 *   changes    files in memory that the child has changed, for the kernel that it has left
 *
 * All that passes between the two are these messages, in order; whoever embeds the kernels carries them.
 */
import type { SigInfo } from '../signal/info.js';
import type { Usage } from '../process/process.js';
import type { FileChange } from './changes.js';
import type { StandIn } from './stand-in.js';

/** What the child's kernel sends. `file`: a number of the stand-in's; `call`: what the answer refers to. */
export type FromAway =
  | { readonly kind: 'read'; readonly call: number; readonly file: number; readonly count: number }
  | { readonly kind: 'write'; readonly call: number; readonly file: number; readonly bytes: Uint8Array }
  /** Tell when one of these events has come. */
  | { readonly kind: 'poll'; readonly file: number; readonly events: number }
  /** Nobody there has it open any more. */
  | { readonly kind: 'close'; readonly file: number }
  | { readonly kind: 'stopped'; readonly signo: number }
  | { readonly kind: 'continued' }
  /** For the parent. */
  | { readonly kind: 'kill'; readonly info: SigInfo }
  /** `status` as wait4 has it. */
  | {
      readonly kind: 'exit';
      readonly status: number;
      readonly usage: Usage;
      readonly childUsage: Usage;
      readonly changes: readonly FileChange[];
    };

/** What the kernel that the child has left sends. */
export type FromHome =
  /** `ready`: events as poll(2) has them, after the call. */
  | {
      readonly kind: 'answer';
      readonly call: number;
      readonly result: number;
      readonly bytes: Uint8Array | null;
      readonly ready: number;
    }
  | { readonly kind: 'ready'; readonly file: number; readonly ready: number }
  | { readonly kind: 'signal'; readonly info: SigInfo };

/** What the settings say. */
export interface PlacementSettings {
  /** Files of programs, links followed; '*': all programs. */
  readonly programs: readonly string[];
  /** What happens to one that cannot go: its execve fails (EREMOTE), or it runs here. */
  readonly otherwise: 'refuse' | 'stay';
}

/** Whoever embeds the kernel. */
export interface Carrier {
  readonly settings: PlacementSettings | null;
  toAway(standIn: StandIn, message: FromHome): void;
  /** To the kernel from which this one's child has come. */
  toHome(message: FromAway): void;
  /** Its process is to go: at the next opportunity between two steps. */
  begin(standIn: StandIn): void;
}
