/* Running programs (execve(2), execveat(2)): limits of arguments, chains of scripts, what stays and what goes. */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static char self[256];
static char *const none[] = {NULL};

static int ended(pid_t pid) {
  int status;
  waitpid(pid, &status, 0);
  return status;
}

/* What a child's call says that should have replaced it, or what it was replaced with ended with. */
#define RUNS(...)                                               \
  do {                                                          \
    fflush(stdout);                                             \
    pid_t child_ = fork();                                      \
    if (child_ == 0) {                                          \
      __VA_ARGS__;                                              \
      printf("  refused: %s\n", strerrorname_np(errno));        \
      fflush(stdout);                                           \
      _exit(99);                                                \
    }                                                           \
    printf("%s: %#x\n", #__VA_ARGS__, ended(child_));           \
  } while (0)

static void script(const char *name, const char *text, int mode) {
  int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0700);
  write(fd, text, strlen(text));
  fchmod(fd, mode);
  close(fd);
}

static void limits(void) {
  printf("-- limits\n");
  enum { LONGEST = 131072 };
  static char text[LONGEST + 1];
  memset(text, 'x', LONGEST);
  char *args[] = {self, "ok", text, NULL};
  text[LONGEST - 1] = 0;
  RUNS(execve(self, args, none));
  text[LONGEST - 1] = 'x';
  RUNS(execve(self, args, none));
  static char *many[2000];
  text[LONGEST - 1] = 0;
  many[0] = self;
  many[1] = "ok";
  for (int i = 2; i < 17; i++) many[i] = text;
  RUNS(execve(self, many, none));
  many[17] = text;
  RUNS(execve(self, many, none));
  struct rlimit stack = {1 << 20, RLIM_INFINITY};
  many[3] = NULL;
  RUNS(setrlimit(RLIMIT_STACK, &stack); execve(self, many, none));
  many[3] = text;
  many[4] = NULL;
  RUNS(setrlimit(RLIMIT_STACK, &stack); execve(self, many, none));
  RUNS(execve(self, NULL, NULL));
  RUNS(execve(self, (char **)8, none));
  RUNS(execve((char *)8, args, none));
  RUNS(execve("", args, none));
  RUNS(execve("/", args, none));
  RUNS(execve("/nonexistent/x", args, none));
  RUNS(execve("/dev/null", args, none));
}

static void scripts(void) {
  printf("-- scripts\n");
  char text[300], name[20];
  char *args[] = {"zeroth", "first", NULL};
  for (int i = 0; i < 7; i++) {
    snprintf(name, sizeof name, "chain%d", i);
    if (i == 0) snprintf(text, sizeof text, "#!%s  chained  here \n", self);
    else snprintf(text, sizeof text, "#! ./chain%d\n", i - 1);
    script(name, text, 0700);
  }
  RUNS(execve("chain0", args, none));
  RUNS(execve("chain3", args, none));
  RUNS(execve("chain4", args, none));
  RUNS(execve("chain5", args, none));
  RUNS(execve("chain6", args, none));
  script("empty", "", 0700);
  RUNS(execve("empty", args, none));
  script("nothing", "#!\n", 0700);
  RUNS(execve("nothing", args, none));
  script("spaces", "#!   \n", 0700);
  RUNS(execve("spaces", args, none));
  script("missing", "#!/nonexistent\n", 0700);
  RUNS(execve("missing", args, none));
  script("itself", "#!./itself\n", 0700);
  RUNS(execve("itself", args, none));
  script("folder", "#!/\n", 0700);
  RUNS(execve("folder", args, none));
  script("denied", "#!/bin/sh\n", 0600);
  RUNS(execve("denied", args, none));
  script("garbage", "garbage\n", 0700);
  RUNS(execve("garbage", args, none));
  memset(text, 'p', sizeof text);
  memcpy(text, "#!/", 3);
  text[280] = '\n';
  text[281] = 0;
  script("long", text, 0700);
  RUNS(execve("long", args, none));
  snprintf(text, sizeof text, "#!%s", self);
  script("unended", text, 0700);
  RUNS(execve("unended", args, none));
}

static void at(void) {
  printf("-- execveat\n");
  char *args[] = {"zeroth", "ok", NULL};
  int folder = open(".", O_PATH), program = open(self, O_PATH), closes = open("chain0", O_RDONLY | O_CLOEXEC);
  symlink(self, "link");
  RUNS(syscall(SYS_execveat, folder, "link", args, none, 0));
  RUNS(syscall(SYS_execveat, folder, "link", args, none, AT_SYMLINK_NOFOLLOW));
  RUNS(syscall(SYS_execveat, folder, "", args, none, AT_EMPTY_PATH));
  RUNS(syscall(SYS_execveat, program, "", args, none, AT_EMPTY_PATH));
  RUNS(syscall(SYS_execveat, program, "", args, none, 0));
  RUNS(syscall(SYS_execveat, program, "x", args, none, 0));
  RUNS(syscall(SYS_execveat, 77, self, args, none, 0));
  RUNS(syscall(SYS_execveat, 77, "link", args, none, 0));
  RUNS(syscall(SYS_execveat, folder, "link", args, none, 0x8000000));
  RUNS(syscall(SYS_execveat, closes, "", args, none, AT_EMPTY_PATH));
  unlink("link");
  close(folder);
  close(program);
  close(closes);
}

