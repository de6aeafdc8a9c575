import { IpcNamespace } from '../../ipc/namespace.js';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { before, describe, test } from 'node:test';
import { BufferSource, CLOCK, FakeFrames, ok } from '../../../../test/support/fs.js';
import { Tree } from '../../../../test/support/tree.js';
import { O_RDWR, O_WRONLY } from '../../abi/fcntl.js';
import { EINVAL, ENOENT } from '../../errno.js';
import { WaitQueue } from '../../process/waitqueue.js';
import { releaseHandle } from '../handle.js';
import { absolutePath } from '../path.js';
import { Nodes } from '../pseudo/nodes.js';
import { createCgroupFs } from '../sys/cgroup.js';
import { createSysFs } from '../sys/sys.js';
import { TmpFs } from '../tmpfs/tmpfs.js';
import type { Handle, Location } from '../types.js';
import { createProcFs } from './proc.js';
import { initialKernelLimits } from '../../limits.js';
import type { KernelView } from './subject.js';
import { LOOPBACK_ONLY } from './subject-net.js';
import type { AreaView, MemoryView, ProcessView, ResidentView, ThreadView } from './subject-process.js';

const PAGE = 4096;
const NONE = { lo: 0, hi: 0 };

function thread(tid: number, name: string): ThreadView & { name: string } {
  const counters = {
    cpuMs: 1234.5,
    systemMs: 0,
    waitedMs: 0.5,
    startedMs: 5000,
    voluntarySwitches: 3,
    involuntarySwitches: 4,
  };
  const faults = { minorFaults: 1, majorFaults: 2 };
  return {
    tid,
    name,
    setName(to: string) {
      this.name = to;
    },
    state: 'R',
    ...counters,
    ...faults,
    io: { readBytes: 1, writtenBytes: 2, reads: 3, writes: 4 },
    timerSlackNs: 50000,
    affinity: null,
    call: null,
    policy: 0,
    realtimePriority: 0,
    pending: NONE,
    blocked: { lo: 0x10000, hi: 1 },
  };
}

function resident(anon: number, file: number): ResidentView {
  return {
    anon,
    file,
    privateClean: 0,
    privateDirty: anon,
    sharedClean: file,
    sharedDirty: 0,
    referenced: anon,
    proportional: anon + file / 2,
    proportionalDirty: anon,
  };
}

function area(start: number, pages: number, extra: Partial<AreaView> = {}): AreaView {
  return {
    start,
    end: start + pages * PAGE,
    offset: 0,
    prot: 3,
    shared: false,
    growsDown: false,
    locked: false,
    name: '',
    file: null,
    advice: [],
    resident: resident(1, 0),
    ...extra,
  };
}

interface Fixture {
  tree: Tree;
  processes: Map<number, ProcessView>;
  handles: Map<number, Handle>;
  make: (pid: number, name: string) => ProcessView;
  hostname: () => string;
}

