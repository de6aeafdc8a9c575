/* Leases (fcntl(2), F_SETLEASE): who gets one, who is told of its end, and who has to wait for it. */
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

static sigset_t set;
static int signal_number;

/* Waits for the signal that tells of a break. */
static void told(int fd) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  int signal = sigwaitinfo(&set, &info);
  printf("%s, code %d, band %#lx, fd %s\n", signal == SIGIO ? "SIGIO" : signal == signal_number ? "signal" : "?",
         info.si_code, signal == SIGIO ? 0 : info.si_band, signal == SIGIO || info.si_fd == fd ? "of the lease" : "OTHER");
}

static void quiet(void) {
  struct timespec now = {0, 0};
  FAILS(sigtimedwait(&set, NULL, &now));
}

/* What /proc/locks says of the file's leases. */
static void listed(int fd) {
  struct stat info;
  char line[200], inode[40];
  fstat(fd, &info);
  snprintf(inode, sizeof inode, ":%lu ", (unsigned long)info.st_ino);
  FILE *locks = fopen("/proc/locks", "r");
  while (fgets(line, sizeof line, locks)) {
    char kind[20], state[20], access[20], place[40], start[20], end[20];
    int pid;
    if (!strstr(line, "LEASE") || !strstr(line, inode)) continue;
    sscanf(line, "%*d: %s %s %s %d %s %s %s", kind, state, access, &pid, place, start, end);
    printf("%s %s %s %s %s-%s\n", kind, state, access, pid == getpid() ? "mine" : "another's", start, end);
  }
  fclose(locks);
}

static void given(void) {
  printf("-- who gets one\n");
  int fd = open("file", O_RDONLY);
  SHOW(fcntl(fd, F_GETLEASE));
  FAILS(fcntl(fd, F_SETLEASE, F_UNLCK));
  FAILS(fcntl(fd, F_SETLEASE, 7));
  FAILS(fcntl(fd, F_SETLEASE, -1));
  SHOW(fcntl(fd, F_SETLEASE, F_RDLCK));
  SHOW(fcntl(fd, F_GETLEASE));
  listed(fd);
  SHOW(fcntl(fd, F_GETFL) & O_ASYNC);
  SHOW(fcntl(fd, F_GETOWN) == getpid());
  SHOW(fcntl(fd, F_SETLEASE, F_WRLCK));
  SHOW(fcntl(fd, F_GETLEASE));
  listed(fd);
  SHOW(fcntl(fd, F_SETSIG, SIGUSR2));
  SHOW(fcntl(fd, F_SETLEASE, F_UNLCK));
  SHOW(fcntl(fd, F_GETOWN));
  SHOW(fcntl(fd, F_GETSIG));
  SHOW(fcntl(fd, F_GETFL) & O_ASYNC);
  FAILS(fcntl(fd, F_SETLEASE, F_UNLCK));
  int second = open("file", O_RDONLY);
  SHOW(fcntl(fd, F_SETLEASE, F_RDLCK));
  SHOW(fcntl(second, F_SETLEASE, F_RDLCK));
  FAILS(fcntl(fd, F_SETLEASE, F_WRLCK));
  SHOW(close(second));
  SHOW(fcntl(fd, F_SETLEASE, F_WRLCK));
  int copy = dup(fd);
  SHOW(fcntl(copy, F_GETLEASE));
  close(copy);
  SHOW(fcntl(fd, F_GETLEASE));
  close(fd);
  fd = open("file", O_RDWR);
  FAILS(fcntl(fd, F_SETLEASE, F_RDLCK));
  SHOW(fcntl(fd, F_SETLEASE, F_WRLCK));
  FAILS(fcntl(fd, F_SETLEASE, F_RDLCK));
  SHOW(fcntl(fd, F_GETLEASE));
  close(fd);
  fd = open("file", O_WRONLY);
  second = open("file", O_RDONLY);
  FAILS(fcntl(fd, F_SETLEASE, F_WRLCK));
  FAILS(fcntl(second, F_SETLEASE, F_RDLCK));
  void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, second, 0);
  close(second);
  FAILS(fcntl(fd, F_SETLEASE, F_WRLCK));
  munmap(map, 4096);
  SHOW(fcntl(fd, F_SETLEASE, F_WRLCK));
  close(fd);
}

