import { AF_INET, AF_INET6, AF_NETLINK, AF_UNIX } from '../abi/socket.js';

/** A struct sockaddr as strace shows it. */
export function formatAddress(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const family = bytes.length < 2 ? -1 : view.getUint16(0, true);
  if (family === AF_UNIX) return `{sa_family=AF_UNIX${path(bytes)}}`;
  if (family === AF_INET && bytes.length >= 8) {
    const ip = bytes.subarray(4, 8).join('.');
    return `{sa_family=AF_INET, sin_port=htons(${view.getUint16(2, false)}), sin_addr=inet_addr("${ip}")}`;
  }
  if (family === AF_INET6 && bytes.length >= 24) {
    const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(8 + 2 * i, false).toString(16));
    const ip = groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::');
    return `{sa_family=AF_INET6, sin6_port=htons(${view.getUint16(2, false)}), sin6_addr="${ip}"}`;
  }
  if (family === AF_NETLINK && bytes.length >= 12)
    return `{sa_family=AF_NETLINK, nl_pid=${view.getInt32(4, true)}, nl_groups=${view.getUint32(8, true)}}`;
  return `{sa_family=${family}}`;
}

/** A name in the tree, or behind an `@` an abstract one. */
function path(bytes: Uint8Array): string {
  if (bytes.length <= 2) return '';
  const text = String.fromCharCode(...bytes.subarray(2));
  const isAbstract = text.charCodeAt(0) === 0;
  return `, sun_path=${isAbstract ? `@"${text.slice(1)}"` : `"${text.split('\0')[0]}"`}`;
}
