/* Sending, blocking, waiting for and restarting after signals; default actions. */
#include "check.h"
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static volatile int count, last;
static volatile siginfo_t info_seen;

static void counts(int signal) {
  count++;
  last = signal;
}

static void informs(int signal, siginfo_t *info, void *context) {
  (void)context;
  count++;
  last = signal;
  info_seen = *info;
}

static void handle(int signal, int flags) {
  struct sigaction action = {.sa_flags = flags};
  if (flags & SA_SIGINFO) action.sa_sigaction = informs;
  else action.sa_handler = counts;
  sigaction(signal, &action, 0);
}

static sigset_t set_of(int a, int b) {
  sigset_t set;
  sigemptyset(&set);
  if (a) sigaddset(&set, a);
  if (b) sigaddset(&set, b);
  return set;
}

static void actions(void) {
  struct sigaction old, new = {.sa_handler = counts, .sa_flags = SA_RESTART | SA_NODEFER};
  new.sa_mask = set_of(SIGUSR2, SIGKILL);
  SHOW(sigaction(SIGUSR1, &new, &old));
  HOLDS(old.sa_handler == SIG_DFL && old.sa_flags == 0);
  SHOW(sigaction(SIGUSR1, 0, &old));
  HOLDS(old.sa_handler == counts);
  printf("flags %x mask %d %d\n", old.sa_flags & ~0x4000000, sigismember(&old.sa_mask, SIGUSR2),
         sigismember(&old.sa_mask, SIGKILL));
  FAILS(sigaction(SIGKILL, &new, 0));
  FAILS(sigaction(SIGSTOP, &new, 0));
  FAILS(sigaction(65, &new, 0));
  FAILS(syscall(SYS_rt_sigaction, SIGUSR1, 0, 0, 4));
  FAILS(syscall(SYS_rt_sigaction, SIGUSR1, 8, 0, 8));
  FAILS(syscall(SYS_rt_sigprocmask, 9, &new.sa_mask, 0, 8));
  FAILS(kill(getpid(), 65));
  FAILS(kill(99999, 0));
  SHOW(kill(getpid(), 0));
  FAILS(syscall(SYS_tgkill, getpid(), 99999, SIGUSR1));
  FAILS(syscall(SYS_tgkill, -1, getpid(), SIGUSR1));
}

static void blocking(void) {
  sigset_t both = set_of(SIGUSR1, SIGRTMIN), old, pending;
  handle(SIGUSR1, SA_SIGINFO);
  handle(SIGRTMIN, SA_SIGINFO);
  sigprocmask(SIG_BLOCK, &both, &old);
  count = 0;
  kill(getpid(), SIGUSR1);
  kill(getpid(), SIGUSR1);
  for (int i = 0; i < 3; i++) {
    union sigval value = {.sival_int = 10 + i};
    sigqueue(getpid(), SIGRTMIN, value);
  }
  sigpending(&pending);
  printf("pending %d %d, handled %d\n", sigismember(&pending, SIGUSR1), sigismember(&pending, SIGRTMIN), count);
  sigprocmask(SIG_SETMASK, &old, 0);
  printf("handled %d, last value %d code %d\n", count, info_seen.si_value.sival_int, info_seen.si_code);
  HOLDS(info_seen.si_pid == getpid());
}

static void accepting(void) {
  sigset_t usr = set_of(SIGUSR1, SIGRTMIN + 1), child = set_of(SIGCHLD, 0), old;
  siginfo_t info;
  struct timespec none = {0}, little = {0, 20000000}, bad = {0, 1000000000};
  sigprocmask(SIG_BLOCK, &usr, &old);
  FAILS(sigtimedwait(&usr, &info, &none));
  FAILS(sigtimedwait(&usr, &info, &little));
  FAILS(sigtimedwait(&usr, &info, &bad));
  union sigval value = {.sival_int = 77};
  sigqueue(getpid(), SIGRTMIN + 1, value);
  HOLDS(sigwaitinfo(&usr, &info) == SIGRTMIN + 1);
  printf("value %d code %d\n", info.si_value.sival_int, info.si_code);
  raise(SIGUSR1);
  SHOW(sigtimedwait(&usr, &info, &none));
  printf("code %d\n", info.si_code);
  sigprocmask(SIG_BLOCK, &child, 0);
  pid_t pid = fork();
  if (pid == 0) _exit(5);
  SHOW(sigwaitinfo(&child, &info));
  printf("child: code %d status %d\n", info.si_code, info.si_status);
  HOLDS(info.si_pid == pid);
  HOLDS(waitpid(pid, 0, 0) == pid);
  sigprocmask(SIG_SETMASK, &old, 0);
}

static void suspending(void) {
  sigset_t usr = set_of(SIGUSR1, 0), none = set_of(0, 0), old, now;
  handle(SIGUSR1, 0);
  sigprocmask(SIG_BLOCK, &usr, &old);
  count = 0;
  raise(SIGUSR1);
  FAILS(sigsuspend(&none));
  sigprocmask(SIG_SETMASK, 0, &now);
  printf("handled %d, blocked again %d\n", count, sigismember(&now, SIGUSR1));
  sigprocmask(SIG_SETMASK, &old, 0);
  handle(SIGALRM, 0);
  struct itimerval soon = {.it_value = {0, 100000}};
  setitimer(ITIMER_REAL, &soon, 0);
  FAILS(pause());
  printf("last %d\n", last);
}

