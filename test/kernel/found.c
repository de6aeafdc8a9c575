/* Small differences that test suites of others have found. */
#define _GNU_SOURCE
#include "check.h"
#include <sched.h>

int main(void) {
  cpu_set_t set;
  FAILS(sched_getaffinity(-1, sizeof set, &set));
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  FAILS(sched_setaffinity(-1, sizeof set, &set));
  FAILS(sched_getscheduler(-1));
  return 0;
}
