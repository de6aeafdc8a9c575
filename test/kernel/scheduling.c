/* Scheduling, restartable sequences, membarrier. */
#include "check.h"
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec * 1e-9;
}

static long processor_time(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static volatile long *shared;

/* Two children that do nothing but take processor time, on one processor, after `prepare`, until they have had so many
 * microseconds together; what each has got of them. However slow or busy the host is, the shares are the same. */
static void race(void (*prepare)(int), long together) {
  shared[0] = shared[1] = shared[2] = 0;
  for (int i = 0; i < 2; i++) {
    if (fork() != 0) continue;
    prepare(i);
    __atomic_add_fetch(&shared[2], 1, __ATOMIC_SEQ_CST);
    while (shared[2] < 2) sched_yield();
    long before = processor_time();
    do shared[i] = processor_time() - before;
    while (shared[0] + shared[1] < together);
    _exit(0);
  }
  while (wait(NULL) > 0) {}
}

static void one_processor(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  sched_setaffinity(0, sizeof set, &set);
}

static void equal(int i) {}
static void nicer(int i) {
  if (i == 0) nice(10);
}
static void idler(int i) {
  struct sched_param none = {0};
  if (i == 0) sched_setscheduler(0, SCHED_IDLE, &none);
}

static void shares(void) {
  puts("-- shares");
  race(equal, 300000);
  HOLDS(shared[0] * 3 > shared[1] && shared[1] * 3 > shared[0]);
  race(nicer, 300000);
  HOLDS(shared[0] > 0 && shared[1] > 3 * shared[0]);
  race(idler, 300000);
  HOLDS(shared[1] > 5 * shared[0]);
}

/* Somebody who sleeps is soon on turn though three others never rest. */
static void interactive(void) {
  puts("-- one that wakes up");
  pid_t spinners[3];
  for (int i = 0; i < 3; i++)
    if ((spinners[i] = fork()) == 0)
      for (;;) {}
  double best = 1;
  for (int i = 0; i < 10; i++) {
    struct timespec time = {0, 10000000};
    double before = now();
    nanosleep(&time, NULL);
    double late = now() - before - 0.01;
    if (late < best) best = late;
  }
  for (int i = 0; i < 3; i++) kill(spinners[i], SIGKILL);
  while (wait(NULL) > 0) {}
  HOLDS(best < 0.02);
}

static void *report(void *arg) {
  struct sched_param param;
  int policy;
  pthread_getschedparam(pthread_self(), &policy, &param);
  printf("thread: policy %d priority %d nice %d\n", policy, param.sched_priority, getpriority(PRIO_PROCESS, 0));
  setpriority(PRIO_PROCESS, 0, 7);
  return NULL;
}

static void attributes(void) {
  puts("-- attributes");
  pthread_t thread;
  errno = 0;
  setpriority(PRIO_PROCESS, 0, 5);
  pthread_create(&thread, NULL, report, NULL);
  pthread_join(thread, NULL);
  printf("mine: %d\n", getpriority(PRIO_PROCESS, 0));
  SHOW(sched_getscheduler(0));
  struct sched_param param = {0};
  SHOW(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &param));
  SHOW(sched_getscheduler(0));
  fflush(stdout);
  if (fork() == 0) _exit(sched_getscheduler(0) + 10 * getpriority(PRIO_PROCESS, 0));
  int status;
  wait(&status);
  printf("child: %d\n", WEXITSTATUS(status));
  param.sched_priority = 1;
  FAILS(sched_setscheduler(0, SCHED_OTHER, &param));
  FAILS(sched_setscheduler(0, 77, &param));
  param.sched_priority = 100;
  FAILS(sched_setscheduler(0, SCHED_RR, &param));
  FAILS(sched_setscheduler(-1, SCHED_RR, &param));
  FAILS(sched_setscheduler(999999, SCHED_OTHER, &param));
  SHOW(sched_yield());
}

#define SIGNATURE 0x53053053
static struct rseq *area(void) { return (void *)((char *)__builtin_thread_pointer() + __rseq_offset); }

/* Waits in a restartable sequence for `flag`: 0 when that was set, 1 when the sequence was aborted. */
static int in_sequence(volatile int *flag) {
  int aborted;
  asm volatile(
      ".pushsection __rseq_cs, \"aw\"\n.balign 32\n3: .long 0, 0\n.quad 1f, (2f - 1f), 4f\n.popsection\n"
      "leaq 3b(%%rip), %%rax\n"
      "movq %%rax, %[cs]\n"
      "1: cmpl $0, (%[flag])\n"
      "je 1b\n"
      "2: xorl %[aborted], %[aborted]\n"
      "jmp 5f\n"
      ".byte 0x0f, 0xb9, 0x3d\n.long 0x53053053\n"
      "4: movl $1, %[aborted]\n"
      "5:\n"
      : [aborted] "=&r"(aborted), [cs] "=m"(area()->rseq_cs)
      : [flag] "r"(flag)
      : "rax", "memory", "cc");
  return aborted;
}

static volatile int flag;
static void set_flag(int signo) { flag = 1; }

