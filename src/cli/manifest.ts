/** `culm manifest`: renders and checks manifests. */
import { writeFileSync } from 'node:fs';
import { formatFinding, manifestText, readManifest, renderManifest } from '../index.js';
import { pairs } from './job.js';

export interface RenderOptions {
  readonly define?: readonly string[];
  readonly check: boolean;
}

/** As gramine-manifest: a template to a manifest in which every trusted file has its sum. Returns the exit status. */
export async function render(
  file: string,
  output: string | undefined,
  options: RenderOptions,
): Promise<number> {
  const text = await renderManifest(file, {
    variables: Object.fromEntries(pairs('define', options.define ?? [])),
    check: options.check,
  });
  if (output === undefined || output === '-') process.stdout.write(text);
  else writeFileSync(output, text);
  return 0;
}

/** Prints all that is to be said about a manifest; 1 if it cannot be run. */
export async function check(file: string, options: { readonly define?: readonly string[] }): Promise<number> {
  const text = await manifestText(file, Object.fromEntries(pairs('define', options.define ?? [])));
  const { manifest, findings } = readManifest(text);
  for (const finding of findings) process.stdout.write(`${formatFinding(finding, file)}\n`);
  return manifest === null ? 1 : 0;
}
