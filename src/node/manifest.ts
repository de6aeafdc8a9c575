/** Manifests in files of the host. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { formatFinding, type Finding } from '../manifest/finding.js';
import { PlanError, planManifest, type Plan } from '../manifest/plan.js';
import { readManifest } from '../manifest/read.js';
import { CulmError } from '../sandbox/types.js';
import { hostNames } from './names.js';
import { expandTrusted } from './trusted.js';

export interface LoadOptions {
  /** Arguments for a program whose manifest takes them from the command line. */
  readonly args?: readonly string[];
  /** The host's environment; default process.env. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Variables of a template (a file whose name ends in '.template'). */
  readonly variables?: Readonly<Record<string, string>>;
}

/** A manifest, ready to be used: `Sandbox.create(options)`, then `spawn(argv, spawn)` or `exec`. */
export interface LoadedManifest extends Plan {
  /** What is to be said about it; no errors. */
  readonly findings: readonly Finding[];
}

/** The text of a manifest; a template is rendered. */
export async function manifestText(
  file: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<string> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CulmError('option', `${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!file.endsWith('.template')) return text;
  const { renderTemplate } = await import('./template.js');
  return renderTemplate(text, variables, file);
}

/** Reads a manifest and all that it refers to. Throws CulmError that names file, line, key and reason of each error. */
export async function loadManifest(file: string, options: LoadOptions = {}): Promise<LoadedManifest> {
  const { manifest, findings } = readManifest(await manifestText(file, options.variables));
  if (manifest === null) {
    const errors = findings.filter(({ severity }) => severity === 'error');
    throw new CulmError('option', errors.map((error) => formatFinding(error, file)).join('\n'));
  }
  const cwd = process.cwd();
  try {
    const entries = manifest.trustedFiles ?? [];
    const plan = planManifest(manifest, {
      cwd,
      args: options.args ?? [],
      env: options.env ?? process.env,
      trusted: expandTrusted(entries, cwd).map(({ path, sha256 }) => ({ path, sha256 })),
      readText: (path) => readFileSync(resolve(cwd, path), 'utf8'),
      hostNames,
    });
    const unhashed = entries.filter(({ sha256 }) => sha256 === null).length;
    const note =
      unhashed === 0
        ? []
        : [
            `${unhashed} trusted files have no sha256: what is there now is trusted ("culm manifest render" adds it)`,
          ];
    return { ...plan, notes: [...plan.notes, ...note], findings };
  } catch (error) {
    if (error instanceof PlanError) throw new CulmError('option', `${file}: ${error.message}`);
    throw error;
  }
}