/** A kernel with a root in memory, a program /bin/p, and one process. */
function fixture(): Fixture {
  const tree = new Tree(new TmpFs({ memory: new FakeFrames(200), clock: CLOCK, dev: 0x801 }));
  for (const dir of ['/bin', '/proc', '/sys', '/home', '/home/a b']) tree.mkdir(dir);
  tree.write('/bin/p', 'program');
  const place = (path: string) => ok(tree.at(path)) as Location;
  const program = place('/bin/p');
  const processes = new Map<number, ProcessView>();
  const handles = new Map<number, Handle>();
  let hostname = 'box';

  const bytes = Buffer.from('p\0-x\0HOME=/\0');
  const memory = (): MemoryView => ({
    areas: () => [
      area(0x400000, 2, {
        prot: 5,
        file: { fs: program.mount.fs, ino: 12, place: program, writable: false },
        resident: resident(0, 2),
      }),
      area(0x10000000, 10, { name: '[heap]', resident: resident(4, 0) }),
      area(0x7ffffff00000, 33, { name: '[stack]', growsDown: true, locked: true }),
    ],
    read: (address, length) => new Uint8Array(bytes.subarray(address - 0x1000, address - 0x1000 + length)),
    openRaw: () => ({ seekable: true, read: () => 0, write: () => 0 }),
    page: () => null,
    end: 2 ** 47 - PAGE,
    clearReferenced: () => undefined,
    resetPeak: () => undefined,
    exe: program,
    auxv: new Uint8Array(32),
    layout: {
      startCode: 0x400000,
      endCode: 0x401234,
      startData: 0x402000,
      endData: 0x402100,
      startStack: 0x7ffffff20000,
      argStart: 0x1000,
      argEnd: 0x1005,
      envStart: 0x1005,
      envEnd: 0x100c,
    },
    startBrk: 0x10000000,
    rssAnonPages: 5,
    rssFilePages: 2,
    peakRssPages: 9,
    peakSize: 50 * PAGE,
    pageTableBytes: 4 * PAGE,
  });

  const make = (pid: number, name: string): ProcessView => {
    let adj = 0;
    const threads = [thread(pid, name), thread(pid + 1000, 'worker')];
    const faults = { minorFaults: 1, majorFaults: 2, childMinorFaults: 3, childMajorFaults: 4 };
    const process: ProcessView = {
      pid,
      ppid: 0,
      pgid: pid,
      sid: pid,
      ttyDevice: 0,
      ttyGroup: -1,
      nice: 0,
      exitSignal: 17,
      umask: 0o22,
      personality: 0,
      owner: { uid: 1000, gid: 100 },
      cred: {
        uids: [1000, 1000, 1000, 1000],
        gids: [100, 100, 100, 100],
        groups: [100, 27],
        capabilities: [NONE, NONE, NONE, { lo: -1, hi: 0x1ff }, NONE],
        noNewPrivs: false,
      },
      readable: true,
      traceable: true,
      isCaller: true,
      threads: () => threads,
      startedMs: 5000,
      cpuMs: 2500,
      systemMs: 0,
      childCpuMs: 100,
      childSystemMs: 0,
      ...faults,
      exitStatus: 0,
      pending: NONE,
      ignored: NONE,
      caught: NONE,
      queued: 0,
      limits: Array.from({ length: 16 }, (_unused, i) => ({
        current: i === 3 ? 8388608 : Infinity,
        maximum: Infinity,
      })),
      get oomScoreAdj() {
        return adj;
      },
      setOomScoreAdj(value) {
        adj = value;
        return 0;
      },
      coredumpFilter: 0x33,
      timers: () => [],
      io: { readBytes: 1, writtenBytes: 2, reads: 3, writes: 4 },
      root: tree.context.root,
      cwd: place('/home/a b'),
      files: {
        list: () => [...handles.keys()].sort((a, b) => a - b),
        get: (fd) => handles.get(fd) ?? ENOENT,
        closeOnExec: (fd) => fd === 3,
        capacity: 64,
      },
      memory: memory(),
    };
    processes.set(pid, process);
    return process;
  };

  const changes = { count: 0, queue: new WaitQueue() };
  const kernel: KernelView = {
    get hostname() {
      return hostname;
    },
    setHostname: (name) => {
      hostname = name;
    },
    domainname: '(none)',
    setDomainname: () => undefined,
    nameChanges: () => changes,
    dropCaches: () => undefined,
    cpus: 2,
    cpu: {
      vendor: 'GenuineIntel',
      family: 6,
      model: 1,
      stepping: 1,
      modelName: 'Test',
      mhz: 1000,
      cacheKib: 4096,
      level: 11,
      flags: ['fpu', 'sse2'],
    },
    bootId: '00000000-0000-4000-8000-000000000000',
    uuid: () => '11111111-1111-4111-8111-111111111111',
    realtime: CLOCK.realtime,
    uptimeMs: () => 12_345.6,
    cpuMs: () => 2500,
    systemMs: () => 500,
    loadAverages: () => [0, 0.5, 1],
    pageFaults: () => 10,
    majorFaults: () => 1,
    pagesRead: () => 2,
    oomKills: () => 0,
    bootTime: 1_700_000_000,
    contextSwitches: () => 77,
    ticks: () => 123,
    timersFired: () => 45,
    cpuPressure: () => ({ averages: [12.5, 1, 0.25], totalMs: 1500.5 }),
    forks: () => 5,
    lastPid: () => 9,
    setLastPid: () => undefined,
    memory: {
      total: 1 << 30,
      free: 1 << 29,
      cached: 1 << 20,
      shared: 0,
      anonymous: 1 << 21,
      pageTables: 1 << 14,
      committed: 1 << 22,
      locked: 0,
      mapped: 0,
    },
    processes: () => [...processes.values()].sort((a, b) => a.pid - b.pid),
    process: (pid) => processes.get(pid) ?? null,
    current: () => {
      const process = processes.get(1);
      return process === undefined ? null : { process, tid: 1001 };
    },
    filesystems: [{ type: 'proc', nodev: true }],
    mounts: () => tree.vfs.mounts,
    mountChanges: () => tree.vfs.mountChanges,
    net: LOOPBACK_ONLY,
    locks: () => [],
    openFiles: () => 3,
    pseudoTerminals: () => 0,
    cachedNames: () => 4,
    namespace: () => place('/bin/p'),
    capable: () => true,
    log: () => undefined,
    path: absolutePath,
    ipc: new IpcNamespace({ clock: CLOCK, current: null }),
    limits: initialKernelLimits(false),
  };
  const nodes = new Nodes();
  const mount = (path: string, filesystem: Parameters<typeof tree.vfs.mount>[0]) =>
    assert(typeof tree.vfs.mount(filesystem, place(path), 0) !== 'number');
  mount('/proc', createProcFs(kernel, nodes, 30));
  mount('/sys', createSysFs(kernel, nodes, 31));
  mount('/sys/fs/cgroup', createCgroupFs(kernel, nodes, 32));
  make(1, 'p');
  return { tree, processes, handles, make, hostname: () => hostname };
}

