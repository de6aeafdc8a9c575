/** What the keys of a manifest do to a program. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { hostname } from 'node:os';
import { after, describe, it } from 'node:test';
import { CulmError, Sandbox, loadManifest } from '../../src/index.js';
import { BUSYBOX, Place, compile, type Result } from './support.js';

const place = new Place();
after(() => place.remove());

/** A manifest for busybox without a file check, and without arguments. */
function bare(lines: string): string {
  return `libos.entrypoint = "/bin/busybox"
fs.root.type = "tmpfs"
sgx.file_check_policy = "allow_all_but_log"
${lines.includes('fs.mounts') ? '' : `fs.mounts = [{ path = "/bin/busybox", uri = "file:${BUSYBOX}" }]`}
${lines}
`;
}

const ALLOW = 'sgx.file_check_policy = "allow_all_but_log"';
const run = (text: string, args: readonly string[] = [], env: Record<string, string> = {}): Promise<Result> =>
  place.run(text, { args, env });
const shell = (command: string, more = ''): Promise<Result> =>
  place.run(place.shell(command, `${ALLOW}\n${more}`));

async function refusal(text: string): Promise<string> {
  const error = await loadManifest(place.write('bad.manifest', text)).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof CulmError);
  assert.equal(error.code, 'option');
  return error.message;
}

describe('arguments', () => {
  it('are the program’s name alone by default', async () => {
    const loaded = await loadManifest(place.write('t.manifest', bare('')));
    assert.deepEqual(loaded.argv, ['/bin/busybox']);
  });
  it('are loader.argv', async () => {
    assert.equal((await run(bare('loader.argv = ["echo", "a b", ""]'))).stdout, 'a b \n');
  });
  it('come from a file', async () => {
    const file = place.write('args', 'echo\0x\0y z\0');
    assert.equal((await run(bare(`loader.argv_src_file = "file:${file}"`))).stdout, 'x y z\n');
    assert.match(
      await refusal(bare(`loader.argv_src_file = "file:${place.write('args2', 'echo')}"`)),
      /loader\.argv_src_file: .*args2 does not end with a NUL/,
    );
    assert.match(await refusal(bare('loader.argv_src_file = "file:/nowhere"')), /\/nowhere cannot be read/);
  });
  it('come from the command line, behind the program’s name', async () => {
    const text = bare('loader.insecure__use_cmdline_argv = true');
    assert.equal((await run(text, ['echo', 'from', 'outside'])).stdout, 'from outside\n');
  });
  it('of the command line are dropped, and that is told, when the manifest has its own', async () => {
    const loaded = await loadManifest(place.write('t.manifest', bare('loader.argv = ["true"]')), {
      args: ['x'],
    });
    assert.deepEqual(loaded.argv, ['true']);
    assert.match(loaded.notes.join(), /the manifest gives the arguments: x is ignored/);
  });
});

describe('variables', () => {
  const ENV = 'loader.argv = ["env"]';
  const list = async (lines: string, env: Record<string, string>): Promise<string[]> =>
    (await run(bare(`${ENV}\n${lines}`), [], env)).stdout.split('\n').filter(Boolean).sort();
  it('are none by default', async () => {
    assert.deepEqual(await list('', { SECRET: 'x' }), []);
  });
  it('are set or passed on', async () => {
    const lines =
      'loader.env = { A = "1", B = { value = "2" }, C = { passthrough = true }, D = { passthrough = true } }';
    assert.deepEqual(await list(lines, { C: '3', X: 'no' }), ['A=1', 'B=2', 'C=3']);
  });
  it('are the host’s, if it must be, and the manifest’s go before', async () => {
    const lines = 'loader.insecure__use_host_env = true\nloader.env.A = "mine"';
    assert.deepEqual(await list(lines, { A: 'host', B: 'host' }), ['A=mine', 'B=host']);
  });
  it('come from a file', async () => {
    const file = place.write('vars', 'A=file\0B=x=y\0');
    const lines = `loader.env_src_file = "file:${file}"\nloader.env.A = "mine"`;
    assert.deepEqual(await list(lines, {}), ['A=mine', 'B=x=y']);
  });
});

