import { kind } from '../checkpoint/registry.js';

/** Bytes of headers: IPv4's and IPv6's, TCP's with its time stamps, UDP's. */
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const TCP_HEADER = 32;
const UDP_HEADER = 8;
/** What of a segment fits into a packet of the loopback's. */
const SEGMENT = 65483;

/**
 * What has been sent, and so received, over the loopback with one version of IP. TCP has no segments here: each write
 * counts as those that it would need; handshakes and acknowledgements do not count.
 */
export class TrafficCounts {
  bytes = 0;
  packets = 0;
  segments = 0;
  datagrams = 0;
  /** Datagrams for which nobody was there, and for which there was no room. */
  unwanted = 0;
  dropped = 0;
  /** Connections made by connect, and by accept; refused; broken off. */
  activeOpens = 0;
  passiveOpens = 0;
  failures = 0;
  resets = 0;

  sentStream(length: number, v4: boolean): void {
    const segments = Math.ceil(length / SEGMENT);
    this.segments += segments;
    this.packets += segments;
    this.bytes += length + segments * (TCP_HEADER + ipHeader(v4));
  }

  sentDatagram(length: number, v4: boolean): void {
    this.datagrams++;
    this.packets++;
    this.bytes += length + UDP_HEADER + ipHeader(v4);
  }
}

function ipHeader(v4: boolean): number {
  return v4 ? IPV4_HEADER : IPV6_HEADER;
}

kind('TrafficCounts', TrafficCounts);
