/* What threads of one process have for themselves: credentials always, places and descriptors if they ask for it. */
#include "check.h"
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int ids(const char *who) {
  unsigned real, effective, saved;
  syscall(SYS_getresuid, &real, &effective, &saved);
  return printf("%s: %u %u %u, group %ld\n", who, real, effective, saved, syscall(SYS_getegid));
}

static void *changes_ids(void *unused) {
  SHOW(syscall(SYS_setresgid, 1000, 1000, 1000));
  SHOW(syscall(SYS_setresuid, 1000, 1000, 1000));
  ids("the thread");
  FAILS(syscall(SYS_setresuid, 0, 0, 0));
  FAILS(open("/etc/shadow", O_RDONLY));
  CHILD(ids("its child"));
  return NULL;
}

static void *goes_elsewhere(void *unused) {
  char where[100];
  SHOW(unshare(CLONE_FS));
  SHOW(chdir("/usr"));
  umask(077);
  printf("the thread is in %s\n", getcwd(where, sizeof(where)));
  return NULL;
}

static void *closes(void *fd) {
  SHOW(unshare(CLONE_FILES));
  SHOW(close(*(int *)fd));
  FAILS(fcntl(*(int *)fd, F_GETFD));
  int own = open("/dev/null", O_RDONLY);
  HOLDS(own == *(int *)fd);
  FAILS(unshare(CLONE_THREAD));
  FAILS(unshare(CLONE_VM));
  FAILS(unshare(CLONE_SIGHAND));
  return NULL;
}

static void *ends_program(void *unused) {
  unshare(CLONE_FILES | CLONE_FS);
  chdir("/usr");
  close(0);
  open("/dev/zero", O_RDONLY);
  fflush(stdout);
  execl("/bin/sh", "sh", "-c", "pwd; head -c 2 | od -An -tx1", NULL);
  return NULL;
}

static void in_thread(void *(*run)(void *), void *arg) {
  pthread_t thread;
  pthread_create(&thread, NULL, run, arg);
  pthread_join(thread, NULL);
}

static int with_places_shared(void *unused) {
  SHOW(setuid(1000));
  SHOW(chdir("/usr"));
  return 0;
}

static void everybody(void) {
  SHOW(setgid(2000));
  SHOW(setuid(2000));
}

static void *waits(void *barriers) {
  pthread_barrier_wait(barriers);
  pthread_barrier_wait((pthread_barrier_t *)barriers + 1);
  ids("set for all threads");
  return NULL;
}

int main(void) {
  char where[100], stack[16384] __attribute__((aligned(16)));
  alarm(60);
  setvbuf(stdout, NULL, _IOLBF, 0);
  chdir("/");
  in_thread(changes_ids, NULL);
  ids("the first one");
  umask(022);
  in_thread(goes_elsewhere, NULL);
  printf("the first one is in %s, %03o\n", getcwd(where, sizeof(where)), umask(022));
  int fd = dup(1);
  in_thread(closes, &fd);
  SHOW(fcntl(fd, F_GETFD));
  close(fd);
  fflush(stdout);
  int child = clone(with_places_shared, stack + sizeof(stack), CLONE_FS | SIGCHLD, NULL);
  waitpid(child, NULL, 0);
  printf("CLONE_FS: %s\n", getcwd(where, sizeof(where)));
  ids("but ids are its own");
  chdir("/");
  FAILS(setns(-1, 0));
  FAILS(setns(1, 0));
  int space = open("/proc/self/ns/user", O_RDONLY);
  FAILS(setns(space, 0));
  FAILS(setns(space, CLONE_NEWUTS));
  close(space);
  CHILD(setuid(1000); space = open("/proc/self/ns/uts", O_RDONLY); FAILS(setns(space, 0));
        FAILS(setns(space, CLONE_NEWUTS)); FAILS(unshare(CLONE_NEWUTS)));
  CHILD(in_thread(ends_program, NULL));
  pthread_barrier_t barriers[2];
  pthread_t thread;
  pthread_barrier_init(&barriers[0], NULL, 2);
  pthread_barrier_init(&barriers[1], NULL, 2);
  pthread_create(&thread, NULL, waits, barriers);
  pthread_barrier_wait(&barriers[0]);
  everybody();
  pthread_barrier_wait(&barriers[1]);
  pthread_join(thread, NULL);
  ids("the first one");
  return 0;
}
