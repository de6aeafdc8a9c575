/** resolv.conf(5) of the host, with nothing in it but what is understood. */

const OPTIONS: ReadonlySet<string> = new Set(['edns0', 'inet6', 'rotate', 'use-vc']);
/** As many as the C library reads. */
const MOST_SERVERS = 3;
const MOST_DOMAINS = 6;

function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
}

function isIpv6(text: string): boolean {
  const [address = '', zone] = text.split('%');
  if (zone !== undefined && !/^\w+$/.test(zone)) return false;
  const halves = address.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const good = groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group));
  return good && (halves.length === 2 ? groups.length < 8 : groups.length === 8);
}

function isDomain(name: string): boolean {
  return name === '.' || /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/.test(name);
}

export function sanitizeResolvConf(text: string): string {
  const servers: string[] = [];
  let search: string[] = [];
  const options = new Set<string>();
  for (const line of text.split('\n')) {
    const [keyword, ...values] = (line.replace(/[#;].*/, '').match(/\S+/g) ?? []) as string[];
    if (keyword === 'nameserver')
      servers.push(...values.slice(0, 1).filter((at) => isIpv4(at) || isIpv6(at)));
    else if (keyword === 'search' || keyword === 'domain') search = values.filter(isDomain);
    else if (keyword === 'options') for (const option of values) if (OPTIONS.has(option)) options.add(option);
  }
  const lines = servers.slice(0, MOST_SERVERS).map((server) => `nameserver ${server}\n`);
  if (search.length > 0) lines.push(`search ${search.slice(0, MOST_DOMAINS).join(' ')}\n`);
  if (options.size > 0) lines.push(`options ${[...options].join(' ')}\n`);
  return lines.join('');
}

/** The host's name, if it is one that can be believed. */
export function safeHostname(name: string): string {
  return /^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/.test(name) ? name : 'localhost';
}
