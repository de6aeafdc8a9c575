/* mmap and relatives: places, protection, growing, moving, advice, errors. */
#include "check.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define PAGE 4096ul
static sigjmp_buf back;
static volatile int code;
static char *volatile address;

static void on_fault(int signal, siginfo_t *info, void *context) {
  (void)context;
  code = signal * 100 + info->si_code;
  address = info->si_addr;
  siglongjmp(back, 1);
}

/* Signal * 100 + si_code of reading or writing there, 0 if it works. */
static int touch(volatile char *at, int writes) {
  if (sigsetjmp(back, 1)) return code;
  if (writes) *at = 1;
  else (void)*at;
  return 0;
}

static char *map(size_t length, int prot) {
  return mmap(0, length, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void anonymous(void) {
  char *p = map(8 * PAGE, PROT_READ | PROT_WRITE);
  HOLDS(p[5] == 0 && p[PAGE * 8 - 1] == 0);
  p[PAGE] = 7;
  SHOW(munmap(p + PAGE, PAGE));
  printf("hole: %d %d %d\n", touch(p, 1), touch(p + PAGE, 0), touch(p + 2 * PAGE, 1));
  HOLDS(address == p + PAGE);
  HOLDS(mmap(p + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == p + PAGE);
  SHOW((long)mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
  printf("read only: %d %d\n", touch(p + PAGE, 0), touch(p + PAGE, 1));
  HOLDS(p[PAGE] == 0);
  SHOW(mprotect(p, 8 * PAGE, PROT_NONE));
  printf("none: %d\n", touch(p + 2 * PAGE, 0));
  SHOW(mprotect(p, 8 * PAGE, PROT_READ | PROT_WRITE));
  printf("again: %d %d\n", touch(p + PAGE, 1), touch(p + 7 * PAGE, 1));
  SHOW(munmap(p, 8 * PAGE));
  SHOW(munmap(p, 8 * PAGE));
}

static void errors(void) {
  char *p = map(2 * PAGE, PROT_READ);
  FAILS(mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  FAILS(mmap(0, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0));
  FAILS(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, -1, 0));
  FAILS(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, 0, 1));
  FAILS(mmap(0, 1ul << 47, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  FAILS(mmap(p + 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  FAILS(mmap((void *)(1ul << 47), PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  FAILS(munmap(p + 1, PAGE));
  FAILS(munmap(p, 0));
  FAILS(mprotect(p + 1, PAGE, PROT_READ));
  FAILS(mprotect(p, PAGE, 0x100));
  FAILS(mprotect(p, 0, PROT_READ));
  SHOW(munmap(p + PAGE, PAGE));
  FAILS(mprotect(p, 2 * PAGE, PROT_READ));
  FAILS(mprotect(p, PAGE, PROT_READ | PROT_GROWSDOWN));
  FAILS(madvise(p + 1, PAGE, MADV_DONTNEED));
  FAILS(madvise(p, PAGE, 77));
  FAILS(madvise(p, 2 * PAGE, MADV_DONTNEED));
  FAILS(msync(p, PAGE, MS_SYNC | MS_ASYNC));
  FAILS(msync(p, 2 * PAGE, MS_SYNC));
  FAILS(msync(p, PAGE, MS_SYNC));
  FAILS(mremap(p, 0, PAGE, 0));
  FAILS(mremap(p, PAGE, 0, 0));
  FAILS(mremap(p + 1, PAGE, PAGE, 0));
  FAILS(mremap(p, PAGE, PAGE, 64));
  FAILS(mremap(p, PAGE, PAGE, MREMAP_FIXED, p));
  FAILS(mremap(p + PAGE, PAGE, PAGE, MREMAP_MAYMOVE));
}

static void reserve(void) {
  size_t huge = 16ul << 40;
  char *p = mmap(0, huge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  HOLDS(p != MAP_FAILED);
  SHOW(mprotect(p + (8ul << 40), PAGE, PROT_READ | PROT_WRITE));
  p[(8ul << 40) + 5] = 9;
  HOLDS(p[(8ul << 40) + 5] == 9);
  printf("outside: %d\n", touch(p + (8ul << 40) + PAGE, 0));
  SHOW(munmap(p, huge));
}

static void moving(void) {
  char *p = map(4 * PAGE, PROT_READ | PROT_WRITE);
  SHOW(munmap(p + 2 * PAGE, 2 * PAGE));
  memset(p, 3, 2 * PAGE);
  HOLDS(mremap(p, 2 * PAGE, 4 * PAGE, 0) == p);
  HOLDS(p[PAGE] == 3 && p[2 * PAGE] == 0);
  p[3 * PAGE] = 4;
  char *wall = mmap(p + 4 * PAGE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  HOLDS(wall == p + 4 * PAGE);
  FAILS(mremap(p, 4 * PAGE, 8 * PAGE, 0));
  char *q = mremap(p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
  HOLDS(q != MAP_FAILED && q != p);
  printf("moved: %d %d %d\n", q[0], q[3 * PAGE], q[5 * PAGE]);
  printf("old place: %d\n", touch(p, 0));
  char *r = map(16 * PAGE, PROT_READ);
  HOLDS(mremap(q, 8 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, r + 4 * PAGE) == r + 4 * PAGE);
  printf("fixed: %d %d %d\n", r[4 * PAGE], r[5 * PAGE], touch(q, 0));
  char *kept = mremap(r + 4 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
  HOLDS(kept != MAP_FAILED);
  printf("kept: %d %d\n", kept[0], r[4 * PAGE]);
  HOLDS(mremap(kept, 2 * PAGE, PAGE, 0) == kept);
  printf("shrunk: %d %d\n", touch(kept, 1), touch(kept + PAGE, 1));
}

static void advice(void) {
  char *p = map(4 * PAGE, PROT_READ | PROT_WRITE);
  memset(p, 1, 4 * PAGE);
  SHOW(madvise(p + PAGE, PAGE, MADV_DONTNEED));
  printf("dontneed: %d %d %d\n", p[0], p[PAGE], p[2 * PAGE]);
  SHOW(madvise(p, 4 * PAGE, MADV_POPULATE_WRITE));
  unsigned char resident[4];
  SHOW(mincore(p, 4 * PAGE, resident));
  printf("resident: %d %d %d %d\n", resident[0] & 1, resident[1] & 1, resident[2] & 1, resident[3] & 1);
  SHOW(madvise(p, 4 * PAGE, MADV_HUGEPAGE));
  SHOW(madvise(p, 4 * PAGE, MADV_WILLNEED));
  SHOW(madvise(p, 4 * PAGE, MADV_SEQUENTIAL));
  SHOW(madvise(p, 4 * PAGE, MADV_DONTFORK));
  SHOW(mprotect(p, PAGE, PROT_READ));
  FAILS(madvise(p, PAGE, MADV_POPULATE_WRITE));
  FAILS(madvise(p, PAGE, MADV_REMOVE));
  FAILS(mincore(p + 1, PAGE, resident));
  FAILS(mincore(p, PAGE, (void *)8));
  SHOW(mlock(p, PAGE));
  FAILS(madvise(p, PAGE, MADV_DONTNEED));
  SHOW(munlock(p + 100, 50));
  SHOW(madvise(p, PAGE, MADV_DONTNEED));
}

static void files(void) {
  char name[] = "/tmp/culm-memory-XXXXXX";
  int fd = mkstemp(name);
  char text[3 * PAGE];
  memset(text, 'a', sizeof text);
  HOLDS(write(fd, text, PAGE + 100) == PAGE + 100);
  char *shared = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char *private = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  HOLDS(shared != MAP_FAILED && private != MAP_FAILED);
  printf("content: %c %c %d\n", shared[0], private[PAGE + 99], private[PAGE + 100]);
  printf("past the end: %d\n", touch(shared + 2 * PAGE, 0));
  shared[1] = 'S';
  private[2] = 'P';
  printf("who sees what: %c %c %c %c\n", private[1], shared[2], shared[1], private[2]);
  SHOW(msync(shared, PAGE, MS_SYNC));
  HOLDS(pread(fd, text, 4, 0) == 4 && !memcmp(text, "aSaa", 4));
  HOLDS(pwrite(fd, "W", 1, 3) == 1);
  printf("written: %c %c\n", shared[3], private[3]);
  SHOW(ftruncate(fd, 3 * PAGE));
  printf("grown: %d %d\n", touch(shared + 2 * PAGE, 1), shared[2 * PAGE + 1]);
  SHOW(ftruncate(fd, 10));
  printf("cut: %d %d %d\n", touch(shared + 20, 0), touch(shared + PAGE, 0), shared[20]);
  SHOW(close(fd));
  HOLDS(shared[0] == 'a');
  fd = open(name, O_RDONLY);
  FAILS(mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  char *locked = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0);
  FAILS(mprotect(locked, PAGE, PROT_READ | PROT_WRITE));
  HOLDS(mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) != MAP_FAILED);
  FAILS(mmap(0, PAGE, PROT_READ, MAP_SHARED_VALIDATE | 0x200000, fd, 0));
  close(fd);
  fd = open(name, O_WRONLY);
  FAILS(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
  close(fd);
  unlink(name);
  fd = open("/tmp", O_RDONLY);
  FAILS(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
}

static void heap(void) {
  char *old = sbrk(0);
  HOLDS(sbrk(3 * PAGE) == old);
  memset(old, 5, 3 * PAGE);
  HOLDS(sbrk(-2 * (long)PAGE) == old + 3 * PAGE);
  HOLDS(sbrk(2 * PAGE) == old + PAGE);
  printf("heap: %d %d\n", old[PAGE - 1], old[2 * PAGE]);
  HOLDS(syscall(SYS_brk, 1) == (long)sbrk(0));
}

static int recurse(int depth) {
  volatile char frame[8000];
  frame[0] = depth;
  return depth == 0 ? frame[0] : recurse(depth - 1) + frame[0] * 0 + 1;
}

static void stack(void) {
  printf("deep: %d\n", recurse(800));
  struct rlimit limit;
  HOLDS(getrlimit(RLIMIT_STACK, &limit) == 0);
  limit.rlim_cur = 1 << 20;
  HOLDS(setrlimit(RLIMIT_STACK, &limit) == 0);
}

static void limits(void) {
  struct rlimit old, low;
  getrlimit(RLIMIT_AS, &old);
  low = old;
  low.rlim_cur = 1 << 20;
  SHOW(setrlimit(RLIMIT_AS, &low));
  FAILS(mmap(0, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  SHOW(setrlimit(RLIMIT_AS, &old));
}

int main(void) {
  static char alternate[65536];
  stack_t on = {.ss_sp = alternate, .ss_size = sizeof alternate};
  sigaltstack(&on, 0);
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGSEGV, &action, 0);
  sigaction(SIGBUS, &action, 0);
  anonymous();
  errors();
  reserve();
  moving();
  advice();
  files();
  heap();
  stack();
  limits();
  return 0;
}
