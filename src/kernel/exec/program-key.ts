const FNV_PRIME = 0x01000193;
const SEEDS = [0x811c9dc5, 0x2f0b4dd1];

/**
 * A name for what is executed, by which translated code of it is kept: two programs hardly ever have the same, and if they
 * do, the code is compared before it is used. The head of a file has its build's number in most cases.
 */
export function programKey(size: number, head: Uint8Array): string {
  const hashes = SEEDS.map((seed) => {
    let hash = seed;
    for (const byte of head) hash = Math.imul(hash ^ byte, FNV_PRIME);
    return (hash >>> 0).toString(16).padStart(8, '0');
  });
  return `${hashes.join('')}-${size.toString(16)}`;
}
