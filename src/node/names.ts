/** The host's names for itself and others, for a sandbox that may know them. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { safeHostname, sanitizeResolvConf } from '../manifest/resolv-conf.js';
import type { SandboxOptions } from '../sandbox/types.js';

/** The host's name and what is understood of its /etc/resolv.conf, as options of a sandbox. */
export function hostNames(): Required<Pick<SandboxOptions, 'hostname' | 'resolvConf'>> {
  let text = '';
  try {
    text = readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    // A host without name servers has none to give.
  }
  return { hostname: safeHostname(hostname()), resolvConf: sanitizeResolvConf(text) };
}
