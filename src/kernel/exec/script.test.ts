import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HEAD_SIZE, parseScript } from './script.js';

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
const parse = (text: string) => parseScript(bytes(text).subarray(0, HEAD_SIZE));

describe('the first line of a script', () => {
  it('names an interpreter and at most one argument', () => {
    const cases: readonly (readonly [string, string, string | null])[] = [
      ['#!/bin/sh\nrest', '/bin/sh', null],
      ['#! /bin/sh -e\n', '/bin/sh', '-e'],
      ['#!\t/usr/bin/env  python3 -u \t\n', '/usr/bin/env', 'python3 -u'],
      ['#!/bin/sh', '/bin/sh', null],
      ['#!relative x', 'relative', 'x'],
    ];
    for (const [text, interpreter, argument] of cases)
      assert.deepEqual(parse(text), { interpreter, argument }, text);
  });

  it('is no such line without a name', () => {
    for (const text of ['', '#', '#!', '#!\n', '#! \t \n/bin/sh', 'echo', '\x7fELF'])
      assert.equal(parse(text), null);
  });

  it('may not cut the name off, but may cut the argument', () => {
    const long = '/'.padEnd(300, 'x');
    assert.equal(parse(`#!${long}\n`), null);
    assert.equal(parse(`#!/bin/sh ${long}\n`)?.argument?.length, HEAD_SIZE - '#!/bin/sh '.length);
  });
});
