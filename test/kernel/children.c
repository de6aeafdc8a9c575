/* Processes and threads: what clone refuses, whose children are waited for, what limits their number. */
#include "check.h"
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static long raw_clone(unsigned long flags) { return syscall(SYS_clone, flags, 0, NULL, NULL, 0); }
static long clone3(struct clone_args *args, size_t size) { return syscall(SYS_clone3, args, size); }

static void refused(void) {
  puts("-- what clone refuses");
  FAILS(raw_clone(CLONE_THREAD));
  FAILS(raw_clone(CLONE_THREAD | CLONE_SIGHAND));
  FAILS(raw_clone(CLONE_SIGHAND));
  FAILS(raw_clone(CLONE_FS | CLONE_NEWNS));
  FAILS(raw_clone(CLONE_FS | CLONE_NEWUSER));
  FAILS(raw_clone(CLONE_PIDFD | CLONE_DETACHED));
  FAILS(raw_clone(CLONE_PIDFD | CLONE_PARENT_SETTID));
  struct clone_args args = {.exit_signal = 65};
  FAILS(clone3(&args, sizeof args));
  FAILS(clone3(&args, 63));
  FAILS(clone3(&args, 4097));
  FAILS(clone3(NULL, sizeof args));
  args = (struct clone_args){.flags = SIGCHLD};
  FAILS(clone3(&args, sizeof args));
  args = (struct clone_args){.flags = CLONE_DETACHED};
  FAILS(clone3(&args, sizeof args));
  args = (struct clone_args){.flags = 1ULL << 40};
  FAILS(clone3(&args, sizeof args));
  args = (struct clone_args){.stack = 4096};
  FAILS(clone3(&args, sizeof args));
  args = (struct clone_args){.stack_size = 4096};
  FAILS(clone3(&args, sizeof args));
  args = (struct clone_args){.flags = CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM};
  FAILS(clone3(&args, sizeof args));
  args = (struct clone_args){.flags = CLONE_PARENT, .exit_signal = SIGCHLD};
  FAILS(clone3(&args, sizeof args));
  args = (struct clone_args){.set_tid_size = 1};
  FAILS(clone3(&args, sizeof args));
  args = (struct clone_args){.set_tid = 8};
  FAILS(clone3(&args, sizeof args));
  args = (struct clone_args){.set_tid = 8, .set_tid_size = 33};
  FAILS(clone3(&args, sizeof args));
  args = (struct clone_args){.flags = CLONE_INTO_CGROUP, .cgroup = 999};
  FAILS(clone3(&args, sizeof args));
  FAILS(clone3(&args, 80));
  char larger[128] = {0};
  larger[100] = 1;
  FAILS(clone3((void *)larger, sizeof larger));
  FAILS(unshare(1));
  SHOW(unshare(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM));
}

static void handler(int signo) {}

static void clear_sighand(void) {
  puts("-- CLONE_CLEAR_SIGHAND");
  signal(SIGUSR1, handler);
  signal(SIGUSR2, SIG_IGN);
  for (int clears = 0; clears < 2; clears++) {
    struct clone_args args = {.flags = clears ? CLONE_CLEAR_SIGHAND : 0, .exit_signal = SIGCHLD};
    int status;
    if (clone3(&args, sizeof args) == 0)
      _exit((signal(SIGUSR1, SIG_DFL) == handler) + 2 * (signal(SIGUSR2, SIG_DFL) == SIG_IGN));
    wait(&status);
    printf("%d\n", WEXITSTATUS(status));
  }
  signal(SIGUSR1, SIG_DFL);
  signal(SIGUSR2, SIG_DFL);
}

static pid_t child_of_thread;
static int go;
static void *forks(void *arg) {
  child_of_thread = fork();
  if (child_of_thread == 0) _exit(7);
  int status;
  SHOW(waitpid(-1, &status, __WNOTHREAD) == child_of_thread);
  child_of_thread = fork();
  if (child_of_thread == 0) _exit(8);
  __atomic_store_n(&go, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&go, __ATOMIC_SEQ_CST) == 1) nap(1);
  return NULL;
}

