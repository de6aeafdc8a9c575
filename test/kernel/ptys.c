/* Pseudo-terminals: names, locks, data both ways, packet mode, window size, hang-ups (pty(7), ioctl_tty(2)). */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <asm/ioctls.h>

/* The headers that have struct termios2 cannot stand beside <termios.h>. */
struct termios2 {
  unsigned iflag, oflag, cflag, lflag;
  unsigned char line, cc[19];
  unsigned ispeed, ospeed;
};

static void quoted(const char *name, const char *bytes, ssize_t count) {
  printf("%s: %zd%s%s \"", name, count, count < 0 ? " " : "", count < 0 ? strerrorname_np(errno) : "");
  for (ssize_t i = 0; i < count; i++) {
    unsigned char byte = bytes[i];
    if (byte >= 32 && byte < 127) putchar(byte);
    else printf("\\x%02x", byte);
  }
  puts("\"");
}

static ssize_t get(const char *name, int fd, size_t size) {
  char bytes[8192];
  errno = 0;
  ssize_t count = read(fd, bytes, size);
  quoted(name, bytes, count);
  return count;
}

/* What is there to be read once it is there. */
static void shows(const char *name, int fd) {
  struct pollfd wait = {fd, POLLIN, 0};
  poll(&wait, 1, 5000);
  get(name, fd, 8192);
}

static void put(int fd, const char *text) {
  if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) puts("short write");
}

/* Lets what has been written come through on Linux, where that is another thread's work. */
static void settle(int slave, int bytes) {
  for (int i = 0, there = -1; i < 2000 && there != bytes; i++, usleep(1000)) ioctl(slave, FIONREAD, &there);
}

static int events(int fd) {
  struct pollfd what = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM, 0};
  poll(&what, 1, 0);
  return what.revents;
}

static int opened(int *slave) {
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  grantpt(master);
  unlockpt(master);
  *slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  return master;
}

static void names(void) {
  struct stat status;
  int number = -1, locked = -1, device = 0, flags;
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  HOLDS(master >= 0);
  fstat(master, &status);
  printf("master %o %d:%d\n", status.st_mode & S_IFMT, major(status.st_rdev), minor(status.st_rdev));
  HOLDS(isatty(master));
  SHOW(ioctl(master, TIOCGPTLCK, &locked));
  printf("locked %d\n", locked);
  SHOW(open(ptsname(master), O_RDWR | O_NOCTTY));
  SHOW(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY));
  SHOW(grantpt(master));
  SHOW(unlockpt(master));
  SHOW(ioctl(master, TIOCGPTN, &number));
  int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  HOLDS(slave >= 0);
  fstat(slave, &status);
  printf("slave %o %d\n", status.st_mode & S_IFMT, major(status.st_rdev));
  HOLDS((int)minor(status.st_rdev) == number);
  HOLDS(status.st_uid == getuid());
  SHOW(ioctl(slave, TIOCGDEV, &device));
  HOLDS(device == (int)status.st_rdev);
  HOLDS(strcmp(ttyname(slave), ptsname(master)) == 0);
  SHOW(ioctl(slave, TIOCGPTN, &number));
  SHOW(ioctl(slave, TIOCSPTLCK, &locked));
  SHOW(ioctl(slave, TIOCPKT, &number));
  SHOW(fchmod(slave, 0600));
  fstat(slave, &status);
  printf("changed %o\n", status.st_mode & 07777);
  int peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  HOLDS(peer >= 0);
  flags = fcntl(peer, F_GETFD);
  printf("peer's flags %d\n", flags);
  put(peer, "x");
  shows("from the peer", master);
  close(peer);
  SHOW(ioctl(slave, TIOCEXCL));
  SHOW(ioctl(slave, TIOCGEXCL, &locked));
  printf("exclusive %d\n", locked);
  SHOW(ioctl(slave, TIOCNXCL));
  char name[64];
  snprintf(name, sizeof name, "%s", ptsname(master));
  close(master);
  SHOW(open(name, O_RDWR | O_NOCTTY));
  SHOW(access(name, F_OK));
  close(slave);
  HOLDS(posix_openpt(O_RDWR | O_NOCTTY) == master);
  SHOW(ptsname_r(master, name, 2));
  close(master);
}

