import { KEY_SIZE } from './layout.js';

/** A key's name, and the key once it has one. */
export interface NamedKey {
  readonly name: string;
  key: Uint8Array | null;
}

/** Keys of encrypted mounts, by name; a name may be known before it has a key. */
export class KeyRing {
  private readonly keys = new Map<string, NamedKey>();

  constructor(keys: ReadonlyMap<string, Uint8Array> = new Map()) {
    for (const [name, key] of keys) this.keys.set(name, { name, key });
  }

  /** Makes a name known: /dev/attestation/keys has it from then on. */
  declare(name: string): void {
    if (!this.keys.has(name)) this.keys.set(name, { name, key: null });
  }

  find(name: string): NamedKey | null {
    return this.keys.get(name) ?? null;
  }

  get(name: string): Uint8Array | null {
    return this.keys.get(name)?.key ?? null;
  }

  /** Those that there are. */
  held(): Map<string, Uint8Array> {
    const held = new Map<string, Uint8Array>();
    for (const { name, key } of this.keys.values()) if (key !== null) held.set(name, key.slice());
    return held;
  }

  names(): string[] {
    return [...this.keys.keys()];
  }
}

export function isKey(bytes: Uint8Array): boolean {
  return bytes.length === KEY_SIZE;
}
