/** Every key of a manifest: values that are good, values that are not and what is said about them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatFinding } from './finding.js';
import { readManifest } from './read.js';
import { KEYS } from './schema.js';

const BASE = 'libos.entrypoint = "/bin/true"\n';

interface Case {
  /** TOML values; of keys that need more, whole lines. */
  readonly good: readonly string[];
  /** A bad value, and a part of what is said. */
  readonly bad: readonly (readonly [string, string])[];
}

const BOOL: Case = {
  good: ['true', 'false'],
  bad: [
    ['1', 'must be a boolean, not an integer'],
    ['"true"', 'must be a boolean, not a string'],
  ],
};
const SIZE: Case = {
  good: ['"4096"', '"256K"', '"1m"', '"2G"'],
  bad: [
    ['262144', 'must be a string such as "256K", not an integer'],
    ['"1T"', 'must be a size'],
    ['"1KB"', 'must be a size'],
    ['"-1K"', 'must be a size'],
    ['"99999999999999G"', 'must be a size'],
  ],
};
const COUNT: Case = {
  good: ['1', '77'],
  bad: [
    ['-1', 'or more, not -1'],
    ['1.5', 'not a float'],
    ['"1"', 'not a string'],
  ],
};
const STRING: Case = { good: ['"x"'], bad: [['1', 'must be a string, not an integer']] };
const ID: Case = {
  good: ['0', '1000'],
  bad: [
    ['-1', 'must be from 0'],
    ['"root"', 'not a string'],
  ],
};
const CPU: Case = {
  good: ['"unspecified"', '"disabled"', '"required"'],
  bad: [['"on"', 'must be one of "unspecified", "disabled", "required", not "on"']],
};
const HARDENING: Case = { good: ['"disabled"', '"required"'], bad: [['"unspecified"', 'must be one of']] };
const FILE_URI: Case = {
  good: ['"file:args"', '"file:/x/y"'],
  bad: [
    ['"/x"', 'must be a URI that begins with "file:"'],
    ['"dev:/x"', 'must be a URI that begins with "file:"'],
    ['3', 'not an integer'],
  ],
};

