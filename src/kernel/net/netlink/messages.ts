/** Writing netlink messages (netlink(7), rtnetlink(7), linux/netlink.h). */
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
/** The first type that is a family's own. */
export const NLMSG_MIN_TYPE = 0x10;
export const NLM_F_REQUEST = 1;
export const NLM_F_MULTI = 2;
export const NLM_F_ACK = 4;
export const NLM_F_DUMP = 0x300;
export const HEADER_SIZE = 16;

/** A request's header. */
export interface Request {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  /** The header and what follows it. */
  readonly bytes: Uint8Array;
}

function align(length: number): number {
  return (length + 3) & ~3;
}

/** All requests in what a program has sent; what is cut off is left out. */
export function readRequests(bytes: Uint8Array): Request[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const requests: Request[] = [];
  for (let at = 0; at + HEADER_SIZE <= bytes.length;) {
    const length = view.getUint32(at, true);
    if (length < HEADER_SIZE || at + length > bytes.length) break;
    requests.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      seq: view.getUint32(at + 8, true),
      bytes: bytes.subarray(at, at + length),
    });
    at += align(length);
  }
  return requests;
}

/** Builds messages one after the other. */
export class MessageWriter {
  private bytes = new Uint8Array(1024);
  private view = new DataView(this.bytes.buffer);
  private start = 0;
  private end = 0;

  constructor(
    private readonly seq: number,
    private readonly port: number,
  ) {}

  begin(type: number, flags: number): this {
    this.start = this.end = align(this.end);
    this.reserve(HEADER_SIZE);
    this.view.setUint16(this.start + 4, type, true);
    this.view.setUint16(this.start + 6, flags, true);
    this.view.setUint32(this.start + 8, this.seq, true);
    this.view.setUint32(this.start + 12, this.port, true);
    this.end += HEADER_SIZE;
    return this.sized();
  }

  u8(...values: number[]): this {
    return this.raw(Uint8Array.from(values));
  }

  u16(value: number): this {
    return this.raw(new Uint8Array(Uint16Array.of(value).buffer));
  }

  u32(...values: number[]): this {
    return this.raw(new Uint8Array(Uint32Array.from(values).buffer));
  }

  raw(bytes: Uint8Array): this {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.end);
    this.end += bytes.length;
    return this.sized();
  }

  /** An attribute (struct rtattr). */
  attribute(type: number, data: Uint8Array): this {
    this.u16(4 + data.length)
      .u16(type)
      .raw(data);
    const padding = align(this.end) - this.end;
    return this.raw(new Uint8Array(padding));
  }

  text(type: number, value: string): this {
    return this.attribute(
      type,
      Uint8Array.from([...value, '\0'], (char) => char.charCodeAt(0)),
    );
  }

  number(type: number, value: number): this {
    return this.attribute(type, new Uint8Array(Uint32Array.of(value).buffer));
  }

  finish(): Uint8Array {
    return this.bytes.slice(0, this.end);
  }

  private sized(): this {
    this.view.setUint32(this.start, this.end - this.start, true);
    return this;
  }

  private reserve(more: number): void {
    if (this.end + more <= this.bytes.length) return;
    const bytes = new Uint8Array(2 * (this.end + more));
    bytes.set(this.bytes);
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}
