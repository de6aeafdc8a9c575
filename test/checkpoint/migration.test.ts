/** Processes that go on in another sandbox, of this host process or of another one, and those that are refused. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  CulmError,
  Sandbox,
  type MountSpec,
  type SandboxOptions,
  type SandboxProcess,
} from '../../src/index.js';

const FOLDER = fileURLToPath(new URL('../../../test/', import.meta.url));
const ARRIVE = fileURLToPath(new URL('./arrive.js', import.meta.url));
const RESTORE = fileURLToPath(new URL('./restore.js', import.meta.url));
/** Natively the programs use the same files: one at a time. */
const LOCK = '/tmp/culm-objects.lock';
const LIMIT = { timeout: 120_000 };
const ENV = { PATH: '/usr/bin:/bin', HOME: '/tmp' };
const OPTIONS: SandboxOptions = { rootfs: '/', env: ENV };

/** A program's output, of which some is waited for. */
class Output {
  private readonly reader;
  text = '';

  constructor(private readonly program: SandboxProcess) {
    this.reader = program.stdout.getReader();
  }

  async until(mark: string): Promise<void> {
    while (!this.text.includes(mark)) if (!(await this.more())) throw new Error(`no ${mark}: ${this.text}`);
  }

  /** What comes after what has been read, and the status. */
  async rest(): Promise<{ text: string; status: number }> {
    const { length } = this.text;
    while (await this.more());
    return { text: this.text.slice(length), status: (await this.program.exit).status };
  }

  private async more(): Promise<boolean> {
    const { done, value } = await this.reader.read();
    if (value !== undefined) this.text += Buffer.from(value).toString('latin1');
    return !done;
  }
}

async function type(program: SandboxProcess, text: string): Promise<void> {
  const writer = program.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  writer.releaseLock();
}

const refusal =
  (...reasons: RegExp[]) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof CulmError && error.code === 'move', String(error));
    assert.doesNotMatch(error.message, /\n/);
    for (const reason of reasons) assert.match(error.message, reason);
    return true;
  };

/** Prints `READY`, and what it reads from then on, in capitals, until the end. */
const SHELL = 'echo READY; while read -r line; do echo "$line" | tr a-z A-Z; done; exit 7';