describe('a program', () => {
  it('has the user, group, directory and limits of the manifest', async () => {
    const { stdout } = await shell(
      'id -u; id -g; pwd; ulimit -s; ulimit -n',
      'loader.uid = 1000\nloader.gid = 100\nfs.start_dir = "/bin"\nsys.stack.size = "2M"\nsys.fds.limit = 77',
    );
    assert.deepEqual(stdout.trim().split('\n'), ['1000', '100', '/bin', '2048', '77']);
  });
  it('has Gramine’s limits by default', async () => {
    assert.equal((await shell('ulimit -s; ulimit -n')).stdout, '256\n900\n');
  });
  it('can have no more heap than sys.brk.max_size', async () => {
    const program = compile(place, 'heap');
    const text = (size: string): string =>
      bare(`fs.mounts = [{ path = "/bin/busybox", uri = "file:${program}" }]\nsys.brk.max_size = "${size}"`);
    assert.equal((await run(text('256K'))).stdout, '262144\n');
    assert.equal((await run(text('1M'))).stdout, '1048576\n');
  });
  it('can make no processes with sys.disallow_subprocesses', async () => {
    const { stdout, status } = await shell('(echo child); echo after', 'sys.disallow_subprocesses = true');
    assert.equal(stdout, '');
    assert.notEqual(status, 0);
  });
  it('gets from mocked system calls what the manifest says', async () => {
    const mocks =
      'sys.debug__mock_syscalls = [{ name = "getuid", return = 1234 }, { name = "geteuid", return = 1234 }]';
    assert.equal((await shell('id -u', mocks)).stdout, '1234\n');
    const unknown = 'sys.debug__mock_syscalls = [{ name = "no_such_call" }]';
    await assert.rejects(shell('true', unknown), /there is no system call "no_such_call"/);
  });
  it('reaches devices of the application with the ioctls that the manifest describes', async () => {
    const program = compile(place, 'control');
    const text = bare(`fs.mounts = [{ path = "/bin/busybox", uri = "file:${program}" }]
sys.allowed_ioctls = [{ request_code = 0x4e01, struct = "question" }]
[[sys.ioctl_structs.question]]
size = 4
direction = "out"
[[sys.ioctl_structs.question]]
name = "room"
size = 4
[[sys.ioctl_structs.question]]
name = "name"
ptr = [{ size = "room", direction = "in" }]
`);
    const { options, argv, spawn } = await loadManifest(place.write('test.manifest', text));
    await using sandbox = await Sandbox.create({
      ...options,
      thread: 'caller',
      pseudo: [
        {
          type: 'device',
          path: '/dev/names',
          mode: 0o666,
          ioctl(_request, argument) {
            if (typeof argument === 'number' || argument.bytes[0] !== 7) return 1;
            const [name] = argument.pointers.get('name') ?? [];
            name?.bytes.set(Buffer.from('seven\0'));
          },
        },
      ],
    });
    const { stdoutText } = await sandbox.exec(argv, spawn);
    assert.equal(stdoutText, '0 seven\n-1 1\n');
  });
  it('lies elsewhere in each run, unless address randomization is off', async () => {
    const where = async (more: string): Promise<string> =>
      (await shell('grep stack /proc/self/maps | cut -d- -f1', more)).stdout;
    const fixed = 'loader.insecure__disable_aslr = true';
    assert.equal(await where(fixed), await where(fixed));
    assert.notEqual(await where(''), await where(''));
  });
});

