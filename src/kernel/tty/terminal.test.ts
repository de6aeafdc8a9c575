import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { BufferSink, BufferSource } from '../../../test/support/fs.js';
import { O_NOCTTY, O_NONBLOCK, O_RDWR } from '../abi/fcntl.js';
import { POLLHUP, POLLIN, POLLOUT } from '../abi/poll.js';
import { EAGAIN, EFAULT, EIO, ENOTTY, EPERM, ERESTARTSYS } from '../errno.js';
import type { Handle, UserMemory } from '../fs/types.js';
import * as ioctls from './ioctls.js';
import type { JobControl, TerminalCaller } from './jobcontrol.js';
import type { TerminalPeer } from './peer.js';
import { Terminal } from './terminal.js';
import * as t from './termios.js';

interface Caller extends TerminalCaller {
  pgid: number;
  ignored: number[];
  isOrphaned: boolean;
}

let signals: string[] = [];
let caller: Caller | null = null;
let terminal: Terminal;
let screen = '';

function process(pid: number, sid: number): Caller {
  return {
    sid,
    pgid: pid,
    isSessionLeader: pid === sid,
    isAdmin: false,
    fsuid: 1000,
    terminal: null,
    ignored: [],
    isOrphaned: false,
    ignores(signal) {
      return this.ignored.includes(signal);
    },
  };
}

const jobs: JobControl = {
  caller: () => caller,
  signalGroup: (pgid, signal) => void signals.push(`${pgid}:${signal}`),
  sessionOf: (pgid) => (pgid === 10 || pgid === 11 ? 10 : pgid === 20 ? 20 : -1),
  detach: (sid) => {
    if (caller !== null && caller.sid === sid) caller.terminal = null;
  },
  hangUp: (sid, foreground) => {
    jobs.detach(sid);
    signals.push(`leader of ${sid} loses ${foreground}`);
  },
  openAsDescriptor: () => EIO,
};

const handle = (flags = O_RDWR) => ({ flags, data: 0 }) as unknown as Handle;

const peer: TerminalPeer = {
  room: 1000,
  show: (bytes, from, to) => void (screen += Buffer.from(bytes.subarray(from, to)).toString('latin1')),
  dropOutput: () => undefined,
  accepts: () => undefined,
  tell: () => undefined,
  inUse: () => undefined,
};

/** 4 KiB of a process's memory. */
class Memory implements UserMemory {
  readonly bytes = new Uint8Array(4096);
  copyIn(addr: number, into: Uint8Array, start: number, length: number) {
    if (addr + length > 4096) return EFAULT;
    into.set(this.bytes.subarray(addr, addr + length), start);
    return 0 as const;
  }
  copyOut(addr: number, from: Uint8Array, start: number, length: number) {
    if (addr + length > 4096) return EFAULT;
    this.bytes.set(from.subarray(start, start + length), addr);
    return 0 as const;
  }
  readU32(addr: number) {
    return addr + 4 > 4096 ? EFAULT : new DataView(this.bytes.buffer).getUint32(addr, true);
  }
  writeU32(addr: number, value: number) {
    if (addr + 4 > 4096) return EFAULT;
    new DataView(this.bytes.buffer).setUint32(addr, value, true);
    return 0 as const;
  }
  stringIn() {
    return EFAULT;
  }
  sink() {
    return EFAULT;
  }
  source() {
    return EFAULT;
  }
}
let memory = new Memory();

const ioctl = (request: number, arg = 0) => terminal.ioctl(handle(), request, arg, memory);
const type = (text: string) => terminal.input(Buffer.from(text, 'latin1'));

function read(flags = O_RDWR, length = 100): string | number {
  const sink = new BufferSink(length);
  const count = terminal.read(handle(flags), sink);
  return count < 0 ? count : sink.text;
}

function readAvailable(): string {
  const sink = new BufferSink(100);
  assert.ok(terminal.readAvailable(handle(), sink) >= 0);
  return sink.text;
}

function change(change: (termios: t.Termios) => void): void {
  const { termios } = terminal.discipline;
  const before = { ...termios, cc: termios.cc.slice() };
  change(termios);
  terminal.settingsChanged(before);
}

function raw(min: number, time: number): void {
  change((termios) => {
    termios.lflag &= ~t.ICANON;
    termios.cc[t.VMIN] = min;
    termios.cc[t.VTIME] = time;
  });
}

beforeEach(() => {
  signals = [];
  screen = '';
  memory = new Memory();
  caller = process(10, 10);
  terminal = new Terminal({ jobs, index: 0, columns: 80, rows: 24, owner: 0, peer });
  terminal.opened(handle());
});

