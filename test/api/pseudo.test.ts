/** Pseudo-files of the embedding application, with the kernel in a worker and in the caller's thread. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  CulmError,
  Sandbox,
  type IoctlMemory,
  type PseudoSpec,
  type SandboxOptions,
} from '../../src/index.js';

type Thread = NonNullable<SandboxOptions['thread']>;

function create(thread: Thread, pseudo: readonly PseudoSpec[]): ReturnType<typeof Sandbox.create> {
  return Sandbox.create({ rootfs: '/', env: { PATH: '/usr/bin:/bin' }, thread, pseudo });
}

async function run(sandbox: Awaited<ReturnType<typeof create>>, script: string): Promise<string> {
  const { stdoutText, stderrText } = await sandbox.exec(['sh', '-c', script], { timeout: 30_000 });
  return stdoutText + stderrText;
}

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const constant = (path: string): PseudoSpec => ({ type: 'file', path, read: () => 'x' });

for (const thread of ['worker', 'caller'] as const)
  describe(`pseudo-files of the application (${thread})`, () => {
    it('are read, written and listed like others', async () => {
      let level = '3\n';
      await using sandbox = await create(thread, [
        {
          type: 'file',
          path: '/proc/app/level',
          mode: 0o644,
          read: () => level,
          write: (content) => {
            if (decode(content) === 'bad\n') throw Object.assign(new Error('bad'), { code: 'ERANGE' });
            level = decode(content);
          },
        },
        { type: 'link', path: '/proc/app/here', target: 'level' },
        { type: 'file', path: '/sys/class/app/name', read: () => new Uint8Array([104, 105, 10]) },
      ]);
      assert.equal(await run(sandbox, 'cat /proc/app/level /sys/class/app/name'), '3\nhi\n');
      assert.equal(await run(sandbox, 'echo 7 > /proc/app/here && cat /proc/app/here'), '7\n');
      assert.equal(level, '7\n');
      assert.match(
        await run(sandbox, "bash -c 'echo bad > /proc/app/level'"),
        /Numerical result out of range/,
      );
      assert.equal(level, '7\n');
      assert.equal(
        await run(sandbox, 'ls /proc/app; stat -c "%A %s" /proc/app/level'),
        'here\nlevel\n-rw-r--r-- 0\n',
      );
      assert.equal(await run(sandbox, 'stat -c "%A %s" /sys/class/app/name'), '-r--r--r-- 4096\n');
      assert.match(await run(sandbox, 'rm -f /proc/app/level'), /Operation not permitted/);
    });

    it('of a directory come and go', async () => {
      const users = new Map([
        ['ann', '1'],
        ['bob', '2'],
      ]);
      await using sandbox = await create(thread, [
        {
          type: 'directory',
          path: '/proc/users',
          list: () => [...users.keys()],
          read: (name) => `${users.get(name) ?? ''}\n`,
          write: (name, content) => void users.set(name, decode(content).trim()),
        },
      ]);
      assert.equal(await run(sandbox, 'grep . /proc/users/*'), '/proc/users/ann:1\n/proc/users/bob:2\n');
      await run(sandbox, 'echo 5 > /proc/users/bob');
      users.delete('ann');
      assert.equal(await run(sandbox, 'cat /proc/users/bob; ls /proc/users'), '5\nbob\n');
      assert.match(await run(sandbox, 'cat /proc/users/ann'), /No such file/);
    });

    it('can be devices, which are waited for', async () => {
      const queue = ['first\n'];
      let waits = 0;
      let ended = false;
      const next = (): string | null => {
        if (queue.length > 0) return queue.shift() ?? null;
        if (ended) return '';
        waits++;
        return null;
      };
      const written: string[] = [];
      await using sandbox = await create(thread, [
        {
          type: 'device',
          path: '/dev/app/events',
          major: 240,
          minor: 7,
          read: next,
          write: (content) => void written.push(decode(content)),
        },
      ]);
      assert.equal(
        await run(sandbox, 'stat -c "%F %Hr:%Lr %a" /dev/app/events'),
        'character special file 240:7 644\n',
      );
      const reading = run(sandbox, 'cat /dev/app/events');
      while (waits === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      queue.push('second\n');
      ended = true;
      await sandbox.pseudo.notify('/dev/app/events');
      assert.equal(await reading, 'first\nsecond\n');
      await run(sandbox, 'echo out > /dev/app/events');
      assert.deepEqual(written, ['out\n']);
    });

    it('take ioctls, with the memory that their structs describe', async () => {
      const seen: unknown[] = [];
      const page = (memory: IoctlMemory): unknown => ({
        bytes: Buffer.from(memory.bytes).toString('hex'),
        pointers: [...memory.pointers].map(([name, regions]) => [name, regions?.map(page) ?? null]),
      });
      const ioctlStructs: SandboxOptions['ioctlStructs'] = {
        // struct { u32 count; u32 id (comes back); struct item { u16 length; char *text; } *items; struct node *list; }
        batch: [
          { name: 'count', size: 4, direction: 'out' },
          { size: 1, unit: 4, direction: 'in' },
          { name: 'items', ptr: 'item', arrayLength: 'count' },
          { name: 'list', ptr: 'node' },
        ],
        item: [
          { name: 'length', size: 2, direction: 'out' },
          { size: 6 },
          { ptr: [{ size: 'length', adjustment: 1, direction: 'inout' }] },
        ],
        node: [
          { name: 'value', size: 8, direction: 'out' },
          { name: 'next', ptr: 'node' },
        ],
        optional: [
          { name: 'version', size: 4, direction: 'out' },
          { size: 4, direction: 'out', onlyIf: { left: 'version', equal: false, right: 1 } },
          { size: 2, direction: 'in' },
        ],
      };
      await using sandbox = await Sandbox.create({
        rootfs: '/',
        env: { PATH: '/usr/bin:/bin' },
        thread,
        ioctlStructs,
        allowedIoctls: [
          { request: 0xc0184201, struct: 'batch' },
          { request: 0x4202 },
          { request: 0x4203, struct: 'optional' },
        ],
        pseudo: [
          {
            type: 'device',
            path: '/dev/app/control',
            major: 240,
            minor: 1,
            ioctl(request, argument) {
              seen.push([request, typeof argument === 'number' ? argument : page(argument)]);
              if (request === 0x4202) {
                if (argument === 9) throw Object.assign(new Error('nine'), { code: 'EDOM' });
                return Number(argument) * 2;
              }
              if (typeof argument === 'number') return -1;
              argument.bytes.fill(0xee);
              for (const item of argument.pointers.get('items') ?? [])
                item.pointers.get('0')?.[0]?.bytes.reverse();
              return 3;
            },
          },
        ],
      });
      const program = `
import ctypes, errno, fcntl, os, struct
libc = ctypes.CDLL(None, use_errno=True)
libc.ioctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p]
fd = os.open('/dev/app/control', os.O_RDWR)
def ioctl(request, argument):
    result = libc.ioctl(fd, request, argument)
    return result if result >= 0 else errno.errorcode[ctypes.get_errno()]
texts = [ctypes.create_string_buffer(b'abc', 4), ctypes.create_string_buffer(b'z', 2)]
items = ctypes.create_string_buffer(b''.join(struct.pack('<HxxxxxxQ', len(t) - 1, ctypes.addressof(t)) for t in texts))
last = ctypes.create_string_buffer(struct.pack('<QQ', 8, 0))
first = ctypes.create_string_buffer(struct.pack('<QQ', 7, ctypes.addressof(last)))
batch = ctypes.create_string_buffer(struct.pack('<IIQQ', 2, 1, ctypes.addressof(items), ctypes.addressof(first)))
print(ioctl(0xc0184201, ctypes.addressof(batch)), batch.raw[:8].hex(), [t.raw.hex() for t in texts], items.raw[:2].hex())
print(ioctl(0x4202, 21), ioctl(0x4202, 9), ioctl(0x4209, 0))
for version in 1, 2:
    b = ctypes.create_string_buffer(struct.pack('<I', version) + b'12345678', 12)
    print(ioctl(0x4203, ctypes.addressof(b)), b.raw.hex())
print(ioctl(0xc0184201, 8))
struct.pack_into('<Q', last, 8, ctypes.addressof(first))
print(ioctl(0xc0184201, ctypes.addressof(batch)))
struct.pack_into('<Q', last, 8, 16)
print(ioctl(0xc0184201, ctypes.addressof(batch)))
def read(): os.read(fd, 1)
try: read()
except OSError as e: print(errno.errorcode[e.errno])
print(libc.ioctl(os.open('/dev/null', os.O_RDWR), 0x4202, 1), errno.errorcode[ctypes.get_errno()])
`;
      const { stdoutText, stderrText } = await sandbox.exec(['python3', '-c', program], { timeout: 30_000 });
      assert.deepEqual((stdoutText + stderrText).trim().split('\n'), [
        "3 02000000eeeeeeee ['00636261', '007a'] 0300",
        '42 EDOM ENOTTY',
        '3 01000000eeee333435363738',
        '3 0200000031323334eeee3738',
        'EFAULT',
        'ENOMEM',
        'EFAULT',
        'EINVAL',
        '-1 ENOTTY',
      ]);
      const text = (hex: string) => [{ bytes: hex, pointers: [] }];
      const [[request, batch]] = seen as [[number, { bytes: string; pointers: [string, unknown][] }]];
      assert.equal(request, 0xc0184201);
      assert.match(batch.bytes, /^0200000000000000/);
      const [[, items], [, list]] = batch.pointers as [
        [string, (typeof batch)[]],
        [string, (typeof batch)[]],
      ];
      assert.deepEqual(
        items.map(({ pointers }) => pointers),
        [[['0', text('61626300')]], [['0', text('7a00')]]],
      );
      assert.match(list[0]?.bytes ?? '', /^0700000000000000/);
      const [[, after]] = list[0]?.pointers as [[string, (typeof batch)[]]];
      assert.equal(after[0]?.bytes, `${'08'.padEnd(16, '0')}${'0'.repeat(16)}`);
      assert.deepEqual(after[0]?.pointers, [['next', null]]);
      assert.deepEqual(seen.slice(1, 3), [
        [0x4202, 21],
        [0x4202, 9],
      ]);
      assert.equal(seen.length, 5);
    });

    it('make themselves known to poll', async () => {
      let value = 'old\n';
      await using sandbox = await create(thread, [
        { type: 'file', path: '/proc/watched', read: () => value },
      ]);
      const program =
        'import select\nf=open("/proc/watched")\nprint(f.read(),end="",flush=True)\np=select.poll()\n' +
        'p.register(f,select.POLLPRI)\nprint(p.poll(0),flush=True)\nprint(p.poll()[0][1]&select.POLLPRI)\nf.seek(0)\nprint(f.read())';
      const python = await sandbox.spawn(['python3', '-c', program], { timeout: 30_000 });
      let seen = '';
      for await (const chunk of python.stdout) {
        seen += decode(chunk);
        if (!seen.endsWith('[]\n')) continue;
        value = 'new\n';
        await sandbox.pseudo.notify('/proc/watched');
      }
      assert.equal(seen, 'old\n[]\n2\nnew\n\n');
    });
  });

describe('declared pseudo-files', () => {
  it('are refused where they cannot be', async () => {
    const bad: PseudoSpec[] = [
      constant('/etc/x'),
      constant('/proc/../x'),
      constant('/proc/meminfo'),
      constant('/proc/meminfo/x'),
      { type: 'file', path: '/proc/x' },
      { type: 'device', path: '/proc/x', major: 1, minor: 3, read: () => '' },
      { type: 'device', path: '/dev/x', major: 1, read: () => '' },
    ];
    for (const spec of bad) {
      const refused = (error: unknown) => error instanceof CulmError && error.code === 'option';
      await assert.rejects(create('caller', [spec]), refused, spec.path);
    }
  });

  it('have ioctls whose structs mean something', async () => {
    const bad: Pick<SandboxOptions, 'ioctlStructs' | 'allowedIoctls'>[] = [
      { allowedIoctls: [{ request: -1 }] },
      { allowedIoctls: [{ request: 1, struct: 'none' }] },
      { ioctlStructs: { a: [{}] } },
      { ioctlStructs: { a: [{ size: 4, ptr: [] }] } },
      { ioctlStructs: { a: [{ size: -4 }] } },
      { ioctlStructs: { a: [{ size: 'length' }] } },
      { ioctlStructs: { a: [{ ptr: 'b' }] } },
      {
        ioctlStructs: {
          a: [
            { name: 'x', size: 1 },
            { name: 'x', size: 1 },
          ],
        },
      },
      { ioctlStructs: { a: [{ size: 1, unit: 0 }] } },
      { ioctlStructs: { a: [{ size: 1, direction: 'up' as 'out' }] } },
    ];
    for (const options of bad) {
      const refused = (error: unknown) => error instanceof CulmError && error.code === 'option';
      await assert.rejects(
        Sandbox.create({ ...options, thread: 'caller' }),
        refused,
        JSON.stringify(options),
      );
    }
  });

  it('are part of the digest', async () => {
    const digest = async (pseudo: readonly PseudoSpec[]): Promise<string> => {
      await using sandbox = await create('caller', pseudo);
      return sandbox.pseudo.digest();
    };
    const [none, one, again, other] = [
      await digest([]),
      await digest([constant('/proc/x')]),
      await digest([constant('/proc/x')]),
      await digest([constant('/proc/y')]),
    ];
    assert.equal(one, again);
    assert.equal(new Set([none, one, other]).size, 3);
  });
});
