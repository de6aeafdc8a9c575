/* A file's bytes are the same read, written and mapped. */
#include "../kernel/check.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static sigjmp_buf back;
static void bus(int signal, siginfo_t *info, void *context) {
  (void)context;
  siglongjmp(back, signal * 100 + info->si_code);
}

/* The byte at p, or minus the signal and code of the fault. */
static int peek(const volatile char *p) {
  int fault = sigsetjmp(back, 1);
  return fault ? -fault : *p;
}

static void shared(const char *name, int f) {
  printf("-- %s\n", name);
  char buffer[16];
  ftruncate(f, 10000);
  char *m = mmap(0, 12288, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
  char *r = mmap(0, 12288, PROT_READ, MAP_PRIVATE, f, 0);
  SHOW(pwrite(f, "written", 7, 4094));
  SHOW(memcmp(m + 4094, "written", 7));
  SHOW(memcmp(r + 4094, "written", 7));
  memcpy(m + 100, "mapped", 6);
  SHOW(pread(f, buffer, 6, 100));
  SHOW(memcmp(buffer, "mapped", 6));
  SHOW(r[100]);
  if (fork() == 0) {
    memcpy(m + 200, "child", 5);
    _exit(0);
  }
  wait(0);
  SHOW(pread(f, buffer, 5, 200));
  SHOW(memcmp(buffer, "child", 5));
  m[9999] = 'e';
  m[10001] = 'x';
  SHOW(ftruncate(f, 20000));
  SHOW(pread(f, buffer, 4, 9998));
  SHOW(buffer[1]);
  SHOW(ftruncate(f, 5000));
  SHOW(peek(m + 4999));
  SHOW(peek(m + 5001));
  SHOW(peek(m + 8192));
  SHOW(peek(r + 8192));
  SHOW(ftruncate(f, 12288));
  SHOW(peek(m + 8192));
  memset(m, 'z', 12288);
  SHOW(fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4000, 4500));
  SHOW(peek(m + 3999));
  SHOW(peek(m + 4000));
  SHOW(peek(m + 8499));
  SHOW(peek(m + 8500));
  SHOW(msync(m, 12288, MS_SYNC));
  SHOW(munmap(m, 12288));
  SHOW(munmap(r, 12288));
  SHOW(pread(f, buffer, 2, 3999));
  SHOW(buffer[0] + 256 * buffer[1]);
}

static void private_pages(int f) {
  char buffer[4];
  ftruncate(f, 0);
  pwrite(f, "original", 8, 0);
  char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, f, 0);
  p[0] = 'X';
  pread(f, buffer, 1, 0);
  SHOW(buffer[0]);
  pwrite(f, "Y", 1, 1);
  SHOW(p[0]);
  munmap(p, 4096);
}

/* Copies of pages go when the file is cut, and stay when it gets a hole. */
static void copies(int f) {
  ftruncate(f, 0);
  ftruncate(f, 16384);
  char *p = mmap(0, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE, f, 0);
  for (int i = 0; i < 4; i++) p[i * 4096 + 7] = 'a' + i;
  SHOW(fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 16384));
  for (int i = 0; i < 4; i++) SHOW(p[i * 4096 + 7]);
  SHOW(ftruncate(f, 4097));
  SHOW(peek(p + 7));
  SHOW(peek(p + 4096 + 7));
  SHOW(peek(p + 8192 + 7));
  SHOW(ftruncate(f, 16384));
  for (int i = 0; i < 4; i++) SHOW(p[i * 4096 + 7]);
  munmap(p, 16384);
}

static void seals(void) {
  int f = memfd_create("sealed", MFD_ALLOW_SEALING);
  ftruncate(f, 4096);
  char *m = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
  SHOW(fcntl(f, F_ADD_SEALS, F_SEAL_WRITE));
  munmap(m, 4096);
  SHOW(fcntl(f, F_ADD_SEALS, F_SEAL_WRITE));
  FAILS(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0));
  FAILS(mmap(0, 4096, PROT_READ, MAP_PRIVATE, f, 0));
  char path[40], target[40] = "";
  snprintf(path, sizeof path, "/proc/self/fd/%d", f);
  readlink(path, target, 39);
  printf("%s\n", target);
  int again = open(path, O_RDONLY);
  SHOW(write(again, "x", 1));
  SHOW(write(f, "x", 1));
  close(again);
  close(f);
}

static void access_modes(void) {
  int r = open("modes", O_RDONLY | O_CREAT, 0600), w = open("modes", O_WRONLY);
  ftruncate(w, 4096);
  FAILS(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, r, 0));
  FAILS(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, r, 0));
  FAILS(mmap(0, 4096, PROT_READ, MAP_SHARED, w, 0));
  FAILS(mmap(0, 4096, PROT_WRITE, MAP_SHARED, w, 0));
  int d = open("/", O_RDONLY), p = open("/", O_PATH);
  FAILS(mmap(0, 4096, PROT_READ, MAP_SHARED, d, 0));
  FAILS(mmap(0, 4096, PROT_READ, MAP_SHARED, p, 0));
  char *m = mmap(0, 4096, PROT_READ, MAP_SHARED, r, 0);
  close(r);
  unlink("modes");
  SHOW(pwrite(w, "later", 5, 0));
  SHOW(memcmp(m, "later", 5));
  close(w);
  SHOW(memcmp(m, "later", 5));
  munmap(m, 4096);
  close(d);
  close(p);
}

int main(void) {
  char folder[] = "/dev/shm/mappedXXXXXX";
  struct sigaction action = { .sa_sigaction = bus, .sa_flags = SA_SIGINFO };
  sigaction(SIGBUS, &action, 0);
  sigaction(SIGSEGV, &action, 0);
  mkdtemp(folder);
  chdir(folder);
  int f = open("file", O_RDWR | O_CREAT, 0600);
  shared("tmpfs", f);
  shared("memfd", memfd_create("m", 0));
  private_pages(f);
  copies(f);
  seals();
  access_modes();
  unlink("file");
  chdir("/");
  return rmdir(folder) ? 1 : 0;
}