static void refused(void) {
  printf("-- where there are none\n");
  int ends[2];
  pipe(ends);
  FAILS(fcntl(ends[0], F_SETLEASE, F_RDLCK));
  SHOW(fcntl(ends[0], F_GETLEASE));
  close(ends[0]);
  close(ends[1]);
  int fd = open(".", O_RDONLY);
  FAILS(fcntl(fd, F_SETLEASE, F_RDLCK));
  FAILS(fcntl(fd, F_SETLEASE, F_WRLCK));
  FAILS(fcntl(fd, F_SETLEASE, F_UNLCK));
  SHOW(fcntl(fd, F_GETLEASE));
  close(fd);
  fd = open("/dev/null", O_RDONLY);
  FAILS(fcntl(fd, F_SETLEASE, F_RDLCK));
  close(fd);
  fd = open("file", O_PATH);
  FAILS(fcntl(fd, F_SETLEASE, F_RDLCK));
  FAILS(fcntl(fd, F_GETLEASE));
  close(fd);
  fd = open("file", O_RDONLY);
  SHOW(seteuid(1234));
  FAILS(fcntl(fd, F_SETLEASE, F_RDLCK));
  FAILS(fcntl(fd, F_SETLEASE, 7));
  SHOW(seteuid(0));
  close(fd);
}

static void without_waiting(void) {
  printf("-- broken by who does not wait\n");
  int fd = open("file", O_RDONLY);
  fcntl(fd, F_SETSIG, signal_number);
  SHOW(fcntl(fd, F_SETLEASE, F_RDLCK));
  int reader = open("file", O_RDONLY | O_NONBLOCK);
  HOLDS(reader >= 0);
  close(reader);
  quiet();
  FAILS(open("file", O_WRONLY | O_NONBLOCK));
  told(fd);
  SHOW(fcntl(fd, F_GETLEASE));
  listed(fd);
  FAILS(open("file", O_RDWR | O_NONBLOCK));
  quiet();
  reader = open("file", O_RDONLY | O_NONBLOCK);
  HOLDS(reader >= 0);
  FAILS(fcntl(reader, F_SETLEASE, F_RDLCK));
  close(reader);
  SHOW(fcntl(fd, F_SETLEASE, F_RDLCK));
  SHOW(fcntl(fd, F_GETLEASE));
  SHOW(fcntl(fd, F_SETLEASE, F_UNLCK));
  int writer = open("file", O_WRONLY | O_NONBLOCK);
  HOLDS(writer >= 0);
  close(writer);
  printf("a write lease, and a reader, then a writer\n");
  fcntl(fd, F_SETSIG, signal_number);
  SHOW(fcntl(fd, F_SETLEASE, F_WRLCK));
  FAILS(open("file", O_RDONLY | O_NONBLOCK));
  told(fd);
  SHOW(fcntl(fd, F_GETLEASE));
  listed(fd);
  FAILS(open("file", O_RDONLY | O_NONBLOCK));
  quiet();
  FAILS(open("file", O_WRONLY | O_NONBLOCK));
  told(fd);
  SHOW(fcntl(fd, F_GETLEASE));
  SHOW(fcntl(fd, F_SETLEASE, F_RDLCK));
  SHOW(fcntl(fd, F_GETLEASE));
  close(fd);
  printf("names and attributes are free\n");
  fd = open("file", O_RDONLY);
  SHOW(fcntl(fd, F_SETLEASE, F_WRLCK));
  SHOW(chmod("file", 0600));
  SHOW(rename("file", "other"));
  SHOW(link("other", "file"));
  SHOW(unlink("other"));
  int place = open("file", O_PATH);
  HOLDS(place >= 0);
  close(place);
  quiet();
  SHOW(fcntl(fd, F_GETLEASE));
  close(fd);
  printf("SIGIO when nothing else was asked for\n");
  fd = open("file", O_RDONLY);
  SHOW(fcntl(fd, F_SETLEASE, F_RDLCK));
  reader = open("file", O_RDONLY | O_TRUNC | O_NONBLOCK);
  HOLDS(reader >= 0);
  close(reader);
  quiet();
  FAILS(open("file", O_WRONLY | O_TRUNC | O_NONBLOCK));
  told(fd);
  close(fd);
}

enum way { READ, WRITE, CUT, EMPTY };