describe('processes that move', () => {
  const folder = mkdtempSync(join(tmpdir(), 'culm-migration-'));
  const programs = { handles: '', objects: '' };
  const expected = { handles: '', objects: '' };

  before(() => {
    for (const name of ['handles', 'objects'] as const) {
      const program = (programs[name] = join(folder, name));
      const flags = ['-DMOVING', '-O1', '-w', '-pthread', '-I', join(FOLDER, 'kernel'), '-o', program];
      const built = spawnSync('gcc', [...flags, join(FOLDER, 'checkpoint', `${name}.c`), '-lm']);
      assert.equal(built.status, 0, String(built.stderr));
      const native = spawnSync('/usr/bin/flock', [LOCK, program], {
        input: 'go\n',
        encoding: 'utf8',
        env: ENV,
      });
      assert.equal(native.status, 3, native.stderr);
      expected[name] = native.stdout.slice(native.stdout.indexOf('READY\n') + 6);
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const name of ['handles', 'objects'] as const)
    it(`keep what they have: ${name}`, LIMIT, async () => {
      await using from = await Sandbox.create(OPTIONS);
      await using to = await Sandbox.create(OPTIONS);
      const program = await from.spawn([programs[name]]);
      const output = new Output(program);
      await output.until('READY\n');

      // To another host process, which does not have to be believed: here they go on, too.
      const moving = await from.exportProcess(program, { tree: true });
      const file = join(folder, `${name}.moving`);
      writeFileSync(file, moving.bytes);
      await moving.stays();
      const arrived = spawnSync(process.execPath, [ARRIVE, file], { encoding: 'utf8' });
      assert.equal(arrived.stderr, '');
      assert.deepEqual(arrived.stdout.split('\n'), expected[name].split('\n'), 'in a new host process');
      assert.equal(arrived.status, 3);

      await from.moveProcess(program, { to, tree: true });
      assert.deepEqual(from.processes(), []);
      assert.deepEqual(to.processes(), [program]);
      await type(program, 'go\n');
      const { text, status } = await output.rest();
      assert.deepEqual(text.split('\n'), expected[name].split('\n'), 'in another sandbox');
      assert.equal(status, 3);
      for (const sandbox of [from, to]) {
        const { processes, threads, openFiles, timers } = await sandbox.statistics();
        assert.deepEqual({ processes, threads, openFiles, timers }, NOTHING);
      }
    });

  it('go on in the middle of a file of /proc, as they do everywhere', LIMIT, async () => {
    const script =
      'exec 4<&0; n=0; while read -r line; do n=$((n + 1)); /bin/true; if [ $n = 5 ]; then echo READY; read x <&4; fi; ' +
      'done < /proc/self/limits; echo $n lines; exit 3';
    const native = spawnSync('sh', ['-c', script], { input: 'go\n', encoding: 'utf8' });
    const rest = native.stdout.replace('READY\n', '');
    await using from = await Sandbox.create(OPTIONS);
    const program = await from.spawn(['sh', '-c', script]);
    const output = new Output(program);
    await output.until('READY\n');
    const moving = await from.exportProcess(program);
    writeFileSync(join(folder, 'loop.moving'), moving.bytes);
    await moving.stays();
    writeFileSync(
      join(folder, 'loop.snapshot'),
      new Uint8Array(await new Response(from.snapshot()).arrayBuffer()),
    );
    await using other = await from.fork();
    for (const [how, name] of [
      [ARRIVE, 'loop.moving'],
      [RESTORE, 'loop.snapshot'],
    ] as const)
      assert.equal(
        spawnSync(process.execPath, [how, join(folder, name)], { encoding: 'utf8' }).stdout,
        rest,
        name,
      );
    const [copy] = other.processes();
    assert.ok(copy !== undefined);
    const copied = new Output(copy);
    for (const [one, text] of [
      [program, output],
      [copy, copied],
    ] as const) {
      await type(one, 'go\n');
      assert.deepEqual(await text.rest(), { text: rest, status: 3 });
    }
  });

  it('come and go, with their terminal, pipes and jobs', LIMIT, async () => {
    await using one = await Sandbox.create(OPTIONS);
    await using two = await Sandbox.create({ ...OPTIONS, thread: 'caller' });
    const terminal = { columns: 60, rows: 10 };
    const shell = await one.spawn(['bash', '--norc'], { terminal, env: { PS1: '$ ' } });
    const output = new Output(shell);
    await type(shell, 'x=5; sleep 1000 | cat & echo ma""rk\n');
    await output.until('mark');
    await one.moveProcess(shell, { to: two, tree: true });
    await type(shell, 'jobs; tty; stty size; echo ma""rk2 $x\n');
    await output.until('mark2 5');
    assert.match(output.text, /Running +sleep 1000 \| cat &\r\n/);
    assert.match(output.text, /\r\n\/dev\/pts\/0\r\n10 60\r\n/);
    await two.moveProcess(shell, { to: one, tree: true });
    await type(shell, 'kill %1; wait %1; echo ma""rk3; exit 4\n');
    assert.equal((await output.rest()).status, 4);
    assert.match(output.text, /mark3/);
  });

  it('take locks, waiting threads and files in memory with them', LIMIT, async () => {
    await using from = await Sandbox.create(OPTIONS);
    await using to = await Sandbox.create(OPTIONS);
    const script = `
import sqlite3, sys, threading
db = sqlite3.connect('/tmp/moving.db', isolation_level=None)
for statement in 'create table t(a)', 'begin immediate', 'insert into t values(1)': db.execute(statement)
ready = threading.Event()
thread = threading.Thread(target=ready.wait)
thread.start()
print('READY', flush=True)
sys.stdin.readline()
other = sqlite3.connect('/tmp/moving.db', timeout=0)
try: other.execute('begin immediate')
except sqlite3.OperationalError as error: print(error)
ready.set()
thread.join()
db.execute('commit')
print(other.execute('select a from t').fetchall())
`;
    const program = await from.spawn(['python3', '-I', '-S', '-c', script]);
    const output = new Output(program);
    await output.until('READY\n');
    await from.moveProcess(program, { to });
    await type(program, 'go\n');
    assert.deepEqual(await output.rest(), { text: 'database is locked\n[(1,)]\n', status: 0 });
  });

  it(
    'take FIFOs with what is in them, opens that wait for the other side, and mapped memory with them',
    LIMIT,
    async () => {
      await using from = await Sandbox.create(OPTIONS);
      await using to = await Sandbox.create(OPTIONS);
      const script = `
import mmap, os, sys, threading
os.mkfifo('/tmp/moved-fifo')
fifo = os.open('/tmp/moved-fifo', os.O_RDWR)
os.write(fifo, b'in it')
os.mkfifo('/tmp/waited-for')
opened = []
thread = threading.Thread(target=lambda: opened.append(open('/tmp/waited-for').read()))
thread.start()
maps = []
for fd in os.memfd_create('one'), os.open('/dev/shm/moved', os.O_RDWR | os.O_CREAT), os.open('/tmp/gone', os.O_RDWR | os.O_CREAT):
    os.ftruncate(fd, 8192)
    maps.append(mmap.mmap(fd, 8192))
    maps[-1][4096] = 65 + len(maps)
    os.close(fd)
os.unlink('/tmp/gone')
print('READY', flush=True)
sys.stdin.readline()
print(os.read(fifo, 9))
end = os.open('/tmp/moved-fifo', os.O_WRONLY | os.O_NONBLOCK)
os.write(end, b'through its name')
print(os.read(fifo, 99))
with open('/tmp/waited-for', 'w') as other: other.write('both sides')
thread.join()
print(opened)
if os.fork() == 0:
    for shared in maps: shared[4097] = shared[4096] + 1
    os._exit(0)
os.wait()
print([bytes(shared[4096:4098]) for shared in maps], open('/dev/shm/moved', 'rb').read()[4096:4098])
`;
      const program = await from.spawn(['python3', '-I', '-S', '-c', script]);
      const output = new Output(program);
      await output.until('READY\n');
      await from.moveProcess(program, { to });
      await type(program, 'go\n');
      const text = "b'in it'\nb'through its name'\n['both sides']\n[b'BC', b'CD', b'DE'] b'CD'\n";
      assert.deepEqual(await output.rest(), { text, status: 0 });
    },
  );

  it('are refused by name for each kind of object that cannot move, and go on', LIMIT, async () => {
    await using from = await Sandbox.create(OPTIONS);
    await using to = await Sandbox.create(OPTIONS);
    const script = `
import ctypes, fcntl, os, signal, socket, struct, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
librt = ctypes.CDLL('librt.so.1')
def waits(function, *args): threading.Thread(target=function, args=args, daemon=True).start()
semaphores = libc.semget(5, 1, 0o1600)
memory = libc.shmget(5, 4096, 0o1600)
libc.shmat(memory, None, 0)
messages = libc.msgget(5, 0o1600)
libc.semop(semaphores, struct.pack('HhH', 0, 1, 0x1000), 1)
waits(libc.semop, semaphores, struct.pack('HhH', 0, -9, 0), 1)
buffer = ctypes.create_string_buffer(9000)
waits(libc.msgrcv, messages, buffer, 50, 0, 0)
queue = librt.mq_open(b'/queue', 0o102, 0o600, None)
waits(librt.mq_receive, queue, buffer, 8192, None)
watch = libc.inotify_init()
open('/tmp/leased', 'w').close()
leased = os.open('/tmp/leased', os.O_RDONLY)
fcntl.fcntl(leased, fcntl.F_SETLEASE, fcntl.F_RDLCK)
signal.signal(signal.SIGIO, signal.SIG_IGN)
os.mkdir('/tmp/noted')
noted = os.open('/tmp/noted', os.O_RDONLY)
fcntl.fcntl(noted, fcntl.F_NOTIFY, 0x80000004)
reader, writer = os.pipe()
fcntl.fcntl(reader, fcntl.F_SETOWN, os.getpid())
fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC)
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
named = socket.socket(socket.AF_UNIX)
named.bind('/tmp/named')
print('READY', flush=True)
sys.stdin.readline()
print('here', flush=True)
os._exit(0)
`;
    const reasons = [
      /System V semaphores 0, which process 1 has made, would stay/,
      /System V shared memory 0, which process 1 has made, would stay/,
      /System V message queue 0, which process 1 has made, would stay/,
      /has System V shared memory/,
      /has System V semaphores to be undone/,
      /has a System V semaphore that is waited for/,
      /has a System V message queue that is waited for/,
      /has a POSIX message queue that is waited for/,
      /leads to an inotify instance/,
      /leads to a lease \(F_SETLEASE\)/,
      /leads to a directory that is watched \(F_NOTIFY\)/,
      /leads to a file that sends signals \(O_ASYNC\)/,
      /leads to a netlink socket/,
      /\/tmp\/named is a socket with a name/,
    ];
    const program = await from.spawn(['python3', '-I', '-S', '-c', script]);
    const output = new Output(program);
    await output.until('READY\n');
    // Those that wait do so at some time.
    let message = '';
    while (!reasons.every((reason) => reason.test(message)))
      await from.moveProcess(program, { to }).then(
        () => assert.fail('it has moved'),
        (error: Error) => (message = error.message),
      );
    await type(program, 'go\n');
    assert.deepEqual(await output.rest(), { text: 'here\n', status: 0 });
    assert.equal((await to.statistics()).processes, 0);
  });

  it('are refused by name where they leave something behind, and go on', LIMIT, async () => {
    await using from = await Sandbox.create(OPTIONS);
    await using to = await Sandbox.create(OPTIONS);
    const script = `
import os, socket, sys, ctypes, mmap
shared = mmap.mmap(-1, 4096)
a, b = socket.socketpair()
child = os.fork()
if child == 0:
    a.close()
    b.recv(10)
    os._exit(shared[0])
b.close()
shared[0] = 9
libc = ctypes.CDLL(None)
named = socket.socket(socket.AF_UNIX)
named.bind('/tmp/a-socket')
watch = libc.inotify_init()
print(child, flush=True)
sys.stdin.readline()
a.send(b'x')
print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
`;
    const program = await from.spawn(['python3', '-I', '-S', '-c', script]);
    const output = new Output(program);
    await output.until('\n');
    const child = Number(output.text);
    const alone = refusal(
      new RegExp(`process ${child}, a child of process \\d+, would stay`),
      /descriptor 1 of process \d+ is shared with descriptor 1 of process \d+, which would stay/,
      /descriptor \d+ of process \d+ leads to an inotify instance/,
      /\/tmp\/a-socket is a socket with a name/,
    );
    await assert.rejects(from.moveProcess(program, { to }), alone);
    const up = refusal(new RegExp(`process ${child} is a child of process \\d+, which would stay`));
    await assert.rejects(from.moveProcess(child, { to }), up);
    await assert.rejects(from.moveProcess(program, { to, tree: true }), refusal(/inotify/, /a-socket/));
    await assert.rejects(from.moveProcess(4000, { to }), refusal(/there is no process 4000/));
    await assert.rejects(from.moveProcess(program, { to: from }), refusal(/is in this sandbox/));
    await type(program, 'go\n');
    assert.equal((await output.rest()).text, '9\n');
  });

  it('are refused by name where the other sandbox differs, and go on', LIMIT, async () => {
    const host = join(folder, 'host');
    mkdirSync(join(host, 'other'), { recursive: true });
    for (const path of ['file', 'other/file']) writeFileSync(join(host, path), path);
    const at = (source: string): MountSpec[] => [{ type: 'host', source, target: '/host', readOnly: true }];
    const mounts = at(host);
    await using from = await Sandbox.create({ ...OPTIONS, mounts });
    const text = 'exec 3</host/file 4<>/tmp/mine; echo mine >&4; ';
    const program = await from.spawn(['sh', '-c', text + SHELL]);
    const output = new Output(program);
    await output.until('READY\n');
    const differs = async (options: SandboxOptions, ...reasons: RegExp[]): Promise<void> => {
      await using to = await Sandbox.create({ ...OPTIONS, ...options });
      await assert.rejects(from.moveProcess(program, { to }), refusal(...reasons));
    };
    await differs({ mounts: at(join(host, 'other')) }, /\/host\/file is another file in the other/);
    await differs({}, /has no hostfs mounted at \/host/);
    await differs({ mounts, sysfs: false }, /has no \w+ mounted at \/sys/);
    const pseudo = [{ type: 'file' as const, path: '/proc/more', read: () => 'more\n' }];
    await differs({ mounts, pseudo }, /has other files in \/proc, \/sys and \/dev/);
    await using to = await Sandbox.create({ ...OPTIONS, mounts });
    await to.fs.write('/tmp/mine', 'theirs\n');
    await assert.rejects(from.moveProcess(program, { to }), refusal(/\/tmp\/mine is another file in the/));
    await to.fs.remove('/tmp/mine');
    const other = await to.spawn(['sh', '-c', SHELL]);
    await assert.rejects(from.moveProcess(program, { to }), refusal(/has a process 1\b/));
    await other.kill(9);
    await other.exit;
    await type(program, 'still here\n');
    await output.until('STILL HERE\n');
  });

  it('keep pids where the caller has made room for them', LIMIT, async () => {
    await using from = await Sandbox.create(OPTIONS);
    await using to = await Sandbox.create(OPTIONS);
    const stays = await to.spawn(['sh', '-c', SHELL]);
    await from.fs.write('/proc/sys/kernel/ns_last_pid', '499');
    const program = await from.spawn(['sh', '-c', `echo $$; ${SHELL}`]);
    const output = new Output(program);
    await output.until('READY\n');
    assert.match(output.text, /^500\n/);
    await from.moveProcess(500, { to, tree: true });
    await type(program, 'there\n');
    await output.until('THERE\n');
    assert.equal((await to.exec(['cat', '/proc/500/comm', '/proc/1/comm'])).stdoutText, 'sh\nsh\n');
    await Promise.all([program, stays].map((one) => one.stdin.getWriter().close()));
    assert.equal((await output.rest()).status, 7);
    assert.equal((await stays.exit).status, 7);
  });

  it('are refused as damaged or foreign files', LIMIT, async () => {
    await using from = await Sandbox.create({ ...OPTIONS, thread: 'caller' });
    await using to = await Sandbox.create({ ...OPTIONS, thread: 'caller' });
    const program = await from.spawn(['sh', '-c', SHELL]);
    const output = new Output(program);
    await output.until('READY\n');
    const moving = await from.exportProcess(program);
    const { bytes } = moving;
    for (const cut of [0, 10, 60, bytes.length - 1])
      await assert.rejects(to.importProcess(bytes.slice(0, cut)), refusal(/no file of processes|damaged/));
    const flipped = bytes.slice();
    flipped[200] = (flipped[200] ?? 0) ^ 4;
    await assert.rejects(to.importProcess(flipped), refusal(/its digest does not fit/));
    const snapshot: Uint8Array[] = [];
    for await (const piece of to.snapshot()) snapshot.push(piece);
    await assert.rejects(to.importProcess(Buffer.concat(snapshot)), refusal(/no file of processes/));
    await assert.rejects(Sandbox.restore(bytes, { rootfs: '/' }), /it is no snapshot/);

    const [arrived] = await to.importProcess(bytes);
    assert.ok(arrived !== undefined);
    await moving.gone();
    await assert.rejects(program.exit, refusal(/goes on in another sandbox/));
    const there = new Output(arrived);
    await type(arrived, 'there\n');
    await arrived.stdin.getWriter().close();
    assert.deepEqual(await there.rest(), { text: 'THERE\n', status: 7 });
    assert.equal((await from.statistics()).processes, 0);
  });
});

const NOTHING = { processes: 0, threads: 0, openFiles: 0, timers: 0 };