/** Cases for each key; what is not here is one of the kinds above. */
const CASES: Readonly<Record<keyof typeof KEYS, Case>> = {
  logLevel: {
    good: ['"none"', '"error"', '"warning"', '"debug"', '"trace"', '"all"'],
    bad: [['"loud"', 'must be one of "none", "error"']],
  },
  logFile: STRING,
  loaderEntrypoint: {
    good: ['{ uri = "file:/lib/libsysdb.so" }', `{ uri = "file:x", sha256 = "${'a'.repeat(64)}" }`],
    bad: [
      ['"file:x"', 'must be a table'],
      ['{ uri = "x" }', 'must be a URI'],
      ['{ uri = "file:x", sha256 = "ab" }', 'must be a SHA-256 sum'],
      ['{ url = "file:x" }', 'loader.entrypoint.url: is not known'],
    ],
  },
  entrypoint: {
    good: ['"/bin/sh"', '"program"'],
    bad: [
      ['"file:/bin/sh"', 'without "file:"'],
      ['""', 'must not be empty'],
      ['["x"]', 'not an array'],
    ],
  },
  checkPointers: BOOL,
  sync: BOOL,
  argv: {
    good: ['["a"]', '["a", "b c", ""]'],
    bad: [
      ['[]', 'must not be empty'],
      ['"a"', 'must be an array, not a string'],
      ['["a", 1]', 'loader.argv[1]: must be a string, not an integer'],
    ],
  },
  argvFile: FILE_URI,
  cmdlineArgv: BOOL,
  env: {
    good: ['{ A = "b", C = { value = "d" }, E = { passthrough = true } }'],
    bad: [
      ['{ A = 1 }', 'loader.env.A: must be a string'],
      ['{ A = { passthrough = false } }', '"passthrough" can only be true'],
      ['{ A = { value = "x", passthrough = true } }', 'must have either'],
      ['{ A = {} }', 'needs "value" or "passthrough"'],
      ['{ A = { val = "x" } }', '"val" is not known here'],
    ],
  },
  envFile: FILE_URI,
  hostEnv: BOOL,
  uid: ID,
  gid: ID,
  disableAslr: BOOL,
  domainNames: BOOL,
  flock: BOOL,
  fds: {
    good: ['0', '900'],
    bad: [
      ['-1', 'must be from 0'],
      ['9999999', 'must be from 0'],
    ],
  },
  stack: SIZE,
  brk: SIZE,
  eventfd: BOOL,
  sigterm: BOOL,
  noSubprocesses: BOOL,
  mocks: {
    good: ['[{ name = "fork", return = -38 }]', '[{ name = "sched_yield" }]'],
    bad: [
      ['[{ return = 1 }]', 'lacks "name"'],
      ['[{ name = "x", result = 1 }]', 'debug__mock_syscalls[0].result: is not known'],
      ['["fork"]', 'must be a table'],
    ],
  },
  ioctlStructs: {
    good: [
      '{ a = [{ size = 4, direction = "in", name = "n" }, { ptr = "b", array_len = "n" }], b = [{ size = 8 }] }',
      '{ a = [{ size = 8, alignment = 16, direction = "inout", onlyif = "n != 0" }, { name = "n", size = 4 }] }',
    ],
    bad: [
      ['{ a = [{ direction = "in" }] }', 'needs "size" or "ptr"'],
      ['{ a = [{ ptr = "b", size = 8 }] }', 'neither "size" nor "direction"'],
      ['{ a = [{ ptr = "b" }] }', 'points to the struct "b", which is not defined'],
      ['{ a = [{ size = "n" }] }', 'uses "n", which is no part of it'],
      ['{ a = [{ size = 1, direction = "up" }] }', 'must be one of "none", "out", "in", "inout"'],
      ['{ a = [{ size = 1, onlyif = "n > 1" }] }', 'must be "a == b" or "a != b"'],
      ['{ a = [{ size = 1 }, { size = 1, alignment = 8 }] }', 'only for the first part'],
      ['{ a = [{ size = 1, array_len = 2 }] }', 'only for pointers'],
      ['{ a = [{ name = "n", size = 1 }, { name = "n", size = 1 }] }', 'two parts named "n"'],
      ['{ a = { size = 1 } }', 'must be an array of tables'],
    ],
  },
  ioctls: {
    good: ['[{ request_code = 0x5401 }]'],
    bad: [
      ['[{ request_code = 1, struct = "nope" }]', 'names the struct "nope", which is not defined'],
      ['[{ struct = "x" }]', 'lacks "request_code"'],
      ['[{ request_code = "1" }]', 'not a string'],
    ],
  },
  root: {
    good: [
      '{ uri = "file:." }',
      '{ type = "tmpfs" }',
      '{ type = "encrypted", uri = "file:x", key_name = "k" }',
    ],
    bad: [
      ['{ type = "chroot" }', 'lacks "uri"'],
      ['{ path = "/", uri = "file:." }', 'fs.root.path: is not known'],
    ],
  },
  mounts: {
    good: [
      '[{ path = "/a", uri = "file:/a" }, { path = "/dev/x", uri = "dev:/dev/x" }]',
      '[{ path = "/t", type = "tmpfs" }, { path = "/t", type = "tmpfs", uri = "anything" }]',
      '[{ path = "/e", type = "encrypted", uri = "file:e", key_name = "k", enable_recovery = true }]',
      '[{ path = "/dev/shm", type = "untrusted_shm", uri = "dev:/dev/shm" }]',
    ],
    bad: [
      ['[{ uri = "file:/a" }]', 'lacks "path"'],
      ['[{ path = "a", uri = "file:/a" }]', 'must be an absolute path'],
      ['[{ path = "/", uri = "file:/a" }]', 'that is fs.root'],
      ['[{ path = "/a", uri = "/a" }]', 'must be a URI'],
      ['[{ path = "/a", type = "nfs", uri = "file:/a" }]', 'must be one of "chroot"'],
      [
        '[{ path = "/a", uri = "file:/a", key_name = "k" }]',
        'fs.mounts[0].key_name: is not known in a mount of type "chroot"',
      ],
      ['[{ path = "/a", type = "encrypted", uri = "dev:/a" }]', 'begins with "file:"'],
      ['[{ path = "/s", type = "untrusted_shm", uri = "file:/a" }]', 'begins with "dev:"'],
      [
        '[{ path = "/a", type = "encrypted", uri = "file:x" }, { path = "/b", type = "encrypted", uri = "file:x/y" }]',
        'overlap on the host',
      ],
      ['"x"', 'must be an array'],
    ],
  },
  startDir: {
    good: ['"/"', '"/a/b"'],
    bad: [
      ['"a"', 'must be an absolute path, not "a"'],
      ['1', 'must be'],
    ],
  },
  keys: {
    good: [`{ default = "${'0'.repeat(32)}", other = "${'aB'.repeat(16)}" }`],
    bad: [
      ['{ default = "00" }', 'must be a key of 128 bits: 32 hexadecimal digits'],
      [`{ _sgx_mrenclave = "${'0'.repeat(32)}" }`, 'cannot be a key’s name'],
      ['{ k = 1 }', 'not an integer'],
    ],
  },
  allowedFiles: {
    good: ['[]', '["file:a", "dev:/dev/null"]'],
    bad: [
      ['["a"]', 'must be a URI'],
      ['"file:a"', 'must be an array'],
    ],
  },
  trustedFiles: {
    good: [
      '["file:a", "file:b/"]',
      `[{ uri = "file:a", sha256 = "${'AB'.repeat(32)}" }]`,
      '[{ uri = "file:a" }]',
    ],
    bad: [
      ['["dev:a"]', 'must be a URI that begins with "file:"'],
      [`[{ uri = "file:a/", sha256 = "${'0'.repeat(64)}" }]`, 'a directory has no sha256'],
      ['[{ uri = "file:a", sha256 = "0" }]', 'must be a SHA-256 sum'],
      ['[{ uri = "file:a", sha1 = "0" }]', 'sgx.trusted_files[0].sha1: is not known'],
      [
        `[{ uri = "file:a", sha256 = "${'0'.repeat(64)}" }, { uri = "file:a", sha256 = "${'1'.repeat(64)}" }]`,
        'two different sums',
      ],
      ['[1]', 'must be a URI or'],
    ],
  },
  policy: { good: ['"strict"', '"allow_all_but_log"'], bad: [['"lax"', 'must be one of "strict"']] },
  debug: BOOL,
  edmm: BOOL,
  enclaveSize: SIZE,
  maxThreads: COUNT,
  rpcThreads: COUNT,
  exinfo: BOOL,
  memfaults: BOOL,
  avx: CPU,
  avx512: CPU,
  amx: CPU,
  mpx: HARDENING,
  pkru: HARDENING,
  isvprodid: ID,
  isvsvn: ID,
  flagsMask: STRING,
  xfrmMask: STRING,
  miscMask: STRING,
  remoteAttestation: { good: ['"none"', '"dcap"'], bad: [['"epid"', 'must be one of "none", "dcap"']] },
  preheat: BOOL,
  stats: BOOL,
  profile: { good: ['"none"', '"main"', '"all"'], bad: [['true', 'must be one of']] },
  profileMode: { good: ['"aex"', '"ocall_inner"', '"ocall_outer"'], bad: [['"x"', 'must be one of']] },
  profileStack: BOOL,
  profileFrequency: COUNT,
  vtune: BOOL,
  trustedCache: SIZE,
  overlay: BOOL,
  hostname: STRING,
  sysfs: { good: ['true', 'false'], bad: [['"no"', 'not a string']] },
  generatedEtc: {
    good: ['[]', '["hosts", "passwd"]'],
    bad: [
      ['["shadow"]', 'must be one of "group", "hostname"'],
      ['"hosts"', 'must be an array'],
    ],
  },
  cpu: {
    good: ['"x86-64-v2"', '"x86-64-v3"'],
    bad: [['"x86-64-v4"', 'must be one of']],
  },
  cpus: {
    good: ['1', '8'],
    bad: [
      ['0', 'must be from 1 to 256'],
      ['1000', 'must be from 1 to 256'],
    ],
  },
  placementPrograms: {
    good: ['[]', '["/usr/bin/cc", "*"]'],
    bad: [['["cc"]', 'must be an absolute path or "*", not "cc"']],
  },
  placementOtherwise: { good: ['"refuse"', '"stay"'], bad: [['"go"', 'must be one of "refuse", "stay"']] },
  memory: SIZE,
  processes: COUNT,
  cpuTime: COUNT,
  output: SIZE,
};

