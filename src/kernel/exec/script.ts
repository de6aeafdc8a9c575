/** What a script's first line names (execve(2), "Interpreter scripts"). */
export interface ScriptLine {
  readonly interpreter: string;
  /** The rest of the line as one argument; null without one. */
  readonly argument: string | null;
}

/** As many bytes of a file are looked at (BINPRM_BUF_SIZE). */
export const HEAD_SIZE = 256;

const LINE = /^#![ \t]*([^ \t]+)[ \t]*(.*?)[ \t]*$/s;

/**
 * Reads `#! interpreter [argument]` from a file's first bytes; null when they are no such line, or when the
 * interpreter's name is cut off at HEAD_SIZE.
 */
export function parseScript(head: Uint8Array): ScriptLine | null {
  if (head[0] !== 0x23 || head[1] !== 0x21) return null;
  const text = String.fromCharCode(...head.subarray(0, HEAD_SIZE));
  const newline = text.search(/[\n\0]/);
  const match = LINE.exec(newline < 0 ? text : text.slice(0, newline));
  if (match === null) return null;
  const [, interpreter, argument] = match;
  const isCut = newline < 0 && head.length >= HEAD_SIZE && !/[ \t]/.test(text.slice(2).trimStart());
  return isCut ? null : { interpreter, argument: argument === '' ? null : argument };
}