function real(path: string): string {
  return fs.readFileSync(path, 'latin1');
}

function keys(text: string): string[] {
  return text.split('\n').flatMap((line) => /^([A-Za-z_()0-9 ]+?)\s*:/.exec(line)?.slice(1, 2) ?? []);
}

/** Each of ours is Linux's, and they come in its order. */
function assertSubsequence(ours: string[], theirs: string[]): void {
  let at = 0;
  for (const key of ours) {
    const found = theirs.indexOf(key, at);
    assert(found >= 0, `'${key}' is not in Linux's file, or not there: ${theirs.join(' ')}`);
    at = found + 1;
  }
}

describe('the files of a process have the form of Linux’s', () => {
  let f: Fixture;
  const read = (path: string): string => {
    const text = f.tree.read(path);
    assert(typeof text === 'string', `${path}: ${text}`);
    return text;
  };
  before(() => {
    f = fixture();
  });

  test('stat has the same fields', () => {
    const ours = read('/proc/1/stat');
    assert.equal(ours.split(' ').length, real('/proc/self/stat').split(' ').length);
    assert.match(
      ours,
      /^1 \(p\) R 0 1 1 0 -1 \d+ 1 3 2 4 250 0 10 0 20 0 2 0 500 184320 7 18446744073709551615 /,
    );
    assert.match(read('/proc/1/task/1001/stat'), /^1001 \(worker\) R 0 /);
    assert.match(read('/proc/1/statm'), /^45 7 2 2 0 43 0\n$/);
  });

  test('status has Linux’s names in Linux’s order', () => {
    const ours = read('/proc/1/status');
    assertSubsequence(keys(ours), keys(real('/proc/self/status')));
    assert.match(ours, /^Name:\tp\nUmask:\t0022\nState:\tR \(running\)\n/);
    assert.match(ours, /\nUid:\t1000\t1000\t1000\t1000\n/);
    assert.match(ours, /\nVmSize:\t {5}180 kB\n/);
    assert.match(ours, /\nSigBlk:\t0000000100010000\n/);
    assert.match(ours, /\nCapBnd:\t000001ffffffffff\n/);
    assert.match(ours, /\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n/);
  });

  test('limits has the same lines', () => {
    const names = (text: string) => text.split('\n').map((line) => line.slice(0, 26));
    assert.deepEqual(names(read('/proc/1/limits')), names(real('/proc/self/limits')));
    const line = (text: string) => text.split('\n').find((l) => l.startsWith('Max stack size'));
    assert.equal(line(read('/proc/1/limits'))?.length, line(real('/proc/self/limits'))?.length);
  });

  test('maps and smaps', () => {
    const form =
      /^[0-9a-f]{8,16}-[0-9a-f]{8,16} [r-][w-][x-][ps] [0-9a-f]{8} [0-9a-f]{2,}:[0-9a-f]{2,} \d+ (?: +(\S.*))?$/;
    for (const line of [...read('/proc/1/maps').split('\n'), ...real('/proc/self/maps').split('\n')]) {
      if (line === '') continue;
      assert.match(line, form);
      const name = form.exec(line)?.[1];
      if (name !== undefined) assert.equal(line.indexOf(name), 73);
    }
    assert.match(read('/proc/1/maps'), /^00400000-00402000 r-xp 00000000 08:01 12 +\/bin\/p\n/);
    assertSubsequence(keys(read('/proc/1/smaps')).slice(0, 20), keys(real('/proc/self/smaps')));
    const column = (text: string) =>
      text
        .split('\n')
        .find((l) => l.startsWith('Rss:'))
        ?.indexOf(' kB');
    assert.equal(column(read('/proc/1/smaps')), column(real('/proc/self/smaps')));
    assert.match(read('/proc/1/smaps_rollup'), /^00400000-[0-9a-f]+ ---p 00000000 00:00 0 +\[rollup\]\nRss:/);
  });

  test('io, cmdline, environ, comm, cgroup', () => {
    assert.deepEqual(keys(read('/proc/1/io')), keys(real('/proc/self/io')));
    assert.equal(read('/proc/1/cmdline'), 'p\0-x\0');
    assert.equal(read('/proc/1/environ'), 'HOME=/\0');
    assert.equal(read('/proc/1/comm'), 'p\n');
    assert.equal(read('/proc/1/cgroup'), '0::/\n');
  });

  test('mounts, mountinfo', () => {
    assert.match(read('/proc/mounts'), /^tmpfs \/ tmpfs rw,relatime 0 0\nproc \/proc proc rw 0 0\n/);
    const form = /^\d+ \d+ \d+:\d+ \S+ \S+ \S+( \S+:\S+)* - \S+ \S+ \S+$/;
    const lines = [...read('/proc/1/mountinfo').split('\n'), ...real('/proc/self/mountinfo').split('\n')];
    for (const line of lines) if (line !== '') assert.match(line, form);
  });

  test('links are magic: they lead to the place itself', () => {
    assert.equal(f.tree.read('/proc/1/exe'), 'program');
    assert.deepEqual(f.tree.inode('/proc/1/cwd/'), f.tree.inode('/home/a b'));
    const handle = ok(f.tree.open('/bin/p', O_RDWR));
    f.handles.set(3, handle);
    assert.equal(f.tree.unlink('/bin/p'), 0);
    assert.equal(f.tree.read('/proc/self/fd/3'), 'program');
    const link = ok(f.tree.inode('/proc/1/fd/3'));
    assert.deepEqual([link.mode.toString(8), link.size, link.uid], ['120700', 64, 1000]);
    assert.match(read('/proc/1/fdinfo/3'), /^pos:\t0\nflags:\t02100002\nmnt_id:\t1\nino:\t\d+\n$/);
    assert.deepEqual(
      (f.tree.list('/proc/1/fd') as string[]).map((line) => line.split(':')[0]),
      ['3'],
    );
    f.handles.delete(3);
    assert.equal(f.tree.inode('/proc/1/fd/3'), ENOENT);
    assert.equal(f.tree.inode('/proc/1/fd/4294967295'), ENOENT);
    releaseHandle(handle);
  });

  test('self, thread-self and threads', () => {
    assert.equal(read('/proc/self/comm'), 'p\n');
    assert.equal(read('/proc/thread-self/comm'), 'worker\n');
    assert.deepEqual((f.tree.list('/proc/self/task') as string[]).map((line) => line.split(':')[0]).sort(), [
      '1',
      '1001',
    ]);
  });

  test('comm and oom_score_adj can be written, within limits', () => {
    const write = (path: string, text: string) => {
      const handle = ok(f.tree.open(path, O_WRONLY));
      const result = handle.ops.write(handle, new BufferSource(text), 0);
      releaseHandle(handle);
      return result;
    };
    assert.equal(write('/proc/1/comm', 'a much too long name\n'), 21);
    assert.equal(read('/proc/1/comm'), 'a much too long\n');
    assert.equal(write('/proc/1/oom_score_adj', '500\n'), 4);
    assert.equal(read('/proc/1/oom_score_adj'), '500\n');
    assert.equal(write('/proc/1/oom_score_adj', '1001'), EINVAL);
    assert.equal(write('/proc/sys/kernel/hostname', 'other\n'), 6);
    assert.equal(f.hostname(), 'other');
    assert.equal(write('/proc/sys/vm/overcommit_memory', '7'), EINVAL);
  });

  test('a process that ends takes its names along; an open file stays', () => {
    f.make(7, 'seven');
    const handle = ok(f.tree.open('/proc/7/comm'));
    const directory = ok(f.tree.open('/proc/7/task'));
    assert.equal(f.tree.read('/proc/7/comm'), 'seven\n');
    f.processes.delete(7);
    assert.equal(f.tree.read('/proc/7/comm'), ENOENT);
    assert.equal(
      (f.tree.list('/proc') as string[]).some((line) => line.startsWith('7:')),
      false,
    );
    const sink = {
      remaining: 100,
      put: (_source: Uint8Array, start: number, end: number) => end - start,
      zero: () => 0,
    };
    assert.equal(handle.ops.read(handle, sink, 0), 6);
    assert.equal(
      directory.ops.readdir?.(directory, () => true),
      ENOENT,
    );
  });
});

