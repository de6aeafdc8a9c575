/* Exceptions that programs raise on purpose: int n, the trap flag, segment registers, addresses that no memory has. */
#define _GNU_SOURCE
#include "check.h"
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf out;
static volatile int last_signal, last_code, last_trap;
static volatile long last_rip, last_address;

static void on_fault(int sig, siginfo_t *info, void *context) {
  greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
  last_signal = sig;
  last_code = info->si_code;
  last_trap = regs[REG_TRAPNO];
  last_rip = regs[REG_RIP];
  last_address = (long)info->si_addr;
  siglongjmp(out, 1);
}

static void handle(int sig, void (*handler)(int, siginfo_t *, void *)) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(sig, &action, NULL);
}

/* Runs a piece of code at `code`; shows how it ends, with rip as a distance from its start. */
static void try(const char *name, const unsigned char *bytes, size_t size, unsigned char *code, long rax) {
  memcpy(code, bytes, size);
  last_signal = 0;
  if (sigsetjmp(out, 1) == 0) {
    __asm__ volatile("mov %%rsp, %%r12; call *%0; mov %%r12, %%rsp" : : "r"(code), "a"(rax) : "r12", "r13", "rcx", "memory");
  }
  int inside = last_rip >= (long)code && last_rip < (long)code + 64;
  printf("%s: signal %d code %d trap %d rip %lx address %s\n", name, last_signal, last_code, last_trap,
         inside ? last_rip - (long)code : last_rip, last_address == 0 ? "0" : last_address == last_rip ? "rip" : "another");
}
#define TRY(name, rax, ...) try(name, (unsigned char[]){__VA_ARGS__}, sizeof((unsigned char[]){__VA_ARGS__}), code, rax)

static const long WILD = 0x1234567812345678;

static void faults(unsigned char *code) {
  TRY("int3", 0, 0xcc, 0xc3);
  TRY("int 3", 0, 0xcd, 3, 0xc3);
  TRY("int 4", 0, 0xcd, 4, 0xc3);
  TRY("int 5", 0, 0xcd, 5, 0xc3);
  TRY("hlt", 0, 0xf4);
  TRY("ud2", 0, 0x90, 0x0f, 0x0b);
  TRY("load from no address", WILD, 0x48, 0x8b, 0x00, 0xc3);
  TRY("load through rsp", WILD, 0x48, 0x89, 0xc4, 0x48, 0x8b, 0x0c, 0x24);
  TRY("load through rbp", WILD, 0x55, 0x48, 0x89, 0xc5, 0x48, 0x8b, 0x4d, 0);
  TRY("load through r12", WILD, 0x49, 0x89, 0xc4, 0x49, 0x8b, 0x0c, 0x24);
  TRY("push", WILD, 0x48, 0x89, 0xc4, 0x50);
  TRY("pop", WILD, 0x48, 0x89, 0xc4, 0x58);
  TRY("ret", WILD, 0x48, 0x89, 0xc4, 0xc3);
  TRY("call", WILD, 0x48, 0x89, 0xc4, 0xe8, 0, 0, 0, 0);
  TRY("push of wild memory", WILD, 0xff, 0x30);
  TRY("jump to no address", WILD, 0xff, 0xe0);
  TRY("ret to no address", WILD, 0x50, 0xc3);
  TRY("jump to the kernel", -4096, 0xff, 0xe0);
  TRY("jump to nothing", 64, 0xff, 0xe0);
  TRY("branch to the kernel", 0, 0x31, 0xc0, 0x0f, 0x84, 0, 0, 0, 0x80);
  TRY("mov to cs", 0x33, 0x8e, 0xc8);
  TRY("mov of a bad selector", 0x50, 0x8e, 0xd8);
}

static int read_segment(int which) {
  long value = 0;
  switch (which) {
    case 0: __asm__ volatile("mov %%es, %0" : "=r"(value)); break;
    case 1: __asm__ volatile("mov %%cs, %0" : "=r"(value)); break;
    case 2: __asm__ volatile("mov %%ss, %0" : "=r"(value)); break;
    case 3: __asm__ volatile("mov %%ds, %0" : "=r"(value)); break;
    case 4: __asm__ volatile("mov %%fs, %0" : "=r"(value)); break;
    default: __asm__ volatile("mov %%gs, %0" : "=r"(value)); break;
  }
  return value;
}

static void segments(void) {
  for (int k = 0; k < 6; k++) SHOW(read_segment(k));
  __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%gs" : : "r"(0x2b));
  for (int k = 0; k < 6; k++) SHOW(read_segment(k));
  getppid();
  SHOW(read_segment(3));
  __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%gs" : : "r"(0));
  SHOW(read_segment(3));
}

static volatile int steps, bad_steps;
static long first, places[64];

static void on_step(int sig, siginfo_t *info, void *context) {
  greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
  if (steps < 64) places[steps] = regs[REG_RIP];
  if (steps == 0) first = regs[REG_RIP];
  if (sig != SIGTRAP || info->si_code != TRAP_TRACE || (long)info->si_addr != regs[REG_RIP]) bad_steps++;
  if (regs[REG_TRAPNO] != 1 || __builtin_ia32_readeflags_u64() & 0x100) bad_steps++;
  if (++steps == 60) regs[REG_EFL] &= ~0x100l;
}

/* The trap flag ends each instruction with SIGTRAP, until popf or the handler takes it back. */
static void single_steps(void) {
  handle(SIGTRAP, on_step);
  for (int round = 0; round < 3; round++) {
    long sum = 0;
    steps = 0;
    __asm__ volatile(
        "pushf; orq $0x100, (%%rsp); popf\n"
        "nop; mov $3, %%ecx\n"
        "1: add %%rcx, %0; push %%rcx; pop %%rax; dec %%ecx; jnz 1b\n"
        "call 2f; jmp 3f; 2: ret; 3:\n"
        "pushf; andq $~0x100, (%%rsp); popf; nop"
        : "+r"(sum) : : "rax", "rcx", "cc", "memory");
    SHOW((int)sum);
    SHOW(steps);
    for (int k = 0; k < steps; k++) printf("%ld ", places[k] - first);
    printf("\n");
  }
  steps = 0;
  __asm__ volatile("pushf; orq $0x100, (%%rsp); popf; mov $1000, %%ecx; 1: dec %%ecx; jnz 1b" : : : "rcx", "cc");
  SHOW(steps);
  SHOW(bad_steps);
}

int main(void) {
  unsigned char *code = mmap((void *)0x20000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  static unsigned char stack[1 << 16];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  HOLDS(sigaltstack(&alternate, NULL) == 0);
  const int signals[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
  for (unsigned k = 0; k < 5; k++) sigaction(signals[k], &action, NULL);
  faults(code);
  segments();
  single_steps();
  return 0;
}
