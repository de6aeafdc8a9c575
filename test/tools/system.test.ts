/**
 * Programs that look at a system: each is run in a sandbox of two processors and 512 MiB, and what they say has to agree
 * with what was started, with the options, and with one another.
 */
import assert from 'node:assert/strict';
import os from 'node:os';
import { after, before, describe, it } from 'node:test';
import { Sandbox } from '../../src/index.js';
import { hammer, stressNg } from './stress.js';

const LIMIT_MS = 120_000;
const MEMORY_KIB = 512 * 1024;
const CPUS = 2;

let sandbox: Sandbox;

async function run(script: string, status = 0): Promise<string> {
  const result = await sandbox.exec(['bash', '-c', script], { timeout: LIMIT_MS });
  assert.equal(result.status, status, `${script}\n${result.stdoutText}${result.stderrText}`);
  return result.stdoutText;
}

/** Lines of words. */
function table(text: string): string[][] {
  return text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
}

function find(text: string, pattern: RegExp): string {
  const found = pattern.exec(text)?.[1];
  assert(found !== undefined, `${pattern} is not in\n${text}`);
  return found;
}

/** A script with two sleeping processes, one of them below a shell. */
const started = (script: string): string =>
  `sleep 1000 & A=$!; (sleep 2000; :) & B=$!; ${script}; kill $A $B; pkill sleep; wait`;

const FORMATS = [
  '-e',
  '-ef',
  '-eF',
  '-ely',
  'aux',
  'axjf',
  'axms',
  '-eLf',
  'axZ',
  '-e --forest',
  '-eo pid,ppid,pgid,sid,tty,tpgid,stat,uid,time,cmd',
  '-eo pid,user,group,ruser,euser,suser,fuser,egid',
  '-eo pid,rss,vsz,size,drs,trs,sz,pmem,maj_flt,min_flt',
  '-eo pid,pcpu,cputime,etime,etimes,lstart,start',
  '-eo pid,nlwp,lwp,psr,cls,rtprio,ni,pri,policy',
  '-eo pid,pending,blocked,ignored,caught',
  '-eo pid,wchan:20,stat,flags,cgroup,args',
  '-eo pid,pidns,userns,utsns,mntns,netns,ipcns,comm',
  '-eo pid,label,nwchan,esp,eip,comm --no-headers',
  '-C sleep -o pid=,comm=',
];

