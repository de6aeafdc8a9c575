/** Between ordinary strings (UTF-16) and the kernel's byte strings, which have one character a byte of UTF-8. */
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function toByteString(text: string): string {
  const bytes = encoder.encode(text);
  let result = '';
  for (const byte of bytes) result += String.fromCharCode(byte);
  return result;
}

export function fromByteString(bytes: string): string {
  return decoder.decode(Uint8Array.from(bytes, (c) => c.charCodeAt(0)));
}
