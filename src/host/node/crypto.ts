import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { cmac } from '@noble/ciphers/aes.js';
import type { HostCrypto } from '../../kernel/host.js';

const ALGORITHM = 'aes-128-gcm';
const ZERO_IV = new Uint8Array(12);

/** node:crypto; CMAC, which it does not have, comes from noble-ciphers. */
export const nodeCrypto: HostCrypto = {
  sha256() {
    const hash = createHash('sha256');
    return {
      update: (bytes, length) => void hash.update(bytes.subarray(0, length)),
      digest: () => hash.digest(),
    };
  },

  seal(key, plain, cipher, mac) {
    const gcm = createCipheriv(ALGORITHM, key, ZERO_IV);
    cipher.set(gcm.update(plain));
    gcm.final();
    mac.set(gcm.getAuthTag());
  },

  open(key, cipher, plain, mac) {
    const gcm = createDecipheriv(ALGORITHM, key, ZERO_IV, { authTagLength: 16 });
    gcm.setAuthTag(mac);
    plain.set(gcm.update(cipher));
    try {
      gcm.final();
      return true;
    } catch {
      return false;
    }
  },

  cmac: (key, message) => cmac(message, key),
};
