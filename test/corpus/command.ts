/** What a row of the corpus's lists is. */
export interface CorpusCommand {
  readonly argv: readonly string[];
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly differs?: string;
  readonly normalise?: (output: string) => string;
}

export type Line = readonly string[] | CorpusCommand;

export const python = (code: string): string[] => ['python3', '-c', code];
export const perl = (code: string): string[] => ['perl', '-e', code];
export const input = (stdin: string, ...argv: string[]): CorpusCommand => ({ argv, stdin });