describe('reading and writing', () => {
  test('a line at a time, however large the buffer', () => {
    assert.equal(read(), EAGAIN);
    type('one\rtwo\r');
    assert.equal(read(), 'one\n');
    assert.equal(read(O_RDWR, 2), 'tw');
    assert.equal(read(), 'o\n');
    assert.equal(read(), EAGAIN);
    type('\x04');
    assert.equal(read(), '');
    assert.equal(screen, 'one\r\ntwo\r\n');
  });

  test('output is processed, and waits while it is stopped', () => {
    assert.equal(terminal.write(handle(), new BufferSource('a\nb')), 3);
    assert.equal(screen, 'a\r\nb');
    type('\x13');
    assert.equal(terminal.write(handle(), new BufferSource('c')), EAGAIN);
    assert.equal(terminal.poll(handle(), null) & POLLOUT, 0);
    type('\x11');
    assert.equal(terminal.write(handle(), new BufferSource('c')), 1);
  });

  test('VMIN: that many bytes, or all that was asked for', () => {
    raw(3, 0);
    type('ab');
    assert.equal(read(), EAGAIN);
    assert.equal(terminal.poll(handle(), null) & POLLIN, 0);
    assert.equal(read(O_RDWR, 2), 'ab');
    type('xyz!');
    assert.equal(terminal.poll(handle(), null) & POLLIN, POLLIN);
    assert.equal(read(), 'xyz!');
  });

  test('VMIN 0 and VTIME 0: whatever there is', () => {
    raw(0, 0);
    assert.equal(read(), '');
    type('a');
    assert.equal(read(), 'a');
  });

  test('VTIME: nothing once the time is up', () => {
    raw(0, 5);
    assert.equal(read(), EAGAIN);
    assert.equal(terminal.readTimeout(), 500);
    assert.equal(readAvailable(), '');
    type('x');
    assert.equal(read(), 'x');
    assert.equal(read(O_RDWR | O_NONBLOCK), EAGAIN);
  });

  test('VMIN and VTIME: the time runs from the first byte on', () => {
    raw(3, 5);
    assert.equal(read(), EAGAIN);
    assert.equal(terminal.readTimeout(), Infinity);
    const before = terminal.arrived();
    type('a');
    assert.notEqual(terminal.arrived(), before);
    assert.equal(read(), EAGAIN);
    assert.equal(terminal.readTimeout(), 500);
    assert.equal(read(O_RDWR | O_NONBLOCK, 2), 'a');
    type('b');
    assert.equal(readAvailable(), 'b');
  });

  test('a hang-up ends reads, refuses writes and tells the session', () => {
    terminal.foreground = 11;
    terminal.hangup();
    assert.equal(read(), '');
    assert.equal(terminal.write(handle(), new BufferSource('x')), EIO);
    assert.equal(ioctl(ioctls.TCGETS), EIO);
    assert.notEqual(terminal.poll(handle(), null) & POLLHUP, 0);
    assert.deepEqual(signals, ['leader of 10 loses 11']);
    assert.equal(caller?.terminal, null);
  });
});

describe('job control', () => {
  test('control characters signal the foreground group', () => {
    terminal.foreground = 11;
    type('\x03\x1c\x1a');
    assert.deepEqual(signals, ['11:2', '11:3', '11:20']);
  });

  test('a background process is stopped when it reads, an orphan or one that ignores that gets EIO', () => {
    terminal.foreground = 11;
    assert.equal(read(), ERESTARTSYS);
    assert.deepEqual(signals, ['10:21']);
    if (caller) caller.isOrphaned = true;
    assert.equal(read(), EIO);
    if (caller) Object.assign(caller, { isOrphaned: false, ignored: [21] });
    assert.equal(read(), EIO);
  });

  test('it may write, unless TOSTOP is set', () => {
    terminal.foreground = 11;
    assert.equal(terminal.write(handle(), new BufferSource('x')), 1);
    change((termios) => (termios.lflag |= t.TOSTOP));
    assert.equal(terminal.write(handle(), new BufferSource('x')), ERESTARTSYS);
    assert.deepEqual(signals, ['10:22']);
    if (caller) caller.ignored = [22];
    assert.equal(terminal.write(handle(), new BufferSource('x')), 1);
  });

  test('tcsetpgrp and tcgetpgrp', () => {
    assert.equal(ioctl(ioctls.TIOCGPGRP, 8), 0);
    assert.equal(memory.readU32(8), 10);
    memory.writeU32(8, 11);
    assert.equal(ioctl(ioctls.TIOCSPGRP, 8), 0);
    assert.equal(terminal.foreground, 11);
    assert.equal(ioctl(ioctls.TIOCSPGRP, 8), ERESTARTSYS, 'now it is in the background');
    if (caller) caller.ignored = [22];
    memory.writeU32(8, 20);
    assert.equal(ioctl(ioctls.TIOCSPGRP, 8), EPERM, 'of another session');
    assert.equal(ioctl(ioctls.TIOCGPGRP, 5000), EFAULT);
    caller = process(20, 20);
    assert.equal(ioctl(ioctls.TIOCGPGRP, 8), ENOTTY);
  });

  test('a session leader gets the terminal it opens, unless O_NOCTTY', () => {
    const other = process(20, 20);
    caller = other;
    terminal.opened(handle());
    assert.equal(other.terminal, null, 'it is taken');
    assert.equal(ioctl(ioctls.TIOCSCTTY), EPERM);
    terminal.leaveSession();
    terminal.opened(handle(O_RDWR | O_NOCTTY));
    assert.equal(other.terminal, null);
    assert.equal(ioctl(ioctls.TIOCSCTTY), 0);
    assert.equal(other.terminal, terminal);
    assert.equal(terminal.session, 20);
    assert.equal(ioctl(ioctls.TIOCNOTTY), 0);
    assert.equal(terminal.session, 0);
    assert.deepEqual(signals, ['20:1', '20:18']);
  });
});

