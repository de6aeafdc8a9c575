/*
 * What a profile should find: a function that takes most of the time, who called it, a number of system calls, and code
 * that the program has made itself.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALLS 4321

static volatile unsigned long sink;

/* Larger than what becomes part of its caller. */
__attribute__((noinline)) unsigned long busiest(unsigned long n) {
  unsigned long s = n;
  for (unsigned long i = 0; i < 60; i++) {
    s = s * 6364136223846793005ul + 1442695040888963407ul;
    s ^= s >> 17;
    s += s << 5;
    s ^= s >> 29;
    s *= 2685821657736338717ul;
    s = (s << 13) | (s >> 51);
    s += i ^ (s >> 7);
    s ^= (s << 11) + (i << 3);
    s -= s >> 9;
    s ^= s << 21;
    s += (s >> 33) * 31;
    s ^= s >> 3;
    if (s & 1) s += i;
    else s -= i;
    if (s & 16) s ^= 0x55;
  }
  return s;
}

__attribute__((noinline)) void caller(int times) {
  for (int i = 0; i < times; i++) sink += busiest(i);
}

/* mov ecx, edi; loop: dec ecx; jnz loop; ret */
static const unsigned char MADE[] = {0x89, 0xf9, 0xff, 0xc9, 0x75, 0xfc, 0xc3};

static void runMade(void) {
  unsigned char *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(code, MADE, sizeof MADE);
  for (int i = 0; i < 10; i++) ((void (*)(int))code)(2000000);
}

int main(void) {
  for (int i = 0; i < CALLS; i++) syscall(SYS_getppid);
  caller(60000);
  runMade();
  printf("done\n");
  return 0;
}
