/* splice, tee, vmsplice, sendfile, copy_file_range, preadv2 and pwritev2: what they move, and what they refuse. */
#include "check.h"
#include <sys/ioctl.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

static int in[2], out[2], file, target;
static char bytes[200000];

static int put(int fd, const char *text) { return write(fd, text, strlen(text)); }

/* What is in a pipe or at a place of a file. */
static void show(const char *what, int fd) {
  char text[64] = {0};
  int flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  ssize_t got = read(fd, text, 63);
  fcntl(fd, F_SETFL, flags);
  printf("  %s: %zd \"%s\"\n", what, got, got > 0 ? text : "");
}

static void refusals(void) {
  loff_t at = 0, negative = -1;
  int counter = eventfd(0, EFD_NONBLOCK), append = open("append", O_RDWR | O_CREAT | O_APPEND, 0600), folder = open(".", O_RDONLY);
  int path = open("file", O_PATH);
  FAILS(splice(99, 0, out[1], 0, 1, 0));
  FAILS(splice(in[0], 0, 99, 0, 1, 0));
  FAILS(splice(99, 0, 99, 0, 0, 0));
  FAILS(splice(in[0], 0, out[1], 0, 0, 0x100));
  FAILS(splice(in[0], 0, out[1], 0, 1, 0x100));
  FAILS(splice(in[1], 0, out[1], 0, 1, SPLICE_F_NONBLOCK));
  FAILS(splice(in[0], 0, out[0], 0, 1, SPLICE_F_NONBLOCK));
  FAILS(splice(file, 0, target, 0, 1, 0));
  FAILS(splice(in[0], &at, out[1], 0, 1, SPLICE_F_NONBLOCK));
  FAILS(splice(in[0], 0, out[1], &at, 1, SPLICE_F_NONBLOCK));
  FAILS(splice(file, (void *)8, in[1], 0, 1, 0));
  FAILS(splice(file, &negative, in[1], 0, 1, 0));
  FAILS(splice(in[0], 0, in[1], 0, 1, SPLICE_F_NONBLOCK));
  FAILS(splice(in[0], 0, out[1], 0, 1, SPLICE_F_NONBLOCK));
  FAILS(splice(path, 0, in[1], 0, 1, 0));
  FAILS(splice(folder, 0, in[1], 0, 1, 0));
  put(in[1], "12345678");
  FAILS(splice(in[0], 0, append, 0, 4, 0));
  show("still there", in[0]);
  FAILS(tee(in[0], out[1], 1, 0x100));
  FAILS(tee(in[0], in[1], 1, SPLICE_F_NONBLOCK));
  FAILS(tee(file, out[1], 1, SPLICE_F_NONBLOCK));
  FAILS(tee(in[0], file, 1, SPLICE_F_NONBLOCK));
  FAILS(tee(in[1], out[1], 1, SPLICE_F_NONBLOCK));
  FAILS(tee(in[0], out[1], 1, SPLICE_F_NONBLOCK));
  FAILS(tee(99, out[1], 1, 0));
  SHOW(tee(in[0], out[1], 0, 0));
  struct iovec vector = {"abc", 3};
  FAILS(vmsplice(file, &vector, 1, 0));
  FAILS(vmsplice(99, &vector, 1, 0));
  FAILS(vmsplice(in[1], &vector, 1, 0x100));
  FAILS(vmsplice(in[1], &vector, 1025, 0));
  FAILS(vmsplice(in[1], (void *)8, 1, 0));
  SHOW(vmsplice(in[1], &vector, 0, 0));
  FAILS(sendfile(out[1], in[0], 0, 1));
  FAILS(sendfile(append, file, 0, 1));
  FAILS(sendfile(target, file, &negative, 1));
  FAILS(sendfile(target, folder, 0, 1));
  FAILS(sendfile(99, file, 0, 1));
  FAILS(sendfile(target, in[0], &at, 1));
  FAILS(copy_file_range(file, 0, append, 0, 1, 0));
  FAILS(copy_file_range(in[0], 0, target, 0, 1, 0));
  FAILS(copy_file_range(folder, 0, target, 0, 1, 0));
  FAILS(copy_file_range(file, 0, target, 0, 1, 1));
  at = 0;
  loff_t near = 5;
  FAILS(copy_file_range(file, &at, file, &near, 10, 0));
  close(counter), close(append), close(folder), close(path);
}

