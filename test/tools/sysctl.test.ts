/** Entries of /proc/sys that can be written have their effect. Natively they would change the machine. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Sandbox } from '../../src/index.js';

const LIMIT_MS = 60_000;
const MEMORY = 256 << 20;

describe('what is written to /proc/sys', () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await Sandbox.create({ rootfs: '/', env: { PATH: '/usr/bin:/bin' }, memory: MEMORY });
  });
  after(() => sandbox.dispose());

  /** `set` prints what an entry says once something has been written to it, or the error. */
  async function python(program: string): Promise<string[]> {
    const head = `
import errno, os, socket, mmap, ctypes, fcntl, stat, sys
libc = ctypes.CDLL(None, use_errno=True)
def set(name, value):
    try:
        with open('/proc/sys/' + name, 'w') as f: f.write(value)
    except OSError as e: return e.strerror
    return open('/proc/sys/' + name).read().strip()
def tried(what):
    try: what()
    except OSError as e: return errno.errorcode[e.errno]
    return 'ok'
`;
    const argv = ['python3', '-c', head + program];
    const { status, stdoutText, stderrText } = await sandbox.exec(argv, { timeout: LIMIT_MS });
    assert.equal(status, 0, stderrText);
    return stdoutText.trimEnd().split('\n');
  }

  it('bounds the buffers, queues and ports of sockets', { timeout: LIMIT_MS }, async () => {
    const lines = await python(`
print(set('net/core/rmem_max', '8192'), set('net/core/rmem_max', '1'), set('net/core/rmem_default', '10000'))
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
size = lambda: s.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
print(size(), s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20), size())
print(set('net/ipv4/tcp_wmem', '4096 20000 30000'), set('net/ipv4/tcp_wmem', '1 2'))
print(socket.socket().getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))
print(set('net/ipv4/ip_local_port_range', '50000 50001'), set('net/ipv4/ip_local_port_range', '9 5'))
taken = [socket.socket() for _ in range(3)]
def take(s): s.bind(('127.0.0.1', 0)); s.listen()
print([tried(lambda: take(s)) for s in taken], sorted(s.getsockname()[1] for s in taken[:2]))
print(set('net/core/somaxconn', '0'), set('net/ipv4/ip_local_port_range', '50000 60000'))
listener, clients = socket.socket(), [socket.socket() for _ in range(2)]
listener.bind(('127.0.0.1', 7000)); listener.listen(100)
for c in clients: c.setblocking(False)
print([c.connect_ex(('127.0.0.1', 7000)) == errno.EINPROGRESS for c in clients])
print([tried(lambda: c.connect(('127.0.0.1', 7000))) for c in clients])
print(set('net/ipv6/bindv6only', '1'), socket.socket(socket.AF_INET6).getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY))
print(set('net/unix/max_dgram_qlen', '1'))
r, w = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in 'ab']
r.bind('\\0r'); w.connect('\\0r'); w.setblocking(False)
print([tried(lambda: w.send(b'x')) for _ in range(3)])
print(set('net/ipv4/ip_unprivileged_port_start', '80'))
os.setresuid(1000, 1000, 1000)
print([tried(lambda: socket.socket().bind(('127.0.0.1', port))) for port in (79, 80)])
`);
    assert.deepEqual(lines, [
      '8192 Invalid argument 10000',
      '10000 None 16384',
      '4096\t20000\t30000 Invalid argument',
      '20000',
      '50000\t50001 Invalid argument',
      "['ok', 'ok', 'EADDRINUSE'] [50000, 50001]",
      '0 50000\t60000',
      '[True, True]',
      "['ok', 'EALREADY']",
      '1 1',
      '1',
      "['ok', 'ok', 'EAGAIN']",
      '80',
      "['EACCES', 'ok']",
    ]);
  });

  it('bounds pipes and watches, and protects shared directories', { timeout: LIMIT_MS }, async () => {
    const lines = await python(`
print(set('fs/pipe-max-size', '8192'), set('fs/inotify/max_user_watches', '1'), set('user/max_inotify_instances', '1'))
print(open('/proc/sys/fs/inotify/max_user_instances').read().strip(), set('fs/inotify/max_queued_events', '2'))
os.makedirs('/tmp/culm-shared'); os.chmod('/tmp/culm-shared', 0o1777)
open('/tmp/culm-shared/file', 'w').close(); os.chmod('/tmp/culm-shared/file', 0o666)
os.mkfifo('/tmp/culm-shared/fifo'); os.chmod('/tmp/culm-shared/fifo', 0o666)
os.symlink('/etc/passwd', '/tmp/culm-shared/link'); os.lchown('/tmp/culm-shared/link', 1001, 1001)
os.chown('/tmp/culm-shared', 1002, 1002)
def others():
    os.setresuid(1000, 1000, 1000)
    r, w = os.pipe()
    print(tried(lambda: fcntl.fcntl(w, 1031, 65536 * 2)), tried(lambda: fcntl.fcntl(w, 1031, 4096)))
    i = libc.inotify_init1(0o4000)
    print(libc.inotify_init1(0), errno.errorcode[ctypes.get_errno()])
    os.makedirs('/tmp/culm-own/a'); os.makedirs('/tmp/culm-own/b')
    print(libc.inotify_add_watch(i, b'/tmp/culm-own/a', 0x100), libc.inotify_add_watch(i, b'/tmp/culm-own/b', 0x100), errno.errorcode[ctypes.get_errno()])
    for n in range(5): open('/tmp/culm-own/a/%d' % n, 'w').close()
    print(len(os.read(i, 4096)) // 32, 'events, one of them of 16 bytes')
    os.close(i)
    i = libc.inotify_init1(0)
    print(libc.inotify_add_watch(i, b'/tmp/culm-own/b', 0x100))
def follow(): print(tried(lambda: os.stat('/tmp/culm-shared/link')), tried(lambda: os.link('/etc/shadow', '/tmp/culm-own/l')),
                    tried(lambda: os.open('/tmp/culm-shared/file', os.O_RDWR | os.O_CREAT, 0o600)), tried(lambda: os.open('/tmp/culm-shared/fifo', os.O_RDWR | os.O_CREAT, 0o600)))
def child(what):
    sys.stdout.flush()
    if os.fork() == 0: what(); sys.stdout.flush(); os._exit(0)
    os.wait()
child(others)
def user(): os.setresuid(1000, 1000, 1000); follow()
child(user)
print(set('fs/protected_symlinks', '0'), set('fs/protected_hardlinks', '0'), set('fs/protected_regular', '1'), set('fs/protected_fifos', '1'))
child(user)
`);
    assert.deepEqual(lines, [
      '8192 1 1',
      '1 2',
      'EPERM ok',
      '-1 EMFILE',
      '1 -1 ENOSPC',
      '2 events, one of them of 16 bytes',
      '1',
      'EACCES EPERM ok ok',
      '0 0 1 1',
      'ok ok EACCES EACCES',
    ]);
  });

  it('decides how much memory may be promised', { timeout: LIMIT_MS }, async () => {
    const lines = await python(`
def field(name): return next(int(l.split()[1]) for l in open('/proc/meminfo') if l.startswith(name + ':'))
get = lambda mib: tried(lambda: mmap.mmap(-1, mib << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
print(field('CommitLimit') == field('MemTotal') // 2, get(200), get(300))
print(set('vm/overcommit_memory', '1'), get(300), get(100000))
print(set('vm/overcommit_memory', '2'), get(10), get(130), set('vm/overcommit_memory', '3'))
print(set('vm/overcommit_ratio', '80'), get(130), field('CommitLimit') == field('MemTotal') * 80 // 100)
held = mmap.mmap(-1, 100 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
print(tried(os.fork))
print(set('vm/overcommit_kbytes', '1000000'), field('CommitLimit'), get(300))
held.close()
print(set('vm/overcommit_memory', '0'), get(200))
libc.mmap.restype = ctypes.c_void_p; libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
at = lambda a: libc.mmap(a, 4096, 1, 0x100032, -1, 0)
print(hex(at(0x8000)), set('vm/mmap_min_addr', '32768'), hex(at(0x8000)))
`);
    assert.deepEqual(lines, [
      'True ok ENOMEM',
      '1 ok ok',
      '2 ok ENOMEM Invalid argument',
      '80 ok True',
      'ENOMEM',
      '1000000 1000000 ok',
      '0 ok',
      '0xffffffffffffffff 32768 0x8000',
    ]);
  });

  it('ends leases that are not given up, and gives none', { timeout: LIMIT_MS }, async () => {
    const lines = await python(`
import shutil, signal, subprocess
shutil.copy('/bin/true', '/tmp/leased')
def lease(): return fcntl.fcntl(fd, fcntl.F_GETLEASE)
fd = os.open('/tmp/leased', os.O_RDONLY)
signal.signal(signal.SIGIO, lambda *_: None)
print(set('fs/leases-enable', '0'), tried(lambda: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)))
print(set('fs/leases-enable', '1'), set('fs/lease-break-time', '1'))
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print(lease(), subprocess.run(['/tmp/leased'], pass_fds=[fd]).returncode, lease())
print(tried(lambda: os.close(os.open('/tmp/leased', os.O_WRONLY))), lease())
`);
    assert.deepEqual(lines, ['0 EINVAL', '1 1', '1 0 0', 'ok 2']);
  });
});