describe('the files of the system have the form of Linux’s', () => {
  const f = fixture();
  const read = (path: string): string => {
    const text = f.tree.read(path);
    assert(typeof text === 'string', `${path}: ${text}`);
    return text;
  };

  test('meminfo, cpuinfo, stat', () => {
    assertSubsequence(keys(read('/proc/meminfo')), keys(real('/proc/meminfo')));
    assert.match(read('/proc/meminfo'), /^MemTotal: {8}1048576 kB\n/);
    const cpu = read('/proc/cpuinfo');
    assert.equal(cpu.split('\n\n').length, 3);
    const known = new Set(keys(real('/proc/cpuinfo')));
    for (const key of keys(cpu)) assert(known.has(key), key);
    const line = (text: string, start: string) => text.split('\n').find((l) => l.startsWith(start)) ?? '';
    const head = (text: string, start: string) => line(text, start).split(':')[0];
    for (const key of ['processor', 'vendor_id', 'model name', 'siblings', 'fpu\t', 'wp'])
      assert.equal(head(cpu, key), head(real('/proc/cpuinfo'), key));
    const words = (text: string) => text.split('\n').map((l) => l.split(' ')[0]);
    assertSubsequence(
      words(read('/proc/stat')).filter((word) => !/^cpu\d/.test(word ?? '')) as string[],
      words(real('/proc/stat')) as string[],
    );
    assert.equal(
      line(read('/proc/stat'), 'cpu ').split(' ').length,
      line(real('/proc/stat'), 'cpu ').split(' ').length,
    );
  });

  test('uptime, loadavg, version, filesystems', () => {
    assert.match(read('/proc/uptime'), /^12\.3\d 22\.19\n$/);
    assert.match(read('/proc/loadavg'), /^0\.00 0\.50 1\.00 \d+\/\d+ 9\n$/);
    assert.match(read('/proc/version'), /^Linux version \d+\.\d+\.\d+\S* \(/);
    assert.equal(read('/proc/filesystems'), 'nodev\tproc\n');
    assert.match(read('/proc/sys/kernel/random/uuid'), /^[0-9a-f-]{36}\n$/);
    assert.equal(read('/proc/sys/kernel/pid_max'), '32768\n');
  });

  test('interrupts, softirqs and pressure', () => {
    const names = (text: string) => text.split('\n').map((line) => line.split(':')[0]?.trim() ?? '');
    assertSubsequence(names(read('/proc/interrupts')).slice(1), names(real('/proc/interrupts')).slice(1));
    assert.match(
      read('/proc/interrupts'),
      /^ {11}CPU0 {7}CPU1 {7}\nNMI: {9}0 {10}0 {3}Non-maskable interrupts\nLOC: {7}123 {10}0 {3}Local timer interrupts\n/,
    );
    assert.deepEqual(names(read('/proc/softirqs')), names(real('/proc/softirqs')));
    assert.match(read('/proc/softirqs'), /\n {5}HRTIMER: {9}45 {10}0\n/);
    assert.match(read('/proc/stat'), /\nintr 123\nctxt 77\n[^]*\nsoftirq 45 0 0 0 0 0 0 0 0 45 0\n$/);
    assert.equal(
      read('/proc/pressure/cpu'),
      'some avg10=12.50 avg60=1.00 avg300=0.25 total=1500500\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
    );
    const form = /^(some|full) avg10=\d+\.\d\d avg60=\d+\.\d\d avg300=\d+\.\d\d total=\d+$/;
    for (const name of ['cpu', 'io', 'memory'])
      for (const line of read(`/proc/pressure/${name}`).trim().split('\n')) assert.match(line, form);
    assert.equal(read('/sys/fs/cgroup/cpu.pressure'), read('/proc/pressure/cpu'));
  });

  test('what protocols count has Linux’s names', () => {
    const heads = (text: string) => text.split('\n').filter((_line, index) => index % 2 === 0);
    for (const name of ['snmp', 'netstat'])
      for (const head of heads(read(`/proc/1/net/${name}`))) {
        const theirs = heads(real(`/proc/self/net/${name}`)).find(
          (line) => line.split(':')[0] === head.split(':')[0],
        );
        assertSubsequence(head.split(' '), theirs?.split(' ') ?? []);
      }
    const first = (text: string) => text.split('\n').map((line) => line.split(/\s/)[0] ?? '');
    const known = new Set(first(real('/proc/self/net/snmp6')));
    for (const name of first(read('/proc/1/net/snmp6'))) assert(known.has(name), name);
    const loopback = (text: string) => text.split('\n').find((line) => /^0{31}1 80 .* lo$/.test(line));
    assert.equal(
      loopback(read('/proc/1/net/ipv6_route'))?.replace(/(\S{8} ){4}/, ''),
      loopback(real('/proc/self/net/ipv6_route'))?.replace(/(\S{8} ){4}/, ''),
    );
  });

  test('net has Linux’s heads and columns', () => {
    for (const name of ['dev', 'tcp', 'tcp6', 'udp', 'udp6', 'raw', 'unix', 'netlink', 'arp', 'route']) {
      const [ours, theirs] = [read(`/proc/1/net/${name}`), real(`/proc/self/net/${name}`)];
      assert.equal(ours.split('\n')[0], theirs.split('\n')[0], name);
    }
    const lo = (text: string) => text.split('\n').find((line) => line.startsWith('    lo:')) ?? '';
    assert.match(lo(read('/proc/1/net/dev')), /^ {4}lo: {7}0 {7}0 {4}0 {4}0 {4}0 {5}0 {10}0 {9}0/);
    assert.equal(
      lo(read('/proc/1/net/dev')).split(/ +/).length,
      lo(real('/proc/self/net/dev')).split(/ +/).length,
    );
    assert.equal(read('/proc/1/net/if_inet6'), '00000000000000000000000000000001 01 80 10 80       lo\n');
  });

  test('/sys tells of the sandbox’s processors and memory', () => {
    assert.equal(read('/sys/devices/system/cpu/online'), '0-1\n');
    assert.equal(read('/sys/devices/system/cpu/cpu1/topology/core_id'), '1\n');
    assert.equal(read('/sys/devices/system/cpu/cpu1/cache/index3/shared_cpu_map'), '3\n');
    assert.equal(read('/sys/devices/system/cpu/cpu1/cache/index3/size'), '4096K\n');
    assert.equal(f.tree.inode('/sys/devices/system/cpu/cpu2'), ENOENT);
    assert.equal(f.tree.inode('/sys/devices/system/cpu/cpu0/online'), ENOENT);
    assert.equal(read('/sys/devices/system/cpu/cpu1/online'), '1\n');
    assert.equal(read('/sys/devices/system/node/node0/cpulist'), '0-1\n');
    assert.equal(read('/sys/devices/system/node/node0/cpu1/topology/core_id'), '1\n');
    assert.equal(read('/sys/devices/system/memory/block_size_bytes'), '8000000\n');
    assert.equal(read('/sys/devices/system/memory/memory7/phys_index'), '00000007\n');
    assert.equal(f.tree.inode('/sys/devices/system/memory/memory8'), ENOENT);
    assert.equal(read('/sys/devices/system/node/node0/memory7/state'), 'online\n');
    assert.equal(read('/sys/fs/cgroup/memory.max'), `${1 << 30}\n`);
    assert.equal(read('/sys/fs/cgroup/cpu.max'), '200000 100000\n');
  });

  test('every file can be read, and every directory listed', () => {
    let count = 0;
    const visit = (path: string): void => {
      for (const line of f.tree.list(path) as string[]) {
        const [name = '', type] = line.split(':');
        const below = `${path}/${name}`;
        count++;
        if (type === '4') visit(below);
        if (type === '8' && !/\/(clear_refs|drop_caches|attr\/\w+)$/.test(below))
          assert.equal(typeof f.tree.read(below), 'string', below);
        assert(typeof f.tree.inode(below) !== 'number', below);
      }
    };
    visit('/proc');
    visit('/sys');
    assert(count > 200, `only ${count}`);
  });
});
