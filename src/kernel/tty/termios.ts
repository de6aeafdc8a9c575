/** Terminal settings (termios(3), asm-generic/termbits.h) and their layout in user memory. */
export const VINTR = 0;
export const VQUIT = 1;
export const VERASE = 2;
export const VKILL = 3;
export const VEOF = 4;
export const VTIME = 5;
export const VMIN = 6;
export const VSTART = 8;
export const VSTOP = 9;
export const VSUSP = 10;
export const VEOL = 11;
export const VREPRINT = 12;
export const VWERASE = 14;
export const VLNEXT = 15;
export const VEOL2 = 16;
export const NCCS = 19;

export const IGNBRK = 0o1;
export const BRKINT = 0o2;
export const PARMRK = 0o10;
export const ISTRIP = 0o40;
export const INLCR = 0o100;
export const IGNCR = 0o200;
export const ICRNL = 0o400;
export const IUCLC = 0o1000;
export const IXON = 0o2000;
export const IXANY = 0o4000;
export const IXOFF = 0o10000;
export const IMAXBEL = 0o20000;
export const IUTF8 = 0o40000;

export const OPOST = 0o1;
export const OLCUC = 0o2;
export const ONLCR = 0o4;
export const OCRNL = 0o10;
export const ONOCR = 0o20;
export const ONLRET = 0o40;
export const TABDLY = 0o14000;
export const XTABS = 0o14000;

export const CS8 = 0o60;
export const CSIZE = 0o60;
export const CREAD = 0o200;
export const PARENB = 0o400;
export const CLOCAL = 0o4000;
export const B38400 = 0o17;
const CBAUD = 0o10017;
const BOTHER = 0o10000;
const IBSHIFT = 16;

export const ISIG = 0o1;
export const ICANON = 0o2;
export const ECHO = 0o10;
export const ECHOE = 0o20;
export const ECHOK = 0o40;
export const ECHONL = 0o100;
export const NOFLSH = 0o200;
export const TOSTOP = 0o400;
export const ECHOCTL = 0o1000;
export const ECHOPRT = 0o2000;
export const ECHOKE = 0o4000;
export const IEXTEN = 0o100000;
export const EXTPROC = 0o200000;

/** The value of a control character that is switched off. */
export const DISABLED = 0;

export interface Termios {
  iflag: number;
  oflag: number;
  cflag: number;
  lflag: number;
  line: number;
  readonly cc: Uint8Array;
  ispeed: number;
  ospeed: number;
}

/** Nothing is set, nothing locked. */
export function noTermios(): Termios {
  return { iflag: 0, oflag: 0, cflag: 0, lflag: 0, line: 0, cc: new Uint8Array(NCCS), ispeed: 0, ospeed: 0 };
}

/** Linux's tty_std_termios: ^C ^\ DEL ^U ^D, no time, one byte, ^Q ^S ^Z, ^R ^O ^W ^V. */
export function defaultTermios(): Termios {
  const cc = [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0];
  return {
    iflag: ICRNL | IXON,
    oflag: OPOST | ONLCR,
    cflag: CS8 | CREAD | B38400,
    lflag: ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
    line: 0,
    cc: Uint8Array.from(cc),
    ispeed: 38400,
    ospeed: 38400,
  };
}

/** Puts back what may not be changed: the bits and characters that are not 0 in `locked` (TIOCSLCKTRMIOS). */
export function keepLocked(termios: Termios, before: Termios, locked: Termios): void {
  const kept = (now: number, old: number, mask: number) => ((now & ~mask) | (old & mask)) >>> 0;
  termios.iflag = kept(termios.iflag, before.iflag, locked.iflag);
  termios.oflag = kept(termios.oflag, before.oflag, locked.oflag);
  termios.cflag = kept(termios.cflag, before.cflag, locked.cflag);
  termios.lflag = kept(termios.lflag, before.lflag, locked.lflag);
  if (locked.line !== 0) termios.line = before.line;
  for (let i = 0; i < NCCS; i++) if (locked.cc[i] !== 0) termios.cc[i] = before.cc[i] ?? DISABLED;
}

/** Speeds by the number in c_cflag; above B38400 they count on from 0o10001. */
const SPEEDS = [
  0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400,
  460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000,
];

function speedOf(bits: number, other: number): number {
  if (bits === BOTHER) return other;
  return SPEEDS[(bits & BOTHER) !== 0 ? (bits & 0o17) + 15 : bits] ?? 0;
}

/** Old settings say their speeds in c_cflag alone (tty_termios_baud_rate). */
function deriveSpeeds(into: Termios): void {
  const input = (into.cflag >>> IBSHIFT) & CBAUD;
  into.ospeed = speedOf(into.cflag & CBAUD, into.ospeed);
  into.ispeed = input === 0 ? into.ospeed : speedOf(input, into.ispeed);
}

/** What settings of a pseudo-terminal always are: eight bits, no parity, receiving (pty_set_termios). */
export function restrictToPty(termios: Termios): void {
  termios.cflag = ((termios.cflag & ~(CSIZE | PARENB)) | CS8 | CREAD) >>> 0;
}

/** struct termios of the kernel: four words, the discipline, NCCS characters; termios2 adds the speeds. */
export const TERMIOS_SIZE = 36;
export const TERMIOS2_SIZE = 44;
/** struct termio: four half words, the discipline, eight characters. */
export const TERMIO_SIZE = 18;
const TERMIO_NCC = 8;

export function encodeTermios(from: Termios, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  [from.iflag, from.oflag, from.cflag, from.lflag].forEach((flags, i) => view.setUint32(i * 4, flags, true));
  bytes[16] = from.line;
  bytes.set(from.cc, 17);
  if (size < TERMIOS2_SIZE) return bytes;
  view.setUint32(TERMIOS_SIZE, from.ispeed, true);
  view.setUint32(TERMIOS_SIZE + 4, from.ospeed, true);
  return bytes;
}

export function decodeTermios(bytes: Uint8Array, into: Termios): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  into.iflag = view.getUint32(0, true);
  into.oflag = view.getUint32(4, true);
  into.cflag = view.getUint32(8, true);
  into.lflag = view.getUint32(12, true);
  into.line = view.getUint8(16);
  into.cc.set(bytes.subarray(17, 17 + NCCS));
  if (bytes.length >= TERMIOS2_SIZE) {
    into.ispeed = view.getUint32(TERMIOS_SIZE, true);
    into.ospeed = view.getUint32(TERMIOS_SIZE + 4, true);
  }
  deriveSpeeds(into);
}

export function encodeTermio(from: Termios): Uint8Array {
  const bytes = new Uint8Array(TERMIO_SIZE);
  const view = new DataView(bytes.buffer);
  [from.iflag, from.oflag, from.cflag, from.lflag].forEach((flags, i) => view.setUint16(i * 2, flags, true));
  bytes[8] = from.line;
  bytes.set(from.cc.subarray(0, TERMIO_NCC), 9);
  return bytes;
}

/** The old structure says nothing of the upper halves, which stay. */
export function decodeTermio(bytes: Uint8Array, into: Termios): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const merge = (old: number, offset: number) => ((old & 0xffff0000) | view.getUint16(offset, true)) >>> 0;
  into.iflag = merge(into.iflag, 0);
  into.oflag = merge(into.oflag, 2);
  into.cflag = merge(into.cflag, 4);
  into.lflag = merge(into.lflag, 6);
  into.line = view.getUint8(8);
  into.cc.set(bytes.subarray(9, 9 + TERMIO_NCC));
  deriveSpeeds(into);
}
