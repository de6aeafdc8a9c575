/* Threads: locks, conditions, keys, cancellation, signals to threads, robust mutexes, exit. */
#include "check.h"
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static long counter;
static __thread int own = 5;

static void *adds(void *argument) {
  own += (int)(long)argument;
  for (int i = 0; i < 20000; i++) {
    pthread_mutex_lock(&mutex);
    counter++;
    pthread_mutex_unlock(&mutex);
  }
  pthread_barrier_wait(&barrier);
  return (void *)(long)own;
}

static void counting(void) {
  pthread_t threads[4];
  long sum = 0;
  pthread_barrier_init(&barrier, 0, 4);
  for (long i = 0; i < 4; i++) pthread_create(&threads[i], 0, adds, (void *)i);
  for (int i = 0; i < 4; i++) {
    void *result;
    pthread_join(threads[i], &result);
    sum += (long)result;
  }
  printf("counter %ld, results %ld\n", counter, sum);
}

static int turn;
static void *plays(void *argument) {
  int me = (int)(long)argument;
  for (int i = 0; i < 100; i++) {
    pthread_mutex_lock(&mutex);
    while (turn % 2 != me) pthread_cond_wait(&cond, &mutex);
    turn++;
    pthread_cond_broadcast(&cond);
    pthread_mutex_unlock(&mutex);
  }
  return 0;
}

static void ping_pong(void) {
  pthread_t a, b;
  pthread_create(&a, 0, plays, (void *)0);
  pthread_create(&b, 0, plays, (void *)1);
  pthread_join(a, 0);
  pthread_join(b, 0);
  printf("turns %d\n", turn);
}

static void timeouts(void) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 20000000;
  if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
  pthread_mutex_lock(&mutex);
  printf("timed wait: %s\n", strerrorname_np(pthread_cond_timedwait(&cond, &mutex, &until)));
  pthread_mutex_unlock(&mutex);
  int word = 1;
  struct timespec little = {0, 10000000}, bad = {0, -1};
  FAILS(syscall(SYS_futex, &word, FUTEX_WAIT, 2, 0));
  FAILS(syscall(SYS_futex, &word, FUTEX_WAIT, 1, &little));
  FAILS(syscall(SYS_futex, &word, FUTEX_WAIT, 1, &bad));
  FAILS(syscall(SYS_futex, (char *)&word + 1, FUTEX_WAIT, 1, 0));
  FAILS(syscall(SYS_futex, 8, FUTEX_WAIT, 1, 0));
  FAILS(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 1, &little, 0, 0));
  FAILS(syscall(SYS_futex, &word, 77, 1, 0));
  SHOW(syscall(SYS_futex, &word, FUTEX_WAKE, 1));
  SHOW(syscall(SYS_futex, &word, FUTEX_WAKE_OP, 1, 1, &word, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 1)));
  printf("word %d\n", word);
  FAILS(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 1, 1, &word, 9));
}

static void *sleeps(void *argument) {
  sem_post(argument);
  for (;;) pause();
}

static void cancelling(void) {
  pthread_t thread;
  sem_t ready;
  void *result;
  sem_init(&ready, 0, 0);
  pthread_create(&thread, 0, sleeps, &ready);
  sem_wait(&ready);
  pthread_cancel(thread);
  pthread_join(thread, &result);
  HOLDS(result == PTHREAD_CANCELED);
}

static pthread_t got;
static volatile int handled;
static void on_signal(int signal) {
  (void)signal;
  got = pthread_self();
  handled = 1;
}

static void *waits_for_signal(void *argument) {
  sem_post(argument);
  while (!handled) usleep(1000);
  return 0;
}

static void signals(void) {
  pthread_t thread;
  sem_t ready;
  sem_init(&ready, 0, 0);
  signal(SIGUSR1, on_signal);
  pthread_create(&thread, 0, waits_for_signal, &ready);
  sem_wait(&ready);
  SHOW(pthread_kill(thread, SIGUSR1));
  pthread_join(thread, 0);
  HOLDS(pthread_equal(got, thread));
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  handled = 0;
  pthread_create(&thread, 0, waits_for_signal, &ready);
  sem_wait(&ready);
  pthread_sigmask(SIG_BLOCK, &set, 0);
  kill(getpid(), SIGUSR1);
  pthread_join(thread, 0);
  HOLDS(pthread_equal(got, thread));
  pthread_sigmask(SIG_UNBLOCK, &set, 0);
}

static void *dies_holding(void *argument) {
  pthread_mutex_lock(argument);
  return 0;
}

static void robust(void) {
  pthread_mutexattr_t attributes;
  pthread_mutex_t lock;
  pthread_t thread;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&lock, &attributes);
  pthread_create(&thread, 0, dies_holding, &lock);
  pthread_join(thread, 0);
  printf("lock: %s\n", strerrorname_np(pthread_mutex_lock(&lock)));
  SHOW(pthread_mutex_consistent(&lock));
  SHOW(pthread_mutex_unlock(&lock));
}

static void across_processes(void) {
  sem_t *semaphores = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  sem_init(&semaphores[0], 1, 0);
  sem_init(&semaphores[1], 1, 0);
  int *count = (int *)&semaphores[2];
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    for (int i = 0; i < 50; i++) {
      sem_wait(&semaphores[0]);
      ++*count;
      sem_post(&semaphores[1]);
    }
    _exit(0);
  }
  for (int i = 0; i < 50; i++) {
    sem_post(&semaphores[0]);
    sem_wait(&semaphores[1]);
  }
  waitpid(pid, 0, 0);
  printf("across processes: %d\n", *count);
}

static void *spins(void *argument) {
  for (volatile int *stop = argument; !*stop;);
  return 0;
}

/* A thread that never calls the kernel starves nobody. */
static void fairness(void) {
  volatile int stop = 0;
  pthread_t thread;
  pthread_create(&thread, 0, spins, (void *)&stop);
  for (int i = 0; i < 5; i++) usleep(2000);
  stop = 1;
  pthread_join(thread, 0);
  puts("fair");
}

static void *exits(void *argument) {
  usleep(20000);
  printf("last thread: %s\n", (char *)argument);
  fflush(stdout);
  _exit(9);
}

int main(void) {
  alarm(60);
  counting();
  ping_pong();
  timeouts();
  cancelling();
  signals();
  robust();
  across_processes();
  fairness();
  HOLDS(getpid() == syscall(SYS_gettid));
  pthread_t thread;
  pthread_create(&thread, 0, exits, "here");
  pthread_exit(0);
}