/* A child opens or cuts the file and says so when it may. */
static pid_t breaker(enum way way, int *says) {
  int ends[2];
  pipe(ends);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    // The lease is the parent's alone.
    for (int inherited = 3; inherited < 20; inherited++)
      if (inherited != ends[1]) close(inherited);
    int fd = way == READ ? open("file", O_RDONLY) : way == WRITE ? open("file", O_WRONLY) : way == CUT ? truncate("file", 3) : open("file", O_WRONLY | O_TRUNC);
    char answer = fd < 0 ? errno : 0;
    write(ends[1], &answer, 1);
    _exit(0);
  }
  close(ends[1]);
  *says = ends[0];
  return pid;
}

static void answered(pid_t pid, int says) {
  char answer = 99;
  read(says, &answer, 1);
  printf("the other one: %s\n", answer == 0 ? "done" : strerrorname_np(answer));
  waitpid(pid, NULL, 0);
  close(says);
}

static int sized(const char *name) {
  struct stat info;
  return stat(name, &info) < 0 ? -1 : (int)info.st_size;
}

static void with_waiting(void) {
  printf("-- broken by who waits\n");
  int says;
  for (enum way way = READ; way <= EMPTY; way++) {
    int fd = open("file", O_WRONLY | O_TRUNC);
    write(fd, "content", 7);
    close(fd);
    fd = open("file", O_RDONLY);
    fcntl(fd, F_SETSIG, signal_number);
    printf("way %d\n", way);
    SHOW(fcntl(fd, F_SETLEASE, way == READ ? F_WRLCK : F_RDLCK));
    pid_t pid = breaker(way, &says);
    told(fd);
    SHOW(sized("file"));
    SHOW(fcntl(fd, F_GETLEASE));
    if (way == WRITE) FAILS(fcntl(fd, F_SETLEASE, F_RDLCK));
    if (way == CUT) close(fd);
    else SHOW(fcntl(fd, F_SETLEASE, way == READ ? F_RDLCK : F_UNLCK));
    answered(pid, says);
    SHOW(sized("file"));
    if (way != CUT) close(fd);
  }
  printf("the holder ends\n");
  int ready[2];
  pipe(ready);
  fflush(stdout);
  pid_t holder = fork();
  if (holder == 0) {
    int fd = open("file", O_RDONLY);
    fcntl(fd, F_SETLEASE, F_WRLCK);
    write(ready[1], "x", 1);
    sigwaitinfo(&set, NULL);
    _exit(0);
  }
  char x;
  read(ready[0], &x, 1);
  int fd = open("file", O_RDWR);
  HOLDS(fd >= 0);
  waitpid(holder, NULL, 0);
  close(fd);
  close(ready[0]);
  close(ready[1]);
}

static void nothing(int signal) { (void)signal; }

/* A signal ends the wait; the place is the one that was found before it. */
static void interrupted(void) {
  printf("-- interrupted, and renamed meanwhile\n");
  int says;
  int fd = open("file", O_RDONLY);
  fcntl(fd, F_SETSIG, signal_number);
  SHOW(fcntl(fd, F_SETLEASE, F_WRLCK));
  struct sigaction action = {.sa_handler = nothing};
  sigaction(SIGUSR1, &action, NULL);
  pid_t pid = breaker(WRITE, &says);
  told(fd);
  kill(pid, SIGUSR1);
  answered(pid, says);
  SHOW(fcntl(fd, F_GETLEASE));
  SHOW(fcntl(fd, F_SETLEASE, F_UNLCK));
  fcntl(fd, F_SETSIG, signal_number);
  SHOW(fcntl(fd, F_SETLEASE, F_WRLCK));
  pid = breaker(EMPTY, &says);
  told(fd);
  rename("file", "moved");
  close(open("file", O_CREAT | O_WRONLY, 0600));
  SHOW(fcntl(fd, F_SETLEASE, F_UNLCK));
  answered(pid, says);
  SHOW(sized("moved"));
  close(fd);
  unlink("moved");
}

int main(void) {
  alarm(60);
  signal_number = SIGRTMIN + 3;
  char folder[] = "/dev/shm/leasesXXXXXX";
  mkdtemp(folder);
  chdir(folder);
  int fd = open("file", O_CREAT | O_WRONLY, 0644);
  write(fd, "content", 7);
  close(fd);
  sigemptyset(&set);
  sigaddset(&set, SIGIO);
  sigaddset(&set, signal_number);
  sigprocmask(SIG_BLOCK, &set, NULL);
  given();
  refused();
  without_waiting();
  with_waiting();
  interrupted();
  unlink("file");
  chdir("/");
  return rmdir(folder) ? 1 : 0;
}
