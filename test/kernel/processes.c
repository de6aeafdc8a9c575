/* fork, vfork, clone, exec, wait, groups and sessions. */
#include "check.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;

static void describe(const char *name, int status) {
  printf("%s: exited %d status %d signaled %d %d\n", name, WIFEXITED(status), WEXITSTATUS(status), WIFSIGNALED(status),
         WTERMSIG(status));
}

static void copies(void) {
  static int data = 1;
  int local = 2, status;
  int *private = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int *wiped = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int *heap = malloc(1 << 20);
  *private = 3, *shared = 4, heap[1000] = 5, *wiped = 6;
  madvise(wiped, 4096, MADV_WIPEONFORK);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    printf("child sees %d %d %d %d %d %d\n", data, local, *private, *shared, heap[1000], *wiped);
    data = local = *private = *shared = heap[1000] = 10;
    fflush(stdout);
    _exit(*private + *shared);
  }
  HOLDS(waitpid(pid, &status, 0) == pid);
  describe("fork", status);
  printf("parent sees %d %d %d %d %d %d\n", data, local, *private, *shared, heap[1000], *wiped);
}

static void shares_offsets(void) {
  char name[] = "/tmp/culm-fork-XXXXXX", text[8] = {0};
  int fd = mkstemp(name);
  unlink(name);
  if (write(fd, "abcdef", 6) != 6) return;
  lseek(fd, 0, SEEK_SET);
  pid_t pid = fork();
  if (pid == 0) _exit(read(fd, text, 3) == 3 ? 0 : 1);
  waitpid(pid, 0, 0);
  SHOW(read(fd, text, 2));
  printf("offset is shared: %s\n", text);
  close(fd);
}

static void waiting(void) {
  int status;
  struct rusage usage;
  siginfo_t info = {0};
  FAILS(wait(&status));
  FAILS(waitpid(99999, &status, 0));
  FAILS(waitpid(-1, &status, 0x10000));
  FAILS(waitid(P_ALL, 0, &info, 0));
  pid_t pid = fork();
  if (pid == 0) {
    usleep(30000);
    _exit(3);
  }
  SHOW(waitpid(pid, &status, WNOHANG));
  HOLDS(waitid(P_PID, pid, &info, WEXITED | WNOWAIT) == 0);
  printf("info %d %d %d\n", info.si_signo, info.si_code, info.si_status);
  HOLDS(info.si_pid == pid);
  HOLDS(wait4(pid, &status, 0, &usage) == pid);
  describe("wait4", status);
  FAILS(waitpid(pid, &status, 0));
  pid_t first = fork();
  if (first == 0) _exit(1);
  pid_t second = fork();
  if (second == 0) _exit(2);
  HOLDS(waitpid(second, &status, 0) == second);
  describe("second", status);
  HOLDS(waitpid(0, &status, 0) == first);
  describe("first", status);
  signal(SIGCHLD, SIG_IGN);
  pid = fork();
  if (pid == 0) _exit(0);
  FAILS(waitpid(pid, &status, 0));
  signal(SIGCHLD, SIG_DFL);
}

static void execs(const char *self) {
  int status, fd = open("/dev/null", O_RDONLY | O_CLOEXEC), kept = open("/dev/null", O_RDONLY);
  char closed[8], open_[8];
  sprintf(closed, "%d", fd);
  sprintf(open_, "%d", kept);
  char *args[] = {"renamed", "child", closed, open_, 0}, *env[] = {"A=1", "B=two", 0};
  signal(SIGUSR1, SIG_IGN);
  signal(SIGUSR2, exit);
  fflush(stdout);
  pid_t pid = vfork();
  if (pid == 0) {
    execve(self, args, env);
    _exit(99);
  }
  HOLDS(waitpid(pid, &status, 0) == pid);
  describe("exec", status);
  FAILS(execve("/nonexistent", args, env));
  FAILS(execve("/tmp", args, env));
  FAILS(execve("/etc/passwd", args, env));
  FAILS(execve(self, (void *)8, env));
  char script[] = "/tmp/culm-script-XXXXXX", text[200];
  fd = mkstemp(script);
  int length = sprintf(text, "#! %s child \nrest", self);
  if (write(fd, text, length) != length) return;
  fchmod(fd, 0755);
  FAILS(execve(script, args, env));
  close(fd);
  char *script_args[] = {"zero", "one", 0};
  pid = fork();
  if (pid == 0) {
    execve(script, script_args, env);
    _exit(98);
  }
  waitpid(pid, &status, 0);
  describe("script", status);
  FAILS(truncate(script, 0));
  fd = open(script, O_WRONLY | O_TRUNC);
  if (write(fd, "#!/nonexistent/interpreter\n", 27) != 27) return;
  close(fd);
  FAILS(execve(script, args, env));
  unlink(script);
  pid_t spawned;
  fflush(stdout);
  SHOW(posix_spawn(&spawned, self, 0, 0, args, env));
  waitpid(spawned, &status, 0);
  describe("spawn", status);
  SHOW(posix_spawn(&spawned, "/nonexistent", 0, 0, args, env));
  char *big = malloc(200000);
  memset(big, 'x', 199999);
  big[199999] = 0;
  char *too_big[] = {"x", big, 0};
  FAILS(execve(self, too_big, env));
}