static void wait_options(void) {
  puts("-- waiting");
  pthread_t thread;
  int status;
  FAILS(wait(NULL));
  fflush(stdout);
  pthread_create(&thread, NULL, forks, NULL);
  while (!__atomic_load_n(&go, __ATOMIC_SEQ_CST)) nap(1);
  FAILS(waitpid(-1, &status, __WNOTHREAD));
  siginfo_t info;
  SHOW(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT));
  printf("%d %d\n", info.si_status, info.si_code == CLD_EXITED);
  __atomic_store_n(&go, 2, __ATOMIC_SEQ_CST);
  pthread_join(thread, NULL);
  HOLDS(waitpid(-1, &status, __WNOTHREAD) == child_of_thread);
  printf("%d\n", WEXITSTATUS(status));
  FAILS(waitpid(-1, &status, 0));
  FAILS(waitpid(-1, &status, 1 << 10));
  FAILS(waitid(P_ALL, 0, &info, WNOHANG));
  FAILS(waitid(77, 0, &info, WEXITED));
  pid_t pid = raw_clone(0);
  if (pid == 0) _exit(3);
  nap(20);
  FAILS(waitpid(-1, &status, WNOHANG));
  HOLDS(waitpid(-1, &status, __WCLONE) == pid);
  signal(SIGUSR2, SIG_IGN);
  pid = raw_clone(SIGUSR2);
  if (pid == 0) _exit(4);
  HOLDS(waitpid(pid, &status, __WALL) == pid);
  pid = fork();
  if (pid == 0)
    for (;;) pause();
  kill(pid, SIGSTOP);
  SHOW(waitpid(pid, &status, WUNTRACED) == pid);
  printf("%x\n", status);
  SHOW(waitpid(pid, &status, WUNTRACED | WNOHANG));
  kill(pid, SIGCONT);
  SHOW(waitid(P_PID, pid, &info, WCONTINUED | WNOWAIT));
  printf("%d %d\n", info.si_code == CLD_CONTINUED, info.si_status == SIGCONT);
  SHOW(waitpid(pid, &status, WCONTINUED) == pid);
  printf("%x\n", status);
  kill(pid, SIGKILL);
  wait(&status);
  printf("%x\n", status);
}

static volatile int died;
static void on_death(int signo, siginfo_t *info, void *context) { died = info->si_pid; }

