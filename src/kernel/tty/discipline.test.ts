import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { BufferSink } from '../../../test/support/fs.js';
import { LineDiscipline } from './discipline.js';
import * as t from './termios.js';

interface Case {
  readonly name: string;
  /** Flags to set and to clear in the default settings. */
  readonly on?: { iflag?: number; oflag?: number; lflag?: number };
  readonly off?: { iflag?: number; oflag?: number; lflag?: number };
  readonly cc?: Readonly<Record<number, number>>;
  /** What is typed, in pieces. */
  readonly input: readonly string[];
  /** What a program writes before anything is typed. */
  readonly output?: string;
}

const UTF8 = { iflag: t.IUTF8 };
const CASES: readonly Case[] = [
  { name: 'a line', input: ['hello\r'] },
  { name: 'two lines and the beginning of a third', input: ['one\rtwo\nthr'] },
  { name: 'carriage return as it is', off: { iflag: t.ICRNL }, input: ['a\rb\n'] },
  { name: 'IGNCR', on: { iflag: t.IGNCR }, input: ['a\rb\n'] },
  { name: 'INLCR', on: { iflag: t.INLCR }, off: { iflag: t.ICRNL }, input: ['a\nb\r', '\x04'] },
  { name: 'erase', input: ['abc\x7f\x7fd\n'] },
  { name: 'erase at the beginning', input: ['\x7f\x7fa\n'] },
  { name: 'erase a control character', input: ['a\x01\x7fb\n'] },
  { name: 'erase a tab', input: ['ab\t\x7fc\n', 'a\tb\t\x7f\x7f\x7fx\n'] },
  { name: 'erase a tab after output', output: 'prompt> ', input: ['a\t\x7fb\n'] },
  { name: 'erase in UTF-8', on: UTF8, input: ['a\xc3\xa4\x7fb\n', '\xe2\x82\xac\x7f\n'] },
  { name: 'erase bytes', input: ['a\xc3\xa4\x7fb\n'] },
  { name: 'erase words', input: ['one two  \x17x\n', 'a-b c.d\x17\x17y\n'] },
  { name: 'kill', input: ['some text\x15rest\n'] },
  { name: 'kill without ECHOKE', off: { lflag: t.ECHOKE }, input: ['some\x15rest\n'] },
  { name: 'kill without ECHOK', off: { lflag: t.ECHOK | t.ECHOKE }, input: ['some\x15rest\n'] },
  { name: 'erase without ECHOE', off: { lflag: t.ECHOE }, input: ['ab\x7fc\n'] },
  { name: 'no echo', off: { lflag: t.ECHO }, input: ['secret\x7f\n'] },
  { name: 'no echo but of newlines', on: { lflag: t.ECHONL }, off: { lflag: t.ECHO }, input: ['secret\n'] },
  { name: 'control characters as they are', off: { lflag: t.ECHOCTL }, input: ['a\x01b\x7f\x7f\n'] },
  { name: 'end of file', input: ['\x04'] },
  { name: 'end of file after text', input: ['abc\x04', 'def\n'] },
  { name: 'end of file twice', input: ['abc\x04\x04'] },
  { name: 'literal next', input: ['a\x16\x03b\x16\x7f\n'] },
  { name: 'literal newline', input: ['a\x16\nb\n'] },
  { name: 'literal without IEXTEN', off: { lflag: t.IEXTEN }, input: ['a\x16b\n'] },
  { name: 'reprint', input: ['abc\x12d\n'] },
  { name: 'interrupt', input: ['abc\x03def\n'] },
  { name: 'interrupt without flushing', on: { lflag: t.NOFLSH }, input: ['abc\x03def\n'] },
  { name: 'quit and suspend', input: ['a\x1cb\x1ac\n'] },
  { name: 'no signals', off: { lflag: t.ISIG }, input: ['a\x03b\x1c\n'] },
  { name: 'a second end of line', cc: { [t.VEOL]: 0x3b, [t.VEOL2]: 0x2e }, input: ['a;b.c\n'] },
  { name: 'raw', off: { lflag: t.ICANON }, input: ['ab\x7f\x04\r'] },
  {
    name: 'raw without anything',
    off: { lflag: t.ICANON | t.ECHO | t.ISIG | t.IEXTEN, iflag: t.ICRNL | t.IXON, oflag: t.OPOST },
    input: ['a\x03\r\n\x11\x13'],
  },
  { name: 'strip', on: { iflag: t.ISTRIP }, input: ['\xe1\xe2\n'] },
  { name: 'lower case', on: { iflag: t.IUCLC }, input: ['ABc\n'] },
  { name: 'marked 0xff', on: { iflag: t.PARMRK }, input: ['a\xffb\n'] },
  { name: 'stop and go', input: ['a\x13b\x11c\n'] },
  { name: 'stop and go in pieces', input: ['a\x13', 'bc', '\x11', 'd\n'] },
  { name: 'stop, and any character goes on', on: { iflag: t.IXANY }, input: ['a\x13', 'b', 'c\n'] },
  { name: 'stop and interrupt', input: ['a\x13', 'bc', '\x03', 'd\n'] },
  { name: 'erased on paper', on: { lflag: t.ECHOPRT }, input: ['abc\x7f\x7fd\n', 'xy z\x17w\x15q\n'] },
  { name: 'erased on paper in UTF-8', on: { lflag: t.ECHOPRT, ...UTF8 }, input: ['a\xc3\xa4\x7fb\n'] },
  { name: 'half a character in UTF-8', on: UTF8, input: ['\xa4\x7f\x7fb\n', 'a\xa4\xa4\x17\n'] },
  { name: 'words in Latin-1', input: ['a \xe4\xd7\xe4\x17x\n', '\xa0\xb5\x17y\n'] },
  { name: 'EXTPROC', on: { lflag: t.EXTPROC }, input: ['a\x7fb\x03\n'] },
  { name: 'EXTPROC raw', on: { lflag: t.EXTPROC }, off: { lflag: t.ICANON }, input: ['a\x7fb\x03\r'] },
  { name: 'IMAXBEL', on: { iflag: t.IMAXBEL }, input: ['x'.repeat(4100), '\n'] },
  { name: 'interrupt by newline', cc: { [t.VINTR]: 10 }, input: ['ab\rcd\nef\r'] },
  { name: 'erase of marked bytes', on: { iflag: t.PARMRK }, input: ['a\xff\x7fb\n'] },
  { name: 'end of line that is not echoed', cc: { [t.VEOL]: 1 }, off: { lflag: t.ECHO }, input: ['a\x01'] },
  { name: 'literal end of file and erase', input: ['a\x16\x04b\x7f\x7f\n'] },
  { name: 'a tab behind a control character', input: ['\x01\t\x7fb\n', '\x16\t\t\x7f\x7fc\n'] },
  { name: 'reprint while erasing', on: { lflag: t.ECHOPRT }, input: ['abc\x7f\x12\x04'] },
  { name: 'raw with newline', off: { lflag: t.ICANON }, input: ['a\nb\n'] },
  { name: 'IUCLC without IEXTEN', on: { iflag: t.IUCLC }, off: { lflag: t.IEXTEN }, input: ['ABc\n'] },
  { name: 'output: newlines', output: 'a\nb\n', input: [] },
  { name: 'output: as it is', output: 'a\nb\t\n', off: { oflag: t.OPOST }, input: [] },
  { name: 'output: tabs as spaces', output: 'a\tb\n\tc\bd\te', on: { oflag: t.XTABS }, input: [] },
  { name: 'output: carriage returns', output: '\ra\rb', on: { oflag: t.OCRNL | t.ONOCR }, input: [] },
  { name: 'output: ONOCR', output: '\ra\rb\n\r', on: { oflag: t.ONOCR }, input: [] },
  { name: 'output: upper case', output: 'abC', on: { oflag: t.OLCUC }, input: [] },
  { name: 'a long line', input: ['x'.repeat(4000), 'y'.repeat(300), '\n'] },
];