static int child_main(int argc, char **argv) {
  printf("child:");
  for (int i = 0; i < argc; i++) printf(" %s", strncmp(argv[i], "/tmp/", 5) ? argv[i] : "PATH");
  for (char **e = environ; *e; e++) printf(" %s", *e);
  printf("\n");
  if (argc == 4 && atoi(argv[2]) > 2)
    printf("closed %d kept %d\n", fcntl(atoi(argv[2]), F_GETFD) == -1, fcntl(atoi(argv[3]), F_GETFD) != -1);
  struct sigaction one, two;
  sigaction(SIGUSR1, 0, &one);
  sigaction(SIGUSR2, 0, &two);
  printf("ignored %d default %d\n", one.sa_handler == SIG_IGN, two.sa_handler == SIG_DFL);
  return 11;
}

static void groups(void) {
  HOLDS(getpgid(0) == getpgrp());
  fflush(stdout);
  pid_t pid = fork();
  int status;
  if (pid == 0) {
    HOLDS(getpgrp() == getpgid(getppid()));
    SHOW(setpgid(0, 0));
    HOLDS(getpgrp() == getpid());
    FAILS(setsid());
    FAILS(setpgid(0, 99999));
    FAILS(setpgid(99999, 0));
    FAILS(setpgid(0, -1));
    fflush(stdout);
    pid_t inner = fork();
    if (inner == 0) {
      HOLDS(setsid() == getpid());
      HOLDS(getsid(0) == getpid() && getpgrp() == getpid());
      FAILS(setpgid(0, 0));
      fflush(stdout);
      _exit(0);
    }
    waitpid(inner, &status, 0);
    _exit(0);
  }
  waitpid(pid, &status, 0);
  int fds[2];
  if (pipe(fds)) return;
  pid_t leader = fork();
  if (leader == 0) {
    setpgid(0, 0);
    if (write(fds[1], "x", 1) == 1) pause();
    _exit(0);
  }
  char byte;
  if (read(fds[0], &byte, 1) != 1) return;
  SHOW(kill(-leader, SIGTERM));
  HOLDS(waitpid(-leader, &status, 0) == leader);
  describe("group", status);
  FAILS(kill(-99999, SIGTERM));
}

static void orphans(void) {
  int fds[2];
  char byte = 0;
  if (pipe(fds)) return;
  SHOW(prctl(PR_SET_CHILD_SUBREAPER, 1));
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    if (fork() == 0) {
      pid_t before = getppid();
      for (int i = 0; i < 200 && getppid() == before; i++) usleep(5000);
      byte = getppid() != before;
      if (write(fds[1], &byte, 1) != 1) _exit(1);
      _exit(0);
    }
    usleep(20000);
    _exit(0);
  }
  waitpid(pid, 0, 0);
  SHOW(read(fds[0], &byte, 1));
  printf("has another parent: %d\n", byte);
  HOLDS(wait(0) > 0);
  FAILS(wait(0));
}

static int in_clone(void *argument) {
  *(int *)argument = 77;
  return 5;
}

static void clones(void) {
  static char stack[65536];
  int value = 0, status;
  pid_t pid = clone(in_clone, stack + sizeof stack, CLONE_VM | SIGCHLD, &value);
  HOLDS(waitpid(pid, &status, 0) == pid);
  describe("clone", status);
  printf("shared memory: %d\n", value);
  FAILS(syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0));
  FAILS(syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0));
}

static void many(void) {
  int ended = 0, status;
  for (int i = 0; i < 50; i++)
    if (fork() == 0) _exit(i & 7);
  int sum = 0;
  while (wait(&status) > 0) ended++, sum += WEXITSTATUS(status);
  printf("ended %d sum %d\n", ended, sum);
}

int main(int argc, char **argv) {
  if (argc > 1) return child_main(argc, argv);
  setvbuf(stdout, 0, _IOFBF, 8192);
  copies();
  shares_offsets();
  waiting();
  execs(argv[0]);
  groups();
  orphans();
  clones();
  many();
  return 0;
}