static void both_ways(void) {
  int slave, master = opened(&slave), count;
  put(master, "one\ntwo\nthr");
  settle(slave, 8);
  SHOW(ioctl(slave, FIONREAD, &count));
  printf("to be read %d\n", count);
  get("a line", slave, 100);
  get("a part", slave, 2);
  get("its rest", slave, 100);
  shows("echo", master);
  fcntl(slave, F_SETFL, O_NONBLOCK);
  get("no line", slave, 100);
  put(slave, "out\n");
  shows("output", master);
  fcntl(master, F_SETFL, O_NONBLOCK);
  get("no more", master, 100);
  put(master, "\x04");
  shows("pushed", slave);
  put(master, "\x04");
  shows("end of file", slave);
  SHOW(lseek(slave, 0, SEEK_SET));
  SHOW(read(slave, NULL, 0));
  SHOW(write(slave, NULL, 0));
  HOLDS(events(slave) == (POLLOUT | POLLWRNORM));
  HOLDS(events(master) == (POLLOUT | POLLWRNORM));
  close(slave);
  HOLDS(events(master) == (POLLOUT | POLLWRNORM | POLLHUP));
  get("without a terminal", master, 100);
  put(master, "kept\n");
  slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  HOLDS((events(master) & POLLHUP) == 0);
  shows("after another open", slave);
  close(master);
  close(slave);
}

/* More than fits anywhere, in both directions: nothing is lost. */
static void much(void) {
  enum { AMOUNT = 300000 };
  int slave, master = opened(&slave);
  struct termios raw;
  tcgetattr(slave, &raw);
  cfmakeraw(&raw);
  tcsetattr(slave, TCSANOW, &raw);
  for (int turn = 0; turn < 2; turn++) {
    int from = turn ? slave : master, to = turn ? master : slave;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
      char chunk[1000];
      for (int done = 0; done < AMOUNT; done += sizeof chunk) {
        for (size_t i = 0; i < sizeof chunk; i++) chunk[i] = (done + i) * 7;
        if (write(from, chunk, sizeof chunk) != sizeof chunk) _exit(1);
      }
      _exit(0);
    }
    char bytes[5000];
    int total = 0, wrong = 0;
    while (total < AMOUNT) {
      ssize_t count = read(to, bytes, sizeof bytes);
      if (count <= 0) break;
      for (ssize_t i = 0; i < count; i++) wrong += bytes[i] != (char)((total + i) * 7);
      total += count;
    }
    waitpid(child, NULL, 0);
    printf("%s: %d bytes, %d wrong\n", turn ? "output" : "input", total, wrong);
  }
  fcntl(master, F_SETFL, O_NONBLOCK);
  char chunk[1000] = {0};
  int done = 0;
  while (write(master, chunk, sizeof chunk) > 0 && done < 1000) done++;
  printf("full: %s %d\n", strerrorname_np(errno), (events(master) & POLLOUT) != 0);
  HOLDS(done > 4);
  close(master);
  close(slave);
}

static void long_lines(void) {
  int slave, master = opened(&slave);
  struct termios quiet;
  char line[5001], got[6000];
  tcgetattr(slave, &quiet);
  quiet.c_lflag &= ~ECHO;
  tcsetattr(slave, TCSANOW, &quiet);
  memset(line, 'a', 4090);
  memcpy(line + 4090, "bcdefghijkl\n", 12);
  if (write(master, line, 4102) != 4102) puts("short");
  ssize_t count = read(slave, got, sizeof got);
  printf("long line: %zd ", count);
  quoted("its end", got + count - 8, 8);
  close(master);
  close(slave);
}

static void packets(void) {
  int slave, master = opened(&slave), on = 1, mode = -1;
  struct termios settings;
  SHOW(ioctl(master, TIOCPKT, &on));
  SHOW(ioctl(master, TIOCGPKT, &mode));
  printf("packet mode %d\n", mode);
  put(slave, "data");
  shows("data", master);
  tcflush(slave, TCIFLUSH);
  HOLDS(events(master) == (POLLIN | POLLPRI | POLLRDNORM | POLLOUT | POLLWRNORM));
  shows("flushed input", master);
  tcflush(slave, TCOFLUSH);
  shows("flushed output", master);
  tcflow(slave, TCOOFF);
  shows("stopped", master);
  HOLDS((events(slave) & POLLOUT) == 0);
  tcflow(slave, TCOON);
  shows("started", master);
  tcgetattr(slave, &settings);
  settings.c_iflag &= ~IXON;
  tcsetattr(slave, TCSANOW, &settings);
  shows("no flow control", master);
  settings.c_iflag |= IXON;
  tcsetattr(slave, TCSANOW, &settings);
  shows("flow control", master);
  settings.c_lflag |= EXTPROC;
  tcsetattr(slave, TCSANOW, &settings);
  shows("external processing", master);
  settings.c_lflag &= ~EXTPROC;
  tcsetattr(slave, TCSANOW, &settings);
  shows("no longer", master);
  put(slave, "abc");
  get("one byte", master, 1);
  get("two", master, 2);
  get("the rest", master, 100);
  on = 0;
  SHOW(ioctl(master, TIOCPKT, &on));
  put(slave, "plain");
  shows("plain", master);
  close(master);
  close(slave);
}

