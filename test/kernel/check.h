/* What the programs of this folder share. Each prints one line a fact; the same lines must come natively and in Culm. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Prints a call's text, its result, and its error. */
#define SHOW(call)                                                                  \
  do {                                                                              \
    errno = 0;                                                                      \
    long shown_ = (long)(call);                                                     \
    printf("%s = %ld%s%s\n", #call, shown_, errno ? " " : "", errno ? strerrorname_np(errno) : ""); \
  } while (0)

/* Prints whether something holds. */
#define HOLDS(what) printf("%s: %s\n", #what, (what) ? "yes" : "NO")

/* Prints only the error of a call whose result differs from run to run. */
#define FAILS(call)                                                       \
  do {                                                                    \
    errno = 0;                                                            \
    long shown_ = (long)(call);                                           \
    printf("%s: %s\n", #call, shown_ == -1 ? strerrorname_np(errno) : "ok"); \
  } while (0)

/* Runs statements in a child and waits for it. */
#define CHILD(...)         \
  do {                     \
    fflush(stdout);        \
    if (fork() == 0) {     \
      __VA_ARGS__;         \
      fflush(stdout);      \
      _exit(0);            \
    }                      \
    wait(NULL);            \
  } while (0)

static inline void nap(int ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
  nanosleep(&time, NULL);
}
