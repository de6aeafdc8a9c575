/* Clocks, sleeping, timers, limits of processor time. */
#include "check.h"
#include <sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>

static double now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void spin(double seconds) {
  for (double end = now(CLOCK_MONOTONIC) + seconds; now(CLOCK_MONOTONIC) < end;)
    for (volatile int i = 0; i < 1000; i++);
}

/* Until the timers have fired so often; ten seconds at most, whatever else the machine does. */
static void spin_until(volatile int *count, int wanted) {
  for (double end = now(CLOCK_MONOTONIC) + 10; *count < wanted && now(CLOCK_MONOTONIC) < end;)
    for (volatile int i = 0; i < 1000; i++);
}

static void reading(void) {
  static const clockid_t clocks[] = {0, 1, 2, 3, 4, 5, 6, 7, 11};
  struct timespec t, r;
  for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
    int read = clock_gettime(clocks[i], &t), res = clock_getres(clocks[i], &r);
    printf("clock %d: %d %d, sane %d, coarse %d\n", clocks[i], read, res, t.tv_nsec >= 0 && t.tv_nsec < 1000000000,
           r.tv_sec == 0 && r.tv_nsec > 1);
  }
  FAILS(clock_gettime(99, &t));
  FAILS(clock_getres(-77, &t));
  FAILS(syscall(SYS_clock_gettime, 0, 8));
  double a = now(CLOCK_MONOTONIC), b = now(CLOCK_MONOTONIC);
  HOLDS(b >= a);
  HOLDS(now(CLOCK_REALTIME) > 1.7e9);
  struct timeval tv;
  gettimeofday(&tv, 0);
  HOLDS(tv.tv_usec < 1000000 && now(CLOCK_REALTIME) - tv.tv_sec < 2);
  HOLDS(time(0) - tv.tv_sec < 2);
  clockid_t own;
  HOLDS(clock_getcpuclockid(0, &own) == 0 && clock_gettime(own, &t) == 0);
  HOLDS(times(&(struct tms){0}) > 0);
}

static void sleeping(void) {
  struct timespec little = {0, 30000000}, bad = {0, 1000000000}, negative = {-1, 0}, until;
  double start = now(CLOCK_MONOTONIC);
  SHOW(nanosleep(&little, 0));
  double took = now(CLOCK_MONOTONIC) - start;
  HOLDS(took >= 0.03 && took < 1);
  FAILS(nanosleep(&bad, 0));
  FAILS(nanosleep(&negative, 0));
  FAILS(nanosleep((void *)8, 0));
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 20000000;
  if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
  SHOW(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, 0));
  HOLDS(now(CLOCK_REALTIME) >= until.tv_sec + until.tv_nsec / 1e9);
  SHOW(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &little, 0));
  SHOW(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &little, 0));
  SHOW(clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, 0));
  start = now(CLOCK_MONOTONIC);
  SHOW(poll(0, 0, 20));
  HOLDS(now(CLOCK_MONOTONIC) - start >= 0.02);
  struct timeval tv = {0, 20000};
  SHOW(select(0, 0, 0, 0, &tv));
  printf("left %d %d\n", (int)tv.tv_sec, (int)tv.tv_usec);
  SHOW(pselect(0, 0, 0, 0, &little, 0));
  FAILS(select(-1, 0, 0, 0, &tv));
  FAILS(ppoll(0, 0, &bad, 0));
}

static volatile int fired, value, overrun;
static timer_t timer;

static void on_timer(int signal, siginfo_t *info, void *context) {
  (void)signal;
  (void)context;
  fired++;
  value = info->si_value.sival_int;
  if (info->si_code == SI_TIMER) overrun += timer_getoverrun(timer);
}

static void wait_for(int count) {
  for (double end = now(CLOCK_MONOTONIC) + 5; fired < count && now(CLOCK_MONOTONIC) < end;) pause();
}

static void intervals(void) {
  struct sigaction action = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO};
  sigaction(SIGALRM, &action, 0);
  sigaction(SIGVTALRM, &action, 0);
  sigaction(SIGPROF, &action, 0);
  struct itimerval every = {{0, 10000}, {0, 10000}}, off = {0}, old, bad = {{0, 0}, {0, 1000000}};
  SHOW(setitimer(ITIMER_REAL, &every, 0));
  wait_for(3);
  SHOW(setitimer(ITIMER_REAL, &off, &old));
  HOLDS(old.it_interval.tv_usec == 10000 && old.it_value.tv_usec > 0 && old.it_value.tv_usec <= 10000);
  HOLDS(fired >= 3);
  FAILS(setitimer(ITIMER_REAL, &bad, 0));
  FAILS(setitimer(7, &every, 0));
  FAILS(getitimer(ITIMER_REAL, (void *)8));
  SHOW(alarm(100));
  SHOW(alarm(0));
  fired = 0;
  SHOW(setitimer(ITIMER_VIRTUAL, &every, 0));
  SHOW(setitimer(ITIMER_PROF, &every, 0));
  spin_until(&fired, 4);
  HOLDS(fired >= 4);
  setitimer(ITIMER_VIRTUAL, &off, 0);
  setitimer(ITIMER_PROF, &off, 0);
}

