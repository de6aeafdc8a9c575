/* inotify: which events come, in which order, for what happens to files and directories. */
#include "check.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <utime.h>

static int queue;
static char bytes[65536];
static unsigned cookies[64];
static int known;

static const struct {
  unsigned bit;
  const char *name;
} names[] = {{IN_ACCESS, "ACCESS"}, {IN_MODIFY, "MODIFY"}, {IN_ATTRIB, "ATTRIB"}, {IN_CLOSE_WRITE, "CLOSE_WRITE"},
             {IN_CLOSE_NOWRITE, "CLOSE_NOWRITE"}, {IN_OPEN, "OPEN"}, {IN_MOVED_FROM, "MOVED_FROM"}, {IN_MOVED_TO, "MOVED_TO"},
             {IN_CREATE, "CREATE"}, {IN_DELETE, "DELETE"}, {IN_DELETE_SELF, "DELETE_SELF"}, {IN_MOVE_SELF, "MOVE_SELF"},
             {IN_UNMOUNT, "UNMOUNT"}, {IN_Q_OVERFLOW, "Q_OVERFLOW"}, {IN_IGNORED, "IGNORED"}, {IN_ISDIR, "ISDIR"}};

/* A cookie by the order in which it was seen. */
static int cookie(unsigned value) {
  if (value == 0) return 0;
  for (int i = 0; i < known; i++)
    if (cookies[i] == value) return i + 1;
  cookies[known++] = value;
  return known;
}

static void events(const char *what) {
  printf("%s:\n", what);
  ssize_t got = read(queue, bytes, sizeof bytes);
  for (char *at = bytes; got > 0 && at < bytes + got;) {
    struct inotify_event *event = (void *)at;
    printf("  %d", event->wd);
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
      if (event->mask & names[i].bit) printf(" %s", names[i].name);
    printf(" %d %u %s\n", cookie(event->cookie), event->len, event->len ? event->name : "-");
    at += sizeof *event + event->len;
  }
}

static int made(const char *path) { return open(path, O_RDWR | O_CREAT, 0644); }
static int watch(const char *path, unsigned mask) { return inotify_add_watch(queue, path, mask); }

static void errors(void) {
  FAILS(inotify_init1(1));
  queue = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  HOLDS(fcntl(queue, F_GETFD) == FD_CLOEXEC && fcntl(queue, F_GETFL) == O_NONBLOCK);
  FAILS(watch(".", 0));
  FAILS(watch(".", 0x10000));
  FAILS(watch("missing", IN_OPEN));
  FAILS(inotify_add_watch(99, ".", IN_OPEN));
  FAILS(inotify_add_watch(1, ".", IN_OPEN));
  FAILS(inotify_add_watch(queue, (void *)8, IN_OPEN));
  FAILS(watch(".", IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE));
  FAILS(inotify_rm_watch(queue, 1));
  FAILS(inotify_rm_watch(1, 1));
  FAILS(read(queue, bytes, 16));
  FAILS(write(queue, bytes, 16));
  close(made("file"));
  FAILS(watch("file", IN_OPEN | IN_ONLYDIR));
  SHOW(watch("file", IN_OPEN));
  SHOW(watch("file", IN_CLOSE));
  FAILS(watch("file", IN_CLOSE | IN_MASK_CREATE));
  close(open("file", O_RDONLY));
  events("replaced mask");
  SHOW(watch("file", IN_OPEN | IN_MASK_ADD));
  int fd = open("file", O_RDONLY), path = open("file", O_PATH), copy = dup(fd), pending = -1;
  close(path), close(copy), close(fd);
  SHOW(ioctl(queue, FIONREAD, &pending));
  printf("  %d\n", pending);
  FAILS(read(queue, bytes, 15));
  struct pollfd entry = {queue, POLLIN | POLLOUT, 0};
  SHOW(poll(&entry, 1, 0));
  printf("  %x\n", entry.revents);
  SHOW(read(queue, bytes, 31));
  events("the rest");
  SHOW(poll(&entry, 1, 0));
  SHOW(inotify_rm_watch(queue, 1));
  events("removed");
  symlink("file", "link");
  SHOW(watch("link", IN_ATTRIB | IN_DONT_FOLLOW));
  unlink("link");
  events("a link");
  char info[4096];
  sprintf(info, "/proc/self/fd/%d", queue);
  char name[64] = {0};
  HOLDS(readlink(info, name, 63) > 0);
  puts(name);
  unlink("file");
  close(queue);
}

