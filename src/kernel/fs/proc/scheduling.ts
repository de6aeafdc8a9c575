/** /proc/<pid>/{sched,schedstat,stack,syscall,timers,timerslack_ns,wchan}: how threads run and what they wait for. */
import { EINVAL, EPERM } from '../../errno.js';
import type { Errno } from '../../errno.js';
import { file } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import type { TimerView } from './subject-process.js';
import { mayTrace } from './task.js';
import type { TaskSubject } from './task.js';
import { writtenNumber } from './text.js';

/** kernel/sched/debug.c: proc_sched_show_task, the values that there are here. */
function sched(task: TaskSubject): string {
  const { process, thread, kernel } = task;
  const head = `${thread.name} (${thread.tid}, #threads: ${process.threads().length})`;
  const ms = (value: number) => value.toFixed(6);
  const { voluntarySwitches, involuntarySwitches, policy, realtimePriority } = thread;
  const priority = realtimePriority > 0 ? 99 - realtimePriority : 120 + process.nice;
  const values: readonly (readonly [string, string | number])[] = [
    ['se.exec_start', ms(kernel.uptimeMs())],
    ['se.sum_exec_runtime', ms(thread.cpuMs)],
    ['se.nr_migrations', 0],
    ['nr_switches', voluntarySwitches + involuntarySwitches],
    ['nr_voluntary_switches', voluntarySwitches],
    ['nr_involuntary_switches', involuntarySwitches],
    ['policy', policy],
    ['prio', priority],
  ];
  const lines = values.map(([name, value]) => `${name.padEnd(45)}:${`${value}`.padStart(21)}\n`);
  return `${head}\n${'-'.repeat(67)}\n${lines.join('')}`;
}

/** Time run and time waited for a turn in ns, and how often it has run. A process shows its first thread's. */
function schedstat({ thread }: TaskSubject): string {
  const { cpuMs, waitedMs, voluntarySwitches, involuntarySwitches } = thread;
  const ns = (ms: number) => Math.floor(ms * 1e6);
  return `${ns(cpuMs)} ${ns(waitedMs)} ${voluntarySwitches + involuntarySwitches}\n`;
}

/** What Linux calls the functions in which these calls wait. */
const WAIT_CHANNELS: Readonly<Record<string, string>> = {
  wait4: 'do_wait',
  waitid: 'do_wait',
  poll: 'do_sys_poll',
  ppoll: 'do_sys_poll',
  select: 'do_select',
  pselect6: 'do_select',
  epoll_wait: 'do_epoll_wait',
  epoll_pwait: 'do_epoll_wait',
  futex: 'futex_wait_queue',
  nanosleep: 'hrtimer_nanosleep',
  clock_nanosleep: 'hrtimer_nanosleep',
  pause: 'sys_pause',
  rt_sigsuspend: 'sigsuspend',
  rt_sigtimedwait: 'do_sigtimedwait',
};

function wchan({ process, thread }: TaskSubject): string {
  const { call } = thread;
  if (call === null || !process.readable) return '0';
  return WAIT_CHANNELS[call.name] ?? `sys_${call.name}`;
}

function syscall({ thread }: TaskSubject): string {
  const { call } = thread;
  if (call === null) return 'running\n';
  const values = [...call.args, call.sp, call.pc].map((value) => `0x${value.toString(16)}`);
  return `${call.number} ${values.join(' ')}\n`;
}

const SIGEV_THREAD_ID = 4;
const NOTIFY_NAMES = ['signal', 'none', 'thread'];

function timerText(pid: number, { id, signal, value, notify, tid, clock }: TimerView): string {
  const kind = NOTIFY_NAMES[notify & ~SIGEV_THREAD_ID] ?? 'signal';
  const who = tid === null ? `pid.${pid}` : `tid.${tid}`;
  const hexValue = value.toString(16).padStart(16, '0');
  return `ID: ${id}\nsignal: ${signal}/${hexValue}\nnotify: ${kind}/${who}\nClockID: ${clock}\n`;
}

function timers({ process }: TaskSubject): string {
  return process
    .timers()
    .map((timer) => timerText(process.pid, timer))
    .join('');
}

const DEFAULT_SLACK_NS = 50_000;

/** Others' slack is for CAP_SYS_NICE alone, to see and to set. */
function maySlack({ process, kernel }: TaskSubject): 0 | Errno {
  return process.isCaller || kernel.capable(CAP_SYS_NICE) ? 0 : EPERM;
}

const CAP_SYS_NICE = 23;

function setSlack(task: TaskSubject, bytes: Uint8Array): 0 | Errno {
  const value = writtenNumber(bytes, 0, Number.MAX_SAFE_INTEGER);
  if (value === null) return EINVAL;
  task.thread.timerSlackNs = value === 0 ? DEFAULT_SLACK_NS : value;
  return 0;
}

export const schedulingRows: readonly Row<TaskSubject>[] = [
  file('sched', sched, { mode: 0o644, note: 'the counted values: run time, switches, policy and priority' }),
  file('schedstat', schedstat),
  file('stack', '', { mode: 0o400, access: mayTrace, note: 'empty: a waiting call has no kernel stack' }),
  file('syscall', syscall, { mode: 0o400, access: mayTrace }),
  file('wchan', wchan, { note: "Linux's name of the function for common calls, else the call's" }),
];

/** What only a process as a whole has. */
export const processTimerRows: readonly Row<TaskSubject>[] = [
  file('timers', timers),
  file('timerslack_ns', ({ thread }) => `${thread.timerSlackNs}\n`, {
    mode: 0o666,
    access: maySlack,
    save: setSlack,
  }),
];