static void interrupting(void) {
  struct itimerval soon = {.it_value = {0, 100000}};
  struct timespec wanted = {0, 400000000}, left = {0};
  int fds[2];
  char byte;
  if (pipe(fds)) return;
  handle(SIGALRM, 0);
  setitimer(ITIMER_REAL, &soon, 0);
  FAILS(read(fds[0], &byte, 1));
  setitimer(ITIMER_REAL, &soon, 0);
  FAILS(nanosleep(&wanted, &left));
  HOLDS(left.tv_nsec > 0 && left.tv_nsec < 400000000);
  handle(SIGALRM, SA_RESTART);
  pid_t pid = fork();
  if (pid == 0) {
    usleep(300000);
    if (write(fds[1], "x", 1) != 1) _exit(1);
    _exit(0);
  }
  setitimer(ITIMER_REAL, &soon, 0);
  count = 0;
  SHOW(read(fds[0], &byte, 1));
  printf("restarted after %d\n", count);
  setitimer(ITIMER_REAL, &soon, 0);
  FAILS(nanosleep(&wanted, &left));
  waitpid(pid, 0, 0);
  signal(SIGALRM, SIG_IGN);
  setitimer(ITIMER_REAL, &soon, 0);
  SHOW(nanosleep(&wanted, &left));
}

static volatile int depth, deepest, raised;
static void nests(int signal) {
  if (++depth > deepest) deepest = depth;
  if (++raised < 3) raise(signal);
  depth--;
}

static void nesting(void) {
  struct sigaction action = {.sa_handler = nests};
  sigaction(SIGUSR1, &action, 0);
  raise(SIGUSR1);
  printf("deferred: %d\n", deepest);
  deepest = raised = 0;
  action.sa_flags = SA_NODEFER;
  sigaction(SIGUSR1, &action, 0);
  raise(SIGUSR1);
  printf("nested: %d\n", deepest);
  action.sa_handler = counts;
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGUSR1, &action, 0);
  raise(SIGUSR1);
  sigaction(SIGUSR1, 0, &action);
  HOLDS(action.sa_handler == SIG_DFL);
}

/* How a child ends, or what else becomes of it. */
static void ends(const char *name, int signal, void (*handler)(int)) {
  fflush(stdout);
  pid_t pid = fork();
  int status;
  if (pid == 0) {
    /* Its parent is in another group of the session: it can be stopped. */
    setpgid(0, 0);
    if (handler) (void)(signal == SIGKILL || sigaction(signal, &(struct sigaction){.sa_handler = handler}, 0));
    raise(signal);
    _exit(42);
  }
  waitpid(pid, &status, WUNTRACED);
  printf("%s: %s %d\n", name, WIFSIGNALED(status) ? "killed by" : WIFSTOPPED(status) ? "stopped by" : "exit",
         WIFSIGNALED(status) ? WTERMSIG(status) : WIFSTOPPED(status) ? WSTOPSIG(status) : WEXITSTATUS(status));
  if (!WIFSTOPPED(status)) return;
  kill(pid, SIGCONT);
  waitpid(pid, &status, WCONTINUED);
  printf("  continued %d\n", WIFCONTINUED(status) ? 1 : 0);
  waitpid(pid, &status, 0);
  printf("  exit %d\n", WEXITSTATUS(status));
}

/* A group whose parents have gone, or are in its own group, is not stopped by SIGTSTP; a stopped one is hung up. */
static void orphaned(void) {
  int fds[2], status;
  char byte;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    setsid();
    raise(SIGTSTP);
    _exit(43);
  }
  waitpid(pid, &status, WUNTRACED);
  printf("orphaned: %s %d\n", WIFSTOPPED(status) ? "stopped" : "exit", WEXITSTATUS(status));
  if (pipe(fds)) return;
  pid = fork();
  if (pid == 0) {
    pid_t inner = fork();
    if (inner == 0) {
      setpgid(0, 0);
      close(fds[0]);
      raise(SIGTSTP);
      _exit(1);
    }
    waitpid(inner, &status, WUNTRACED);
    _exit(WIFSTOPPED(status) ? 44 : 45);
  }
  close(fds[1]);
  waitpid(pid, &status, 0);
  printf("its parent: exit %d\n", WEXITSTATUS(status));
  /* The pipe ends when the orphan has been hung up. */
  SHOW(read(fds[0], &byte, 1));
}

static void defaults(void) {
  ends("term", SIGTERM, 0);
  ends("kill", SIGKILL, 0);
  ends("segv", SIGSEGV, 0);
  ends("chld", SIGCHLD, 0);
  ends("winch", SIGWINCH, 0);
  ends("urg", SIGURG, 0);
  ends("ignored", SIGTERM, SIG_IGN);
  ends("rt", SIGRTMIN + 3, 0);
  ends("stop", SIGSTOP, 0);
  ends("tstp", SIGTSTP, 0);
  ends("abrt", SIGABRT, 0);
  fflush(stdout);
  pid_t pid = fork();
  int status;
  if (pid == 0) {
    /* A blocked fault still kills. */
    sigset_t segv = set_of(SIGSEGV, 0);
    sigprocmask(SIG_BLOCK, &segv, 0);
    *(volatile char *)16 = 1;
    _exit(0);
  }
  waitpid(pid, &status, 0);
  printf("blocked fault: %d\n", WTERMSIG(status));
}

int main(void) {
  alarm(30);
  actions();
  blocking();
  accepting();
  suspending();
  interrupting();
  nesting();
  defaults();
  orphaned();
  return 0;
}