static void *makes_child(void *arg) {
  int *pipe_ends = arg;
  if (fork() == 0) {
    struct sigaction action = {.sa_sigaction = on_death, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    write(pipe_ends[1], "r", 1);
    for (int i = 0; i < 1000 && !died; i++) nap(1);
    write(pipe_ends[1], died == getppid() ? "y" : "n", 1);
    _exit(0);
  }
  char ready;
  read(pipe_ends[0], &ready, 1);
  return NULL;
}

static void parents(void) {
  puts("-- parents that end");
  int ends[2];
  char answer;
  pipe(ends);
  pthread_t thread;
  pthread_create(&thread, NULL, makes_child, ends);
  pthread_join(thread, NULL);
  read(ends[0], &answer, 1);
  printf("told of the thread's end: %c\n", answer);
  wait(NULL);
  CHILD({
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t reaper = getpid();
    if (fork() == 0) {
      pid_t middle = getpid();
      if (fork() == 0) {
        while (getppid() == middle) nap(1);
        _exit(getppid() == reaper ? 5 : 6);
      }
      _exit(1);
    }
    int first, second;
    wait(&first);
    wait(&second);
    printf("%d then %d\n", WEXITSTATUS(first), WEXITSTATUS(second));
  });
  CHILD({
    if (fork() == 0) {
      volatile char *big = malloc(40 << 20);
      for (int i = 0; i < 40 << 20; i += 4096) big[i] = 1;
      _exit(0);
    }
    struct rusage usage;
    wait4(-1, NULL, 0, &usage);
    HOLDS(usage.ru_maxrss > 40000);
    getrusage(RUSAGE_CHILDREN, &usage);
    HOLDS(usage.ru_maxrss > 40000 && usage.ru_maxrss < 100000);
    getrusage(RUSAGE_SELF, &usage);
    HOLDS(usage.ru_maxrss < 40000);
  });
}

static void limits(void) {
  puts("-- limits");
  CHILD({
    setuid(4243);
    struct rlimit limit = {5, 5};
    setrlimit(RLIMIT_NPROC, &limit);
    int count = 0;
    pid_t made[20];
    while (count < 20 && (made[count] = fork()) > 0) count++;
    if (count < 20 && made[count] == 0)
      for (;;) pause();
    printf("%d children, then %s\n", count, strerrorname_np(errno));
    while (count-- > 0) kill(made[count], SIGKILL);
    while (wait(NULL) > 0) {}
  });
  CHILD({
    struct rlimit limit = {64 << 20, 64 << 20};
    setrlimit(RLIMIT_AS, &limit);
    FAILS(mmap(NULL, 128 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
    FAILS(malloc(128 << 20) == NULL ? -1 : 0);
  });
  CHILD({
    struct rlimit limit = {32 << 20, 32 << 20};
    setrlimit(RLIMIT_DATA, &limit);
    FAILS(mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
    FAILS(mmap(NULL, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
  });
  CHILD({
    struct rlimit limit = {10, 10};
    setrlimit(RLIMIT_NOFILE, &limit);
    int count = 0;
    while (dup(0) >= 0) count++;
    printf("%s at %d\n", strerrorname_np(errno), count > 0);
    FAILS(dup2(0, 10));
    FAILS(fcntl(0, F_DUPFD, 10));
  });
  fflush(stdout);
  int status;
  if (fork() == 0) {
    struct rlimit limit = {1, 2};
    setrlimit(RLIMIT_CPU, &limit);
    for (;;) {}
  }
  wait(&status);
  printf("%s\n", sigabbrev_np(WTERMSIG(status)));
  fflush(stdout);
  if (fork() == 0) {
    char name[] = "/tmp/culm-limit-XXXXXX";
    int file = mkstemp(name);
    unlink(name);
    struct rlimit limit = {1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    char block[600] = {0};
    SHOW(write(file, block, 600));
    SHOW(write(file, block, 600));
    signal(SIGXFSZ, SIG_IGN);
    FAILS(write(file, block, 600));
    signal(SIGXFSZ, SIG_DFL);
    fflush(stdout);
    write(file, block, 600);
    _exit(0);
  }
  wait(&status);
  printf("%s\n", sigabbrev_np(WTERMSIG(status)));
}

/* Raw calls change the calling thread alone; glibc changes all of them. */
static void *identity(void *arg) {
  while (__atomic_load_n(&go, __ATOMIC_SEQ_CST) != 5) nap(1);
  printf("thread: %d %d\n", getuid(), geteuid());
  return NULL;
}

static void identities(void) {
  puts("-- user ids and threads");
  CHILD({
    pthread_t thread;
    go = 4;
    pthread_create(&thread, NULL, identity, NULL);
    SHOW(setuid(1234));
    __atomic_store_n(&go, 5, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
  });
}

static void *executes(void *arg) {
  char *argv[] = {"sh", "-c", "test $$ = $0 && echo same process", arg, NULL};
  execv("/bin/sh", argv);
  return NULL;
}
static void *last(void *arg) {
  nap(20);
  exit(9);
}

static void threads(void) {
  puts("-- threads and their process");
  fflush(stdout);
  int status;
  if (fork() == 0) {
    char pid[20];
    sprintf(pid, "%d", getpid());
    pthread_t thread;
    pthread_create(&thread, NULL, executes, pid);
    pthread_join(thread, NULL);
    _exit(1);
  }
  wait(&status);
  printf("%x\n", status);
  fflush(stdout);
  if (fork() == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, last, NULL);
    syscall(SYS_exit, 3);
  }
  wait(&status);
  printf("%x\n", status);
}

int main(void) {
  alarm(60);
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  refused();
  clear_sighand();
  wait_options();
  parents();
  limits();
  identities();
  threads();
  return 0;
}
