/* Pipes and FIFOs between processes: waiting, ends of file, broken pipes, splicing. */
#include "../kernel/check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

static volatile int signals;
static void count(int signal) { (void)signal; signals++; }

static long checksum(const char *p, long n) {
  unsigned h = 0;
  for (long i = 0; i < n; i++) h = h * 31 + (unsigned char)p[i];
  return h;
}

static void large_transfer(void) {
  int p[2];
  static char out[300000], in[300000];
  pipe(p);
  for (unsigned i = 0; i < sizeof out; i++) out[i] = i * 7 + (i >> 8);
  if (fork() == 0) {
    close(p[0]);
    SHOW(write(p[1], out, sizeof out));
    fflush(stdout);
    _exit(0);
  }
  close(p[1]);
  long got = 0, n;
  while ((n = read(p[0], in + got, 7777)) > 0) got += n;
  wait(0);
  SHOW(got);
  HOLDS(checksum(in, got) == checksum(out, sizeof out));
  close(p[0]);
}

static void vector_transfer(void) {
  int p[2];
  static char a[70000], b[70000], in[140000];
  memset(a, 'a', sizeof a);
  memset(b, 'b', sizeof b);
  pipe(p);
  if (fork() == 0) {
    struct iovec v[2] = { { a, sizeof a }, { b, sizeof b } };
    SHOW(writev(p[1], v, 2));
    fflush(stdout);
    _exit(0);
  }
  close(p[1]);
  long got = 0, n;
  while ((n = read(p[0], in + got, sizeof in - got)) > 0) got += n;
  wait(0);
  SHOW(got);
  HOLDS(in[69999] == 'a' && in[70000] == 'b' && in[139999] == 'b');
  close(p[0]);
}

static void broken(void) {
  int p[2];
  char buffer[8];
  signal(SIGPIPE, count);
  pipe(p);
  SHOW(write(p[1], "", 0));
  close(p[0]);
  SHOW(write(p[1], "x", 1));
  SHOW(write(p[1], "", 0));
  SHOW(signals);
  close(p[1]);
  pipe(p);
  write(p[1], "end", 3);
  close(p[1]);
  SHOW(read(p[0], buffer, 8));
  SHOW(read(p[0], buffer, 8));
  close(p[0]);
}

static void nonblocking(void) {
  int p[2], n = -1;
  static char block[4096], rest[70000];
  pipe2(p, O_NONBLOCK);
  SHOW(read(p[0], block, 1));
  int blocks = 0;
  while (write(p[1], block, 4096) == 4096) blocks++;
  SHOW(blocks);
  SHOW(write(p[1], block, 1));
  SHOW(ioctl(p[0], FIONREAD, &n));
  SHOW(n);
  struct pollfd f[2] = { { p[0], POLLIN }, { p[1], POLLOUT } };
  SHOW(poll(f, 2, 0));
  SHOW(f[0].revents);
  SHOW(f[1].revents);
  SHOW(read(p[0], rest, 4096));
  SHOW(write(p[1], rest, 4096));
  SHOW(fcntl(p[1], F_SETPIPE_SZ, 4096));
  SHOW(read(p[0], rest, 65536));
  SHOW(fcntl(p[1], F_SETPIPE_SZ, 8192));
  SHOW(write(p[1], rest, 70000));
  SHOW(poll(f, 2, 0));
  close(p[1]);
  SHOW(poll(f, 1, 0));
  SHOW(f[0].revents);
  SHOW(read(p[0], rest, 70000));
  SHOW(poll(f, 1, 0));
  SHOW(f[0].revents);
  close(p[0]);
}

static void interrupted(void) {
  int p[2];
  char c;
  struct sigaction action = { .sa_handler = count };
  sigaction(SIGALRM, &action, 0);
  pipe(p);
  signals = 0;
  alarm(1);
  SHOW(read(p[0], &c, 1));
  SHOW(signals);
  close(p[0]);
  close(p[1]);
}

static void fifo(void) {
  char buffer[16] = "";
  SHOW(mkfifo("fifo", 0600));
  SHOW(open("fifo", O_WRONLY | O_NONBLOCK));
  if (fork() == 0) {
    int w = open("fifo", O_WRONLY);
    write(w, "hello", 5);
    _exit(0);
  }
  int r = open("fifo", O_RDONLY);
  SHOW(read(r, buffer, 5));
  SHOW(strcmp(buffer, "hello"));
  wait(0);
  SHOW(read(r, buffer, 5));
  close(r);
  int both = open("fifo", O_RDWR);
  SHOW(write(both, "self", 4));
  SHOW(read(both, buffer, 10));
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", both);
  int again = open(path, O_RDONLY | O_NONBLOCK);
  SHOW(write(both, "again", 5));
  SHOW(read(again, buffer, 10));
  close(again);
  close(both);
  SHOW(unlink("fifo"));
}

static void splices(void) {
  int p[2], q[2];
  char buffer[64] = "";
  pipe(p);
  pipe(q);
  int f = open("spliced", O_RDWR | O_CREAT | O_TRUNC, 0600);
  write(f, "0123456789", 10);
  loff_t at = 2;
  SHOW(splice(f, &at, p[1], 0, 4, 0));
  SHOW(at);
  SHOW(tee(p[0], q[1], 100, 0));
  SHOW(read(q[0], buffer, 64));
  SHOW(splice(p[0], 0, q[1], 0, 100, 0));
  SHOW(splice(q[0], 0, f, 0, 100, 0));
  SHOW(pread(f, buffer, 64, 0));
  printf("%s\n", buffer);
  SHOW(splice(f, 0, f, 0, 1, 0));
  SHOW(splice(p[0], &at, f, 0, 1, 0));
  SHOW(splice(p[0], 0, p[1], 0, 1, 0));
  SHOW(splice(p[0], 0, f, 0, 1, SPLICE_F_NONBLOCK));
  SHOW(tee(p[0], q[1], 1, SPLICE_F_NONBLOCK));
  struct iovec v = { "vector", 6 };
  SHOW(vmsplice(p[1], &v, 1, 0));
  SHOW(read(p[0], buffer, 64));
  off_t from = 0;
  SHOW(sendfile(p[1], f, &from, 100));
  SHOW(read(p[0], buffer, 64));
  SHOW(sendfile(f, p[0], 0, 0));
  close(p[1]);
  SHOW(splice(p[0], 0, f, 0, 1, 0));
  SHOW(unlink("spliced"));
}

int main(void) {
  char folder[] = "/tmp/pipesXXXXXX";
  setvbuf(stdout, 0, _IONBF, 0);
  mkdtemp(folder);
  chdir(folder);
  large_transfer();
  vector_transfer();
  broken();
  nonblocking();
  interrupted();
  fifo();
  splices();
  chdir("/");
  return rmdir(folder) ? 1 : 0;
}