describe('mounts', () => {
  it('are made in order, the last one visible', async () => {
    const host = place.write('one/file', 'one\n').replace(/\/file$/, '');
    place.write('two/file', 'two\n');
    const text = bare(
      `fs.mounts = [{ path = "/bin/busybox", uri = "file:${BUSYBOX}" }, { path = "/m/n", uri = "file:${host}" }, ` +
        `{ path = "/m/n", uri = "file:${place.host('two')}" }, { path = "/t", type = "tmpfs" }]\n` +
        'loader.argv = ["sh", "-c", "busybox cat /m/n/file; echo x >/t/y; busybox cat /t/y; echo new >/m/n/new"]\n' +
        'loader.env.PATH = "/bin"',
    );
    const { stdout } = await run(text);
    assert.equal(stdout, 'two\nx\n');
    assert.equal(fs.readFileSync(place.host('two/new'), 'utf8'), 'new\n');
  });
  it('may be of devices and of shared memory', async () => {
    const shm = place.host('shm');
    fs.mkdirSync(shm, { recursive: true });
    const text = bare(
      `fs.mounts = [{ path = "/bin/busybox", uri = "file:${BUSYBOX}" }, { path = "/x/null", uri = "dev:/dev/null" }, ` +
        `{ path = "/dev/shm", type = "untrusted_shm", uri = "dev:${shm}" }]\n` +
        'loader.argv = ["sh", "-c", "echo gone >/x/null; echo shared >/dev/shm/s; busybox stat -c %F /x/null"]',
    );
    assert.equal((await run(`${text}loader.env.PATH = "/bin"\n`)).stdout, 'character special file\n');
    assert.equal(fs.readFileSync(`${shm}/s`, 'utf8'), 'shared\n');
  });
  it('of a folder that is not there are refused', async () => {
    const text = bare('fs.mounts = [{ path = "/x", uri = "file:/no/such/folder" }]');
    await assert.rejects(run(text), /the mount at \/x: \/no\/such\/folder: ENOENT/);
  });
  it('of an encrypted folder need its key', async () => {
    fs.mkdirSync(place.host('enc'), { recursive: true });
    const mounts =
      `fs.mounts = [{ path = "/bin/busybox", uri = "file:${BUSYBOX}" }, ` +
      `{ path = "/e", type = "encrypted", uri = "file:${place.host('enc')}", key_name = "k", enable_recovery = true }]\n`;
    const command = (text: string, more = ''): string =>
      bare(`${mounts}loader.argv = ["sh", "-c", ${JSON.stringify(text)}]\nloader.env.PATH = "/bin"\n${more}`);
    const key = 'fs.insecure__keys.k = "000102030405060708090a0b0c0d0e0f"';
    const first = await run(
      command('echo secret >/e/file; busybox mv /e/file /e/moved; busybox cat /e/moved', key),
    );
    assert.deepEqual(first, { status: 0, stdout: 'secret\n', stderr: '' });
    assert.ok(!fs.readFileSync(place.host('enc/moved')).includes('secret'));
    assert.match((await run(command('busybox cat /e/moved'))).stderr, /Permission denied/);
    const wrong = key.replace('0f"', '00"');
    assert.match((await run(command('busybox cat /e/moved', wrong))).stderr, /Permission denied/);
    // A program may bring the key; all processes see it. One that is too short is refused.
    const bring =
      'cd /dev/attestation/keys; busybox ls; echo short >k; busybox wc -c <k; ' +
      "busybox printf '\\000\\001\\002\\003\\004\\005\\006\\007\\010\\011\\012\\013\\014\\015\\016\\017' | busybox dd of=k bs=16 2>/dev/null;" +
      'busybox wc -c <k; (busybox cat /e/moved); echo more >>/e/moved; busybox cat /e/moved';
    const { stdout, stderr } = await run(command(bring));
    assert.equal(stdout, 'k\n0\n16\nsecret\nsecret\nmore\n');
    assert.match(stderr, /write error: Permission denied/);
    fs.renameSync(place.host('enc/moved'), place.host('enc/other'));
    assert.match(
      (await run(command('busybox cat /e/other; busybox rm /e/other', key))).stderr,
      /Permission denied/,
    );
    assert.ok(!fs.existsSync(place.host('enc/other')));
  });
  it('of an encrypted folder behave as others', async () => {
    fs.mkdirSync(place.host('same'), { recursive: true });
    const script = `cd $0; mkdir d; stat -c '%F %a' d; chmod 700 d; stat -c %a d; echo x >d/f; chmod 600 d/f; stat -c '%a %s' d/f
(echo more >>d/f); wc -c <d/f; ls d
exec 3<d/f; rm d/f; cat <&3; exec 3<&-; cat d/f; echo y >d/f; cat d/f; rmdir d; rm d/f; rmdir d && ls -a | wc -l`;
    const at = async (folder: string): Promise<string> => {
      const mounts = `fs.mounts = [{ path = "/bin/busybox", uri = "file:${BUSYBOX}" }, { path = "/t", type = "tmpfs" },
  { path = "/e", type = "encrypted", uri = "file:${place.host('same')}", key_name = "k" }]`;
      const { stdout, stderr } = await run(
        bare(`${mounts}
loader.argv = ["sh", "-c", """${script}""", "${folder}"]
loader.env.PATH = "/bin"
fs.insecure__keys.k = "000102030405060708090a0b0c0d0e0f"`),
      );
      return stdout + stderr;
    };
    const plain = await at('/t');
    assert.match(plain, /^directory 755\n700\n600 2\n7\nf\nx\nmore\n/);
    assert.equal(await at('/e'), plain);
  });
  it('may stand below pseudo-files, and names that are not there', async () => {
    const mounts = `fs.mounts = [{ path = "/bin/busybox", uri = "file:${BUSYBOX}" }, { path = "/proc/test/nested/dirs", type = "tmpfs" },
  { path = "/dev/shm", type = "tmpfs" }, { path = "/sys/kernel/debug/busybox", uri = "file:${BUSYBOX}" }]`;
    const command =
      'cd /proc/test/nested/dirs; echo x >f; cat f; ls /proc/test/nested; echo y >/dev/shm/y; cat /dev/shm/y; /sys/kernel/debug/busybox echo run; cat /proc/self/comm';
    const { stdout, stderr } = await run(
      bare(`${mounts}\nloader.argv = ["sh", "-c", ${JSON.stringify(command)}]\nloader.env.PATH = "/bin"`),
    );
    assert.equal(stdout + stderr, 'x\ndirs\ny\nrun\ncat\n');
  });
  it('of the root may be an overlay, which leaves the host’s folder alone', async () => {
    const root = place.host('root');
    fs.mkdirSync(`${root}/bin`, { recursive: true });
    fs.copyFileSync(BUSYBOX, `${root}/bin/busybox`);
    const text = (more: string): string =>
      `libos.entrypoint = "/bin/busybox"\nfs.root.uri = "file:${root}"\n${ALLOW}\n${more}\n` +
      'loader.argv = ["sh", "-c", "echo x >/made; busybox cat /made"]\nloader.env.PATH = "/bin"\n';
    assert.equal((await run(text('culm.root_overlay = true'))).stdout, 'x\n');
    assert.ok(!fs.existsSync(`${root}/made`));
    assert.equal((await run(text(''))).stdout, 'x\n');
    assert.ok(fs.existsSync(`${root}/made`));
  });
});