function read(text: string): {
  errors: string[];
  all: string[];
  manifest: ReturnType<typeof readManifest>['manifest'];
} {
  const { manifest, findings } = readManifest(text);
  const errors = findings.filter(({ severity }) => severity === 'error');
  const lines = (list: typeof findings): string[] => list.map((finding) => formatFinding(finding, 'm'));
  return { errors: lines(errors), all: lines(findings), manifest };
}

/** A manifest with one key, on its last line. */
function withKey(key: string, value: string): string {
  const base = key === 'libos.entrypoint' ? '\n' : BASE;
  return `${base}${key} = ${value}\n`;
}

describe('keys of a manifest', () => {
  for (const [id, { key }] of Object.entries(KEYS)) {
    const { good, bad } = CASES[id as keyof typeof KEYS];
    it(`${key} takes what it may`, () => {
      for (const value of good) {
        const { errors, manifest } = read(withKey(key, value));
        assert.deepEqual(errors, [], value);
        assert.notEqual(manifest?.[id as keyof typeof KEYS] ?? null, null, value);
      }
    });
    it(`${key} refuses the rest, naming line and reason`, () => {
      for (const [value, reason] of bad) {
        const { errors, manifest } = read(withKey(key, value));
        assert.equal(manifest, null, value);
        const named = errors.find((error) => error.includes(reason));
        assert.ok(named !== undefined, `${value}: ${errors.join(' | ')} lacks: ${reason}`);
        assert.match(named, /^m:2:\d+: /);
        assert.ok(named.includes(key), named);
      }
    });
  }
});

