import type { HostCrypto } from '../../host.js';
import {
  FLAGS_AT,
  INLINE_AT,
  INLINE_SIZE,
  KEY_SIZE,
  MAC_SIZE,
  MAGIC,
  MAJOR,
  METADATA_MAC_AT,
  NODE_SIZE,
  NONCE_AT,
  NONCE_SIZE,
  PATH_SIZE,
  PENDING,
  PLAIN_SIZE,
  ROOT_SLOT_AT,
  SIZE_AT,
  SLOT_SIZE,
} from './layout.js';

/** Why a file is refused. */
export class Refused {
  constructor(readonly why: string) {}
}

const LABEL = 'SGX-PROTECTED-FS-METADATA-KEY';
const LABEL_SIZE = 64;

/** The key of the metadata, from the mount's key and the nonce (NIST SP 800-108, one block, counter mode). */
function metadataKey(crypto: HostCrypto, key: Uint8Array, nonce: Uint8Array): Uint8Array {
  const input = new Uint8Array(4 + LABEL_SIZE + NONCE_SIZE + 4);
  const view = new DataView(input.buffer);
  view.setUint32(0, 1, true);
  for (let i = 0; i < LABEL.length; i++) input[4 + i] = LABEL.charCodeAt(i);
  input.set(nonce, 4 + LABEL_SIZE);
  view.setUint32(4 + LABEL_SIZE + NONCE_SIZE, KEY_SIZE * 8, true);
  return crypto.cmac(key, input);
}

/** What the metadata node holds; views of one buffer, changed in place. */
export class Metadata {
  readonly plain = new Uint8Array(PLAIN_SIZE);
  readonly rootSlot = this.plain.subarray(ROOT_SLOT_AT, ROOT_SLOT_AT + SLOT_SIZE);
  /** The file's first bytes. */
  readonly inline = this.plain.subarray(INLINE_AT, INLINE_AT + INLINE_SIZE);
  private readonly view = new DataView(this.plain.buffer);

  get size(): number {
    return this.view.getUint32(SIZE_AT, true) + this.view.getUint32(SIZE_AT + 4, true) * 2 ** 32;
  }
  set size(size: number) {
    this.view.setUint32(SIZE_AT, size, true);
    this.view.setUint32(SIZE_AT + 4, Math.floor(size / 2 ** 32), true);
  }

  /** A byte string of less than PATH_SIZE. */
  get path(): string {
    const end = this.plain.indexOf(0);
    return String.fromCharCode(...this.plain.subarray(0, Math.min(end < 0 ? PATH_SIZE : end, PATH_SIZE)));
  }
  set path(path: string) {
    this.plain.fill(0, 0, PATH_SIZE);
    for (let i = 0; i < path.length; i++) this.plain[i] = path.charCodeAt(i);
  }
}

function head(node: Uint8Array): { version: number; start: number } | Refused {
  if (String.fromCharCode(...node.subarray(0, MAGIC.length)) !== MAGIC)
    return new Refused('it is no protected file');
  const version = node[MAGIC.length] ?? 0;
  if (version !== 1 && version !== MAJOR) return new Refused(`version ${version} of the format is not known`);
  return { version, start: version === 1 ? FLAGS_AT : FLAGS_AT + 1 };
}

/** Whether a write had begun and not ended. */
export function isPending(node: Uint8Array): boolean {
  const found = head(node);
  return !(found instanceof Refused) && found.version === MAJOR && ((node[FLAGS_AT] ?? 0) & PENDING) !== 0;
}

/** Decrypts node 0. */
export function openMetadata(crypto: HostCrypto, key: Uint8Array, node: Uint8Array): Metadata | Refused {
  const found = head(node);
  if (found instanceof Refused) return found;
  const { version, start } = found;
  if (version === MAJOR && ((node[FLAGS_AT] ?? 0) & ~PENDING) !== 0)
    return new Refused('it has unknown features');
  if (node.subarray(start + PLAIN_SIZE).some((byte) => byte !== 0))
    return new Refused('the end of its first node is not empty');
  const metadata = new Metadata();
  const nonce = node.subarray(NONCE_AT, NONCE_AT + NONCE_SIZE);
  const mac = node.subarray(METADATA_MAC_AT, METADATA_MAC_AT + MAC_SIZE);
  const cipher = node.subarray(start, start + PLAIN_SIZE);
  if (!crypto.open(metadataKey(crypto, key, nonce), cipher, metadata.plain, mac))
    return new Refused('its metadata does not fit the key, or has been changed');
  return metadata.size <= Number.MAX_SAFE_INTEGER ? metadata : new Refused('it is too large');
}

/** Encrypts node 0 under a new key; `nonce` is random. */
export function sealMetadata(
  crypto: HostCrypto,
  key: Uint8Array,
  { metadata, nonce, pending }: { metadata: Metadata; nonce: Uint8Array; pending: boolean },
): Uint8Array {
  const node = new Uint8Array(NODE_SIZE);
  for (let i = 0; i < MAGIC.length; i++) node[i] = MAGIC.charCodeAt(i);
  node[MAGIC.length] = MAJOR;
  node.set(nonce, NONCE_AT);
  node[FLAGS_AT] = pending ? PENDING : 0;
  const cipher = node.subarray(FLAGS_AT + 1, FLAGS_AT + 1 + PLAIN_SIZE);
  const mac = node.subarray(METADATA_MAC_AT, METADATA_MAC_AT + MAC_SIZE);
  crypto.seal(metadataKey(crypto, key, nonce), metadata.plain, cipher, mac);
  return node;
}
