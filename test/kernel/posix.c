/* POSIX by name and by thread: semaphores, shared memory, names, guards, locks that would never end, fork among threads. */
#include "check.h"
#include <fcntl.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static char name[64], other[64];

static void semaphores(void) {
  printf("-- named semaphores\n");
  struct timespec past = {1, 0};
  int value;
  FAILS(sem_open(name, 0) == SEM_FAILED ? -1 : 0);
  sem_t *sem = sem_open(name, O_CREAT | O_EXCL, 0600, 2);
  HOLDS(sem != SEM_FAILED);
  FAILS(sem_open(name, O_CREAT | O_EXCL, 0600, 1) == SEM_FAILED ? -1 : 0);
  sem_t *same = sem_open(name, 0);
  HOLDS(same == sem);
  SHOW(sem_wait(sem));
  CHILD(sem_t *mine = sem_open(name, 0); SHOW(sem_wait(mine)); SHOW(sem_trywait(mine)); sem_close(mine));
  SHOW(sem_trywait(sem));
  FAILS(sem_timedwait(sem, &past));
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    sem_post(sem);
    _exit(0);
  }
  SHOW(sem_wait(sem));
  waitpid(pid, NULL, 0);
  sem_getvalue(sem, &value);
  printf("%d\n", value);
  SHOW(sem_unlink(name));
  FAILS(sem_unlink(name));
  SHOW(sem_post(sem));
  SHOW(sem_close(sem));
}

static void shared_memory(void) {
  printf("-- shared memory\n");
  struct stat info;
  FAILS(shm_open(name, O_RDWR, 0));
  int fd = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0640);
  HOLDS(fd >= 0);
  FAILS(shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600));
  SHOW(ftruncate(fd, 8192));
  fstat(fd, &info);
  printf("%o %ld, closes: %d\n", info.st_mode, (long)info.st_size, fcntl(fd, F_GETFD));
  volatile int *words = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHILD(int mine = shm_open(name, O_RDWR, 0); volatile int *map = mmap(NULL, 8192, PROT_WRITE, MAP_SHARED, mine, 0); map[1024] = 42);
  printf("%d\n", words[1024]);
  SHOW(shm_unlink(name));
  FAILS(shm_open(name, O_RDWR, 0));
  words[0] = 7;
  CHILD(words[0]++);
  printf("%d\n", words[0]);
  munmap((void *)words, 8192);
  close(fd);
}

static sigjmp_buf back;
static void fault(int signal, siginfo_t *info, void *context) {
  (void)context;
  siglongjmp(back, signal * 100 + info->si_code);
}

static void *overflows(void *unused) {
  stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
  sigaltstack(&stack, NULL);
  pthread_attr_t attributes;
  void *lowest;
  size_t size, guard;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &lowest, &size);
  pthread_attr_getguardsize(&attributes, &guard);
  printf("%zu bytes, guard %zu\n", size, guard);
  int how = sigsetjmp(back, 1);
  if (how == 0) *((volatile char *)lowest - 1) = 1;
  printf("fault %d\n", how);
  how = sigsetjmp(back, 1);
  if (how == 0) *(volatile char *)lowest = 1;
  printf("lowest byte: %d\n", how);
  stack.ss_flags = SS_DISABLE;
  sigaltstack(&stack, NULL);
  return unused;
}

static int order[6], places;
static void first(void) { order[places++] = 1; }
static void second(void) { order[places++] = 2; }
static void third(void) { order[places++] = 3; }
static pthread_mutex_t busy = PTHREAD_MUTEX_INITIALIZER;
static volatile int going = 1;
static void *works(void *unused) {
  while (going) {
    pthread_mutex_lock(&busy);
    free(malloc(1000));
    pthread_mutex_unlock(&busy);
    sched_yield();
  }
  return unused;
}
static void hold(void) { pthread_mutex_lock(&busy); }
static void leave(void) { pthread_mutex_unlock(&busy); }

