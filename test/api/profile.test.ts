/** Profiles: what they say of a program whose time goes to known places. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CulmError, Sandbox, profileFile, profileTable, type Profile } from '../../src/index.js';

const SOURCE = fileURLToPath(new URL('../../../test/api/profiled.c', import.meta.url));
const CULM = fileURLToPath(new URL('../../../bin/culm', import.meta.url));
/** A Go program without symbols. */
const ESBUILD = fileURLToPath(
  new URL('../../../node_modules/@esbuild/linux-x64/bin/esbuild', import.meta.url),
);
const LIMIT_MS = 120_000;
const CALLS = 4321;

let folder = '';
before(() => (folder = mkdtempSync(join(tmpdir(), 'culm-profile-'))));
after(() => rmSync(folder, { recursive: true, force: true }));

function compile(name: string, ...flags: string[]): string {
  const binary = join(folder, name);
  execFileSync('gcc', ['-O1', ...flags, '-o', binary, SOURCE]);
  return binary;
}

async function profileOf(argv: readonly string[], thread: 'worker' | 'caller' = 'worker'): Promise<Profile> {
  await using sandbox = await Sandbox.create({ rootfs: '/', profile: true, thread });
  const { status, stderrText } = await sandbox.exec(argv);
  assert.deepEqual([status, stderrText], [0, '']);
  return sandbox.profile();
}

/** What took longest of a file's functions. */
function slowest(profile: Profile, file: string): string {
  const found = profile.functions.find((f) => f.file === file);
  assert.ok(found, profileTable(profile));
  return found.name;
}

/** Where a function begins in its file: in these programs where it lies in memory. */
function startOf(binary: string, name: string): string {
  const line = execFileSync('nm', [binary], { encoding: 'utf8' })
    .split('\n')
    .find((symbol) => symbol.endsWith(` ${name}`));
  return `0x${parseInt(line ?? '', 16).toString(16)}`;
}

describe('a profile', () => {
  for (const thread of ['worker', 'caller'] as const)
    it(`names functions, callers, calls and code without a file (${thread})`, async () => {
      const binary = compile(`profiled-${thread}`);
      const profile = await profileOf([binary], thread);
      assert.equal(slowest(profile, binary), 'busiest');
      const { frames, stacks } = profile;
      const named = (stack: number): string => frames[stacks[stack]?.frame ?? -1]?.name ?? '';
      assert.ok(
        stacks.some((stack, i) => named(i) === 'busiest' && named(stack.caller) === 'caller'),
        'busiest was called by caller',
      );
      assert.equal(profile.calls.find(({ name }) => name === 'getppid')?.count, CALLS);
      assert.ok(
        profile.functions.some(({ file, selfMs }) => file === '[anonymous]' && selfMs > 0),
        'made code',
      );
      const region = profile.regions.find(({ name }) => /^busiest(\+0x|$)/.test(name));
      assert.ok(region !== undefined && region.instructions > 30 && region.wasmBytes > region.codeBytes);
      assert.ok(region.writeMs > 0 && region.compileMs > 0 && region.codeBytes > 100);
      const exits = new Map(profile.exits.map(({ reason, count }) => [reason, count]));
      assert.ok((exits.get('system call') ?? 0) > CALLS);
      assert.ok((exits.get('page fault') ?? 0) > 0);
      assert.deepEqual(
        profile.tracks.map(({ name }) => name.replace(/ .*/, '')),
        [`profiled-${thread}`],
      );
    });

  it('finds functions of programs at fixed addresses, and by their place in stripped ones', async () => {
    const fixed = compile('fixed', '-static', '-no-pie');
    assert.equal(slowest(await profileOf([fixed]), fixed), 'busiest');
    const whole = compile('whole');
    const stripped = compile('stripped', '-s');
    assert.equal(slowest(await profileOf([stripped]), stripped), `stripped+${startOf(whole, 'busiest')}`);
  });

  it('names entries of procedure linkage tables, and functions of Go programs that are stripped', async () => {
    // Called through the table for the most part of the time.
    const source = join(folder, 'stubs.c');
    writeFileSync(source, 'int rand(void); int main(void) { for (int i = 0; i < 1000000; i++) rand(); }');
    for (const flags of [['-fcf-protection=none'], ['-fcf-protection=full', '-Wl,-z,ibtplt']]) {
      const binary = join(folder, 'stubs');
      execFileSync('gcc', ['-O0', ...flags, '-o', binary, source]);
      const profile = await profileOf([binary]);
      const found = profile.functions.filter(({ file }) => file === binary).map(({ name }) => name);
      assert.ok(found.includes('rand@plt'), found.join());
    }
    const go = await profileOf([ESBUILD, '--version']);
    const names = go.functions.filter(({ file }) => file === ESBUILD).map(({ name }) => name);
    assert.ok(
      names.some((name) => name.startsWith('runtime.')),
      names.join(),
    );
    assert.deepEqual(
      names.filter((name) => /\+0x/.test(name) && name.startsWith('esbuild')),
      [],
    );
  });

  it('keeps processes apart', async () => {
    const profile = await profileOf(['/bin/sh', '-c', `${compile('first')}; ${compile('second')}`]);
    const names = profile.tracks.map(({ name }) => name.replace(/ .*/, ''));
    for (const name of ['first', 'second']) assert.ok(names.includes(name), names.join());
    for (const { stacks, atMs, forMs } of profile.tracks) {
      assert.ok(stacks.length === atMs.length && stacks.length === forMs.length);
      assert.ok(stacks.every((stack) => stack < profile.stacks.length));
    }
  });

  it('is refused where none was asked for', async () => {
    await using sandbox = await Sandbox.create({ rootfs: '/' });
    await assert.rejects(sandbox.profile(), (error) => error instanceof CulmError && error.code === 'option');
  });
});

