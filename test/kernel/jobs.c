/* Sessions, controlling terminals and job control (credentials(7), setsid(2), tcsetpgrp(3), ioctl_tty(2)). */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <linux/capability.h>
#include <sys/syscall.h>

/* What processes tell each other without a pipe. */
static volatile struct {
  int step, caught[65], child;
} *shared;

static void until(int step) {
  for (int i = 0; i < 10000 && shared->step < step; i++) usleep(500);
}

static void catcher(int signal) { shared->caught[signal]++; }

static void catches(int signal) {
  struct sigaction action = {.sa_handler = catcher};
  sigaction(signal, &action, NULL);
}

static void describe(const char *name, int status) {
  if (WIFEXITED(status)) printf("%s: exited %d\n", name, WEXITSTATUS(status));
  else if (WIFSIGNALED(status)) printf("%s: killed by %s\n", name, sigabbrev_np(WTERMSIG(status)));
  else if (WIFSTOPPED(status)) printf("%s: stopped by %s\n", name, sigabbrev_np(WSTOPSIG(status)));
  else puts(WIFCONTINUED(status) ? "continued" : "something else");
}

static void waits(const char *name, pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, WUNTRACED) == pid) describe(name, status);
  else printf("%s: %s\n", name, strerrorname_np(errno));
}

static int opened(int *slave) {
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  unlockpt(master);
  *slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  return master;
}

/* Runs `body` as a session leader that the terminal controls. */
static void session(const char *name, void (*body)(int master, int slave)) {
  int slave, master = opened(&slave);
  memset((void *)shared, 0, sizeof *shared);
  printf("-- %s\n", name);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    alarm(30);
    setsid();
    ioctl(slave, TIOCSCTTY, 0);
    body(master, slave);
    fflush(stdout);
    _exit(0);
  }
  close(slave);
  waits("leader", pid);
  close(master);
}

/* Starts `body` in a group of its own. */
static pid_t job(void (*body)(int), int argument) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    alarm(30);
    setpgid(0, 0);
    body(argument);
    fflush(stdout);
    _exit(0);
  }
  setpgid(pid, pid);
  return pid;
}

static void controlling(int master, int slave) {
  int fd, session = 0, group = 0;
  SHOW(ioctl(slave, TIOCSCTTY, 0));
  SHOW(ioctl(slave, TIOCGSID, &session));
  SHOW(ioctl(slave, TIOCGPGRP, &group));
  HOLDS(session == getpid() && group == getpid());
  group = 0;
  SHOW(ioctl(master, TIOCGPGRP, &group));
  HOLDS(group == getpid());
  SHOW(ioctl(master, TIOCGSID, &session));
  fd = open("/dev/tty", O_RDWR);
  HOLDS(fd >= 0);
  HOLDS(tcgetsid(fd) == getpid());
  write(fd, "by its other name\n", 18);
  char text[32] = {0};
  HOLDS(read(master, text, 31) == 19 && strcmp(text, "by its other name\r\n") == 0);
  int other, another = opened(&other);
  SHOW(ioctl(other, TIOCSCTTY, 0));
  SHOW(tcgetpgrp(other));
  SHOW(tcgetsid(other));
  SHOW(tcsetpgrp(other, getpid()));
  SHOW(ioctl(another, TIOCGSID, &session));
  group = 7;
  SHOW(ioctl(another, TIOCGPGRP, &group));
  printf("no foreground group: %d\n", group);
  SHOW(ioctl(other, TIOCNOTTY));
  SHOW(setsid());
  catches(SIGHUP), catches(SIGCONT);
  SHOW(ioctl(slave, TIOCNOTTY));
  printf("given up: HUP %d CONT %d\n", shared->caught[SIGHUP], shared->caught[SIGCONT]);
  FAILS(open("/dev/tty", O_RDWR));
  SHOW(ioctl(slave, TIOCNOTTY));
  SHOW(ioctl(slave, TIOCGPGRP, &group));
  fd = open(ptsname(master), O_RDWR | O_NOCTTY);
  FAILS(open("/dev/tty", O_RDWR));
  close(fd);
  fd = open(ptsname(master), O_WRONLY);
  FAILS(open("/dev/tty", O_RDWR));
  close(fd);
  fd = open(ptsname(master), O_RDWR);
  FAILS(open("/dev/tty", O_RDWR));
  HOLDS(tcgetsid(slave) == getpid());
}

static void drop_admin(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  syscall(SYS_capget, &header, data);
  data[0].effective &= ~(1u << CAP_SYS_ADMIN);
  syscall(SYS_capset, &header, data);
}