interface Outcome {
  /** What reads get, one after another; '' is end of file. */
  reads: string[];
  screen: string;
}

function apply(termios: t.Termios, { on = {}, off = {}, cc = {} }: Case): void {
  for (const key of ['iflag', 'oflag', 'lflag'] as const) {
    termios[key] = (termios[key] | (on[key] ?? 0)) & ~(off[key] ?? 0);
  }
  for (const [index, value] of Object.entries(cc)) termios.cc[Number(index)] = value;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function run(one: Case): Outcome {
  const ignore = () => undefined;
  const discipline = new LineDiscipline({ signal: ignore, flushed: ignore, readable: ignore, flow: ignore });
  apply(discipline.termios, one);
  let screen = '';
  const show = (): void => {
    if (discipline.stopped) return;
    screen += latin1(discipline.output.buffer.subarray(0, discipline.output.length));
    discipline.output.taken();
  };
  const written = Buffer.from(one.output ?? '', 'latin1');
  discipline.output.write(written, 0, written.length);
  show();
  for (const piece of one.input) {
    const bytes = Buffer.from(piece, 'latin1');
    assert.equal(discipline.receive(bytes, 0, bytes.length), bytes.length);
    show();
  }
  const reads: string[] = [];
  const { input, readsLines } = discipline;
  while (readsLines ? input.hasLine : input.size > 0) {
    const sink = new BufferSink(10_000);
    if (readsLines) void input.readLine(sink);
    else void input.readRaw(sink);
    reads.push(sink.text);
  }
  return { reads, screen };
}

/** Long runs of one letter, told by their length. */
function shorten(outcome: Outcome | undefined): unknown {
  const short = (text: string) =>
    text.replace(/([a-z])\1{20,}/g, (run, letter) => `${letter}{${run.length}}`);
  return outcome && { reads: outcome.reads.map(short), screen: short(outcome.screen) };
}

/** Does the same on a pseudo-terminal of Linux. */
const LINUX = `
import sys, os, json, termios, tty, signal, time, fcntl
for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGHUP): signal.signal(s, signal.SIG_IGN)
def drain(fd):
    out = []
    while True:
        try: data = os.read(fd, 10000)
        except (BlockingIOError, OSError): return out
        out.append(data.decode('latin1'))
        if len(out) > 20: return out
results = []
for case in json.load(sys.stdin):
    master, slave = os.openpty()
    attrs = termios.tcgetattr(slave)
    iflag, oflag, cflag, lflag, _i, _o, cc = attrs
    iflag, oflag, lflag = case['iflag'], case['oflag'], case['lflag']
    for index, value in enumerate(case['cc']): cc[index] = bytes([value])
    termios.tcsetattr(slave, termios.TCSANOW, [iflag, oflag, cflag, lflag, _i, _o, cc])
    for fd in (master, slave): os.set_blocking(fd, False)
    os.write(slave, case['output'].encode('latin1'))
    screen = ''
    for piece in case['input']:
        os.write(master, piece.encode('latin1'))
        time.sleep(0.02)
        screen += ''.join(drain(master))
    time.sleep(0.02)
    screen += ''.join(drain(master))
    results.append({'reads': drain(slave), 'screen': screen})
    os.close(slave); os.close(master)
json.dump(results, sys.stdout)
`;

function settingsOf(one: Case) {
  const termios = t.defaultTermios();
  apply(termios, one);
  const { iflag, oflag, lflag, cc } = termios;
  return { iflag, oflag, lflag, cc: [...cc], output: one.output ?? '', input: one.input };
}

function linux(): Outcome[] | null {
  const input = JSON.stringify(CASES.map(settingsOf));
  const python = spawnSync('python3', ['-c', LINUX], { input, encoding: 'utf8', timeout: 20_000 });
  return python.status === 0 ? (JSON.parse(python.stdout) as Outcome[]) : null;
}

test('the line discipline does what Linux’s does', async (context) => {
  const expected = linux();
  if (expected === null) {
    context.skip('there is no python3 to ask a pseudo-terminal of Linux with');
    return;
  }
  for (const [index, one] of CASES.entries()) {
    await context.test(one.name, () => assert.deepEqual(shorten(run(one)), shorten(expected[index])));
  }
});

test('a change to raw mode makes the line that is being edited readable', () => {
  const ignore = () => undefined;
  const discipline = new LineDiscipline({ signal: ignore, flushed: ignore, readable: ignore, flow: ignore });
  const before = { ...discipline.termios };
  discipline.receive(Buffer.from('abc'), 0, 3);
  assert.equal(discipline.input.hasLine, false);
  discipline.termios.lflag &= ~t.ICANON;
  discipline.settingsChanged(before);
  assert.equal(discipline.input.size, 3);
});
