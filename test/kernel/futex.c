/* futex(2): locks that inherit priority, several words at once, keys of shared memory. */
#include "check.h"
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static long futex(void *word, int op, long value, void *timeout, void *word2, long value3) {
  return syscall(SYS_futex, word, op, value, timeout, word2, value3);
}

static int tid(void) { return syscall(SYS_gettid); }

static struct timespec after(clockid_t clock, int ms) {
  struct timespec time;
  clock_gettime(clock, &time);
  time.tv_nsec += ms * 1000000L;
  time.tv_sec += time.tv_nsec / 1000000000;
  time.tv_nsec %= 1000000000;
  return time;
}

static uint32_t lock, cond, other;
static int holder, result;

/* What the word holds, with names for the thread ids. */
static const char *word(uint32_t value) {
  static char text[2][60];
  static int turn;
  int owner = value & FUTEX_TID_MASK;
  char *into = text[turn++ & 1];
  sprintf(into, "%s%s%s", owner == 0 ? "nobody" : owner == getpid() ? "main" : owner == holder ? "thread" : "another",
          value & FUTEX_WAITERS ? " waiters" : "", value & FUTEX_OWNER_DIED ? " died" : "");
  return into;
}

static void *lock_and_end(void *unlocks) {
  holder = tid();
  result = futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0) < 0 ? errno : 0;
  if (unlocks) futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
  return NULL;
}

static void *lock_and_hold(void *ms) {
  holder = tid();
  futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
  nap((long)ms);
  futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
  return NULL;
}

static void wait_for_waiters(void) {
  while (!(*(volatile uint32_t *)&lock & FUTEX_WAITERS)) nap(1);
  nap(5);
}