describe('the sandbox', () => {
  it('knows the host’s names if it may', async () => {
    const command = 'hostname; cat /etc/resolv.conf';
    const more = 'sys.enable_extra_runtime_domain_names_conf = true';
    const [name, ...servers] = (await shell(command, more)).stdout.trim().split('\n');
    assert.equal(name, hostname());
    const text = fs.existsSync('/etc/resolv.conf') ? fs.readFileSync('/etc/resolv.conf', 'utf8') : '';
    const given = text.split('\n').filter((line) => line.startsWith('nameserver'));
    assert.deepEqual(
      servers.filter((line) => line.startsWith('nameserver')),
      given.slice(0, 3),
    );
    assert.equal((await shell('hostname', 'culm.hostname = "named"')).stdout, 'named\n');
    // What is made takes the place of a trusted file that has changed since.
    fs.mkdirSync(place.host('etc'), { recursive: true });
    place.write('etc/resolv.conf', 'changed\n');
    const generated =
      bare(`fs.mounts = [{ path = "/bin/busybox", uri = "file:${BUSYBOX}" }, { path = "/etc", uri = "file:${place.host('etc')}" }]
loader.argv = ["sh", "-c", "cat /etc/resolv.conf"]
loader.env.PATH = "/bin"
sgx.trusted_files = [{ uri = "file:${place.host('etc/resolv.conf')}", sha256 = "${'00'.repeat(32)}" }]
`);
    assert.match((await run(generated)).stderr, /not permitted/);
    assert.deepEqual(await run(`${generated}${more}`), {
      status: 0,
      stdout: `${servers.join('\n')}\n`,
      stderr: '',
    });
  });
  it('has a /sys unless the manifest says no, and the files of /etc that it asks for', async () => {
    const command = 'ls -d /sys; ls /etc; cat /etc/hostname; grep sysfs /proc/mounts | cut -d" " -f2; id -un';
    assert.equal(
      (await shell(command, 'culm.generated_etc = ["hostname", "passwd"]\nculm.hostname = "box"')).stdout,
      '/sys\nhostname\npasswd\nbox\n/sys\nroot\n',
    );
    const { stdout, stderr } = await shell(command, 'culm.sysfs = false');
    assert.equal(stdout, '0\n');
    assert.match(stderr, /ls: \/sys: No such file or directory\nls: \/etc: No such file or directory/);
  });
  it('has no more processes than it may', async () => {
    const { stderr, stdout } = await shell(
      'for i in 1 2 3 4 5 6; do sleep 9 & done; echo all',
      'culm.limits.processes = 4',
    );
    assert.equal(stdout, '');
    assert.match(stderr, /fork|temporarily/);
  });
  it('is ended when its processor time or its output is used up', async () => {
    assert.equal((await shell('while :; do :; done', 'culm.limits.cpu_time = 1')).status, 137);
    const { status, stdout } = await shell('yes', 'culm.limits.output = "64K"');
    assert.equal(status, 137);
    assert.equal(stdout.length, 65536);
  });
  it('has the processors and the memory of the manifest', async () => {
    const { stdout } = await shell(
      'nproc; free -m | head -2 | tail -1',
      'culm.cpus = 3\nculm.limits.memory = "256M"',
    );
    const [cpus, memory] = stdout.split('\n');
    assert.equal(cpus, '3');
    const total = Number(memory?.trim().split(/\s+/)[1]);
    assert.ok(total > 150 && total <= 256, memory);
  });
});