static void steals(int slave) {
  drop_admin();
  SHOW(ioctl(slave, TIOCSCTTY, 0));
  setpgid(0, getppid());
  SHOW(setsid() == getpid());
  SHOW(ioctl(slave, TIOCSCTTY, 0));
  SHOW(ioctl(slave, TIOCSCTTY, 1));
  SHOW(tcgetpgrp(slave));
  SHOW(ioctl(slave, TIOCVHANGUP));
  SHOW(ioctl(slave, TIOCSTI, "x"));
}

static void stealing(int master, int slave) { waits("thief", job(steals, slave)); }

static void groups(int master, int slave) {
  SHOW(tcsetpgrp(slave, -1));
  SHOW(tcsetpgrp(slave, 999999));
  SHOW(tcsetpgrp(slave, getppid()));
  SHOW(ioctl(slave, TIOCSPGRP, (void *)8));
  signal(SIGTTOU, SIG_IGN);
  pid_t pid = job((void (*)(int))pause, 0);
  SHOW(tcsetpgrp(slave, pid));
  HOLDS(tcgetpgrp(slave) == pid);
  kill(pid, SIGKILL);
  waits("job", pid);
  HOLDS(tcgetpgrp(slave) == pid);
  SHOW(tcsetpgrp(slave, getpid()));
}

static void reads(int slave) {
  char byte;
  errno = 0;
  long count = read(slave, &byte, 1);
  printf("read %ld %s\n", count, count < 0 ? strerrorname_np(errno) : "");
}

static void reads_ignoring(int slave) {
  signal(SIGTTIN, SIG_IGN);
  reads(slave);
}

static void reads_blocking(int slave) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTTIN);
  sigprocmask(SIG_BLOCK, &set, NULL);
  reads(slave);
}

static void reads_catching(int slave) {
  catches(SIGTTIN);
  reads(slave);
  printf("caught %d\n", shared->caught[SIGTTIN]);
}

static void writes(int slave) { SHOW(write(slave, "x", 1)); }

static void changes(int slave) {
  struct termios settings;
  SHOW(tcgetattr(slave, &settings));
  SHOW(tcsetattr(slave, TCSANOW, &settings));
}

static void changes_blocking(int slave) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTTOU);
  sigprocmask(SIG_BLOCK, &set, NULL);
  changes(slave);
  SHOW(tcsetpgrp(slave, getpid()));
}

static void takes_over(int slave) { SHOW(tcsetpgrp(slave, getpid())); }

static void flushes(int slave) { SHOW(tcflush(slave, TCIFLUSH)); }

static void resizes(int slave) {
  struct winsize size = {10, 20, 0, 0};
  SHOW(ioctl(slave, TIOCSWINSZ, &size));
}

static void background(int master, int slave) {
  pid_t pid = job(reads, slave);
  waits("reader", pid);
  write(master, "a\n", 2);
  signal(SIGTTOU, SIG_IGN);
  tcsetpgrp(slave, pid);
  kill(-pid, SIGCONT);
  waits("reader", pid);
  tcsetpgrp(slave, getpid());
  waits("who ignores", job(reads_ignoring, slave));
  waits("who blocks", job(reads_blocking, slave));
  signal(SIGTTOU, SIG_DFL);
  struct termios settings;
  tcgetattr(slave, &settings);
  waits("writer", job(writes, slave));
  settings.c_lflag |= TOSTOP;
  tcsetattr(slave, TCSANOW, &settings);
  pid = job(writes, slave);
  waits("writer", pid);
  kill(pid, SIGKILL);
  waits("writer", pid);
  pid = job(changes, slave);
  waits("changer", pid);
  kill(pid, SIGKILL);
  waits("changer", pid);
  pid = job(takes_over, slave);
  waits("who takes over", pid);
  kill(pid, SIGKILL);
  waits("who takes over", pid);
  pid = job(flushes, slave);
  waits("who flushes", pid);
  kill(pid, SIGKILL);
  waits("who flushes", pid);
  waits("who resizes", job(resizes, slave));
  waits("who blocks", job(changes_blocking, slave));
}

static void parent_of_reader(int slave) {
  pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    shared->child = getpid();
    until(1);
    reads(slave);
    changes(slave);
    SHOW(tcsetpgrp(slave, getpgrp()));
    fflush(stdout);
    shared->step = 2;
    _exit(0);
  }
}

/* A background group whose parent is gone. */
static void orphaned(int master, int slave) {
  int status;
  pid_t pid = job(parent_of_reader, slave);
  waitpid(pid, &status, 0);
  shared->step = 1;
  until(2);
  HOLDS(shared->step == 2);
}

static void sleeps(int step) {
  catches(SIGINT), catches(SIGQUIT), catches(SIGWINCH), catches(SIGHUP), catches(SIGCONT);
  shared->step = step;
  until(100);
}