static void pi_locks(void) {
  puts("-- locks that inherit priority");
  pthread_t thread;
  SHOW(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  puts(word(lock));
  FAILS(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  FAILS(futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
  SHOW(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  FAILS(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  SHOW(futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
  pthread_create(&thread, NULL, lock_and_end, (void *)1);
  wait_for_waiters();
  puts(word(lock));
  FAILS(futex(&lock, FUTEX_WAKE, 1, NULL, NULL, 0));
  FAILS(futex(&lock, FUTEX_REQUEUE, 0, (void *)1, &other, 0));
  SHOW(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  pthread_join(thread, NULL);
  printf("%s: %d\n", word(lock), result);

  pthread_create(&thread, NULL, lock_and_hold, (void *)60);
  while (!lock) nap(1);
  FAILS(futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
  struct timespec soon = after(CLOCK_REALTIME, 10), quick = after(CLOCK_MONOTONIC, 10), bad = {0, -1};
  FAILS(futex(&lock, FUTEX_LOCK_PI, 0, &soon, NULL, 0));
  FAILS(futex(&lock, 13 /* LOCK_PI2 */, 0, &quick, NULL, 0));
  FAILS(futex(&lock, 13 | FUTEX_CLOCK_REALTIME, 0, &soon, NULL, 0));
  FAILS(futex(&lock, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, &soon, NULL, 0));
  FAILS(futex(&lock, FUTEX_LOCK_PI, 0, &bad, NULL, 0));
  FAILS(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  SHOW(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  puts(word(lock));
  SHOW(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  pthread_join(thread, NULL);

  pthread_create(&thread, NULL, lock_and_end, NULL);
  pthread_join(thread, NULL);
  printf("its owner is gone: %s\n", word(lock));
  FAILS(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  lock = 0;
  futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
  pthread_create(&thread, NULL, lock_and_end, NULL);
  wait_for_waiters();
  futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
  pthread_join(thread, NULL);
  lock = 0x7fffffff & FUTEX_TID_MASK;
  FAILS(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  lock = 0;
  FAILS(futex((char *)&lock + 1, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  FAILS(futex(NULL, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  FAILS(futex(NULL, FUTEX_WAKE, 1, NULL, NULL, 0));
  SHOW(futex(NULL, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0));
  FAILS(futex(NULL, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0));
  FAILS(futex(&lock, FUTEX_FD, 0, NULL, NULL, 0));
  FAILS(futex(&lock, 14, 0, NULL, NULL, 0));
}

static void *die_with_waiter(void *arg) {
  holder = tid();
  futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
  wait_for_waiters();
  return NULL;
}

static void pi_owner_died(void) {
  puts("-- the owner ends while another waits");
  pthread_t thread;
  pthread_create(&thread, NULL, die_with_waiter, NULL);
  while (!*(volatile uint32_t *)&lock) nap(1);
  SHOW(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  puts(word(lock));
  SHOW(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  puts(word(lock));
  pthread_join(thread, NULL);
}

static void *cross(void *arg) {
  futex(&other, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
  holder = tid();
  while (holder == tid() && !*(volatile uint32_t *)&cond) nap(1);
  futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
  futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
  futex(&other, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
  return NULL;
}

static void pi_deadlock(void) {
  puts("-- two that would wait for each other");
  lock = other = cond = 0;
  pthread_t thread;
  futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
  pthread_create(&thread, NULL, cross, NULL);
  while (!*(volatile uint32_t *)&other) nap(1);
  cond = 1;
  wait_for_waiters();
  FAILS(futex(&other, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
  pthread_join(thread, NULL);
  printf("%s, %s\n", word(lock), word(other));
}

static int waiting, passed, results[3];
static void *wait_requeue(void *n) {
  __atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
  long got = futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &lock, 0);
  results[(long)n] = got < 0 ? errno : 0;
  __atomic_add_fetch(&passed, 1, __ATOMIC_SEQ_CST);
  if (got == 0) futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
  return NULL;
}

static void requeue_pi(void) {
  puts("-- moved to a lock");
  lock = cond = 0;
  pthread_t threads[3];
  for (long i = 0; i < 3; i++) pthread_create(&threads[i], NULL, wait_requeue, (void *)i);
  while (*(volatile int *)&waiting < 3) nap(1);
  nap(20);
  FAILS(futex(&cond, FUTEX_WAKE, 1, NULL, NULL, 0));
  FAILS(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &lock, 5));
  FAILS(futex(&cond, FUTEX_CMP_REQUEUE_PI, 2, (void *)1, &lock, 0));
  FAILS(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &cond, 0));
  FAILS(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &other, 0));
  futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
  SHOW(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &lock, 0));
  nap(10);
  printf("%s, passed %d\n", word(lock), passed);
  SHOW(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  while (*(volatile int *)&passed < 2) nap(1);
  nap(10);
  SHOW(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)5, &lock, 0));
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  printf("%d %d %d, %s\n", results[0], results[1], results[2], word(lock & FUTEX_TID_MASK));
  struct timespec soon = after(CLOCK_MONOTONIC, 10);
  FAILS(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, &soon, &lock, 0));
  FAILS(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 1, NULL, &lock, 0));
  FAILS(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &cond, 0));
  SHOW(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)5, &lock, 0));
}

struct waitv {
  uint64_t value, address;
  uint32_t flags, reserved;
};

static struct waitv words[3];
static void *wait_many(void *arg) {
  struct timespec *time = arg;
  result = syscall(449, words, 3, 0, time, CLOCK_MONOTONIC);
  return NULL;
}

static void many(void) {
  puts("-- several words");
  uint32_t values[3] = {1, 2, 3};
  for (int i = 0; i < 3; i++) words[i] = (struct waitv){i + 1, (uintptr_t)&values[i], 2 | (i & 1 ? 128 : 0)};
  struct timespec soon = after(CLOCK_MONOTONIC, 15), bad = {0, -1};
  FAILS(syscall(449, words, 3, 0, &soon, CLOCK_MONOTONIC));
  FAILS(syscall(449, words, 3, 1, &soon, CLOCK_MONOTONIC));
  FAILS(syscall(449, words, 0, 0, &soon, CLOCK_MONOTONIC));
  FAILS(syscall(449, words, 129, 0, &soon, CLOCK_MONOTONIC));
  FAILS(syscall(449, NULL, 1, 0, &soon, CLOCK_MONOTONIC));
  FAILS(syscall(449, 8, 1, 0, &soon, CLOCK_MONOTONIC));
  FAILS(syscall(449, words, 3, 0, &soon, CLOCK_BOOTTIME));
  FAILS(syscall(449, words, 3, 0, &bad, CLOCK_MONOTONIC));
  words[1].value = 7;
  FAILS(syscall(449, words, 3, 0, NULL, 0));
  words[1].value = 2, words[1].flags = 1;
  FAILS(syscall(449, words, 3, 0, &soon, CLOCK_MONOTONIC));
  words[1].flags = 2 | 128, words[1].address += 1;
  FAILS(syscall(449, words, 3, 0, &soon, CLOCK_MONOTONIC));
  words[1].address -= 1;
  pthread_t thread;
  pthread_create(&thread, NULL, wait_many, NULL);
  while (futex(&values[1], FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0) == 0) nap(1);
  pthread_join(thread, NULL);
  SHOW(result);
  SHOW(futex(&values[0], FUTEX_WAKE, 1, NULL, NULL, 0));
}

static void keys(void) {
  puts("-- words in shared memory");
  char name[] = "/tmp/culm-futex-XXXXXX";
  int file = mkstemp(name), status;
  ftruncate(file, 8192);
  uint32_t *first = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  uint32_t *second = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 4096);
  uint32_t *anonymous = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  uint32_t *own = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  fflush(stdout);
  for (int i = 0; i < 2; i++) {
    uint32_t *waits = i ? anonymous + 3 : first + 1025, *wakes = i ? waits : second + 1;
    if (fork() == 0) _exit(futex(waits, FUTEX_WAIT, 0, NULL, NULL, 0) == 0 ? 0 : errno);
    while (futex(wakes, FUTEX_WAKE, 9, NULL, NULL, 0) == 0) nap(1);
    wait(&status);
    printf("woken: %d\n", status);
  }
  struct timespec quick = {0, 30000000};
  if (fork() == 0) _exit(futex(first + 1025, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &quick, NULL, 0) == 0 ? 0 : errno);
  nap(10);
  SHOW(futex(second + 1, FUTEX_WAKE, 9, NULL, NULL, 0));
  wait(&status);
  printf("private ones apart: %s\n", strerrorname_np(WEXITSTATUS(status)));
  if (fork() == 0) _exit(futex(own + 2, FUTEX_WAIT, 0, &quick, NULL, 0) == 0 ? 0 : errno);
  nap(10);
  SHOW(futex(first + 2, FUTEX_WAKE, 9, NULL, NULL, 0));
  wait(&status);
  unlink(name);
}

static void *own_mutex(void *mutex) {
  pthread_mutex_lock(mutex);
  return NULL;
}

static void mutexes(void) {
  puts("-- mutexes that are robust and inherit priority");
  pthread_mutexattr_t attr;
  pthread_mutex_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int kind = 0; kind < 4; kind++) {
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    if (kind & 1) pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    memset(shared, 0, sizeof *shared);
    pthread_mutex_init(shared, &attr);
    if (kind < 2) {
      pthread_t thread;
      pthread_create(&thread, NULL, own_mutex, shared);
      pthread_join(thread, NULL);
    } else {
      fflush(stdout);
      if (fork() == 0) {
        pthread_mutex_lock(shared);
        if (kind == 3) nap(50);
        kill(getpid(), SIGKILL);
      }
      if (kind == 3) nap(20);
      else wait(NULL);
    }
    printf("%d: %s", kind, strerrorname_np(pthread_mutex_lock(shared)));
    printf(" %d", pthread_mutex_consistent(shared));
    printf(" %d", pthread_mutex_unlock(shared));
    printf(" %d\n", pthread_mutex_lock(shared));
    pthread_mutex_unlock(shared);
    while (wait(NULL) > 0) {}
  }
}

int main(void) {
  alarm(60);
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  pi_locks();
  pi_owner_died();
  pi_deadlock();
  requeue_pi();
  many();
  keys();
  mutexes();
  return 0;
}
