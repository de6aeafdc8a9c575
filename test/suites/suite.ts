import type { Piece, Place } from './run.js';

/** What became of each test of a piece: 'passed', or how it failed. */
export type Verdicts = ReadonlyMap<string, string>;

/** A test suite of another project. */
export interface Suite {
  readonly name: string;
  prepare(cache: string): Promise<Place>;
  pieces(place: Place): Promise<Piece[]>;
  judge(output: string): Verdicts;
  /** How long a piece may take, where that is more than usual. */
  readonly limitMs?: number;
}
