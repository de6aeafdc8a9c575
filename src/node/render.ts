/** Manifests as gramine-manifest makes them: rendered, checked, every trusted file with its sum. */
import { formatFinding } from '../manifest/finding.js';
import { PlanError } from '../manifest/plan.js';
import { readManifest } from '../manifest/read.js';
import { replaceArray } from '../manifest/edit.js';
import { CulmError } from '../sandbox/types.js';
import { manifestText } from './manifest.js';
import { expandTrusted } from './trusted.js';

export interface RenderManifestOptions {
  readonly variables?: Readonly<Record<string, string>>;
  /** Default true: a manifest that cannot be run is an error. */
  readonly check?: boolean;
}

/** The text of a manifest from a template (a file whose name ends in '.template') or another manifest. */
export async function renderManifest(file: string, options: RenderManifestOptions = {}): Promise<string> {
  const text = await manifestText(file, options.variables);
  const { manifest, findings } = readManifest(text);
  if (manifest === null) {
    if (options.check === false) return text;
    const errors = findings.filter(({ severity }) => severity === 'error');
    throw new CulmError('option', errors.map((error) => formatFinding(error, file)).join('\n'));
  }
  const entries = manifest.trustedFiles ?? [];
  if (entries.every(({ sha256 }) => sha256 !== null)) return text;
  try {
    const files = expandTrusted(entries, process.cwd());
    return replaceArray(
      text,
      ['sgx', 'trusted_files'],
      files.map(({ uri, sha256 }) => ({ uri, sha256 })),
    );
  } catch (error) {
    if (error instanceof PlanError) throw new CulmError('option', `${file}: ${error.message}`);
    throw error;
  }
}