describe('ioctl', () => {
  test('settings: read, changed and read again', () => {
    assert.equal(ioctl(ioctls.TCGETS, 0), 0);
    const view = new DataView(memory.bytes.buffer);
    assert.equal(view.getUint32(0, true), 0o2400);
    assert.equal(view.getUint32(12, true), 0o105073);
    assert.deepEqual([...memory.bytes.subarray(17, 36)].slice(0, 7), [3, 28, 127, 21, 4, 0, 1]);
    view.setUint32(12, 0, true);
    type('typed');
    assert.equal(ioctl(ioctls.TCSETS, 0), 0);
    assert.equal(read(), 'typed', 'what was being edited can be read');
    type('more');
    assert.equal(ioctl(ioctls.TCSETSF, 0), 0);
    assert.equal(read(), EAGAIN, 'TCSETSF drops input');
    assert.equal(ioctl(ioctls.TCGETS, 4090), EFAULT);
    assert.equal(ioctl(ioctls.TCSETS, 4090), EFAULT);
    assert.equal(ioctl(ioctls.TCGETS2, 0), 0);
    assert.equal(ioctl(ioctls.TCGETA, 0), 0);
    assert.equal(ioctl(0x1234), ENOTTY);
  });

  test('settings that are locked stay', () => {
    assert.equal(ioctl(ioctls.TIOCSLCKTRMIOS, 0), EPERM);
    caller = null;
    const before = t.encodeTermios(terminal.discipline.termios, t.TERMIOS_SIZE);
    memory.bytes.fill(0);
    new DataView(memory.bytes.buffer).setUint32(12, t.ECHO, true);
    memory.bytes[17 + t.VMIN] = 1;
    assert.equal(ioctl(ioctls.TIOCSLCKTRMIOS, 0), 0);
    assert.equal(ioctl(ioctls.TIOCGLCKTRMIOS, 100), 0);
    assert.deepEqual(memory.bytes.slice(100, 136), memory.bytes.slice(0, 36));
    memory.bytes.set(before, 0);
    new DataView(memory.bytes.buffer).setUint32(12, t.ISIG, true);
    memory.bytes[17 + t.VMIN] = 9;
    memory.bytes[17 + t.VTIME] = 8;
    assert.equal(ioctl(ioctls.TCSETS, 0), 0);
    const { lflag, cc } = terminal.discipline.termios;
    assert.deepEqual([lflag, cc[t.VMIN], cc[t.VTIME]], [t.ISIG | t.ECHO, before[17 + t.VMIN], 8]);
  });

  test('the window’s size, whose change is signalled', () => {
    assert.equal(ioctl(ioctls.TIOCGWINSZ, 0), 0);
    assert.deepEqual([...new Uint16Array(memory.bytes.buffer, 0, 4)], [24, 80, 0, 0]);
    assert.equal(ioctl(ioctls.TIOCSWINSZ, 0), 0);
    assert.deepEqual(signals, []);
    const larger = { columns: 100, rows: 30, width: 0, height: 0 };
    terminal.resize(larger);
    terminal.resize(larger);
    assert.deepEqual(signals, ['10:28']);
  });

  test('FIONREAD, TCFLSH, TIOCSTI', () => {
    type('ab\rcd\r');
    assert.equal(ioctl(ioctls.FIONREAD, 0), 0);
    assert.equal(memory.readU32(0), 6);
    assert.equal(ioctl(ioctls.TCFLSH, ioctls.TCIFLUSH), 0);
    assert.equal(read(), EAGAIN);
    memory.bytes[0] = 0x0a;
    assert.equal(ioctl(ioctls.TIOCSTI, 0), 0);
    assert.equal(read(), '\n');
  });
});
