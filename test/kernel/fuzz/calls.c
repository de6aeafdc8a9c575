/*
 * Makes random system calls with bad, odd and good arguments, a few in each child process. It proves nothing by its
 * output: a kernel that stays alive and lets it end has passed. To be run under Culm only: natively it would do harm.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
static uint64_t state;
static char *buffer, *edge;

static uint64_t next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static long argument(void) {
  static const long odd[] = {0,    -1,          1,           2,          8,          4096,       0x7fffffff,        0x80000000,
                             -100, 0xffffffffl, 0x100000000, 1l << 47,   1l << 52,   1l << 53,   (long)(1ul << 63), 0x7ffffffff000,
                             -4096, 65536,      0x1000000,   0x80000,    0x7ffffffffffff000, 3,  5,                 16};
  switch (next() % 8) {
    case 0: return odd[next() % (sizeof odd / sizeof *odd)];
    case 1: return next() % 10;
    case 2: return (long)(buffer + next() % (8 * PAGE));
    case 3: return (long)(buffer + 8 * (next() % 64));
    case 4: return (long)(edge - next() % 64);
    case 5: return 1l << next() % 64;
    case 6: return (int)next();
    default: return (long)(buffer + 16 * (next() % 16));
  }
}

/* Fills the buffer with what structs may hold: small numbers, pointers, path names. */
static void fill(void) {
  for (int i = 0; i < 8 * PAGE / 8; i++) ((long *)buffer)[i] = next() % 3 ? argument() : 0;
  strcpy(buffer + 1024, "/tmp/fuzz");
  strcpy(buffer + 1040, "/etc/passwd");
  strcpy(buffer + 1056, "/proc/self/maps");
  strcpy(buffer + 1072, ".");
}

/* Calls that wait for ever, or end the wrong process. */
static int is_barred(long number, long *a) {
  switch (number) {
    case SYS_kill: case SYS_tkill: case SYS_tgkill: case SYS_rt_sigqueueinfo: case SYS_rt_tgsigqueueinfo:
      a[0] = 99999;
      return 0;
    case SYS_vfork:
      return 1;
    default:
      return 0;
  }
}

static void child(int calls, int verbose) {
  int ends[2];
  if (pipe(ends)) _exit(1);
  open("/tmp/fuzz", O_RDWR | O_CREAT, 0600);
  alarm(1);
  for (int i = 0; i < calls; i++) {
    long number = next() % 460, a[6];
    if (next() % 16 == 0) fill();
    for (int n = 0; n < 6; n++) a[n] = argument();
    if (is_barred(number, a)) continue;
    if (verbose) dprintf(2, "%ld(%lx, %lx, %lx, %lx, %lx, %lx)\n", number, a[0], a[1], a[2], a[3], a[4], a[5]);
    long result = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (result == -1) continue;
    if (number == SYS_fork || number == SYS_clone || number == SYS_clone3) _exit(0);
  }
  _exit(0);
}

int main(int argc, char **argv) {
  uint64_t seed = argc > 1 ? strtoull(argv[1], 0, 10) : 1;
  int rounds = argc > 2 ? atoi(argv[2]) : 50, calls = argc > 3 ? atoi(argv[3]) : 40, verbose = argc > 4;
  buffer = mmap(0, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *two = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(two + PAGE, PAGE);
  edge = two + PAGE;
  for (int round = 0; round < rounds; round++) {
    state = (seed + round) * 0x9e3779b97f4a7c15 | 1;
    for (int i = 0; i < 8; i++) next();
    pid_t pid = fork();
    if (pid == 0) {
      /* In a group of its own, so that what it starts can be ended with it. */
      setpgid(0, 0);
      fill();
      child(calls, verbose);
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) return 1;
    kill(-pid, SIGKILL);
    while (waitpid(-1, &status, WNOHANG) > 0);
  }
  puts("ended");
  return 0;
}