static void posix_timers(void) {
  struct sigaction action = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO};
  sigaction(SIGRTMIN, &action, 0);
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 55};
  struct itimerspec every = {{0, 5000000}, {0, 5000000}}, left, off = {0};
  SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));
  SHOW(timer_settime(timer, 0, &every, &left));
  printf("was %d %d\n", (int)left.it_value.tv_sec, (int)left.it_value.tv_nsec);
  fired = 0;
  wait_for(2);
  HOLDS(fired >= 2);
  printf("value %d\n", value);
  SHOW(timer_gettime(timer, &left));
  HOLDS(left.it_interval.tv_nsec == 5000000 && left.it_value.tv_nsec > 0);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, 0);
  overrun = 0;
  for (int i = 0; i < 3; i++) {
    spin(0.03);
    sched_yield();
  }
  sigprocmask(SIG_UNBLOCK, &set, 0);
  HOLDS(overrun >= 1);
  SHOW(timer_settime(timer, 0, &off, 0));
  SHOW(timer_gettime(timer, &left));
  printf("off %d %d\n", (int)left.it_value.tv_sec, (int)left.it_value.tv_nsec);
  SHOW(timer_delete(timer));
  event.sigev_signo = 99;
  FAILS(timer_create(CLOCK_MONOTONIC, &event, &timer));
  FAILS(timer_create(99, 0, &timer));
  FAILS(syscall(SYS_timer_settime, 1234, 0, &every, 0));
  FAILS(syscall(SYS_timer_delete, 1234));
  event.sigev_signo = SIGRTMIN;
  SHOW(timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer));
  SHOW(timer_settime(timer, 0, &every, 0));
  fired = 0;
  spin_until(&fired, 2);
  HOLDS(fired >= 2);
  SHOW(timer_delete(timer));
}

static void usage(void) {
  struct rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  double cpu = now(CLOCK_PROCESS_CPUTIME_ID);
  while (now(CLOCK_PROCESS_CPUTIME_ID) - cpu < 0.05) {}
  getrusage(RUSAGE_SELF, &after);
  double user = after.ru_utime.tv_sec - before.ru_utime.tv_sec + (after.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1e6 +
                after.ru_stime.tv_sec - before.ru_stime.tv_sec + (after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1e6;
  HOLDS(user > 0.02);
  HOLDS(after.ru_maxrss > 100);
  FAILS(getrusage(9, &after));
  FAILS(getrusage(RUSAGE_SELF, (void *)8));
  struct sysinfo info;
  SHOW(sysinfo(&info));
  HOLDS(info.totalram > 1 << 20 && info.procs > 0 && info.uptime >= 0 && info.mem_unit >= 1);
}

/* SIGXCPU, then SIGKILL. */
static void processor_limit(void) {
  fflush(stdout);
  pid_t pid = fork();
  int status;
  if (pid == 0) {
    struct rlimit one = {1, 1};
    setrlimit(RLIMIT_CPU, &one);
    signal(SIGXCPU, SIG_IGN);
    for (;;);
  }
  waitpid(pid, &status, 0);
  printf("over the limit: %d\n", WTERMSIG(status));
}

static volatile int ticks;

static void on_tick(int signal) { ticks++; }

/* A time that is over has come at once, whatever the program does. */
static void past(void) {
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  struct itimerspec before = {.it_value = {1, 0}};
  signal(SIGUSR1, on_tick);
  timer_create(CLOCK_REALTIME, &event, &timer);
  ticks = 0;
  timer_settime(timer, TIMER_ABSTIME, &before, NULL);
  printf("long ago: %d\n", ticks);
  timer_delete(timer);
  timer_create(CLOCK_MONOTONIC, &event, &timer);
  clock_gettime(CLOCK_MONOTONIC, &before.it_value);
  before.it_value.tv_sec -= 1;
  before.it_interval.tv_nsec = 300000000;
  ticks = 0;
  timer_settime(timer, TIMER_ABSTIME, &before, NULL);
  printf("a second ago: %d, overrun %d\n", ticks, timer_getoverrun(timer));
  timer_delete(timer);
}

/* Ticks of processor time: no more than there was time for; what was missed is counted. */
static void virtual_ticks(void) {
  struct itimerval every = {{0, 5000}, {0, 5000}}, off = {0};
  signal(SIGVTALRM, on_tick);
  signal(SIGPROF, on_tick);
  for (int which = ITIMER_VIRTUAL; which <= ITIMER_PROF; which++) {
    ticks = 0;
    setitimer(which, &every, NULL);
    clock_t end = clock() + CLOCKS_PER_SEC / 4;
    while (clock() < end)
      for (volatile int i = 0; i < 20000; i++)
        ;
    setitimer(which, &off, NULL);
    printf("%d: ticks, and not too many: %d\n", which, ticks >= 1 && ticks <= 60);
  }
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  struct itimerspec often = {{0, 100000}, {0, 100000}};
  sigset_t set;
  siginfo_t info;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer);
  timer_settime(timer, 0, &often, NULL);
  clock_t end = clock() + CLOCKS_PER_SEC / 10;
  while (clock() < end)
    for (volatile int i = 0; i < 20000; i++)
      ;
  sigwaitinfo(&set, &info);
  HOLDS(info.si_overrun > 300);
  timer_delete(timer);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int main(void) {
  reading();
  sleeping();
  intervals();
  posix_timers();
  past();
  virtual_ticks();
  usage();
  processor_limit();
  return 0;
}