static void settings(void) {
  int slave, master = opened(&slave), count = 1;
  struct termios old, new;
  struct winsize size = {0}, large = {50, 132, 1320, 750};
  SHOW(tcgetattr(slave, &old));
  printf("%o %o %o %o\n", old.c_iflag, old.c_oflag, old.c_cflag, old.c_lflag);
  for (int i = 0; i < NCCS; i++) printf("%d ", old.c_cc[i]);
  puts("");
  new = old;
  new.c_cflag = CS7 | PARENB | B9600;
  SHOW(tcsetattr(slave, TCSADRAIN, &new));
  SHOW(tcgetattr(master, &new));
  printf("as the master sees it %o %d %d\n", new.c_cflag, cfgetospeed(&new), cfgetispeed(&new));
  struct termios2 two;
  SHOW(ioctl(slave, TCGETS2, &two));
  printf("speeds %u %u\n", two.ispeed, two.ospeed);
  two.cflag = (two.cflag & ~CBAUD) | CBAUDEX, two.ospeed = 12345;
  SHOW(ioctl(slave, TCSETS2, &two));
  SHOW(ioctl(slave, TCGETS2, &two));
  printf("speeds %u %u\n", two.ispeed, two.ospeed);
  SHOW(tcsetattr(master, TCSANOW, &old));
  SHOW(tcsetattr(slave, 77, &old));
  SHOW(tcflush(slave, 5));
  SHOW(tcflow(slave, 5));
  SHOW(tcsendbreak(slave, 0));
  SHOW(tcdrain(slave));
  SHOW(ioctl(slave, TIOCGWINSZ, &size));
  printf("%d %d %d %d\n", size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel);
  SHOW(ioctl(master, TIOCSWINSZ, &large));
  SHOW(ioctl(slave, TIOCGWINSZ, &size));
  printf("%d %d %d %d\n", size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel);
  SHOW(ioctl(slave, TIOCSWINSZ, (void *)8));
  SHOW(ioctl(slave, TIOCOUTQ, &count));
  printf("queued %d\n", count);
  SHOW(ioctl(slave, TIOCGETD, &count));
  printf("discipline %d\n", count);
  count = 9999;
  SHOW(ioctl(slave, TIOCSETD, &count));
  count = 0;
  SHOW(ioctl(slave, TIOCSETD, &count));
  SHOW(ioctl(slave, TIOCGSOFTCAR, &count));
  printf("local %d\n", count);
  SHOW(ioctl(slave, TIOCMGET, &count));
  SHOW(ioctl(slave, 0x54ff, &count));
  tcflow(slave, TCIOFF);
  shows("stop sent", master);
  tcflow(slave, TCION);
  shows("start sent", master);
  close(master);
  close(slave);
}

static void raw_reads(void) {
  int slave, master = opened(&slave);
  struct termios raw;
  tcgetattr(slave, &raw);
  cfmakeraw(&raw);
  raw.c_cc[VMIN] = 3, raw.c_cc[VTIME] = 0;
  tcsetattr(slave, TCSANOW, &raw);
  put(master, "ab");
  settle(slave, 2);
  HOLDS((events(slave) & POLLIN) == 0);
  get("as many as wanted", slave, 2);
  put(master, "abcd");
  get("all of them", slave, 100);
  raw.c_cc[VMIN] = 0, raw.c_cc[VTIME] = 1;
  tcsetattr(slave, TCSANOW, &raw);
  get("in a tenth of a second", slave, 100);
  put(master, "x");
  get("what has come", slave, 100);
  raw.c_cc[VMIN] = 5;
  tcsetattr(slave, TCSANOW, &raw);
  put(master, "yz");
  HOLDS((events(slave) & POLLIN) == POLLIN || (settle(slave, 2), events(slave) & POLLIN));
  get("between bytes", slave, 100);
  raw.c_cc[VMIN] = 0, raw.c_cc[VTIME] = 0;
  tcsetattr(slave, TCSANOW, &raw);
  get("nothing", slave, 100);
  raw.c_cc[VMIN] = 5;
  tcsetattr(slave, TCSANOW, &raw);
  fcntl(slave, F_SETFL, O_NONBLOCK);
  get("not now", slave, 100);
  put(master, "pq");
  settle(slave, 2);
  get("less than wanted", slave, 100);
  put(master, "rest\n");
  settle(slave, 5);
  raw.c_lflag |= ICANON;
  tcsetattr(slave, TCSANOW, &raw);
  get("as a line", slave, 100);
  put(master, "part");
  usleep(20000);
  raw.c_lflag &= ~ICANON;
  tcsetattr(slave, TCSANOW, &raw);
  get("as bytes", slave, 100);
  close(master);
  close(slave);
}

