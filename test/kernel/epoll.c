/* epoll: what is ready and when, the ways to trigger, sets that watch sets, and what closing does. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int set;
static struct epoll_event events[16];

static int control(int op, int fd, unsigned wanted, unsigned long data) {
  struct epoll_event event = {wanted, {.u64 = data}};
  return epoll_ctl(set, op, fd, &event);
}

static int add(int fd, unsigned wanted, unsigned long data) { return control(EPOLL_CTL_ADD, fd, wanted, data); }
static int modify(int fd, unsigned wanted, unsigned long data) { return control(EPOLL_CTL_MOD, fd, wanted, data); }

static int by_data(const void *a, const void *b) {
  return ((struct epoll_event *)a)->data.u32 - ((struct epoll_event *)b)->data.u32;
}

/* What is ready now, with its data. */
static void found(const char *when) {
  int count = epoll_wait(set, events, 16, 0);
  if (count > 0) qsort(events, count, sizeof *events, by_data);
  printf("%s: %d", when, count);
  for (int i = 0; i < count; i++) printf(" %x/%lx", events[i].events, events[i].data.u64);
  puts("");
}

static void put(int fd, int count) {
  char bytes[70000];
  HOLDS(write(fd, memset(bytes, 'x', count), count) == count);
}

static void get(int fd, int count) {
  char bytes[70000];
  HOLDS(read(fd, bytes, count) == count);
}

static void errors(void) {
  struct epoll_event event = {EPOLLIN, {.u64 = 0}};
  int ends[2];
  if (pipe(ends)) return;
  FAILS(epoll_create(0));
  FAILS(epoll_create1(1));
  set = epoll_create1(EPOLL_CLOEXEC);
  HOLDS(fcntl(set, F_GETFD) == FD_CLOEXEC);
  int file = open("/proc/self/exe", O_RDONLY), null = open("/dev/null", O_RDWR), path = open("/", O_PATH), folder = open("/", O_RDONLY);
  FAILS(epoll_ctl(set, EPOLL_CTL_ADD, file, &event));
  FAILS(epoll_ctl(set, EPOLL_CTL_ADD, folder, &event));
  FAILS(epoll_ctl(set, EPOLL_CTL_ADD, null, &event));
  FAILS(epoll_ctl(set, EPOLL_CTL_ADD, path, &event));
  FAILS(epoll_ctl(set, EPOLL_CTL_ADD, 99, &event));
  FAILS(epoll_ctl(99, EPOLL_CTL_ADD, ends[0], &event));
  FAILS(epoll_ctl(ends[0], EPOLL_CTL_ADD, ends[1], &event));
  FAILS(epoll_ctl(set, EPOLL_CTL_ADD, set, &event));
  FAILS(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], (void *)8));
  FAILS(epoll_ctl(set, 7, ends[0], &event));
  FAILS(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &event));
  FAILS(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], 0));
  FAILS(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event));
  FAILS(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event));
  FAILS(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], 0));
  FAILS(epoll_wait(set, events, 0, 0));
  FAILS(epoll_wait(set, events, -1, 0));
  FAILS(epoll_wait(set, events, 0x7fffffff, 0));
  FAILS(epoll_wait(ends[0], events, 1, 0));
  FAILS(epoll_wait(99, events, 1, 0));
  FAILS(read(set, &event, 8));
  FAILS(write(set, &event, 8));
  struct timespec bad = {0, 1000000000}, none = {0, 0};
  FAILS(epoll_pwait2(set, events, 1, &bad, 0));
  FAILS(epoll_pwait2(set, events, 1, &none, 0));
  FAILS(syscall(SYS_epoll_pwait, set, events, 1, 0, &none, 4));
  char name[64] = {0}, link[64];
  sprintf(link, "/proc/self/fd/%d", set);
  HOLDS(readlink(link, name, 63) > 0);
  puts(name);
  /* An event that cannot be written stays. */
  put(ends[1], 1);
  add(ends[0], EPOLLIN | EPOLLET, 1);
  FAILS(epoll_wait(set, (void *)8, 1, 0));
  found("after a bad address");
  close(file), close(null), close(path), close(folder), close(ends[0]), close(ends[1]), close(set);
}

