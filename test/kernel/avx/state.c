/* The upper halves of the vector registers: in signal frames, over system calls, forks and threads, by XSAVE. */
#include "../check.h"
#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define AVX __attribute__((target("avx2,xsave")))
#define UPPER 576

typedef unsigned long row[4];

static void show(const char *what, const row r) {
  printf("%s %lx %lx %lx %lx\n", what, r[0], r[1], r[2], r[3]);
}

/* Sets ymm6, makes a system call, and reads it. */
#define OVER_SYSCALL(number, first, second, in, out)                                            \
  ({                                                                                            \
    long rax = (number);                                                                        \
    __asm__ volatile("vmovdqu %3, %%ymm6; syscall; vmovdqu %%ymm6, %1"                          \
                     : "+a"(rax), "=m"(*(row *)(out))                                           \
                     : "D"((long)(first)), "m"(*(const row *)(in)), "S"((long)(second))         \
                     : "rcx", "r11", "xmm6", "memory");                                         \
    rax;                                                                                        \
  })

static const row pattern = {1, 2, 0x1122334455667788, 0x99aabbccddeeff00};
static const row other = {5, 6, 7, 8};
static int mode;

AVX static void on_signal(int signal, siginfo_t *info, void *context) {
  char *fp = (char *)((ucontext_t *)context)->uc_mcontext.fpregs;
  unsigned size = *(unsigned *)(fp + 480);
  row inside;
  __asm__ volatile("vmovdqu %%ymm6, %0" : "=m"(inside));
  show("at the handler's start", inside);
  HOLDS(*(unsigned *)(fp + 464) == 0x46505853);
  HOLDS((*(unsigned long *)(fp + 472) & 7) == 7);
  HOLDS((*(unsigned long *)(fp + 512) & 7) == 7);
  HOLDS(size >= 832 && *(unsigned *)(fp + 468) >= size + 4);
  HOLDS(*(unsigned *)(fp + size) == 0x46505845);
  HOLDS((((ucontext_t *)context)->uc_flags & 1) == 1);
  printf("upper half in the frame: %lx %lx\n", *(long *)(fp + UPPER + 96), *(long *)(fp + UPPER + 104));
  if (mode == 1) *(long *)(fp + UPPER + 96) = 0xcafe;
  if (mode == 2) *(long *)(fp + 512) &= ~4ul;
  if (mode == 3) *(unsigned *)(fp + size) = 0;
  if (mode == 4) *(long *)(fp + 512) &= ~2ul;
  if (mode == 5) *(long *)(fp + 472) &= ~4ul;
  if (mode == 6) *(unsigned *)(fp + 464) = 0;
  __asm__ volatile("vmovdqu %0, %%ymm6" ::"m"(other) : "xmm6");
  if (mode == 0) _mm256_zeroupper();
}

static void signals(void) {
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, 0);
  for (mode = 0; mode < 7; mode++) {
    row after;
    OVER_SYSCALL(SYS_kill, getpid(), SIGUSR1, pattern, after);
    printf("mode %d, ", mode);
    show("after the handler", after);
  }
}

static void bad_frame(int signal, siginfo_t *info, void *context) {
  char *fp = (char *)((ucontext_t *)context)->uc_mcontext.fpregs;
  *(long *)(fp + 528) = 1;
}

/* A header that XRSTOR refuses ends the process. */
static void refused(void) {
  fflush(stdout);
  int status;
  if (fork() == 0) {
    struct sigaction action = {.sa_sigaction = bad_frame, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR2, &action, 0);
    raise(SIGUSR2);
    _exit(0);
  }
  wait(&status);
  printf("bad header: signal %d\n", WTERMSIG(status));
}

AVX static void widths(void) {
  row r;
  __asm__ volatile("vmovdqu %1, %%ymm6; paddq %%xmm6, %%xmm6; vmovdqu %%ymm6, %0" : "=m"(r) : "m"(pattern) : "xmm6");
  show("SSE keeps the upper half", r);
  __asm__ volatile("vmovdqu %1, %%ymm6; vpaddq %%xmm6, %%xmm6, %%xmm6; vmovdqu %%ymm6, %0" : "=m"(r) : "m"(pattern) : "xmm6");
  show("VEX clears it", r);
  __asm__ volatile("vmovdqu %1, %%ymm6; vzeroupper; vmovdqu %%ymm6, %0" : "=m"(r) : "m"(pattern) : "xmm6");
  show("vzeroupper", r);
  __asm__ volatile("vmovdqu %1, %%ymm6; vzeroall; vmovdqu %%ymm6, %0"
                   : "=m"(r)
                   : "m"(pattern)
                   : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                     "xmm12", "xmm13", "xmm14", "xmm15");
  show("vzeroall", r);
}