static void interrupted(int signal) { (void)signal; }

static void partly(void) {
  int slave, master = opened(&slave);
  struct termios raw;
  struct sigaction action = {.sa_handler = interrupted};
  sigaction(SIGALRM, &action, NULL);
  tcgetattr(slave, &raw);
  cfmakeraw(&raw);
  raw.c_cc[VMIN] = 9;
  tcsetattr(slave, TCSANOW, &raw);
  put(master, "ab");
  ualarm(50000, 0);
  get("interrupted with some", slave, 100);
  ualarm(50000, 0);
  get("interrupted", slave, 100);
  signal(SIGALRM, SIG_DFL);
  close(master);
  close(slave);
}

/* What locks do takes more capabilities than a sandbox's root has. */
static void locked_settings(void) {
  int slave, master = opened(&slave);
  struct termios locks;
  memset(&locks, 1, sizeof(locks));
  SHOW(ioctl(slave, TIOCGLCKTRMIOS, &locks));
  printf("locked: %d %d\n", locks.c_lflag, locks.c_cc[VMIN]);
  CHILD(setuid(65534); FAILS(ioctl(slave, TIOCSLCKTRMIOS, &locks)); FAILS(ioctl(master, TIOCGLCKTRMIOS, 1)));
  close(master);
  close(slave);
}

static void hangups(void) {
  int slave, master = opened(&slave), other = open(ptsname(master), O_RDWR | O_NOCTTY), count;
  struct termios raw;
  tcgetattr(slave, &raw);
  cfmakeraw(&raw);
  tcsetattr(slave, TCSANOW, &raw);
  put(slave, "last words");
  close(slave);
  HOLDS((events(master) & POLLHUP) == 0);
  close(other);
  get("last words", master, 4);
  get("and these", master, 100);
  get("none", master, 100);
  slave = open(ptsname(master), O_RDWR | O_NOCTTY);
  tcgetattr(slave, &raw);
  printf("settings are kept: %d\n", (raw.c_lflag & ICANON) == 0);
  put(master, "unread");
  close(master);
  HOLDS(events(slave) == (POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLHUP) ||
        events(slave) == (POLLIN | POLLOUT | POLLHUP | POLLERR | POLLRDNORM | POLLWRNORM));
  get("hung up", slave, 100);
  FAILS(write(slave, "x", 1));
  FAILS(tcgetattr(slave, &raw));
  FAILS(ioctl(slave, TIOCSPGRP, &count));
  FAILS(ioctl(slave, FIONREAD, &count));
  HOLDS(!isatty(slave));
  close(slave);
}

/* How the other end learns that a process waits in a call on it: state S, and the call's number. */
static void sleeps(pid_t pid, int call) {
  char path[40], text[80];
  do {
    snprintf(path, sizeof path, "/proc/%d/syscall", pid);
    int fd = open(path, O_RDONLY);
    ssize_t count = read(fd, text, sizeof text - 1);
    close(fd);
    text[count < 0 ? 0 : count] = 0;
    if (text[0] == 'r') sched_yield();
  } while (atoi(text) != call || text[0] == 'r');
}

/* Reads and writes that wait when the master is closed, by a session's leader and by others. */
static void left_alone(void) {
  printf("-- who waits when the master goes\n");
  for (int way = 0; way < 4; way++) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    grantpt(master);
    unlockpt(master);
    char name[40];
    ptsname_r(master, name, sizeof name);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
      close(master);
      setsid();
      if (way & 1) signal(SIGHUP, SIG_IGN);
      int slave = open(name, O_RDWR | (way & 2 ? 0 : O_NOCTTY)), other = open("/dev/tty", O_RDWR);
      printf("a terminal of its own: %s\n", other >= 0 ? "yes" : "no");
      fflush(stdout);
      char byte;
      errno = 0;
      ssize_t count = read(slave, &byte, 1);
      printf("read %zd %d\n", count, errno);
      SHOW(write(slave, "x", 1));
      FAILS(tcgetpgrp(slave));
      FAILS(open("/dev/tty", O_RDWR));
      fflush(stdout);
      _exit(7);
    }
    sleeps(pid, 0);
    close(master);
    int status;
    waitpid(pid, &status, 0);
    printf("status %#x\n", status);
  }
}

int main(void) {
  alarm(60);
  setvbuf(stdout, NULL, _IOLBF, 0);
  names();
  both_ways();
  much();
  long_lines();
  packets();
  settings();
  raw_reads();
  partly();
  locked_settings();
  hangups();
  left_alone();
  return 0;
}