static void triggers(void) {
  int ends[2];
  set = epoll_create1(0);
  if (pipe(ends)) return;
  add(ends[0], EPOLLIN, 0x123456789abcdef0);
  add(ends[1], EPOLLOUT, 2);
  found("an empty pipe");
  put(ends[1], 3);
  found("bytes");
  found("bytes, again");
  modify(ends[0], EPOLLIN | EPOLLET, 3);
  found("edge triggered, modified");
  found("edge triggered, again");
  put(ends[1], 1);
  found("another write");
  get(ends[0], 1);
  found("a read");
  modify(ends[0], EPOLLIN | EPOLLONESHOT, 4);
  found("one shot");
  put(ends[1], 1);
  found("one shot, again");
  modify(ends[0], EPOLLIN, 5);
  found("one shot, armed again");
  get(ends[0], 4);
  found("emptied");
  modify(ends[1], EPOLLOUT | EPOLLET, 6);
  found("writable");
  put(ends[1], 10000);
  get(ends[0], 10000);
  found("never full");
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  put(ends[1], 65536);
  get(ends[0], 65536);
  found("full once");
  modify(ends[0], 0, 7);
  put(ends[1], 1);
  close(ends[1]);
  found("hang-up that nobody asked for");
  close(ends[0]);
  found("closed");
  close(set);
  /* A counter: a wake-up says what it is for. */
  int counter = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
  unsigned long value = 3;
  set = epoll_create1(0);
  add(counter, EPOLLIN | EPOLLET, 1);
  SHOW(write(counter, &value, 8));
  found("counted");
  SHOW(read(counter, &value, 8));
  found("taken one of three");
  modify(counter, EPOLLIN | EPOLLOUT | EPOLLET, 1);
  found("modified");
  SHOW(read(counter, &value, 8));
  found("taken another");
  close(counter), close(set);
}

/* Level-triggered items take turns when there is room for few. */
static void turns(void) {
  int counters[4];
  set = epoll_create1(0);
  for (int i = 0; i < 4; i++) add(counters[i] = eventfd(1, 0), EPOLLIN, i);
  for (int i = 0; i < 4; i++) {
    SHOW(epoll_wait(set, events, 3, 0));
    printf("  %lu %lu %lu\n", events[0].data.u64, events[1].data.u64, events[2].data.u64);
  }
  for (int i = 0; i < 4; i++) close(counters[i]);
  close(set);
}

static void nested(void) {
  int sets[8], counter = eventfd(0, EFD_NONBLOCK);
  struct epoll_event event = {EPOLLIN, {.u64 = 1}};
  unsigned long value = 1;
  for (int i = 0; i < 8; i++) sets[i] = epoll_create1(0);
  for (int i = 0; i < 7; i++) FAILS(epoll_ctl(sets[i + 1], EPOLL_CTL_ADD, sets[i], &event));
  FAILS(epoll_ctl(sets[0], EPOLL_CTL_ADD, sets[2], &event));
  FAILS(epoll_ctl(sets[0], EPOLL_CTL_ADD, counter, &event));
  struct pollfd polled = {sets[2], POLLIN | POLLOUT, 0};
  SHOW(poll(&polled, 1, 0));
  SHOW(write(counter, &value, 8));
  SHOW(poll(&polled, 1, 0));
  printf("  %x\n", polled.revents);
  for (int i = 0; i < 3; i++) SHOW(epoll_wait(sets[i], events, 4, 0));
  SHOW(read(counter, &value, 8));
  for (int i = 2; i >= 0; i--) SHOW(epoll_wait(sets[i], events, 4, 0));
  /* A wake-up goes through all sets, and edges count there too. */
  set = epoll_create1(0);
  add(sets[1], EPOLLIN | EPOLLET, 9);
  found("nothing");
  SHOW(write(counter, &value, 8));
  found("through two sets");
  found("through two sets, again");
  SHOW(write(counter, &value, 8));
  found("another one");
  for (int i = 0; i < 8; i++) close(sets[i]);
  found("all closed");
  close(counter), close(set);
}

static void descriptors(void) {
  int ends[2];
  char info[4096], path[64];
  set = epoll_create1(0);
  if (pipe(ends)) return;
  int copy = dup(ends[0]);
  SHOW(add(ends[0], EPOLLIN, 1));
  SHOW(add(copy, EPOLLIN, 2));
  put(ends[1], 1);
  found("two descriptors of one file");
  close(ends[0]);
  found("one closed");
  FAILS(control(EPOLL_CTL_DEL, ends[0], 0, 0));
  FAILS(modify(copy, EPOLLIN | EPOLLPRI, 3));
  fflush(stdout);
  int again = dup2(copy, ends[0]);
  FAILS(modify(again, EPOLLIN, 4));
  sprintf(path, "/proc/self/fdinfo/%d", set);
  int file = open(path, O_RDONLY);
  info[read(file, info, sizeof info - 1)] = 0;
  close(file);
  int lines = 0;
  for (char *at = info; (at = strstr(at, "tfd:")); at++) lines++;
  unsigned long data = 0;
  unsigned wanted = 0;
  int fd;
  sscanf(strstr(info, "tfd:"), "tfd: %d events: %x data: %lx", &fd, &wanted, &data);
  HOLDS(lines == 2 && (fd == copy || fd == again));
  HOLDS(wanted == (fd == copy ? 0x1b : 0x19) && data == (fd == copy ? 3 : 4));
  close(again);
  pid_t pid = fork();
  if (pid == 0) {
    usleep(100000);
    _exit(0);
  }
  close(copy);
  found("open in a child alone");
  waitpid(pid, 0, 0);
  found("nowhere open");
  close(ends[1]), close(set);
}