static void sequences(void) {
  puts("-- restartable sequences");
  struct rseq *mine = area();
  HOLDS(__rseq_size >= 20 && mine->cpu_id_start == mine->cpu_id && (int)mine->cpu_id >= 0);
  HOLDS(sched_getcpu() == (int)mine->cpu_id);
  flag = 1;
  SHOW(in_sequence(&flag));
  HOLDS(mine->rseq_cs != 0);
  flag = 0;
  signal(SIGALRM, set_flag);
  struct itimerval timer = {.it_value = {0, 20000}};
  setitimer(ITIMER_REAL, &timer, NULL);
  SHOW(in_sequence(&flag));
  HOLDS(mine->rseq_cs == 0);
  volatile int *both = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0)
    for (;;) {}
  SHOW(in_sequence(both));
  kill(child, SIGKILL);
  wait(NULL);
  alarm(60);
  FAILS(syscall(SYS_rseq, mine, 32, 0, SIGNATURE));
  FAILS(syscall(SYS_rseq, mine, 32, 0, 1));
  FAILS(syscall(SYS_rseq, mine, 32, 2, SIGNATURE));
  FAILS(syscall(SYS_rseq, (char *)mine + 32, 32, 0, SIGNATURE));
  FAILS(syscall(SYS_rseq, mine, 32, 1, 1));
  FAILS(syscall(SYS_rseq, (char *)mine + 32, 32, 1, SIGNATURE));
  SHOW(syscall(SYS_rseq, mine, 32, 1, SIGNATURE));
  SHOW((int)mine->cpu_id);
  FAILS(syscall(SYS_rseq, mine, 32, 1, SIGNATURE));
  FAILS(syscall(SYS_rseq, (char *)mine + 4, 32, 0, SIGNATURE));
  FAILS(syscall(SYS_rseq, mine, 31, 0, SIGNATURE));
  SHOW(syscall(SYS_rseq, mine, 32, 0, SIGNATURE));
  if (fork() == 0) {
    mine->rseq_cs = 8;
    raise(SIGALRM);
    for (;;) getppid();
  }
  int status;
  signal(SIGALRM, SIG_DFL);
  wait(&status);
  printf("a bad descriptor: %s\n", sigabbrev_np(WTERMSIG(status)));
}

static long membarrier(int command, int flags) { return syscall(SYS_membarrier, command, flags, 0); }

static void barriers(void) {
  puts("-- membarrier");
  HOLDS((membarrier(MEMBARRIER_CMD_QUERY, 0) & 0x1ff) == 0x1ff);
  FAILS(membarrier(MEMBARRIER_CMD_QUERY, 1));
  FAILS(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0));
  SHOW(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0));
  SHOW(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0));
  FAILS(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0));
  SHOW(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0));
  SHOW(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0));
  FAILS(membarrier(128, 0));
  SHOW(membarrier(256, 0));
  SHOW(membarrier(128, 0));
  SHOW(membarrier(128, 1));
  SHOW(membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0));
  SHOW(membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0));
  FAILS(membarrier(1 << 20, 0));
  FAILS(membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 1));
}

#define BE(level) (2 << 13 | (level))
#define ioprio_set(which, who, priority) syscall(SYS_ioprio_set, which, who, priority)
#define ioprio_get(which, who) syscall(SYS_ioprio_get, which, who)

static void io_priorities(void) {
  SHOW(ioprio_get(1, 0));
  SHOW(ioprio_set(1, 0, BE(3)));
  SHOW(ioprio_get(1, 0));
  CHILD(SHOW(ioprio_get(1, 0)); SHOW(ioprio_get(1, getppid())));
  SHOW(ioprio_set(1, 0, 3 << 13 | 7));
  SHOW(ioprio_get(1, 0));
  FAILS(ioprio_set(1, 0, 4));
  FAILS(ioprio_set(1, 0, 4 << 13));
  FAILS(ioprio_set(9, 0, BE(1)));
  FAILS(ioprio_get(0, 0));
  FAILS(ioprio_get(1, 0x7ffffff0));
  FAILS(ioprio_set(2, 0x7ffffff0, BE(1)));
  SHOW(ioprio_set(1, 0, BE(1 << 3 | 2)));
  SHOW(ioprio_get(1, 0));
  CHILD(setpgid(0, 0); ioprio_set(1, 0, 0); setpriority(PRIO_PROCESS, 0, 5); SHOW(ioprio_get(1, 0)); SHOW(ioprio_get(2, 0));
        SHOW(ioprio_set(2, 0, BE(1))); SHOW(ioprio_get(2, getpgrp())));
  CHILD(setuid(54321); FAILS(ioprio_set(1, getppid(), BE(0))); FAILS(ioprio_set(1, 0, 1 << 13)); SHOW(ioprio_set(3, 54321, BE(6)));
        SHOW(ioprio_get(3, 0)); FAILS(ioprio_get(3, 54322)));
}

int main(void) {
  alarm(60);
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  one_processor();
  shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  sequences();
  barriers();
  shares();
  interactive();
  attributes();
  io_priorities();
  return 0;
}
