// Runs batches of code on the real CPU: standard input is a sequence of cases, standard output one result each.
//
// Every case starts by a signal handler's return into the state that it prescribes, and ends with the signal that its
// code gets: SIGTRAP from the int3 bytes all around it, or a fault. So the handler is the whole loop. The
// program is built as static-pie, so that it lies out of reach of the jumps under test.
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

// The same places as in state.ts.
#define DATA 0x100000ul
#define DATA_SIZE 0x2000ul
#define CODE 0x200000ul
#define CODE_SIZE 0x2000ul
#define WINDOW_SIZE 512ul
#define WINDOW (DATA + DATA_SIZE / 2 - WINDOW_SIZE / 2)
#define GS_BASE (DATA - 0x1000)
// What fxsave stores: control, x87 and XMM registers; behind them lie the kernel's own bytes.
#define FX_SIZE 416
#define XSTATE_BV 512
#define XSTATE_AVX 4
// Where the signal frame has the upper halves of the ymm registers, if the CPU has them.
#define UPPER 576
#define UPPER_SIZE 256
#define FX_XFEATURES 472
#define TIMED_OUT 0xffff

struct state {
  uint64_t gpr[16];  // rax rcx rdx rbx rsp rbp rsi rdi r8..r15
  uint64_t rip, rflags;
  uint8_t fx[512];
  uint8_t upper[UPPER_SIZE];
  uint8_t window[WINDOW_SIZE];
};

struct test_case {
  struct state state;
  uint32_t code_offset;  // in the code pages
  uint32_t code_size;    // bytes that follow; 0: the code of the case before
};

struct result {
  struct state state;
  uint32_t vector, error;
  uint64_t address;
  uint32_t checksum;  // of the data pages, the window left out
  uint32_t padding;
};

static const int GREGS[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static uint8_t background[DATA_SIZE];
static uint8_t *const data = (uint8_t *)DATA;
static uint8_t *const code = (uint8_t *)CODE;
static int started;
static uint8_t in[1 << 20], out[1 << 20];
static size_t in_at, in_end, out_end;

static void write_all(const uint8_t *bytes, size_t count) {
  while (count > 0) {
    ssize_t done = write(1, bytes, count);
    if (done < 0) _exit(3);
    bytes += done;
    count -= done;
  }
}

static void put(const void *bytes, size_t count) {
  if (out_end + count > sizeof out) {
    write_all(out, out_end);
    out_end = 0;
  }
  memcpy(out + out_end, bytes, count);
  out_end += count;
}

static void take(void *bytes, size_t count) {
  while (in_end - in_at < count) {
    memmove(in, in + in_at, in_end - in_at);
    in_end -= in_at;
    in_at = 0;
    ssize_t got = read(0, in + in_end, sizeof in - in_end);
    if (got <= 0) {
      write_all(out, out_end);
      _exit(got == 0 && in_end == 0 ? 0 : 4);
    }
    in_end += got;
  }
  memcpy(bytes, in + in_at, count);
  in_at += count;
}

static uint32_t checksum(void) {
  uint32_t sum = 0;
  for (size_t k = 0; k < DATA_SIZE; k += 4) {
    uint32_t word;
    if (DATA + k == WINDOW) k += WINDOW_SIZE;
    memcpy(&word, data + k, 4);
    sum = (sum << 5 | sum >> 27) ^ word;
  }
  return sum;
}

static int has_avx(const uint8_t *fx) {
  return (*(const uint64_t *)(fx + FX_XFEATURES) & XSTATE_AVX) != 0;
}

static void save(int sig, ucontext_t *context) {
  static struct result result;
  greg_t *gregs = context->uc_mcontext.gregs;
  for (int k = 0; k < 16; k++) result.state.gpr[k] = gregs[GREGS[k]];
  result.state.rip = gregs[REG_RIP];
  result.state.rflags = gregs[REG_EFL];
  memcpy(result.state.fx, context->uc_mcontext.fpregs, FX_SIZE);
  const uint8_t *fx = (uint8_t *)context->uc_mcontext.fpregs;
  memset(result.state.upper, 0, UPPER_SIZE);
  if (has_avx(fx) && *(const uint64_t *)(fx + XSTATE_BV) & XSTATE_AVX)
    memcpy(result.state.upper, fx + UPPER, UPPER_SIZE);
  memcpy(result.state.window, (void *)WINDOW, WINDOW_SIZE);
  result.vector = sig == SIGVTALRM ? TIMED_OUT : gregs[REG_TRAPNO];
  result.error = gregs[REG_ERR];
  result.address = sig == SIGSEGV ? gregs[REG_CR2] : 0;
  result.checksum = checksum();
  put(&result, sizeof result);
}

static void load(ucontext_t *context) {
  static struct test_case next;
  greg_t *gregs = context->uc_mcontext.gregs;
  uint8_t *fx = (uint8_t *)context->uc_mcontext.fpregs;
  take(&next, sizeof next);
  for (int k = 0; k < 16; k++) gregs[GREGS[k]] = next.state.gpr[k];
  gregs[REG_RIP] = next.state.rip;
  gregs[REG_EFL] = next.state.rflags;
  memcpy(fx, next.state.fx, FX_SIZE);
  *(uint64_t *)(fx + XSTATE_BV) |= 3;
  if (has_avx(fx)) {
    memcpy(fx + UPPER, next.state.upper, UPPER_SIZE);
    *(uint64_t *)(fx + XSTATE_BV) |= XSTATE_AVX;
  }
  // NT and ID do not come from the context: they stay as they are in this handler.
  __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~0x204000ul);
  memcpy(data, background, DATA_SIZE);
  memcpy((void *)WINDOW, next.state.window, WINDOW_SIZE);
  if (next.code_size == 0) return;
  memset(code, 0xcc, CODE_SIZE);
  if (next.code_size > CODE_SIZE - next.code_offset) _exit(5);
  take(code + next.code_offset, next.code_size);
}

static void on_signal(int sig, siginfo_t *info, void *opaque) {
  ucontext_t *context = opaque;
  (void)info;
  if (started) save(sig, context);
  started = 1;
  load(context);
  struct itimerval limit = {{0, 0}, {1, 0}};
  static unsigned rounds;
  if ((rounds++ & 63) == 0) setitimer(ITIMER_VIRTUAL, &limit, NULL);
}

static void map(unsigned long at, size_t size, int protection) {
  if (mmap((void *)at, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)at) {
    _exit(6);
  }
}

int main(void) {
  static uint8_t stack[1 << 16];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  const int signals[] = {SIGTRAP, SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGVTALRM};

  map(DATA, DATA_SIZE, PROT_READ | PROT_WRITE);
  map(CODE, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
  for (size_t k = 0; k < DATA_SIZE; k++) background[k] = k * 167 + (k >> 8) * 59;
  syscall(SYS_arch_prctl, ARCH_SET_GS, GS_BASE);
  sigaltstack(&alternate, NULL);
  for (size_t k = 0; k < sizeof signals / sizeof *signals; k++) sigaction(signals[k], &action, NULL);
  __asm__ volatile("int3");
  return 7;
}