static volatile int handled;
static void counts(int signal) { handled++; }

static void interruptions(void) {
  set = epoll_create1(0);
  struct sigaction action = {.sa_handler = counts, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &action, 0);
  sigset_t blocked, none;
  sigemptyset(&none);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  sigprocmask(SIG_BLOCK, &blocked, 0);
  raise(SIGUSR1);
  FAILS(epoll_wait(set, events, 1, 1));
  FAILS(epoll_pwait(set, events, 1, 5000, &none));
  printf("  handled %d\n", handled);
  struct timespec limit = {5, 0};
  raise(SIGUSR1);
  FAILS(epoll_pwait2(set, events, 1, &limit, &none));
  printf("  handled %d\n", handled);
  /* What is ready comes first; the signal is not lost. */
  int counter = eventfd(1, 0);
  add(counter, EPOLLIN, 1);
  raise(SIGUSR1);
  FAILS(epoll_pwait(set, events, 1, 5000, &none));
  printf("  handled %d\n", handled);
  sigprocmask(SIG_SETMASK, &none, 0);
  printf("  handled %d\n", handled);
  close(counter), close(set);
}

static int sets[3], target;
static volatile int woken;

static void *waits(void *which) {
  struct epoll_event event;
  if (epoll_wait(sets[(long)which], &event, 1, 300) == 1) __sync_fetch_and_add(&woken, 1);
  return 0;
}

static void wakes(const char *what, int count, int separate) {
  pthread_t threads[3];
  unsigned long value = 1;
  woken = 0;
  for (long i = 0; i < count; i++) pthread_create(&threads[i], 0, waits, (void *)(separate ? i : 0));
  usleep(100000);
  HOLDS(write(target, &value, 8) == 8);
  for (int i = 0; i < count; i++) pthread_join(threads[i], 0);
  printf("%s: %d\n", what, woken);
  HOLDS(read(target, &value, 8) == 8);
}

static void waiters(void) {
  target = eventfd(0, 0);
  for (int i = 0; i < 3; i++) sets[i] = epoll_create1(0);
  struct epoll_event event = {EPOLLIN, {.u64 = 1}};
  epoll_ctl(sets[0], EPOLL_CTL_ADD, target, &event);
  wakes("threads at one set, level", 3, 0);
  event.events = EPOLLIN | EPOLLET;
  epoll_ctl(sets[0], EPOLL_CTL_MOD, target, &event);
  wakes("threads at one set, edge", 3, 0);
  for (int i = 1; i < 3; i++) epoll_ctl(sets[i], EPOLL_CTL_ADD, target, &event);
  wakes("three sets", 3, 1);
  event.events = EPOLLIN | EPOLLEXCLUSIVE;
  FAILS(epoll_ctl(sets[0], EPOLL_CTL_MOD, target, &event));
  for (int i = 0; i < 3; i++) {
    epoll_ctl(sets[i], EPOLL_CTL_DEL, target, 0);
    FAILS(epoll_ctl(sets[i], EPOLL_CTL_ADD, target, &event));
  }
  wakes("three sets, exclusive", 3, 1);
  FAILS(epoll_ctl(sets[0], EPOLL_CTL_MOD, target, &event));
  event.events = EPOLLIN;
  FAILS(epoll_ctl(sets[0], EPOLL_CTL_MOD, target, &event));
  event.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT;
  epoll_ctl(sets[0], EPOLL_CTL_DEL, target, 0);
  FAILS(epoll_ctl(sets[0], EPOLL_CTL_ADD, target, &event));
  event.events = EPOLLIN | EPOLLEXCLUSIVE;
  FAILS(epoll_ctl(sets[0], EPOLL_CTL_ADD, sets[1], &event));
  for (int i = 0; i < 3; i++) close(sets[i]);
}

int main(void) {
  alarm(60);
  errors();
  triggers();
  turns();
  nested();
  descriptors();
  interruptions();
  waiters();
  return 0;
}