static void moves(void) {
  loff_t at = 2, to = 10;
  lseek(file, 0, SEEK_SET);
  SHOW(splice(file, &at, in[1], 0, 5, 0));
  printf("  at %ld, position %ld\n", (long)at, (long)lseek(file, 0, SEEK_CUR));
  SHOW(splice(file, 0, in[1], 0, 3, SPLICE_F_MOVE | SPLICE_F_MORE));
  printf("  position %ld\n", (long)lseek(file, 0, SEEK_CUR));
  SHOW(tee(in[0], out[1], 6, 0));
  show("copied", out[0]);
  SHOW(splice(in[0], 0, out[1], 0, 4, 0));
  show("moved", out[0]);
  SHOW(splice(in[0], 0, target, &to, 100, 0));
  printf("  to %ld, position %ld, size %ld\n", (long)to, (long)lseek(target, 0, SEEK_CUR), (long)lseek(target, 0, SEEK_END));
  lseek(target, 9, SEEK_SET);
  read(target, bytes, 6);
  printf("  %d %.5s\n", bytes[0], bytes + 1);
  at = 1000000;
  SHOW(splice(file, &at, in[1], 0, 5, 0));
  struct iovec vector[2] = {{"one", 3}, {"two", 3}};
  SHOW(vmsplice(in[1], vector, 2, SPLICE_F_GIFT));
  char first[2], second[10] = {0};
  struct iovec into[2] = {{first, 2}, {second, 9}};
  SHOW(vmsplice(in[0], into, 2, 0));
  printf("  %.2s %s\n", first, second);
  FAILS(vmsplice(in[0], into, 2, SPLICE_F_NONBLOCK));
  /* A full pipe, and one without the other end. */
  fcntl(out[1], F_SETFL, O_NONBLOCK);
  while (write(out[1], bytes, 4096) == 4096) continue;
  put(in[1], "xyz");
  FAILS(splice(in[0], 0, out[1], 0, 3, 0));
  FAILS(tee(in[0], out[1], 3, SPLICE_F_NONBLOCK));
  FAILS(splice(file, &to, out[1], 0, 3, SPLICE_F_NONBLOCK));
  fcntl(out[1], F_SETFL, 0);
  close(out[0]);
  signal(SIGPIPE, SIG_IGN);
  FAILS(splice(in[0], 0, out[1], 0, 3, 0));
  FAILS(tee(in[0], out[1], 3, 0));
  FAILS(splice(file, &to, out[1], 0, 3, 0));
  FAILS(vmsplice(out[1], vector, 2, 0));
  FAILS(sendfile(out[1], file, &to, 3));
  close(out[1]);
  pipe(out);
  show("nothing lost", in[0]);
  int ended[2];
  pipe(ended);
  close(ended[1]);
  SHOW(splice(ended[0], 0, out[1], 0, 3, 0));
  SHOW(tee(ended[0], out[1], 3, 0));
  SHOW(splice(ended[0], 0, target, 0, 3, 0));
  close(ended[0]);
}

static void *feeds(void *unused) {
  usleep(50000);
  put(in[1], "late");
  return 0;
}

static void *drains(void *unused) {
  usleep(50000);
  for (int left = 65536; left > 0;) left -= read(out[0], bytes, sizeof bytes);
  return 0;
}

static void waits(void) {
  pthread_t thread;
  pthread_create(&thread, 0, feeds, 0);
  SHOW(splice(in[0], 0, out[1], 0, 100, 0));
  pthread_join(thread, 0);
  show("moved", out[0]);
  pthread_create(&thread, 0, feeds, 0);
  SHOW(tee(in[0], out[1], 100, 0));
  pthread_join(thread, 0);
  show("copied", out[0]);
  show("original", in[0]);
  fcntl(out[1], F_SETFL, O_NONBLOCK);
  while (write(out[1], bytes, 4096) == 4096) continue;
  fcntl(out[1], F_SETFL, 0);
  pthread_create(&thread, 0, drains, 0);
  loff_t at = 0;
  HOLDS(splice(file, &at, out[1], 0, 3, 0) == 3);
  pthread_join(thread, 0);
  /* More than either pipe holds, from file to file. */
  int large = open("large", O_RDWR | O_CREAT, 0600), copy = open("copy", O_RDWR | O_CREAT, 0600);
  for (int i = 0; i < (int)sizeof bytes; i++) bytes[i] = i * 7;
  HOLDS(write(large, bytes, sizeof bytes) == sizeof bytes);
  lseek(large, 0, SEEK_SET);
  long moved = 0, got;
  while ((got = splice(large, 0, in[1], 0, sizeof bytes, 0)) > 0)
    for (long left = got; left > 0;) {
      long part = splice(in[0], 0, copy, 0, left, 0);
      if (part <= 0) break;
      left -= part, moved += part;
    }
  HOLDS(moved == sizeof bytes);
  static char again[sizeof bytes];
  HOLDS(pread(copy, again, sizeof again, 0) == sizeof again && memcmp(bytes, again, sizeof bytes) == 0);
  ftruncate(copy, 0);
  loff_t from = 100;
  SHOW(sendfile(copy, large, &from, 1000000));
  printf("  from %ld\n", (long)from);
  lseek(large, 0, SEEK_SET), lseek(copy, 0, SEEK_SET);
  SHOW(copy_file_range(large, 0, copy, 0, 1000000, 0));
  printf("  %ld %ld\n", (long)lseek(large, 0, SEEK_CUR), (long)lseek(copy, 0, SEEK_CUR));
  SHOW(copy_file_range(large, 0, copy, 0, 10, 0));
  SHOW(copy_file_range(large, &(loff_t){0}, copy, &(loff_t){0}, 0, 0));
  close(large), close(copy);
}