describe('tools that look at the system', () => {
  before(async () => {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
    sandbox = await Sandbox.create({ rootfs: '/', memory: MEMORY_KIB * 1024, cpus: CPUS, env });
  });
  after(() => sandbox.dispose());

  it('ps shows what was started, in every format', { timeout: LIMIT_MS }, async () => {
    const all = FORMATS.map((format) => `echo "== ${format}"; ps ${format} || echo FAILED`).join('\n');
    const text = await run(started(`echo $A; ${all}`));
    const pid = find(text, /^(\d+)\n/);
    const parts = text.split(/^== /m).slice(1);
    assert.equal(parts.length, 20);
    for (const part of parts) {
      assert.doesNotMatch(part, /^FAILED/m);
      assert(
        table(part).some((words) => words.includes(pid)),
        part,
      );
    }
  });

  it('ps agrees with /proc', { timeout: LIMIT_MS }, async () => {
    const text = await run(
      started(
        'sleep 0.3; ps -o pid=,ppid=,rss=,vsz=,nlwp=,stat= -p $A,$B; echo; grep -hE "^(Pid|PPid|VmRSS|VmSize|Threads|State):" /proc/{$A,$B}/status',
      ),
    );
    const [listed = '', status = ''] = text.split('\n\n');
    const blocks = status
      .trim()
      .split(/^State:/m)
      .slice(1);
    assert.equal(blocks.length, 2);
    for (const block of blocks) {
      const value = (name: string) => find(block, new RegExp(`^${name}:\\s+(\\d+)`, 'm'));
      const row = table(listed).find(([pid]) => pid === value('Pid'));
      assert.deepEqual(row?.slice(1, 5), [value('PPid'), value('VmRSS'), value('VmSize'), value('Threads')]);
      assert.equal(row?.[5]?.[0], find(block, /^\s+(\w)/));
    }
  });

  it('memory adds up to what was given', { timeout: LIMIT_MS }, async () => {
    const [head, memory = []] = table(await run('free -k'));
    assert.deepEqual(head?.slice(0, 2), ['total', 'used']);
    const [total = 0, , free = 0, , cache = 0] = memory.slice(1).map(Number);
    assert.equal(total, MEMORY_KIB);
    assert(free > MEMORY_KIB / 2 && free + cache <= total);
    const vmstat = await run('vmstat -s');
    assert.equal(Number(find(vmstat, /(\d+) K total memory/)), MEMORY_KIB);
    assert.equal((await run('cat /sys/fs/cgroup/memory.max')).trim(), String(MEMORY_KIB * 1024));
    const conf = await run('getconf -a');
    assert.equal(
      Number(find(conf, /^_PHYS_PAGES\s+(\d+)/m)) * Number(find(conf, /^PAGESIZE\s+(\d+)/m)),
      MEMORY_KIB * 1024,
    );
    const big = 'a=$(printf %20000000s); grep MemFree /proc/meminfo; :';
    const kib = async (script: string) => Number(find(await run(script), /MemFree:\s+(\d+)/));
    assert(
      (await kib('grep MemFree /proc/meminfo')) - (await kib(big)) > 15_000,
      'what bash holds is not free',
    );
    const shared =
      'head -c 8M /dev/zero > /dev/shm/x; grep Shmem: /proc/meminfo; rm /dev/shm/x; grep Shmem: /proc/meminfo';
    const [during = 0, later = 0] = table(await run(shared)).map(([, amount]) => Number(amount));
    assert.equal(during - later, 8192);
  });

  it('pmap adds up to the size of the process', { timeout: LIMIT_MS }, async () => {
    const text = await run(started('sleep 0.1; pmap -x $A; grep -E "^Vm(Size|RSS)" /proc/$A/status'));
    const [size, rss] = find(text, /^total kB\s+(\d+\s+\d+)/m).split(/\s+/);
    assert.equal(size, find(text, /^VmSize:\s+(\d+)/m));
    assert.equal(rss, find(text, /^VmRSS:\s+(\d+)/m));
  });

  it('processors are the sandbox’s', { timeout: LIMIT_MS }, async () => {
    const text = await run(
      'nproc; getconf _NPROCESSORS_ONLN; lscpu; cat /sys/devices/system/cpu/online; numactl -H; lstopo-no-graphics --no-io',
    );
    assert.match(text, /^2\n2\n/);
    assert.match(text, /^CPU\(s\):\s+2$/m);
    assert.match(text, /^Core\(s\) per socket:\s+2$/m);
    assert.match(text, /^NUMA node0 CPU\(s\):\s+0,1$/m);
    assert.match(text, /^0-1$/m);
    assert.match(text, /^node 0 cpus: 0 1$/m);
    assert.match(text, /^node 0 size: 512 MB$/m);
    assert.equal(text.match(/PU L#/g)?.length, CPUS);
    assert.match(text, /NUMANode L#0 \(P#0 512MB\)/);
    const cpuinfo = await run('cat /proc/cpuinfo');
    assert.equal(cpuinfo.match(/^processor/gm)?.length, CPUS);
    assert.equal(find(text, /^Model name:\s+(.*)$/m), find(cpuinfo, /^model name\s+: (.*)$/m));
  });

  it('memory is in blocks, and belongs to the node', { timeout: LIMIT_MS }, async () => {
    const text = await run('lsmem -b -o SIZE,STATE,NODE');
    assert.equal(Number(find(text, /^Total online memory:\s+(\d+)/m)), MEMORY_KIB * 1024);
    assert.match(text, /^536870912 online\s+0$/m);
  });

  it('the clock interrupts, and who waits for the processor is counted', { timeout: LIMIT_MS }, async () => {
    const count = 'for ((i = 0; i < 3000; i++)); do :; done';
    const text = await run(
      `(${count}) & (${count}) & ${count}; wait; sleep 0.01; cat /proc/interrupts /proc/softirqs /proc/pressure/cpu /proc/schedstat; grep -E "intr|softirq" /proc/stat; cut -d" " -f2 /proc/$$/schedstat; cat /sys/fs/cgroup/cpu.stat`.replace(
        ' /proc/schedstat;',
        ';',
      ),
    );
    const timer = Number(find(text, /^LOC:\s+(\d+)\s+0 /m));
    assert(timer > 0 && Number(find(text, /^intr (\d+)/m)) >= timer);
    const fired = Number(find(text, /^\s+HRTIMER:\s+(\d+)\s+0$/m));
    assert(fired > 0 && Number(find(text, /^softirq (\d+)/m)) >= fired);
    const waited = Number(find(text, /^some .* total=(\d+)$/m));
    assert(waited > 0 && Number(find(text, /^(\d{4,})$/m)) > 0);
    const usage = Number(find(text, /^usage_usec (\d+)/m));
    assert(waited < usage + 1e6);
    assert.equal(Number(find(text, /^user_usec (\d+)/m)) + Number(find(text, /^system_usec (\d+)/m)), usage);
  });

  it('what goes over the loopback is counted the same everywhere', { timeout: LIMIT_MS }, async () => {
    const program = `
import os, socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('127.0.0.1', 0))
c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(3): c.sendto(b'x' * 100, u.getsockname())
l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen()
t = socket.create_connection(l.getsockname()); a, _ = l.accept(); t.sendall(b'y' * 1000)
os.system('ip -s link show lo; cat /proc/net/dev /sys/class/net/lo/statistics/[rt]x_bytes; ss -s; netstat -s; nstat -a')
`;
    const { stdoutText, stderrText } = await sandbox.exec(['python3', '-c', program], { timeout: LIMIT_MS });
    const bytes = Number(find(stdoutText, /^\s+lo:\s+(\d+)/m));
    assert(bytes >= 3 * 128 + 1052, stdoutText + stderrText);
    assert.equal(Number(find(stdoutText, /RX:.*\n\s+(\d+)/)), bytes);
    assert.deepEqual(stdoutText.match(/^\d+$/gm)?.map(Number), [bytes, bytes]);
    assert.match(stdoutText, /^TCP: +3 \(estab 2,/m);
    assert.match(stdoutText, /^ +2 connections established$/m);
    assert(Number(find(stdoutText, /^UdpInDatagrams\s+(\d+)/m)) >= 3);
  });

  it('top, uptime and w tell the same time and load', { timeout: LIMIT_MS }, async () => {
    const text = await run(started('top -b -n 1; uptime; w; cat /proc/loadavg'));
    assert.match(text, /^top - \d\d:\d\d:\d\d up/m);
    assert.match(text, /^MiB Mem :\s+512\.0 total/m);
    assert.match(text, /\d+ root .* sleep$/m);
    const loads = [...text.matchAll(/load average: ([\d., ]+)$/gm)].map(([, load]) => load);
    assert.equal(loads.length, 3);
    assert(Number(find(text, /^([\d.]+) [\d.]+ [\d.]+ \d+\/\d+ \d+$/m)) < 10);
    assert.match(await run('uptime -s'), /^20\d\d-/);
  });

  it('vmstat and slabtop read what there is', { timeout: LIMIT_MS }, async () => {
    assert.equal(table(await run('vmstat')).at(-1)?.length, 17);
    await run('vmstat -d; vmstat -m; vmstat -f; slabtop -o > /dev/null');
  });

  it('processes are found, shown as a tree, and killed by name', { timeout: LIMIT_MS }, async () => {
    const script =
      'sleep 1000 & A=$!; echo $A $(pgrep -x sleep) $(pidof sleep); pstree -p $$; pkill -x sleep; wait; pgrep sleep; echo $?; sleep 1000 & sleep 0.3; killall sleep; wait $!; echo $?';
    const text = await run(script);
    const [first = [], ...rest] = table(text);
    assert.equal(new Set(first).size, 1);
    assert.match(
      rest.map((words) => words.join(' ')).join('\n'),
      new RegExp(`bash\\(\\d+\\)-\\+-.*sleep\\(${first[0]}\\)`, 's'),
    );
    assert.deepEqual(rest.slice(-2), [['1'], ['143']]);
  });

  it('fuser and lsof see open files', { timeout: LIMIT_MS }, async () => {
    const script =
      'echo x > /tmp/open; sleep 1000 < /tmp/open & A=$!; sleep 0.2; echo $A; fuser /tmp/open 2>&1; lsof -p $A; lsof -t /tmp/open; ls -l /proc/$A/fd/0; kill $A';
    const text = await run(script);
    const pid = find(text, /^(\d+)\n/);
    assert.match(text, new RegExp(`^/tmp/open:\\s+${pid}$`, 'm'));
    assert.match(text, new RegExp(`^sleep\\s+${pid} root\\s+0r\\s+REG .* /tmp/open$`, 'm'));
    assert.match(text, new RegExp(`^sleep\\s+${pid} root\\s+txt\\s+REG .*/sleep$`, 'm'));
    assert.match(text, new RegExp(`^${pid}$`, 'm'));
    assert.match(text, /-> \/tmp\/open$/m);
  });

  it('findmnt shows the mounts', { timeout: LIMIT_MS }, async () => {
    const text = await run('findmnt -rn -o TARGET,FSTYPE | sort; echo; cut -d" " -f2,3 /proc/mounts | sort');
    const [found, mounts] = text.split('\n\n');
    assert.equal(found?.trim(), mounts?.trim());
    assert.match(text, /^\/proc proc$/m);
  });

  it('psutil agrees with itself', { timeout: LIMIT_MS }, async () => {
    const program = `
import os, psutil, subprocess
child = subprocess.Popen(['sleep', '1000'])
p, me = psutil.Process(child.pid), psutil.Process()
while p.name() != 'sleep': pass
assert psutil.cpu_count() == 2 and psutil.virtual_memory().total == ${MEMORY_KIB * 1024}
assert p.ppid() == os.getpid() and p.cmdline() == ['sleep', '1000'], p.cmdline()
assert child.pid in psutil.pids() and me.children() == [p]
assert os.path.basename(p.exe()) == 'sleep' and p.status() == 'sleeping' and p.username() == 'root'
assert p.memory_info().rss == sum(m.rss for m in p.memory_maps()), (p.memory_info(), p.memory_maps())
f = open('/etc/passwd')
assert [o.path for o in me.open_files()] == ['/etc/passwd'] and me.num_fds() >= 4
assert me.environ() == dict(os.environ) and me.num_threads() == 1
assert 'lo' in psutil.net_io_counters(pernic=True) and psutil.net_connections() == []
assert psutil.boot_time() <= p.create_time() + 1 and psutil.swap_memory().total == 0
assert len(psutil.cpu_times(percpu=True)) == 2 and psutil.disk_partitions(all=True)
me.io_counters(); me.num_ctx_switches(); me.cpu_affinity(); me.memory_full_info(); me.uids(); me.threads(); psutil.getloadavg(); psutil.users(); psutil.disk_io_counters()
child.kill(); child.wait()
assert not psutil.pid_exists(child.pid)
print('agreed')
`;
    const { stdoutText, stderrText } = await sandbox.exec(['python3', '-c', program], { timeout: LIMIT_MS });
    assert.equal(stdoutText, 'agreed\n', stderrText);
  });

  it('htop draws in a terminal and leaves at q', { timeout: LIMIT_MS }, async () => {
    const htop = await sandbox.spawn(['htop'], { terminal: { columns: 100, rows: 30 }, timeout: LIMIT_MS });
    let seen = '';
    let quitting = false;
    for await (const chunk of htop.stdout) {
      seen += new TextDecoder().decode(chunk);
      if (quitting || !seen.includes('Uptime') || !/PID/.test(seen)) continue;
      quitting = true;
      await htop.stdin.getWriter().write(new TextEncoder().encode('q'));
    }
    assert.deepEqual(await htop.exit, { status: 0, signal: 0 });
  });

  it('reading everything while processes come and go harms nothing', { timeout: LIMIT_MS }, async () => {
    await hammer(sandbox, 2);
  });

  it('stress-ng finds nothing to break', { timeout: LIMIT_MS }, async () => {
    for (const stressor of ['procfs', 'sysfs'] as const) {
      const { operations } = await stressNg(sandbox, stressor, 2, Number(process.env['CULM_SEED'] ?? '1'));
      assert(operations > 0);
    }
  });

  it('nothing of the host is seen', { timeout: LIMIT_MS }, async () => {
    const files =
      '$(find /proc /sys -maxdepth 7 -type f -readable ! -path "/proc/[0-9]*" ! -path "/proc/*self*")';
    const text = await run(`cat ${files} /proc/self/{mountinfo,status,maps,cgroup,environ} 2>/dev/null; :`);
    assert(text.length > 8_000);
    for (const secret of [os.release(), os.cpus()[0]?.model ?? 'no model', process.cwd()])
      assert(!text.includes(secret), `${secret} is seen`);
    assert(Number(find(await run('cat /proc/uptime'), /^([\d.]+)/)) < os.uptime() + 1);
    assert(!text.includes(`\n${process.pid}\n`));
  });
});