static void handler(int signal) { (void)signal; }
static void *runs(void *unused) {
  (void)unused;
  char *args[] = {self, "kept", NULL};
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  execve(self, args, none);
  return NULL;
}

static void *waits(void *unused) {
  for (;;) pause();
  return unused;
}

/* From a thread that is not the first, with much that has to go and some that stays. */
static void kept(void) {
  printf("-- what stays\n");
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGUSR1, handler);
    signal(SIGHUP, SIG_IGN);
    raise(SIGUSR2);
    alarm(50);
    stack_t stack = {.ss_sp = malloc(SIGSTKSZ), .ss_size = SIGSTKSZ};
    sigaltstack(&stack, NULL);
    prctl(PR_SET_NAME, "before");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    umask(037);
    int stays = open("/dev/null", O_RDONLY), goes = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(stays, 50);
    fcntl(dup2(goes, 51), F_SETFD, FD_CLOEXEC);
    pthread_t a, b;
    pthread_create(&a, NULL, waits, NULL);
    pthread_create(&b, NULL, runs, NULL);
    for (;;) pause();
  }
  printf("%#x\n", ended(pid));
}

static int count(const char *folder) {
  DIR *listing = opendir(folder);
  int entries = 0;
  for (struct dirent *entry; (entry = readdir(listing)) != NULL;) entries += entry->d_name[0] != '.';
  closedir(listing);
  return entries;
}

static void after(void) {
  sigset_t set;
  struct sigaction action;
  stack_t stack;
  char name[20] = "";
  int reaper, death;
  HOLDS(getpid() == (int)syscall(SYS_gettid));
  SHOW(count("/proc/self/task"));
  sigprocmask(SIG_SETMASK, NULL, &set);
  SHOW(sigismember(&set, SIGUSR2));
  sigpending(&set);
  SHOW(sigismember(&set, SIGUSR2));
  sigaction(SIGUSR1, NULL, &action);
  HOLDS(action.sa_handler == SIG_DFL);
  sigaction(SIGHUP, NULL, &action);
  HOLDS(action.sa_handler == SIG_IGN);
  HOLDS(alarm(0) > 0);
  sigaltstack(NULL, &stack);
  HOLDS(stack.ss_flags == SS_DISABLE);
  prctl(PR_GET_NAME, name);
  printf("%s\n", name);
  prctl(PR_GET_CHILD_SUBREAPER, &reaper);
  prctl(PR_GET_PDEATHSIG, &death);
  printf("%d %d %03o\n", reaper, death, umask(0));
  SHOW(fcntl(50, F_GETFD));
  FAILS(fcntl(51, F_GETFD));
}

static void waiting(void) {
  printf("-- waitid by group and by descriptor\n");
  siginfo_t info;
  pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    _exit(3);
  }
  setpgid(pid, pid);
  FAILS(waitid(P_PGID, 1 << 21, &info, WEXITED));
  SHOW(waitid(P_PGID, pid, &info, WEXITED | WNOWAIT));
  printf("%d %d\n", info.si_code, info.si_status);
  SHOW(waitid(P_PGID, pid, &info, WEXITED));
  FAILS(waitid(P_PGID, pid, &info, WEXITED));
  pid = fork();
  if (pid == 0) {
    pause();
    _exit(0);
  }
  int fd = syscall(SYS_pidfd_open, pid, 0);
  SHOW(waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG));
  fcntl(fd, F_SETFL, O_NONBLOCK);
  FAILS(waitid(P_PIDFD, fd, &info, WEXITED));
  SHOW(syscall(SYS_pidfd_send_signal, fd, SIGSTOP, NULL, 0));
  fcntl(fd, F_SETFL, 0);
  SHOW(waitid(P_PIDFD, fd, &info, WSTOPPED));
  printf("%d %d\n", info.si_code, info.si_status);
  SHOW(syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0));
  SHOW(waitid(P_PIDFD, fd, &info, WCONTINUED));
  SHOW(syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0));
  SHOW(waitid(P_PIDFD, fd, &info, WEXITED));
  printf("%d %d\n", info.si_code, info.si_status);
  FAILS(syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0));
  FAILS(waitid(P_PIDFD, fd, &info, WEXITED));
  FAILS(waitid(P_PIDFD, 77, &info, WEXITED));
  FAILS(waitid(P_ALL, 0, &info, 0));
  FAILS(waitid(9, 0, &info, WEXITED));
  close(fd);
}

int main(int argc, char **argv) {
  alarm(60);
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (argc > 1 && strcmp(argv[1], "kept") == 0) {
    after();
    return 5;
  }
  if (argc > 1 && (strcmp(argv[1], "ok") == 0 || strncmp(argv[1], "chained", 7) == 0 || strcmp(argv[1], "unended") == 0)) {
    if (argv[1][0] != 'o')
      for (int i = 1; i < argc; i++) printf("  [%s]\n", argv[i]);
    return argc > 2 ? 1 : 2;
  }
  if (argc < 1 || argv[0][0] == 0 || (argc > 1 && strncmp(argv[1], "./", 2) == 0)) return 4;
  readlink("/proc/self/exe", self, sizeof self - 1);
  char folder[] = "/tmp/execsXXXXXX";
  mkdtemp(folder);
  chdir(folder);
  limits();
  scripts();
  at();
  kept();
  waiting();
  char command[60];
  snprintf(command, sizeof command, "rm -r %s", folder);
  chdir("/");
  return system(command);
}
