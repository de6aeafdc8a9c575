/* What a signal handler finds and may change: siginfo, registers, extended state, the alternate stack. */
#include "check.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/ucontext.h>
#include <ucontext.h>

static char *page;
static ucontext_t *seen;

static const char *where(void *addr) {
  if (addr == 0) return "null";
  if (addr == page) return "page";
  if (addr == (void *)-8) return "-8";
  return "elsewhere";
}

/* Steps over a faulting instruction whose length the test has put into r15. */
static void step_over(int signal, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  gregset_t *r = &uc->uc_mcontext.gregs;
  printf("signal %d code %d addr %s trap %lld err %lld rip %s\n", signal, info->si_code,
         signal == SIGSEGV || signal == SIGBUS ? where(info->si_addr)
         : info->si_addr == (void *)(*r)[REG_RIP] ? "rip" : "other",
         (*r)[REG_TRAPNO], (*r)[REG_ERR], (*r)[REG_CR2] == (long)page ? "cr2=page" : "");
  (*r)[REG_RIP] += (*r)[REG_R15];
  (*r)[REG_RAX] = 0x1122334455667788;
}

#define FAULT(text, length)                                                                       \
  ({                                                                                              \
    register long r15 __asm__("r15") = (length);                                                  \
    long rax = 0, rbx = (long)page;                                                               \
    __asm__ volatile(text : "+a"(rax), "+r"(r15) : "b"(rbx), "d"(0l), "c"(0l) : "memory", "cc");  \
    rax;                                                                                          \
  })

static void faults(void) {
  struct sigaction action = {.sa_sigaction = step_over, .sa_flags = SA_SIGINFO};
  for (int signal = 1; signal < 32; signal++)
    if (signal != SIGKILL && signal != SIGSTOP) sigaction(signal, &action, 0);
  page = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  printf("%lx\n", FAULT("movb (%%rbx), %%al", 2));
  printf("%lx\n", FAULT("movb %%al, (%%rbx)", 2));
  mprotect(page, 4096, PROT_READ);
  printf("%lx\n", FAULT("movb %%al, (%%rbx)", 2));
  munmap(page, 4096);
  printf("%lx\n", FAULT("movb (%%rbx), %%al", 2));
  printf("%lx\n", FAULT("movb %%al, (%%rbx)", 2));
  printf("%lx\n", FAULT("ud2", 2));
  printf("%lx\n", FAULT("hlt", 1));
  printf("%lx\n", FAULT("int3", 0));
  printf("%lx\n", FAULT("div %%rcx", 3));
  printf("%lx\n", FAULT("movq $-8, %%rax; movb (%%rax), %%al", 2));
  printf("%lx\n", FAULT("movabs $0x1234567812345678, %%rax; movb (%%rax), %%al", 2));
}

static void on_flags(int signal, siginfo_t *info, void *context) {
  (void)signal;
  (void)info;
  unsigned long inside;
  __asm__ volatile("pushfq; popq %0" : "=r"(inside));
  gregset_t *r = &((ucontext_t *)context)->uc_mcontext.gregs;
  printf("flags outside %llx, inside df %lu\n", (*r)[REG_EFL] & 0xcd5, inside >> 10 & 1);
  (*r)[REG_EFL] = ((*r)[REG_EFL] & ~0xcd5) | 0x891;
}

/* Flags as they were when the signal came, and as the handler leaves them. */
static void flags(void) {
  struct sigaction action = {.sa_sigaction = on_flags, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, 0);
  unsigned long after;
  long pid = getpid();
  __asm__ volatile(
      "std; xorl %%eax, %%eax; subl $1, %%eax; movl $62, %%eax; stc; movl $62, %%eax; syscall; pushfq; popq %0; cld"
      : "=r"(after)
      : "D"(pid), "S"((long)SIGUSR1)
      : "rax", "rcx", "r11", "memory", "cc");
  printf("flags after %lx\n", after & 0xcd5);
}