interface Speedscope {
  readonly shared: { readonly frames: readonly { readonly name: string }[] };
  readonly profiles: readonly {
    readonly samples: readonly number[][];
    readonly weights: readonly number[];
  }[];
}
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string };
    readonly hitCount: number;
    readonly children: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

describe('profile files', () => {
  const FRAMES = [
    { name: 'main', file: '/prog' },
    { name: 'work', file: '/prog' },
  ];
  const PROFILE: Profile = {
    wallMs: 30,
    programsMs: 12,
    otherMs: 0,
    intervalMs: 1,
    parts: [{ name: 'translated code', ms: 12 }],
    functions: [],
    calls: [],
    exits: [],
    regions: [],
    frames: FRAMES,
    stacks: [
      { frame: 0, caller: -1 },
      { frame: 1, caller: 0 },
    ],
    tracks: [
      { name: 'prog (1)', stacks: [1, 0], atMs: [1, 3], forMs: [2, 1] },
      { name: 'prog (2)', stacks: [1], atMs: [10], forMs: [9] },
    ],
  };

  it('are speedscope’s', () => {
    const { shared, profiles } = JSON.parse(profileFile(PROFILE, 'speedscope')) as Speedscope;
    assert.deepEqual(shared.frames, FRAMES);
    assert.deepEqual(
      profiles.map(({ samples, weights }) => ({ samples, weights })),
      [
        { samples: [[0, 1], [0]], weights: [2, 1] },
        { samples: [[0, 1]], weights: [9] },
      ],
    );
  });

  it('are V8’s, with the pauses between samples', () => {
    const { nodes, samples, timeDeltas } = JSON.parse(profileFile(PROFILE, 'cpuprofile')) as CpuProfile;
    const byId = new Map(nodes.map((node) => [node.id, node]));
    const parents = new Map(nodes.flatMap(({ id, children }) => children.map((child) => [child, id])));
    const path = (id: number): string => {
      const parent = parents.get(id);
      const name = byId.get(id)?.callFrame.functionName ?? '?';
      return parent === undefined ? name : `${path(parent)} ${name}`;
    };
    assert.deepEqual(samples.map(path), [
      '(root) prog (1) main work',
      '(root) prog (1) main',
      '(root) (idle)',
      '(root) prog (2) main work',
      '(root) (idle)',
    ]);
    assert.deepEqual(timeDeltas, [1000, 2000, 1000, 6000, 9000]);
    assert.equal(
      nodes.reduce((sum, { hitCount }) => sum + hitCount, 0),
      samples.length,
    );
  });
});

describe('culm run --profile', () => {
  const run = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [CULM, 'run', '--rootfs', '/', ...args], {
      encoding: 'utf8',
      timeout: LIMIT_MS,
    });

  it('prints a table, and takes no argument that is not behind =', () => {
    const { status, stdout, stderr } = run('--profile', '-w', '/', '/bin/echo', '--profile', 'x');
    assert.deepEqual([status, stdout], [0, '--profile x\n']);
    for (const title of ['Parts', 'Functions', 'System calls', 'Exits of code'])
      assert.match(stderr, new RegExp(`^${title}`, 'm'));
    assert.match(stderr, /^ *1 .* write$/m);
  });

  it('writes a file by its extension', () => {
    const files = ['out.json', 'out.cpuprofile'].map((name) => join(folder, name));
    for (const file of files) assert.equal(run(`--profile=${file}`, '--', '/bin/true').status, 0);
    const [speedscope, cpu] = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as object);
    assert.ok(speedscope !== undefined && '$schema' in speedscope);
    assert.ok(cpu !== undefined && 'timeDeltas' in cpu);
  });
});
