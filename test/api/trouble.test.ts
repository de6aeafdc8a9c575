/** What goes wrong in a sandbox stays with the program that does it: memory that runs out, processes without end. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Sandbox, type SandboxOptions } from '../../src/index.js';

const LIMIT_MS = 60_000;
const MEMORY = 64 << 20;

function create(options: SandboxOptions): ReturnType<typeof Sandbox.create> {
  return Sandbox.create({ rootfs: '/', env: { PATH: '/usr/bin:/bin' }, ...options });
}

/** Takes memory piece by piece, and keeps all but a few MiB; says so, and stays. */
const HOARDER = `
use strict; my @pieces;
sub free { open my $f, '<', '/proc/meminfo'; for (<$f>) { return $1 if /^MemFree: +(\\d+)/ } }
push @pieces, 'x' x (1 << 20) while free() > 6 * 1024;
$| = 1; print "full\\n"; sleep 1000;
`;
/** Needs more than that. */
const NEEDY = `my @pieces; push @pieces, 'y' x (1 << 20) for 1 .. 12; print scalar(@pieces), "\\n";`;
const VOLUNTEER = `
open my $f, '>', '/proc/self/oom_score_adj'; print {$f} 1000; close $f;
my @pieces; push @pieces, 'v' x (1 << 20) for 1 .. 16; $| = 1; print "here\\n"; sleep 1000;
`;
const GREEDY = `my @pieces; push @pieces, 'z' x (1 << 20) while 1;`;

describe('memory that runs out', () => {
  it('is an error where it is asked for at once', { timeout: LIMIT_MS }, async () => {
    await using sandbox = await create({ memory: MEMORY });
    const { status, stderrText } = await sandbox.exec(['perl', '-e', 'my $x = "x" x (1 << 30)']);
    assert.match(stderrText, /Out of memory/i);
    assert.notEqual(status, 0);
  });

  it('ends the program that takes it, and no other', { timeout: LIMIT_MS }, async () => {
    await using sandbox = await create({ memory: MEMORY });
    const cat = await sandbox.spawn(['cat']);
    const before = await sandbox.statistics();
    assert.deepEqual((await sandbox.exec(['perl', '-e', GREEDY])).signal, 9);
    const after = await sandbox.statistics();
    assert.equal(after.memoryUsed - after.memoryCached < before.memoryTotal / 4, true);
    const writer = cat.stdin.getWriter();
    await writer.write(new TextEncoder().encode('still there'));
    const { value } = await cat.stdout.getReader().read();
    assert.equal(new TextDecoder().decode(value), 'still there');
    await writer.close();
    assert.deepEqual(await cat.exit, { status: 0, signal: 0 });
  });

  it('ends who has most of it, not who needs the last piece', { timeout: LIMIT_MS }, async () => {
    await using sandbox = await create({ memory: MEMORY });
    const hoarder = await sandbox.spawn(['perl', '-e', HOARDER]);
    assert.equal((await hoarder.stdout.getReader().read()).done, false);
    const needy = await sandbox.exec(['perl', '-e', NEEDY]);
    assert.deepEqual([needy.status, needy.stdoutText], [0, '12\n']);
    assert.deepEqual(await hoarder.exit, { status: 137, signal: 9 });
  });

  it('ends who has offered itself (oom_score_adj)', { timeout: LIMIT_MS }, async () => {
    await using sandbox = await create({ memory: MEMORY });
    const volunteer = await sandbox.spawn(['perl', '-e', VOLUNTEER]);
    assert.equal((await volunteer.stdout.getReader().read()).done, false);
    const hoarder = await sandbox.spawn(['perl', '-e', HOARDER]);
    assert.equal((await hoarder.stdout.getReader().read()).done, false);
    assert.equal((await sandbox.exec(['perl', '-e', NEEDY])).stdoutText, '12\n');
    assert.deepEqual(await volunteer.exit, { status: 137, signal: 9 });
    hoarder.kill(15);
    assert.deepEqual(await hoarder.exit, { status: 143, signal: 15 });
  });
});

/** Each process forks for ever, whatever comes of it; the first says what it is refused with. */
const BOMB = `
use Errno; my ($first, $told) = ($$, 0); $| = 1;
while (1) {
  next if defined fork or $told++ or $$ != $first;
  print $!{EAGAIN} ? "EAGAIN\\n" : "$!\\n";
}
`;

for (const thread of ['worker', 'caller'] as const)
  describe(`a fork bomb in the ${thread}`, () => {
    it(
      'is refused more, leaves others their turns, and ends with the sandbox',
      { timeout: LIMIT_MS },
      async () => {
        const sandbox = await create({ thread, limits: { processes: 60 } });
        const bomb = await sandbox.spawn(['perl', '-e', BOMB]);
        const { value } = await bomb.stdout.getReader().read();
        assert.equal(new TextDecoder().decode(value), 'EAGAIN\n');
        for (let turn = 0; turn < 20; turn++) await setTimeout(1);
        assert.equal((await sandbox.statistics()).processes, 60);
        assert.equal((await sandbox.exec(['echo', 'heard'])).stdoutText, 'heard\n');
        await sandbox.dispose();
      },
    );
  });
