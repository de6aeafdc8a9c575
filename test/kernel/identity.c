/* Who a process is: user and group ids, capabilities' effect, names, limits. Run as root. */
#include "check.h"
#include <grp.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

static void ids(const char *name) {
  uid_t r, e, s;
  gid_t rg, eg, sg;
  getresuid(&r, &e, &s);
  getresgid(&rg, &eg, &sg);
  printf("%s: uid %d %d %d fs %d gid %d %d %d fs %d\n", name, r, e, s, setfsuid(-1), rg, eg, sg, setfsgid(-1));
}

/* Runs a test in a child, since there is no way back. */
static void apart(const char *name, void (*test)(void)) {
  printf("-- %s\n", name);
  fflush(stdout);
  if (fork() == 0) {
    test();
    fflush(stdout);
    _exit(0);
  }
  wait(0);
}

static void sets_all(void) {
  SHOW(setuid(1000));
  ids("setuid");
  FAILS(setuid(0));
  FAILS(setresuid(0, -1, -1));
  SHOW(setresuid(-1, 1000, -1));
  FAILS(setgid(5));
  FAILS(setgroups(0, 0));
}

static void sets_effective(void) {
  SHOW(seteuid(1000));
  ids("seteuid");
  FAILS(setuid(55));
  SHOW(seteuid(0));
  ids("back");
  SHOW(setreuid(7, 8));
  ids("setreuid");
  FAILS(setreuid(0, -1));
  SHOW(setreuid(8, 7));
  ids("swapped");
}

static void sets_three(void) {
  SHOW(setresgid(1, 2, 3));
  SHOW(setresuid(1, 2, 3));
  ids("three");
  SHOW(setresuid(2, 3, 1));
  ids("turned");
  FAILS(setresuid(4, -1, -1));
  FAILS(setresgid(1, 9, 1));
  SHOW(setuid(1));
  ids("setuid");
}

static void sets_filesystem(void) {
  SHOW(setfsuid(5));
  SHOW(setfsuid(6));
  ids("fsuid");
  SHOW(setuid(5));
  SHOW(setfsuid(77));
  SHOW(setfsuid(5));
  ids("then");
}

static void sets_groups(void) {
  gid_t list[] = {30, 10, 20}, got[10];
  SHOW(setgroups(3, list));
  SHOW(getgroups(0, 0));
  SHOW(getgroups(10, got));
  printf("%d %d %d\n", got[0], got[1], got[2]);
  FAILS(getgroups(2, got));
  FAILS(getgroups(-1, got));
  FAILS(syscall(SYS_getgroups, 10, 8));
}

static void keeps(void) {
  SHOW(prctl(PR_SET_KEEPCAPS, 1));
  SHOW(prctl(PR_GET_KEEPCAPS));
  FAILS(prctl(PR_SET_KEEPCAPS, 2));
  SHOW(setuid(1000));
  SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  FAILS(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

static void names(void) {
  char name[20] = {0};
  SHOW(prctl(PR_SET_NAME, "a name that is too long"));
  SHOW(prctl(PR_GET_NAME, name));
  puts(name);
  SHOW(prctl(PR_SET_PDEATHSIG, 15));
  int signal = 0;
  SHOW(prctl(PR_GET_PDEATHSIG, &signal));
  printf("%d\n", signal);
  FAILS(prctl(PR_SET_PDEATHSIG, 99));
  SHOW(prctl(PR_GET_DUMPABLE));
  SHOW(prctl(PR_SET_DUMPABLE, 0));
  SHOW(prctl(PR_GET_DUMPABLE));
  FAILS(prctl(PR_SET_DUMPABLE, 5));
  FAILS(prctl(9999));
  struct utsname system;
  SHOW(uname(&system));
  printf("%s %s\n", system.sysname, system.machine);
  FAILS(uname((void *)8));
  SHOW(syscall(SYS_personality, 0xffffffff));
}

static void limits(void) {
  struct rlimit limit, bad = {10, 5};
  SHOW(getrlimit(RLIMIT_STACK, &limit));
  printf("%ld\n", (long)limit.rlim_cur);
  limit.rlim_cur = 100, limit.rlim_max = 200;
  SHOW(setrlimit(RLIMIT_NOFILE, &limit));
  SHOW(getrlimit(RLIMIT_NOFILE, &limit));
  printf("%ld %ld\n", (long)limit.rlim_cur, (long)limit.rlim_max);
  FAILS(setrlimit(RLIMIT_NOFILE, &bad));
  FAILS(getrlimit(99, &limit));
  FAILS(getrlimit(RLIMIT_STACK, (void *)8));
  FAILS(prlimit(99999, RLIMIT_CORE, 0, &limit));
  limit.rlim_cur = 5;
  SHOW(setrlimit(RLIMIT_NOFILE, &limit));
  int last = 0;
  while (dup(0) >= 0) last++;
  printf("dup: %s\n", strerrorname_np(errno));
  FAILS(dup2(0, 5));
}

static void scheduling(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  HOLDS(sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) >= 1);
  HOLDS(sched_setaffinity(0, sizeof set, &set) == 0);
  CPU_ZERO(&set);
  FAILS(sched_setaffinity(0, sizeof set, &set));
  FAILS(sched_getaffinity(99999, sizeof set, &set));
  FAILS(syscall(SYS_sched_getaffinity, 0, 3, &set));
  SHOW(sched_getscheduler(0));
  SHOW(sched_get_priority_max(SCHED_FIFO));
  SHOW(sched_get_priority_min(SCHED_RR));
  FAILS(sched_get_priority_max(77));
  struct sched_param param = {.sched_priority = 5};
  FAILS(sched_setscheduler(0, SCHED_OTHER, &param));
  param.sched_priority = 0;
  SHOW(sched_setscheduler(0, SCHED_BATCH, &param));
  SHOW(sched_getscheduler(0));
  FAILS(sched_setscheduler(0, SCHED_FIFO, &param));
  SHOW(sched_yield());
  /* The tests themselves may be run by nice. */
  setpriority(PRIO_PROCESS, 0, 0);
  SHOW(getpriority(PRIO_PROCESS, 0));
  SHOW(setpriority(PRIO_PROCESS, 0, 5));
  SHOW(getpriority(PRIO_PROCESS, 0));
  SHOW(nice(3));
  FAILS(getpriority(9, 0));
  FAILS(getpriority(PRIO_PROCESS, 99999));
}

int main(void) {
  apart("all", sets_all);
  apart("effective", sets_effective);
  apart("three", sets_three);
  apart("filesystem", sets_filesystem);
  apart("groups", sets_groups);
  apart("keeps", keeps);
  apart("names", names);
  apart("limits", limits);
  apart("scheduling", scheduling);
  return 0;
}