static void files(void) {
  queue = inotify_init1(IN_NONBLOCK);
  SHOW(watch(".", IN_ALL_EVENTS));
  int fd = made("f");
  events("create");
  SHOW(watch("f", IN_ALL_EVENTS));
  HOLDS(write(fd, "hello", 5) == 5 && write(fd, "world", 5) == 5);
  HOLDS(pwrite(fd, "x", 1, 3) == 1 && write(fd, "", 0) == 0);
  events("write");
  HOLDS(pread(fd, bytes, 3, 0) == 3 && read(fd, bytes, 5) == 0);
  events("read");
  ftruncate(fd, 2);
  truncate("f", 100);
  events("truncate");
  fallocate(fd, 0, 0, 8192);
  events("allocate");
  fchmod(fd, 0600);
  chmod("f", 04755);
  chown("f", getuid(), getgid());
  events("attributes");
  chmod("f", 0644);
  struct utimbuf times = {1, 2};
  utime("f", &times);
  struct timespec two[2] = {{3, 0}, {0, UTIME_OMIT}};
  utimensat(AT_FDCWD, "f", two, 0);
  two[0].tv_nsec = UTIME_OMIT, two[1].tv_nsec = 5;
  futimens(fd, two);
  events("times");
  fsetxattr(fd, "user.a", "b", 1, 0);
  fremovexattr(fd, "user.a");
  events("extended");
  void *mapped = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  *(char *)mapped = 1;
  munmap(mapped, 4096);
  events("mapped");
  int other = made("g");
  ftruncate(other, 0);
  events("another");
  lseek(fd, 0, SEEK_SET);
  HOLDS(sendfile(other, fd, 0, 10) == 10);
  events("sendfile");
  off_t from = 0, to = 0;
  HOLDS(copy_file_range(fd, &from, other, &to, 10, 0) == 10);
  events("copy_file_range");
  close(other);
  close(open("f", O_RDWR | O_TRUNC));
  events("opened and emptied");
  link("f", "h");
  events("link");
  unlink("f");
  events("a name of two removed");
  rename("h", "i");
  events("rename");
  unlink("i");
  events("the last name removed");
  HOLDS(write(fd, "x", 1) == 1);
  events("written without a name");
  close(fd);
  events("closed");
  /* Removed, and nobody has it open. */
  close(made("f"));
  SHOW(watch("f", IN_ALL_EVENTS));
  events("made");
  unlink("f");
  events("removed");
  unlink("g");
  close(queue);
}

static void directories(int exchanges) {
  queue = inotify_init1(IN_NONBLOCK);
  SHOW(watch(".", IN_ALL_EVENTS));
  mkdir("d", 0755);
  SHOW(watch("d", IN_ALL_EVENTS | IN_ONLYDIR));
  events("mkdir");
  int fd = open("d", O_RDONLY | O_DIRECTORY);
  while (syscall(SYS_getdents64, fd, bytes, sizeof bytes) > 0) continue;
  close(fd);
  events("listed");
  mknod("d/p", S_IFIFO | 0644, 0);
  symlink("nowhere", "d/s");
  close(made("d/f"));
  events("filled");
  rename("d/f", "f");
  events("moved out");
  rename("f", "d/g");
  events("moved in");
  close(made("d/x"));
  SHOW(watch("d/x", IN_ALL_EVENTS));
  events("to be replaced");
  rename("d/g", "d/x");
  events("replaced");
  close(made("y"));
  if (exchanges) syscall(SYS_renameat2, AT_FDCWD, "y", AT_FDCWD, "d/x", 2);
  events("exchanged");
  chmod("d", 0700);
  rename("d", "e");
  events("directory moved");
  unlink("y"), unlink("e/x"), unlink("e/p"), unlink("e/s");
  events("emptied");
  rmdir("e");
  events("rmdir");
  close(queue);
}

static void flags(void) {
  queue = inotify_init1(IN_NONBLOCK);
  close(made("f"));
  SHOW(watch("f", IN_OPEN | IN_ONESHOT));
  close(open("f", O_RDONLY));
  close(open("f", O_RDONLY));
  events("one shot");
  SHOW(watch(".", IN_ALL_EVENTS | IN_EXCL_UNLINK));
  int fd = open("f", O_RDWR);
  unlink("f");
  HOLDS(write(fd, "x", 1) == 1);
  fchmod(fd, 0600);
  close(fd);
  events("unlinked excluded");
  /* Two queues hear the same; one closes. */
  int first = queue;
  queue = inotify_init1(IN_NONBLOCK);
  SHOW(watch(".", IN_CREATE));
  close(made("f"));
  events("second queue");
  close(first);
  unlink("f");
  close(made("f"));
  events("second queue alone");
  int copy = dup(queue);
  close(queue);
  queue = copy;
  unlink("f");
  close(made("f"));
  events("through a copy");
  unlink("f");
  close(queue);
  /* More than the queue takes. */
  queue = inotify_init1(IN_NONBLOCK);
  SHOW(watch(".", IN_OPEN | IN_CLOSE));
  fd = made("f");
  for (int i = 0; i < 9000; i++) close(open("f", O_RDONLY));
  int pending = 0;
  ioctl(queue, FIONREAD, &pending);
  printf("  %d\n", pending);
  int count = 0, overflows = 0;
  ssize_t got;
  while ((got = read(queue, bytes, sizeof bytes)) > 0)
    for (char *at = bytes; at < bytes + got; count++) {
      struct inotify_event *event = (void *)at;
      overflows += event->mask == IN_Q_OVERFLOW && event->wd == -1;
      at += sizeof *event + event->len;
    }
  printf("  %d events, %d overflows\n", count, overflows);
  close(fd);
  events("after the overflow");
  unlink("f");
  close(queue);
  /* Instances are limited. */
  int made_ones = 0, last;
  while ((last = inotify_init1(0)) >= 0) made_ones++;
  printf("%s %d\n", strerrorname_np(errno), made_ones > 50 && made_ones <= 128);
}

int main(void) {
  alarm(60);
  umask(022);
  for (int i = 0; i < 2; i++) {
    char folder[64];
    strcpy(folder, i == 0 ? "/tmp/watches-XXXXXX" : "/dev/shm/watches-XXXXXX");
    if (mkdtemp(folder) == 0 || chdir(folder)) return 1;
    if (i == 0) errors();
    files();
    directories(i);
    if (i == 0) flags();
    chdir("/");
    rmdir(folder);
  }
  return 0;
}
