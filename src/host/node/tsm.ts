/**
 * Hardware reports through Linux's configfs (Documentation/ABI/testing/configfs-tsm-report): a directory made below the
 * report folder gets files; what is written to `inblob` comes back signed in `outblob`. `generation` counts writes, so that
 * one sees whether another has come between.
 */
import fs from 'node:fs';
import { EIO } from '../../kernel/errno.js';
import type { Errno } from '../../kernel/errno.js';
import type { HostReports } from '../../kernel/host.js';
import { attempt, attemptVoid } from './errors.js';

/** The few operations that are needed of the folder. */
export interface ReportFolder {
  mkdir(name: string): void;
  rmdir(name: string): void;
  read(name: string): Uint8Array;
  write(name: string, bytes: Uint8Array): void;
}

const FOLDER = '/sys/kernel/config/tsm/report';
/** How often a report is asked for again when others come between. */
const TRIES = 3;

function folderAt(path: string): ReportFolder {
  return {
    mkdir: (name) => fs.mkdirSync(`${path}/${name}`, 0o700),
    rmdir: (name) => fs.rmdirSync(`${path}/${name}`),
    read: (name) => fs.readFileSync(`${path}/${name}`),
    write: (name, bytes) => fs.writeFileSync(`${path}/${name}`, bytes),
  };
}

let entries = 0;

/** Runs `use` with a report directory of its own. */
function withEntry<T>(folder: ReportFolder, use: (entry: string) => T | Errno): T | Errno {
  const entry = `culm-${process.pid}-${++entries}`;
  const made = attemptVoid(() => folder.mkdir(entry));
  if (made !== 0) return made;
  try {
    return use(entry);
  } finally {
    attemptVoid(() => folder.rmdir(entry));
  }
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1').trim();
}

function reportFrom(folder: ReportFolder, entry: string, data: Uint8Array): Uint8Array | Errno {
  for (let tries = 0; tries < TRIES; tries++) {
    const result = attempt(() => {
      const before = Number(text(folder.read(`${entry}/generation`)));
      folder.write(`${entry}/inblob`, data);
      const report = folder.read(`${entry}/outblob`);
      const after = Number(text(folder.read(`${entry}/generation`)));
      return { report, undisturbed: after === before + 1 };
    });
    if (typeof result === 'number') return result;
    if (result.undisturbed) return result.report;
  }
  return EIO;
}

/** The reports that a folder gives; null if it gives none. */
export function reportsIn(folder: ReportFolder): HostReports | null {
  const provider = withEntry(folder, (entry) => attempt(() => text(folder.read(`${entry}/provider`))));
  if (typeof provider === 'number' || provider === '') return null;
  return {
    provider,
    report: (data) => withEntry(folder, (entry) => reportFrom(folder, entry, data)),
  };
}

export function findReports(): HostReports | null {
  return process.platform === 'linux' && fs.existsSync(FOLDER) ? reportsIn(folderAt(FOLDER)) : null;
}