static void threads(void) {
  printf("-- threads\n");
  char text[32];
  pthread_t thread;
  pthread_attr_t attributes;
  struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGSEGV, &action, NULL);
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 1 << 18);
  pthread_attr_setguardsize(&attributes, 1 << 14);
  pthread_create(&thread, &attributes, overflows, NULL);
  pthread_join(thread, NULL);
  signal(SIGSEGV, SIG_DFL);
  SHOW(pthread_setname_np(pthread_self(), "fifteen letters"));
  SHOW(pthread_setname_np(pthread_self(), "sixteen letters!"));
  pthread_create(&thread, NULL, works, NULL);
  SHOW(pthread_setname_np(thread, "works"));
  pthread_getname_np(thread, text, sizeof text);
  printf("%s\n", text);
  prctl(PR_GET_NAME, text);
  printf("%s\n", text);
  cpu_set_t set;
  SHOW(pthread_getaffinity_np(thread, sizeof set, &set));
  CPU_ZERO(&set);
  SHOW(pthread_setaffinity_np(thread, sizeof set, &set));
  CPU_SET(0, &set);
  SHOW(pthread_setaffinity_np(thread, sizeof set, &set));
  SHOW(pthread_getaffinity_np(thread, sizeof set, &set));
  SHOW(CPU_COUNT(&set));
  printf("fork among threads that work\n");
  pthread_atfork(first, second, third);
  pthread_atfork(hold, leave, leave);
  int failed = 0;
  for (int i = 0; i < 20; i++) {
    places = 0;
    pid_t pid = fork();
    if (pid == 0) {
      pthread_mutex_lock(&busy);
      for (int j = 0; j < 100; j++) free(malloc(5000));
      _exit(places == 2 && order[0] == 1 && order[1] == 3 ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    failed += status != 0 || places != 2 || order[1] != 2;
  }
  printf("%d failed\n", failed);
  going = 0;
  pthread_join(thread, NULL);
}

static void deadlocks(void) {
  printf("-- locks that would never end\n");
  pthread_mutexattr_t kind;
  pthread_mutex_t mutex;
  pthread_mutexattr_init(&kind);
  pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(&mutex, &kind);
  SHOW(pthread_mutex_unlock(&mutex) == EPERM);
  SHOW(pthread_mutex_lock(&mutex));
  SHOW(pthread_mutex_lock(&mutex) == EDEADLK);
  pthread_mutexattr_setprotocol(&kind, PTHREAD_PRIO_INHERIT);
  pthread_mutex_init(&mutex, &kind);
  SHOW(pthread_mutex_lock(&mutex));
  SHOW(pthread_mutex_lock(&mutex) == EDEADLK);
  int fd = open(other, O_CREAT | O_RDWR, 0600), ready[2];
  struct flock here = {F_WRLCK, SEEK_SET, 0, 1}, there = {F_WRLCK, SEEK_SET, 1, 1};
  pipe(ready);
  fcntl(fd, F_SETLK, &here);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    fcntl(fd, F_SETLK, &there);
    write(ready[1], "x", 1);
    _exit(fcntl(fd, F_SETLKW, &here) == 0 ? 0 : errno);
  }
  char byte;
  int status;
  read(ready[0], &byte, 1);
  // Whoever comes second is told; the first one waits for it to give up.
  int mine = fcntl(fd, F_SETLKW, &there) == 0 ? 0 : errno;
  close(fd);
  waitpid(pid, &status, 0);
  printf("one of two: %s\n", strerrorname_np(mine + WEXITSTATUS(status)));
  close(ready[0]);
  close(ready[1]);
  unlink(other);
}

static void compared(void) {
  printf("-- what is the same (kcmp)\n");
  int fd = open("/dev/null", O_RDONLY), copy = dup(fd), again = open("/dev/null", O_RDONLY);
  pid_t self = getpid();
  SHOW(syscall(SYS_kcmp, self, self, KCMP_FILE, fd, copy));
  HOLDS(syscall(SYS_kcmp, self, self, KCMP_FILE, fd, again) > 0);
  FAILS(syscall(SYS_kcmp, self, self, KCMP_FILE, fd, 77));
  FAILS(syscall(SYS_kcmp, self, self, 99, 0, 0));
  FAILS(syscall(SYS_kcmp, self, 1 << 21, KCMP_VM, 0, 0));
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    pause();
    _exit(0);
  }
  SHOW(syscall(SYS_kcmp, self, pid, KCMP_FILE, fd, fd));
  HOLDS(syscall(SYS_kcmp, self, pid, KCMP_VM, 0, 0) > 0);
  HOLDS(syscall(SYS_kcmp, self, pid, KCMP_FILES, 0, 0) > 0);
  HOLDS(syscall(SYS_kcmp, self, pid, KCMP_FS, 0, 0) > 0);
  HOLDS(syscall(SYS_kcmp, self, pid, KCMP_SIGHAND, 0, 0) > 0);
  SHOW(syscall(SYS_kcmp, self, self, KCMP_VM, 0, 0));
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  close(fd);
  close(copy);
  close(again);
}

int main(void) {
  alarm(60);
  setvbuf(stdout, NULL, _IOLBF, 0);
  snprintf(name, sizeof name, "/posix-%d", getpid());
  snprintf(other, sizeof other, "/tmp/posix-%d", getpid());
  semaphores();
  shared_memory();
  threads();
  deadlocks();
  compared();
  return 0;
}
