import type { Place } from './toml.js';

/** error: it cannot be run. warning: read again. insecure: a setting that weakens it. ignored: a key about SGX. */
export type Severity = 'error' | 'warning' | 'insecure' | 'ignored';

export interface Finding {
  readonly severity: Severity;
  /** The dotted key; empty for what concerns the whole text. */
  readonly key: string;
  readonly place: Place;
  readonly reason: string;
}

/** 'FILE:LINE:COLUMN: key: reason', as compilers write it. */
export function formatFinding(finding: Finding, file: string): string {
  const { key, place, reason, severity } = finding;
  const kind = severity === 'error' ? '' : `${severity}: `;
  return `${file}:${place.line}:${place.column}: ${kind}${key === '' ? '' : `${key}: `}${reason}`;
}