static void *turns(void *argument) {
  row mine = {(long)argument, 1, 2, (long)argument << 32}, after;
  for (int i = 0; i < 200; i++) {
    OVER_SYSCALL(SYS_sched_yield, 0, 0, mine, after);
    if (memcmp(mine, after, sizeof after) != 0) return "lost";
  }
  return "kept";
}

static void processes(void) {
  pthread_t threads[3];
  void *result;
  for (long i = 0; i < 3; i++) pthread_create(&threads[i], 0, turns, (void *)(i + 1));
  for (int i = 0; i < 3; i++) {
    pthread_join(threads[i], &result);
    printf("thread %d: %s\n", i, (char *)result);
  }
  row after;
  fflush(stdout);
  if (OVER_SYSCALL(SYS_fork, 0, 0, pattern, after) == 0) {
    show("in the child", after);
    fflush(stdout);
    _exit(0);
  }
  wait(0);
  show("in the parent", after);
}

static char area[1024] __attribute__((aligned(64)));
static sigjmp_buf back;

static void on_fault(int signal) {
  siglongjmp(back, signal);
}

#define FAULTS(...)                                                     \
  do {                                                                  \
    int signal = sigsetjmp(back, 1);                                    \
    if (signal == 0) __VA_ARGS__;                                       \
    printf("%s: signal %d\n", #__VA_ARGS__, signal);                    \
  } while (0)

AVX static void xsave(void) {
  unsigned a, b, c, d;
  row r;
  __cpuid_count(0xd, 0, a, b, c, d);
  HOLDS((a & 7) == 7 && b >= 832 && c >= b);
  __cpuid_count(0xd, 2, a, b, c, d);
  printf("leaf 0xd, 2: %u %u\n", a, b);
  HOLDS((_xgetbv(0) & 7) == 7);
  HOLDS(getauxval(AT_MINSIGSTKSZ) >= 832 + 512);
  memset(area, 0x5a, sizeof area);
  memset(area + 512, 0, 64);
  __asm__ volatile("vmovdqu %1, %%ymm6; xsave64 %0" : "+m"(area) : "m"(pattern), "a"(6), "d"(0) : "xmm6");
  printf("saved: %lx %lx %lx %lx, in use %lx\n", *(long *)(area + 160 + 96), *(long *)(area + 160 + 104),
         *(long *)(area + UPPER + 96), *(long *)(area + UPPER + 104), *(long *)(area + 512) & 6);
  HOLDS(area[0] == 0x5a && area[40] == 0x5a && *(unsigned *)(area + 24) == 0x1f80);
  __asm__ volatile("vmovdqu %1, %%ymm6; xrstor64 %2; vmovdqu %%ymm6, %0" : "=m"(r) : "m"(other), "m"(area), "a"(4), "d"(0) : "xmm6");
  show("restored the upper half", r);
  __asm__ volatile("vmovdqu %1, %%ymm6; xrstor64 %2; vmovdqu %%ymm6, %0" : "=m"(r) : "m"(other), "m"(area), "a"(2), "d"(0) : "xmm6");
  show("restored the lower half", r);
  *(long *)(area + 512) &= ~4;
  __asm__ volatile("vmovdqu %1, %%ymm6; xrstor64 %2; vmovdqu %%ymm6, %0" : "=m"(r) : "m"(other), "m"(area), "a"(6), "d"(0) : "xmm6");
  show("what is not in use begins anew", r);
  signal(SIGSEGV, on_fault);
  signal(SIGILL, on_fault);
  FAULTS(_xsave64(area + 8, 7));
  FAULTS(_xrstor64(area + 8, 7));
  FAULTS(_xgetbv(7));
  *(long *)(area + 512) = 1ul << 60;
  FAULTS(_xrstor64(area, 7));
  *(long *)(area + 512) = 7;
  *(long *)(area + 528) = 1;
  FAULTS(_xrstor64(area, 7));
  *(long *)(area + 528) = 0;
  *(unsigned *)(area + 24) = 0x80000000;
  FAULTS(_xrstor64(area, 6));
  FAULTS(_xsave64((void *)64, 7));
}

int main(void) {
  alarm(60);
  signals();
  refused();
  widths();
  processes();
  xsave();
  return 0;
}
