/** `culm snapshot`, `culm restore` and `culm inspect`: a running program written down and gone on with. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Tmux } from '../terminal/tmux.js';
import type { SnapshotContents } from '../../src/index.js';

const CULM = fileURLToPath(new URL('../../../bin/culm', import.meta.url));
const STALLED = fileURLToPath(new URL('./stalled.js', import.meta.url));
const LIMIT = { timeout: 120_000 };

interface Run {
  readonly child: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  readonly status: Promise<number | null>;
}

function start(args: readonly string[], env: NodeJS.ProcessEnv): Run {
  const child = spawn(process.execPath, [CULM, ...args], { env, timeout: 60_000 });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const status = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { child, output, status };
}

describe('culm snapshot and restore', () => {
  let folder = '';
  let env: NodeJS.ProcessEnv = {};
  let run: Run;
  const at = (name: string): string => join(folder, name);
  const culm = async (...args: string[]) => {
    const { output, status, child } = start(args, env);
    child.stdin?.end();
    return { status: await status, ...output };
  };
  const until = async (mark: string): Promise<void> => {
    while (!run.output.stdout.includes(mark)) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  const script =
    'exec 4</shared/text; read -r first <&4; echo one $first; read a; echo two $a; read b; read -r rest <&4; echo three $b $rest; exit 7';

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'culm-snapshot-'));
    mkdirSync(at('runtime'), { mode: 0o700 });
    mkdirSync(at('shared'));
    writeFileSync(at('shared/text'), 'first\nrest\n');
    env = { ...process.env, XDG_RUNTIME_DIR: at('runtime') };
    const shared = `${at('shared')}:/shared:ro`;
    run = start(['run', '--rootfs', '/', '-i', '-v', shared, '--', 'bash', '-c', script], env);
    await until('one first\n');
    const pid = String(run.child.pid);
    assert.deepEqual(await culm('snapshot', pid, at('one')), { status: 0, stdout: '', stderr: '' });
    run.child.stdin?.write('A\n');
    await until('two A\n');
    assert.equal(
      (await culm('snapshot', pid, '--no-host-pages', '--parent', at('one'), at('two'))).status,
      0,
    );
    run.child.stdin?.end('B\n');
    assert.equal(await run.status, 7);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const restored = async (args: readonly string[], input: string) => {
    const { child, output, status } = start(args, env);
    child.stdin?.end(input);
    return { status: await status, ...output };
  };
  const bound = (): string[] => ['--rootfs', '/', '-i', '-v', `${at('shared')}:/shared`];

  it('lets the run go on', () => {
    assert.deepEqual(run.output, { stdout: 'one first\ntwo A\nthree B rest\n', stderr: '' });
    assert.deepEqual(readdirSync(at('runtime/culm')), []);
  });

  it('goes on with a program, its input and its status, as often as is wanted', LIMIT, async () => {
    const expected = { status: 7, stdout: 'two C\nthree D rest\n', stderr: '' };
    assert.deepEqual(await restored(['restore', at('one'), ...bound()], 'C\nD\n'), expected);
    assert.deepEqual(await restored(['run', ...bound(), '--restore', at('one')], 'C\nD\n'), expected);
  });

  it('goes on with what has changed since an earlier snapshot, and with that only', LIMIT, async () => {
    const chain = ['restore', at('two'), '--parent', at('one')];
    const expected = { status: 7, stdout: 'three D rest\n', stderr: '' };
    assert.deepEqual(await restored([...chain, ...bound()], 'D\n'), expected);
    assert.ok(readFileSync(at('two')).length * 3 < readFileSync(at('one')).length);
    const alone = await culm('restore', at('two'), ...bound());
    assert.equal(alone.status, 125);
    assert.match(
      alone.stderr,
      /^culm: the snapshot cannot be restored: it builds on .*, which is not given\n$/,
    );
    const wrong = await culm('restore', at('two'), '--parent', at('two'), ...bound());
    assert.match(wrong.stderr, /which is not given\n$/);
  });

  it('names all that cannot be bound', LIMIT, async () => {
    const none = await culm('restore', at('one'));
    assert.deepEqual(none, {
      status: 125,
      stdout: '',
      stderr:
        'culm: the snapshot cannot be restored: it needs a folder for the root filesystem ("rootfs"), a source for the mount at /shared\n',
    });
    const other = await culm('restore', at('one'), ...bound(), '-v', `${folder}:/elsewhere`);
    assert.match(other.stderr, /it has no mount at \/elsewhere\n$/);
    const terminal = await culm('restore', at('one'), '--rootfs', '/', '-t', '-v', `${at('shared')}:/shared`);
    assert.deepEqual(terminal, {
      status: 125,
      stdout: '',
      stderr: 'culm: the program in the snapshot has no terminal: leave -t out\n',
    });
    mkdirSync(at('changed'));
    writeFileSync(at('changed/text'), 'another text\n');
    const changed = await culm('restore', at('one'), '--rootfs', '/', '-v', `${at('changed')}:/shared`);
    assert.match(changed.stderr, /: \/text is open, and has been changed\n$/);
  });

  it('refuses what is no whole snapshot in one line', LIMIT, async () => {
    writeFileSync(at('cut'), readFileSync(at('one')));
    truncateSync(at('cut'), 5000);
    writeFileSync(at('text'), 'hello\n');
    for (const name of ['cut', 'text', 'missing']) {
      const { status, stdout, stderr } = await culm('restore', at(name), ...bound());
      assert.equal(status, 125);
      assert.equal(stdout, '');
      assert.match(stderr, /^culm: [^\n]+\n$/);
      assert.equal((await culm('inspect', at(name))).stderr, stderr);
    }
  });

  it('says what is in a snapshot', LIMIT, async () => {
    const { status, stdout } = await culm('inspect', '--json', at('two'), '--parent', at('one'));
    assert.equal(status, 0);
    const contents = JSON.parse(stdout) as SnapshotContents;
    const parent = JSON.parse((await culm('inspect', '--json', at('one'))).stdout) as SnapshotContents;
    assert.equal(contents.parent, parent.digest);
    assert.equal(parent.hostPages, true);
    const [process] = contents.processes;
    assert.deepEqual(process?.argv, ['bash', '-c', script]);
    assert.deepEqual(
      process.files.map(({ fd, path, access }) => [fd, path.replace(/\d+/, 'N'), access]),
      [
        [0, 'pipe:[N]', 'read'],
        [1, 'pipe:[N]', 'write'],
        [2, 'pipe:[N]', 'write'],
        [4, '/shared/text', 'read'],
      ],
    );
    assert.ok(contents.mounts.some(({ path, readOnly }) => path === '/shared' && readOnly));
    const table = await culm('inspect', at('one'));
    assert.match(table.stdout, /\n1 +0 +alive +1 .* bash -c 'exec 4/);
    assert.match(table.stdout, /\n1 +4 +read +\d+ +\/shared\/text\n/);
  });

  it('asks nobody but a run of this user', LIMIT, async () => {
    const { status, stderr } = await culm('snapshot', String(process.pid), at('other'));
    assert.equal(status, 125);
    assert.match(stderr, /is no `culm run` of this user\n$/);
  });

  it('leaves an old file as it is when whoever writes the new one dies in the middle', LIMIT, async () => {
    const old = readFileSync(at('one'));
    mkdirSync(at('crash'));
    writeFileSync(at('crash/file'), old);
    const writer = spawn(process.execPath, [STALLED, at('crash/file')], { timeout: 60_000 });
    await new Promise((resolve) => writer.stdout.once('data', resolve));
    writer.kill('SIGKILL');
    await new Promise((resolve) => writer.once('close', resolve));
    assert.ok(readFileSync(at('crash/file')).equals(old));
    const [unfinished, ...others] = readdirSync(at('crash')).filter((name) => name !== 'file');
    assert.match(unfinished ?? '', /^\.file\.[0-9a-f]{12}\.tmp$/);
    assert.deepEqual(others, []);
    const expected = { status: 7, stdout: 'two C\nthree D rest\n', stderr: '' };
    assert.deepEqual(await restored(['restore', at('crash/file'), ...bound()], 'C\nD\n'), expected);
  });

  it('goes on at another terminal', LIMIT, async () => {
    const tmux = new Tmux(70, 20);
    try {
      const typed = 'tty; read x; echo got $x; stty size; read y; echo bye $y';
      const line = (args: string): string => `XDG_RUNTIME_DIR=${at('runtime')} node ${CULM} ${args}`;
      tmux.enter(
        `sh -c 'echo $$ > ${at('pid')}; exec env ${line(`run -it --rootfs / -- sh -c "${typed.replace(/\$/g, '\\$')}"`)}'`,
      );
      await tmux.shows(/^\/dev\/pts\/0$/m);
      const pid = readFileSync(at('pid'), 'utf8').trim();
      assert.equal((await culm('snapshot', pid, at('terminal'))).stderr, '');
      tmux.enter('here');
      await tmux.shows(/^got here$/m);
      tmux.enter('');
      await tmux.shows(/^bye\s+host\$ *$/m);
      tmux.resize(60, 15);
      tmux.enter(`clear; ${line(`restore -it --rootfs / ${at('terminal')}`)}; echo status $?`);
      tmux.enter('there');
      await tmux.shows(/^got there\n15 60$/m);
      tmux.enter('bye');
      await tmux.shows(/^bye bye\nstatus 0$/m);
    } finally {
      tmux.close();
    }
  });

  it('leaves an old file as it is when the new one cannot be written', LIMIT, async () => {
    const sleeper = start(['run', '--rootfs', '/', '--', 'sh', '-c', 'echo up; sleep 30'], env);
    while (!sleeper.output.stdout.includes('up')) await new Promise((resolve) => setTimeout(resolve, 10));
    const pid = String(sleeper.child.pid);
    const failed = await culm('snapshot', pid, '--parent', at('text'), at('one'));
    assert.equal(failed.status, 125);
    assert.match(failed.stderr, /^culm: .*it is no snapshot\n$/);
    assert.equal((await culm('inspect', at('one'))).status, 0);
    assert.match(
      (await culm('snapshot', pid, join(folder, 'none', 'file'))).stderr,
      /^culm: ENOENT[^\n]*\n$/,
    );
    sleeper.child.kill('SIGTERM');
    assert.equal(await sleeper.status, 143);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith('.tmp')),
      [],
    );
  });
});
