/* poll, select and eventfd on pipes and counters. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void polls(void) {
  int ends[2];
  if (pipe(ends)) return;
  int file = open("/dev/null", O_RDWR);
  struct pollfd fds[] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}, {file, POLLIN | POLLOUT, 0}, {99, POLLIN, 0}, {-1, POLLIN, 9}};
  SHOW(poll(fds, 5, 0));
  for (int i = 0; i < 5; i++) printf("  %x\n", fds[i].revents);
  HOLDS(write(ends[1], "x", 1) == 1);
  SHOW(poll(fds, 1, -1));
  printf("  %x\n", fds[0].revents);
  close(ends[1]);
  SHOW(poll(fds, 1, 0));
  printf("  %x\n", fds[0].revents);
  char byte;
  HOLDS(read(ends[0], &byte, 1) == 1 && read(ends[0], &byte, 1) == 0);
  SHOW(poll(fds, 1, 0));
  printf("  %x\n", fds[0].revents);
  FAILS(poll((void *)8, 1, 0));
  FAILS(poll(fds, 1u << 30, 0));
  close(ends[0]);
  close(file);
}

static void waits(void) {
  int ends[2];
  if (pipe(ends)) return;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    usleep(50000);
    if (write(ends[1], "x", 1) != 1) _exit(1);
    _exit(0);
  }
  close(ends[1]);
  fd_set read_set, write_set;
  FD_ZERO(&read_set);
  FD_ZERO(&write_set);
  FD_SET(ends[0], &read_set);
  struct timeval limit = {10, 0};
  SHOW(select(ends[0] + 1, &read_set, &write_set, 0, &limit));
  printf("  ready %d, waited %d\n", FD_ISSET(ends[0], &read_set) != 0, limit.tv_sec < 10 && limit.tv_sec > 5);
  waitpid(pid, 0, 0);
  /* How far select looks depends on the table of descriptors, which grows here to the same size wherever it began. */
  HOLDS(dup2(0, 300) == 300 && close(300) == 0);
  FD_SET(77, &read_set);
  FAILS(select(78, &read_set, 0, 0, &limit));
  FD_ZERO(&read_set);
  FD_SET(600, &read_set);
  limit.tv_sec = 0;
  FAILS(select(601, &read_set, 0, 0, &limit));
  FAILS(select(5, (void *)8, 0, 0, &limit));
}

static void counters(void) {
  unsigned long value = 5;
  int fd = eventfd(3, EFD_NONBLOCK);
  HOLDS(fd >= 0);
  SHOW(write(fd, &value, 8));
  value = 0;
  SHOW(read(fd, &value, 8));
  printf("  %lu\n", value);
  FAILS(read(fd, &value, 8));
  FAILS(read(fd, &value, 7));
  FAILS(write(fd, &value, 4));
  value = -1ul;
  FAILS(write(fd, &value, 8));
  value = -2ul;
  SHOW(write(fd, &value, 8));
  value = 1;
  FAILS(write(fd, &value, 8));
  struct pollfd poll_fd = {fd, POLLIN | POLLOUT, 0};
  SHOW(poll(&poll_fd, 1, 0));
  printf("  %x\n", poll_fd.revents);
  SHOW(read(fd, &value, 8));
  printf("  %lx\n", value);
  FAILS(lseek(fd, 0, SEEK_SET));
  char name[100] = {0}, path[100];
  sprintf(path, "/proc/self/fd/%d", fd);
  HOLDS(readlink(path, name, 99) > 0);
  puts(name);
  struct stat status;
  HOLDS(fstat(fd, &status) == 0);
  printf("  mode %o size %ld\n", status.st_mode, (long)status.st_size);
  int semaphore = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
  for (int i = 0; i < 3; i++) FAILS(read(semaphore, &value, 8));
  printf("  %lu\n", value);
  FAILS(eventfd(0, 0x10));
  FAILS(read(fd, (void *)8, 8));
  int blocking = eventfd(0, 0);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    usleep(20000);
    value = 42;
    _exit(write(blocking, &value, 8) == 8 ? 0 : 1);
  }
  SHOW(read(blocking, &value, 8));
  printf("  %lu\n", value);
  waitpid(pid, 0, 0);
}

static volatile int handled;
static void counts(int signal) {
  (void)signal;
  handled++;
}

/* The mask counts for the time of the call only. */
static void masks(void) {
  sigset_t blocked, none, now;
  sigemptyset(&none);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  signal(SIGUSR1, counts);
  sigprocmask(SIG_BLOCK, &blocked, 0);
  raise(SIGUSR1);
  struct timespec limit = {5, 0};
  FAILS(ppoll(0, 0, &limit, &none));
  printf("  handled %d\n", handled);
  sigprocmask(SIG_SETMASK, 0, &now);
  HOLDS(sigismember(&now, SIGUSR1));
  raise(SIGUSR1);
  FAILS(pselect(0, 0, 0, 0, &limit, &none));
  printf("  handled %d\n", handled);
  limit.tv_sec = 0;
  SHOW(ppoll(0, 0, &limit, &blocked));
  FAILS(syscall(SYS_ppoll, 0, 0, 0, &none, 4));
}

int main(void) {
  alarm(60);
  polls();
  waits();
  counters();
  masks();
  return 0;
}