static void keys(int master, int slave) {
  signal(SIGTTOU, SIG_IGN);
  pid_t pid = job(sleeps, 1);
  tcsetpgrp(slave, pid);
  until(1);
  write(master, "\x03\x1c", 2);
  for (int i = 0; i < 10000 && shared->caught[SIGQUIT] == 0; i++) usleep(500);
  printf("INT %d QUIT %d\n", shared->caught[SIGINT], shared->caught[SIGQUIT]);
  struct winsize size = {30, 90, 0, 0};
  ioctl(master, TIOCSWINSZ, &size);
  ioctl(master, TIOCSWINSZ, &size);
  for (int i = 0; i < 10000 && shared->caught[SIGWINCH] == 0; i++) usleep(500);
  printf("WINCH %d\n", shared->caught[SIGWINCH]);
  SHOW(ioctl(master, TIOCSIG, SIGINT));
  for (int i = 0; i < 10000 && shared->caught[SIGINT] < 2; i++) usleep(500);
  printf("INT %d\n", shared->caught[SIGINT]);
  SHOW(ioctl(master, TIOCSIG, SIGHUP));
  write(master, "\x1a", 1);
  waits("suspended", pid);
  kill(-pid, SIGCONT);
  int status;
  HOLDS(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
  shared->step = 100;
  waits("ended", pid);
  SHOW(ioctl(slave, TIOCSTI, "y"));
  SHOW(ioctl(slave, TIOCSTI, "\n"));
  tcsetpgrp(slave, getpid());
  reads(slave);
}

/* The leader ends: its foreground group is told. */
static void ends(int master, int slave) {
  signal(SIGTTOU, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  pid_t pid = job(sleeps, 1);
  tcsetpgrp(slave, pid);
  until(1);
}

static void told(const char *name) {
  for (int i = 0; i < 4000 && shared->caught[SIGHUP] == 0; i++) usleep(500);
  usleep(20000);
  printf("%s: HUP %d CONT %d\n", name, shared->caught[SIGHUP], shared->caught[SIGCONT]);
  shared->step = 100;
}

static void leader_ends(void) {
  session("the leader ends", ends);
  told("foreground");
}

/* The master goes: the leader is told, and when it ends so is its foreground group. */
static void master_closes(void) {
  int slave, master = opened(&slave);
  char name[64];
  strcpy(name, ptsname(master));
  memset((void *)shared, 0, sizeof *shared);
  puts("-- the master is closed");
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    close(master);
    setsid();
    ioctl(slave, TIOCSCTTY, 0);
    signal(SIGTTOU, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP), sigaddset(&set, SIGCONT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pid_t child = fork();
    if (child == 0) {
      setpgid(0, 0);
      sigprocmask(SIG_UNBLOCK, &set, NULL);
      sleeps(1);
      _exit(0);
    }
    setpgid(child, child);
    tcsetpgrp(slave, child);
    until(1);
    shared->step = 2;
    int signal;
    sigwait(&set, &signal);
    usleep(10000);
    sigset_t pending;
    sigpending(&pending);
    printf("leader got one, pending HUP %d CONT %d\n", sigismember(&pending, SIGHUP), sigismember(&pending, SIGCONT));
    printf("foreground so far: HUP %d\n", shared->caught[SIGHUP]);
    FAILS(open("/dev/tty", O_RDWR));
    FAILS(open(name, O_RDWR));
    FAILS(tcgetpgrp(slave));
    fflush(stdout);
    _exit(3);
  }
  close(slave);
  until(2);
  close(master);
  waits("leader", pid);
  told("foreground");
}

/* A reader that waits when the master goes. */
static void blocked_reader(void) {
  int slave, master = opened(&slave);
  puts("-- somebody waits for input");
  fflush(stdout);
  memset((void *)shared, 0, sizeof *shared);
  pid_t pid = fork();
  if (pid == 0) {
    close(master);
    char byte;
    struct pollfd wait = {slave, POLLIN, 0};
    shared->step = 1;
    poll(&wait, 1, 5000);
    printf("woken: %d\n", (wait.revents & POLLHUP) != 0);
    fflush(stdout);
    _exit(0);
  }
  close(slave);
  until(1);
  usleep(20000);
  close(master);
  waits("reader", pid);
}

int main(void) {
  alarm(60);
  setvbuf(stdout, NULL, _IOLBF, 0);
  shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  session("controlling", controlling);
  session("stealing", stealing);
  session("groups", groups);
  session("background", background);
  session("orphaned", orphaned);
  session("keys", keys);
  leader_ends();
  master_closes();
  blocked_reader();
  /* Those who still wait need not any longer. */
  shared->step = 1000;
  return 0;
}