static void on_state(int signal, siginfo_t *info, void *context) {
  (void)signal;
  ucontext_t *uc = context;
  fpregset_t fp = uc->uc_mcontext.fpregs;
  seen = uc;
  double clobber = info->si_pid + 0.5;
  __asm__ volatile("fninit; movq %0, %%xmm7; pxor %%xmm6, %%xmm6" ::"r"(clobber) : "xmm6", "xmm7");
  printf("cwd %x swd %x ftw %x mxcsr %x mask %x\n", fp->cwd, fp->swd, fp->ftw, fp->mxcsr, fp->mxcr_mask & 0xffbf);
  printf("st0 %04x %016lx\n", fp->_st[0].exponent, *(long *)fp->_st[0].significand);
  printf("xmm6 %08x %08x\n", fp->_xmm[6].element[0], fp->_xmm[6].element[3]);
  HOLDS((uintptr_t)fp % 64 == 0);
  HOLDS(*(unsigned *)((char *)fp + 464) == 0x46505853);
  fp->_xmm[6].element[0] = 0xcafe;
  fp->_st[0].exponent++;
  fp->mxcsr |= 0x8000;
}

/* The extended state survives the handler, and its changes to it count. */
static void state(void) {
  struct sigaction action = {.sa_sigaction = on_state, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR2, &action, 0);
  static const unsigned pattern[4] = {1, 2, 3, 4};
  unsigned result[4], mxcsr;
  long double st;
  long pid = getpid(), number = 62;
  __asm__ volatile(
      "fninit; fldpi; fld1; movdqu %4, %%xmm6; syscall; movdqu %%xmm6, %1; fstpt %2; stmxcsr %3; fstp %%st(0)"
      : "+a"(number), "=m"(result), "=m"(st), "=m"(mxcsr)
      : "m"(pattern), "D"(pid), "S"((long)SIGUSR2)
      : "rcx", "r11", "xmm6", "memory");
  printf("after: %x %x %x %x, %.5Lf, mxcsr %x\n", result[0], result[1], result[2], result[3], st, mxcsr);
  mxcsr = 0x1f80;
  __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
}

static char alternate[32768];

static void on_alternate(int signal, siginfo_t *info, void *context) {
  (void)info;
  ucontext_t *uc = context;
  char here;
  stack_t now;
  sigaltstack(0, &now);
  printf("signal %d on alternate stack: %d, flags %d, uc_stack %d %d\n", signal,
         &here > alternate && &here < alternate + sizeof alternate, now.ss_flags, uc->uc_stack.ss_flags,
         (int)uc->uc_stack.ss_size);
  FAILS(sigaltstack(&now, 0));
  if (signal == SIGUSR1) raise(SIGUSR2);
}

static void alternate_stack(void) {
  stack_t small = {.ss_sp = alternate, .ss_size = 100}, old, stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
  stack_t odd = {.ss_sp = alternate, .ss_size = sizeof alternate, .ss_flags = 77}, none = {.ss_flags = SS_DISABLE};
  SHOW(sigaltstack(0, &old));
  printf("old: %d %d\n", old.ss_flags, (int)old.ss_size);
  FAILS(sigaltstack(&small, 0));
  FAILS(sigaltstack(&odd, 0));
  FAILS(sigaltstack((void *)8, 0));
  SHOW(sigaltstack(&stack, 0));
  struct sigaction action = {.sa_sigaction = on_alternate, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGUSR1, &action, 0);
  sigaction(SIGUSR2, &action, 0);
  raise(SIGUSR1);
  SHOW(sigaltstack(0, &old));
  printf("now: %d %d\n", old.ss_flags, (int)old.ss_size);
  SHOW(sigaltstack(&none, &old));
  printf("then: %d %d\n", old.ss_flags, (int)old.ss_size);
}

/* Leaving through setcontext-like changes: the handler sends execution elsewhere. */
static void elsewhere(void) {
  puts("elsewhere");
  fflush(stdout);
  _exit(7);
}

static void on_jump(int signal, siginfo_t *info, void *context) {
  (void)signal;
  (void)info;
  gregset_t *r = &((ucontext_t *)context)->uc_mcontext.gregs;
  (*r)[REG_RIP] = (long)elsewhere;
  (*r)[REG_RSP] = ((*r)[REG_RSP] & ~15l) - 8;
}

int main(void) {
  setvbuf(stdout, 0, _IONBF, 0);
  faults();
  flags();
  state();
  alternate_stack();
  struct sigaction action = {.sa_sigaction = on_jump, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, 0);
  raise(SIGUSR1);
  return 0;
}