static void sizes(void) {
  int ends[2];
  pipe(ends);
  SHOW(fcntl(ends[0], F_GETPIPE_SZ));
  SHOW(fcntl(ends[0], F_SETPIPE_SZ, 1));
  SHOW(fcntl(ends[1], F_SETPIPE_SZ, 5000));
  SHOW(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20));
  FAILS(fcntl(ends[1], F_SETPIPE_SZ, 0));
  FAILS(fcntl(ends[1], F_SETPIPE_SZ, -1));
  FAILS(fcntl(file, F_SETPIPE_SZ, 4096));
  FAILS(fcntl(file, F_GETPIPE_SZ));
  SHOW(fcntl(ends[1], F_SETPIPE_SZ, 12288));
  HOLDS(write(ends[1], bytes, 9000) == 9000);
  FAILS(fcntl(ends[1], F_SETPIPE_SZ, 4096));
  SHOW(fcntl(ends[1], F_SETPIPE_SZ, 16384));
  close(ends[0]), close(ends[1]);
}

static void vectors(void) {
  char text[16] = {0};
  struct iovec vector = {text, 15}, word = {"word", 4};
  lseek(file, 3, SEEK_SET);
  SHOW(preadv2(file, &vector, 1, -1, 0));
  printf("  %s, position %ld\n", text, (long)lseek(file, 0, SEEK_CUR));
  SHOW(preadv2(file, &vector, 1, 1, RWF_HIPRI));
  FAILS(preadv2(file, &vector, 1, 1, 0x1000));
  FAILS(preadv2(file, &vector, 1, -2, 0));
  FAILS(preadv2(in[0], &vector, 1, 1, 0));
  int ends[2];
  pipe(ends);
  FAILS(preadv2(ends[0], &vector, 1, -1, RWF_NOWAIT));
  close(ends[0]), close(ends[1]);
  SHOW(preadv2(file, &vector, 0, 1, 0));
  SHOW(pwritev2(target, &word, 1, 0, RWF_DSYNC | RWF_SYNC));
  off_t size = lseek(target, 0, SEEK_END);
  lseek(target, 0, SEEK_SET);
  SHOW(pwritev2(target, &word, 1, 0, RWF_APPEND));
  HOLDS(lseek(target, 0, SEEK_END) == size + 4);
  lseek(target, 0, SEEK_SET);
  SHOW(pwritev2(target, &word, 1, -1, RWF_APPEND));
  HOLDS(lseek(target, 0, SEEK_CUR) == size + 8);
  FAILS(pwritev2(target, &word, 1, 0, 0x1000));
  int append = open("append", O_RDWR | O_APPEND);
  SHOW(pwritev2(append, &word, 1, 0, 0));
  SHOW(pwritev2(append, &word, 1, 0, 0x20));
  HOLDS(lseek(append, 0, SEEK_END) == 4);
  FAILS(pwritev2(append, &word, 1, 0, 0x20 | RWF_APPEND));
  FAILS(preadv2(append, &word, 1, 0, RWF_APPEND));
  close(append);
}

/* A device that looks at nothing takes the bytes all the same. */
static void into_nothing(void) {
  int ends[2], left, null = open("/dev/null", O_WRONLY), zero = open("/dev/zero", O_WRONLY);
  static char bytes[5000];
  pipe2(ends, O_NONBLOCK);
  write(ends[1], bytes, sizeof(bytes));
  SHOW(splice(ends[0], NULL, null, NULL, 100, 0));
  SHOW(ioctl(ends[0], FIONREAD, &left));
  printf("left: %d\n", left);
  SHOW(splice(ends[0], NULL, zero, NULL, 1 << 20, 0));
  SHOW(splice(ends[0], NULL, null, NULL, 100, 0));
  close(ends[1]);
  SHOW(splice(ends[0], NULL, null, NULL, 100, 0));
  close(ends[0]), close(null), close(zero);
}

int main(void) {
  alarm(60);
  setvbuf(stdout, 0, _IOLBF, 0);
  char folder[] = "/tmp/splices-XXXXXX";
  if (mkdtemp(folder) == 0 || chdir(folder)) return 1;
  file = open("file", O_RDWR | O_CREAT, 0600);
  target = open("target", O_RDWR | O_CREAT, 0600);
  put(file, "0123456789abcdef");
  if (pipe(in) || pipe(out)) return 1;
  refusals();
  moves();
  waits();
  sizes();
  vectors();
  into_nothing();
  unlink("file"), unlink("target"), unlink("append"), unlink("large"), unlink("copy");
  chdir("/");
  rmdir(folder);
  return 0;
}
