/** A profile as plain data. Times are milliseconds of the host's clock. */

/** What can stand in a call stack: a guest's function, or a part of Culm, whose name stands in brackets. */
export interface ProfileFrame {
  readonly name: string;
  /** The guest's file, or where it is in Culm; '' for neither. */
  readonly file: string;
}

export interface ProfiledFunction extends ProfileFrame {
  /** In it, and in it with what it called. */
  readonly selfMs: number;
  readonly totalMs: number;
  /** The part of selfMs that was interpreted: the interpreter's time, shared out by instructions. */
  readonly interpretedMs: number;
}

export interface ProfiledCall {
  readonly name: string;
  readonly count: number;
  /** Time in the kernel, without waiting: measured, of calls that are made often in some of them. */
  readonly totalMs: number;
}

export interface ProfiledRegion extends ProfileFrame {
  readonly address: number;
  readonly selfMs: number;
  readonly instructions: number;
  readonly codeBytes: number;
  readonly wasmBytes: number;
  /** Finding and writing it; handing it to the engine, which compiles some of it later. */
  readonly writeMs: number;
  readonly compileMs: number;
}

/** What one process was seen to do, in order. */
export interface ProfileTrack {
  /** The program's name and the process's number. */
  readonly name: string;
  /** Of each sample: its stack, when it began, and how long it stands for. */
  readonly stacks: readonly number[];
  readonly atMs: readonly number[];
  readonly forMs: readonly number[];
}

export interface Profile {
  readonly wallMs: number;
  /** Sampled while programs ran; and while Culm did something else. */
  readonly programsMs: number;
  readonly otherMs: number;
  readonly intervalMs: number;
  /** Shares of programsMs. */
  readonly parts: readonly { readonly name: string; readonly ms: number }[];
  readonly functions: readonly ProfiledFunction[];
  readonly calls: readonly ProfiledCall[];
  readonly exits: readonly { readonly reason: string; readonly count: number }[];
  readonly regions: readonly ProfiledRegion[];
  readonly frames: readonly ProfileFrame[];
  /** Call stacks as a tree: a frame, and the stack of its caller, which stands before it; -1: none. */
  readonly stacks: readonly { readonly frame: number; readonly caller: number }[];
  readonly tracks: readonly ProfileTrack[];
}
