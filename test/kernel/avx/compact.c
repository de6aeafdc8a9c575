/* XSAVE's compacted format: what XSAVEC writes, what XRSTOR takes and refuses, and XGETBV of what is in use. */
#include "../check.h"
#include <cpuid.h>
#include <immintrin.h>
#include <setjmp.h>
#include <signal.h>

#define AVX __attribute__((target("avx2,xsave,xsavec")))
#define UPPER 576
#define COMPACT (1ul << 63)

typedef unsigned long row[4];

static char area[1024] __attribute__((aligned(64)));
static const row pattern = {1, 2, 0x1122334455667788, 0x99aabbccddeeff00};
static const row other = {5, 6, 7, 8};
static sigjmp_buf back;

#define FIELD(type, at) (*(type *)(area + (at)))

static void show(const char *what, const row r) {
  printf("%s %lx %lx %lx %lx\n", what, r[0], r[1], r[2], r[3]);
}

static void on_fault(int signal) {
  siglongjmp(back, signal);
}

#define FAULTS(...)                                                     \
  do {                                                                  \
    int signal = sigsetjmp(back, 1);                                    \
    if (signal == 0) __VA_ARGS__;                                       \
    printf("%s: signal %d\n", #__VA_ARGS__, signal);                    \
  } while (0)

AVX static void leaves(void) {
  unsigned a, b, c, d;
  __cpuid_count(0xd, 1, a, b, c, d);
  HOLDS((a & 6) == 6 && b >= 832);
  __cpuid_count(0xd, 2, a, b, c, d);
  printf("AVX: %u bytes, kept by the user: %d, aligned: %d\n", a, !(c & 1), c >> 1 & 1);
}

/* Fills the area, then saves what `mask` says with ymm6 set and, where `clear` is not 0, all upper halves 0. */
AVX static void save(unsigned mask, int clear) {
  memset(area, 0x5a, sizeof area);
  if (clear)
    __asm__ volatile("vmovdqu %1, %%ymm6; vzeroupper; xsavec64 %0" : "+m"(area) : "m"(pattern), "a"(mask), "d"(0) : "xmm6");
  else
    __asm__ volatile("vmovdqu %1, %%ymm6; xsavec64 %0" : "+m"(area) : "m"(pattern), "a"(mask), "d"(0) : "xmm6");
  printf("mask %x%s: in use %lx, format %lx\n", mask, clear ? ", upper halves 0" : "", FIELD(long, 512) & 6,
         FIELD(long, 520));
  printf("  xmm6 %lx %lx, upper half %lx %lx\n", FIELD(long, 256), FIELD(long, 264), FIELD(long, UPPER + 96),
         FIELD(long, UPPER + 104));
  printf("  mxcsr %x, rest of the header %lx %lx, reserved %lx\n", FIELD(unsigned, 24), FIELD(long, 528), FIELD(long, 568),
         FIELD(long, 464));
  memset(area + 528, 0, 48);
}

AVX static void restore(const char *what, unsigned mask) {
  row r;
  unsigned mxcsr = 0x1fa0, after;
  __asm__ volatile("ldmxcsr %4; vmovdqu %2, %%ymm6; xrstor64 %3; vmovdqu %%ymm6, %0; stmxcsr %1; vzeroupper"
                   : "=m"(r), "=m"(after)
                   : "m"(other), "m"(area), "m"(mxcsr), "a"(mask), "d"(0)
                   : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                     "xmm12", "xmm13", "xmm14", "xmm15");
  mxcsr = 0x1f80;
  __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
  show(what, r);
  printf("  mxcsr %x\n", after);
}

AVX static void saves(void) {
  save(6, 0);
  restore("both", 6);
  restore("the lower half", 2);
  restore("the upper half", 4);
  FIELD(long, 512) &= ~2ul;
  restore("the lower half anew", 6);
  FIELD(long, 512) |= 2;
  FIELD(unsigned, 24) = 0x1f85;
  restore("another mxcsr", 6);
  restore("another mxcsr, of the upper half", 4);
  save(6, 1);
  restore("the upper half anew", 6);
  save(2, 0);
  restore("what is not in the format", 6);
  save(4, 0);
  save(0, 0);
}

AVX static void refused(void) {
  save(6, 0);
  FAULTS(_xrstor64(area, 6));
  FIELD(long, 568) = 1;
  FAULTS(_xrstor64(area, 6));
  FIELD(long, 568) = 0;
  FIELD(long, 520) = COMPACT | 2;
  FAULTS(_xrstor64(area, 6));
  FIELD(long, 520) = COMPACT | 6 | 1ul << 62;
  FAULTS(_xrstor64(area, 6));
  FIELD(long, 520) = 6;
  FAULTS(_xrstor64(area, 6));
  FIELD(long, 520) = COMPACT | 6;
  FIELD(unsigned, 24) = 0x80000000;
  FAULTS(_xrstor64(area, 6));
  FAULTS(_xrstor64(area, 4));
  FAULTS(_xsavec64(area + 8, 6));
  FAULTS(_xsavec64((void *)64, 6));
}

AVX static void in_use(void) {
  unsigned long with, without;
  __asm__ volatile("vmovdqu %2, %%ymm6; xgetbv; mov %%rax, %0; vzeroupper; xgetbv; mov %%rax, %1"
                   : "=&r"(with), "=&r"(without)
                   : "m"(pattern), "c"(1)
                   : "rax", "rdx", "xmm6");
  printf("in use: %lx, %lx after vzeroupper\n", with & 6, without & 6);
  FAULTS(_xgetbv(2));
}

int main(void) {
  alarm(60);
  signal(SIGSEGV, on_fault);
  signal(SIGILL, on_fault);
  leaves();
  saves();
  refused();
  in_use();
  return 0;
}
