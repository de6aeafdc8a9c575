/* What stops a write: limits of size and of descriptors, bad memory, running programs. */
#include "../kernel/check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

static volatile int signals;
static void count(int signal) { signals += signal == SIGXFSZ; }

static void file_size(void) {
  static char data[1000];
  struct rlimit limit = { 500, RLIM_INFINITY };
  signal(SIGXFSZ, count);
  setrlimit(RLIMIT_FSIZE, &limit);
  int f = open("limited", O_RDWR | O_CREAT, 0600);
  SHOW(write(f, data, 400));
  SHOW(write(f, data, 400));
  SHOW(write(f, data, 1));
  SHOW(signals);
  SHOW(write(f, data, 0));
  SHOW(pwrite(f, data, 10, 495));
  SHOW(pwrite(f, data, 10, 500));
  SHOW(ftruncate(f, 501));
  SHOW(ftruncate(f, 500));
  SHOW(truncate("limited", 600));
  SHOW(fallocate(f, 0, 0, 501));
  SHOW(signals);
  limit.rlim_cur = RLIM_INFINITY;
  setrlimit(RLIMIT_FSIZE, &limit);
  SHOW(ftruncate(f, 100000));
  limit.rlim_cur = 500;
  setrlimit(RLIMIT_FSIZE, &limit);
  SHOW(ftruncate(f, 50000));
  SHOW(write(f, data, 1));
  limit.rlim_cur = RLIM_INFINITY;
  setrlimit(RLIMIT_FSIZE, &limit);
  close(f);
  SHOW(unlink("limited"));
}

static void descriptors(void) {
  struct rlimit limit = { 8, 8 }, old;
  getrlimit(RLIMIT_NOFILE, &old);
  limit.rlim_max = old.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  int p[2];
  while (dup(0) >= 0);
  SHOW(dup(0));
  FAILS(open("/", O_RDONLY));
  FAILS(pipe(p));
  FAILS(open("left", O_CREAT | O_RDWR, 0600));
  SHOW(access("left", F_OK));
  close(7);
  FAILS(pipe(p));
  SHOW(open("/", O_RDONLY));
  SHOW(dup2(0, 8));
  SHOW(fcntl(0, F_DUPFD, 8));
  SHOW(fcntl(0, F_DUPFD, 7));
  for (int i = 3; i < 8; i++) close(i);
  setrlimit(RLIMIT_NOFILE, &old);
  unlink("left");
}

/* Two pages of which the second cannot be touched. */
static void bad_memory(void) {
  char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(page + 4096, 4096, PROT_NONE);
  memset(page, 'm', 4096);
  int f = open("bad", O_RDWR | O_CREAT, 0600);
  SHOW(write(f, page + 4090, 100));
  SHOW(lseek(f, 0, SEEK_CUR));
  SHOW(write(f, page + 4096, 100));
  SHOW(write(f, (void *)-4096L, 100));
  SHOW(write(f, (void *)0x800000000000, 100));
  struct iovec v[2] = { { page + 4086, 10 }, { page + 4096, 10 } };
  SHOW(writev(f, v, 2));
  struct iovec kernel[2] = { { page, 10 }, { (void *)-4096L, 10 } };
  SHOW(writev(f, kernel, 2));
  static char data[10000];
  SHOW(pwrite(f, data, 10000, 0));
  lseek(f, 0, SEEK_SET);
  SHOW(read(f, page + 4000, 200));
  SHOW(lseek(f, 0, SEEK_CUR));
  SHOW(read(f, page + 4096, 200));
  struct iovec in[2] = { { page + 4000, 96 }, { page + 4096, 10 } };
  SHOW(readv(f, in, 2));
  SHOW(stat("bad", (struct stat *)(page + 4090)));
  SHOW(open(page + 4090, O_RDONLY));
  SHOW(readlink("/proc/self/exe", page + 4096, 10));
  SHOW(unlink("bad"));
  mprotect(page, 4096, PROT_READ);
  SHOW(pread(f, page, 10, 0));
  SHOW(getcwd(page, 100) == 0);
  close(f);
  munmap(page, 8192);
}

/* Devices that take everything, or nothing. */
static void devices(void) {
  static char data[100000];
  int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR), full = open("/dev/full", O_RDWR);
  struct iovec v[2] = { { data, 10 }, { data, 20000 } };
  SHOW(write(null, data, sizeof data));
  SHOW(writev(null, v, 2));
  SHOW(read(null, data, 10));
  SHOW(write(zero, data, sizeof data));
  data[5] = 'x';
  SHOW(read(zero, data, sizeof data));
  SHOW(data[5]);
  SHOW(readv(zero, v, 2));
  SHOW(write(full, data, 1));
  int f = open("source", O_RDWR | O_CREAT, 0600);
  write(f, data, 1000);
  off_t at = 0;
  SHOW(sendfile(null, f, &at, 5000));
  close(f);
  unlink("source");
  close(null);
  close(zero);
  close(full);
}

static void running(const char *self) {
  FAILS(open(self, O_RDWR));
  FAILS(open(self, O_WRONLY | O_TRUNC));
  SHOW(truncate(self, 1));
  SHOW(access(self, W_OK));
}

int main(int argc, char **argv) {
  char folder[] = "/tmp/limitsXXXXXX";
  mkdtemp(folder);
  chdir(folder);
  file_size();
  descriptors();
  bad_memory();
  devices();
  if (argc > 0) running(argv[0]);
  chdir("/");
  return rmdir(folder) ? 1 : 0;
}
