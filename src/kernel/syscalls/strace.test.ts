import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errnoName, errnoText } from '../abi/errno-names.js';
import { signalName } from '../abi/signal.js';
import { flagNames, quote } from './strace-args.js';
import { SYSCALLS } from './table.js';

describe('strace', () => {
  it('quotes as strace(1) does', () => {
    assert.equal(quote('a "b"\\\n\t'), '"a \\"b\\"\\\\\\n\\t"');
    assert.equal(quote('\x7fELF\x02\x01\x001'), '"\\177ELF\\2\\1\\0001"');
    assert.equal(quote('\xff8'), '"\\3778"');
  });

  it('names flags, the longest first, and what is left in hex', () => {
    const names = [
      [3, 'BOTH'],
      [1, 'ONE'],
      [2, 'TWO'],
    ] as const;
    assert.equal(flagNames(3, names, '0'), 'BOTH');
    assert.equal(flagNames(0x102, names, '0'), 'TWO|0x100');
    assert.equal(flagNames(0, names, 'NONE'), 'NONE');
  });

  it('knows errors and signals by name', () => {
    assert.equal(errnoName(-2), 'ENOENT');
    assert.equal(errnoText(-133), 'Memory page has hardware error');
    assert.equal(errnoName(-131), 'ENOTRECOVERABLE');
    assert.equal(signalName(31), 'SIGSYS');
    assert.equal(signalName(34), 'SIGRT_2');
  });
});

describe('the table of system calls', () => {
  it('has each row at its number and no name twice', () => {
    const names = new Set<string>();
    SYSCALLS.forEach((row, number) => {
      if (row === undefined) return;
      assert.equal(row.number, number);
      assert.ok(row.args.length <= 6, row.name);
      assert.ok(!names.has(row.name), row.name);
      names.add(row.name);
    });
    assert.ok(names.size > 250);
  });
});