describe('a manifest', () => {
  it('has Gramine’s defaults', () => {
    const { manifest } = read(BASE);
    assert.ok(manifest !== null);
    const { stack, brk, fds, uid, gid, startDir, policy, logLevel, argv } = manifest;
    assert.deepEqual(
      { stack, brk, fds, uid, gid, startDir, policy, logLevel, argv },
      {
        stack: 262144,
        brk: 262144,
        fds: 900,
        uid: 0,
        gid: 0,
        startDir: '/',
        policy: 'strict',
        logLevel: 'error',
        argv: null,
      },
    );
  });

  it('needs a program', () => {
    assert.deepEqual(read('').errors, ['m:1:1: libos.entrypoint: is required: the program to run']);
  });

  it('is the same with dotted keys, tables and arrays of tables', () => {
    const dotted = read(
      `${BASE}fs.mounts = [{ path = "/a", uri = "file:a" }]\nloader.env.X = "y"\n`,
    ).manifest;
    const tables = read(
      '[libos]\nentrypoint = "/bin/true"\n[[fs.mounts]]\npath = "/a"\nuri = "file:a"\n[loader.env]\nX = "y"\n',
    ).manifest;
    assert.deepEqual(tables, dotted);
  });

  it('says what is not TOML, and where', () => {
    assert.match(read('a = 1\na = 2\n').errors.join(), /^m:2:1: no TOML: /);
    assert.match(read('x = [1,\n').errors.join(), /^m:\d+:\d+: no TOML: /);
  });

  const PROBLEMS: readonly (readonly [string, string])[] = [
    ['loader.log_leve = "error"', 'm:2:1: loader.log_leve: is not known; is "loader.log_level" meant?'],
    ['nothing.like.it = 1', 'm:2:1: nothing: is not known'],
    ['sys = 3', 'm:2:1: sys: must be a table'],
    ['loader.exec = "file:x"', 'm:2:1: loader.exec: has been removed: the program is libos.entrypoint'],
    ['sgx.sigfile = "x"', 'm:2:1: sgx.sigfile: has been removed: signatures have their own file'],
    [
      'loader.argv = ["a"]\nloader.argv_src_file = "file:a"',
      'm:3:1: loader.argv_src_file: excludes loader.argv: there is one source of arguments',
    ],
    [
      'loader.insecure__use_cmdline_argv = true\nloader.argv = ["a"]',
      'm:2:1: loader.insecure__use_cmdline_argv: excludes loader.argv: there is one source of arguments',
    ],
    [
      'loader.insecure__use_host_env = true\nloader.env_src_file = "file:a"',
      'm:3:1: loader.env_src_file: excludes loader.insecure__use_host_env: there is one source of variables',
    ],
    [
      'sgx.edmm_enable = true\nsgx.preheat_enclave = true',
      'm:3:1: sgx.preheat_enclave: excludes sgx.edmm_enable',
    ],
  ];
  for (const [lines, problem] of PROBLEMS)
    it(`refuses ${lines.replace('\n', ', ')}`, () => {
      assert.deepEqual(read(`${BASE}${lines}\n`).errors, [problem]);
    });

  it('lists what is insecure and what is ignored, and can be run', () => {
    const { all, manifest } = read(
      `${BASE}sgx.debug = true\nloader.insecure__use_cmdline_argv = true\nsgx.file_check_policy = "allow_all_but_log"\n` +
        `loader.log_level = "debug"\nsgx.allowed_files = ["file:x"]\nfs.insecure__keys.k = "${'0'.repeat(32)}"\n` +
        'loader.insecure__use_host_env = true\nloader.insecure__disable_aslr = true\n',
    );
    assert.ok(manifest !== null);
    assert.deepEqual(
      all.map((line) => line.split(': ').slice(1, 3).join(' ')),
      [
        'ignored sgx.debug',
        'insecure loader.insecure__use_cmdline_argv',
        'insecure sgx.file_check_policy',
        'insecure loader.log_level',
        'insecure sgx.allowed_files',
        'insecure fs.insecure__keys',
        'insecure loader.insecure__use_host_env',
        'insecure loader.insecure__disable_aslr',
      ],
    );
  });

  it('is warned about the host’s pseudo-filesystems', () => {
    const { all } = read(`${BASE}fs.mounts = [{ path = "/p", uri = "file:/proc" }]\n`);
    assert.match(all.join(), /warning: fs\.mounts: \/proc is a pseudo-filesystem of the host/);
  });
});
