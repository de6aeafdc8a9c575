/* Timers, signals and processes as descriptors: timerfd, signalfd, pidfd. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#define PIDFD 3

static int polled(int fd) {
  struct pollfd entry = {fd, POLLIN | POLLOUT, 0};
  return poll(&entry, 1, 0) < 0 ? -1 : entry.revents;
}

/* The lines of a descriptor's fdinfo behind the common ones. */
static void info(int fd) {
  char path[64], text[4096];
  sprintf(path, "/proc/self/fdinfo/%d", fd);
  int file = open(path, O_RDONLY);
  text[read(file, text, sizeof text - 1)] = 0;
  close(file);
  char *own = strstr(text, "ino:");
  printf("%s", strchr(own, '\n') + 1);
}

static void timers(void) {
  unsigned long ticks = 0;
  struct itimerspec value = {{0, 0}, {0, 0}}, old;
  FAILS(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
  FAILS(timerfd_create(CLOCK_MONOTONIC_RAW, 0));
  FAILS(timerfd_create(CLOCK_TAI, 0));
  FAILS(timerfd_create(CLOCK_MONOTONIC, 1));
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), counter = eventfd(0, 0);
  HOLDS(fcntl(timer, F_GETFD) == FD_CLOEXEC && fcntl(timer, F_GETFL) == (O_RDWR | O_NONBLOCK));
  FAILS(read(timer, &ticks, 8));
  FAILS(read(timer, &ticks, 7));
  FAILS(write(timer, &ticks, 8));
  SHOW(lseek(timer, 0, SEEK_SET));
  SHOW(polled(timer));
  info(timer);
  FAILS(timerfd_settime(timer, 4, &value, 0));
  FAILS(timerfd_settime(timer, 0, (void *)8, 0));
  FAILS(timerfd_settime(counter, 0, &value, 0));
  FAILS(timerfd_settime(99, 0, &value, 0));
  FAILS(timerfd_gettime(counter, &value));
  FAILS(timerfd_gettime(timer, (void *)8));
  value.it_value.tv_nsec = 1000000000;
  FAILS(timerfd_settime(timer, 0, &value, 0));
  value.it_value.tv_nsec = 0;
  value.it_interval.tv_sec = -1;
  FAILS(timerfd_settime(timer, 0, &value, 0));
  /* An interval alone sets nothing. */
  value.it_interval.tv_sec = 1;
  SHOW(timerfd_settime(timer, 0, &value, 0));
  SHOW(timerfd_gettime(timer, &old));
  printf("  %ld %ld %ld %ld\n", old.it_value.tv_sec, old.it_value.tv_nsec, old.it_interval.tv_sec, old.it_interval.tv_nsec);
  /* What is over already is noticed at once. */
  value = (struct itimerspec){{1000, 123456789}, {0, 1}};
  SHOW(timerfd_settime(timer, TFD_TIMER_ABSTIME, &value, 0));
  SHOW(polled(timer));
  SHOW(timerfd_gettime(timer, &old));
  printf("  %d %ld %ld\n", old.it_value.tv_sec <= 1000, old.it_interval.tv_sec, old.it_interval.tv_nsec);
  HOLDS(read(timer, &ticks, 8) == 8 && ticks >= 1);
  FAILS(read(timer, &ticks, 8));
  /* Set again: what has been counted is forgotten. */
  value = (struct itimerspec){{0, 0}, {0, 1}};
  SHOW(timerfd_settime(timer, 0, &value, 0));
  usleep(2000);
  SHOW(polled(timer));
  value.it_value.tv_sec = 100;
  SHOW(timerfd_settime(timer, 0, &value, &old));
  printf("  %ld %ld\n", old.it_value.tv_sec, old.it_value.tv_nsec);
  SHOW(polled(timer));
  SHOW(timerfd_gettime(timer, &old));
  HOLDS(old.it_value.tv_sec >= 98 && old.it_value.tv_sec < 100);
  /* Many expirations before anybody looks. */
  value = (struct itimerspec){{0, 1000000}, {0, 1000000}};
  SHOW(timerfd_settime(timer, 0, &value, 0));
  usleep(30000);
  HOLDS(read(timer, &ticks, 8) == 8 && ticks >= 25);
  fcntl(timer, F_SETFL, 0);
  HOLDS(read(timer, &ticks, 8) == 8 && ticks >= 1);
  /* Ticks from outside. */
  value = (struct itimerspec){{0, 0}, {0, 0}};
  SHOW(timerfd_settime(timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &value, 0));
  ticks = 42;
  SHOW(ioctl(timer, 0x40085400, &ticks));
  ticks = 0;
  info(timer);
  SHOW(read(timer, &ticks, 8));
  printf("  %lu\n", ticks);
  ticks = 0;
  FAILS(ioctl(timer, 0x40085400, &ticks));
  FAILS(ioctl(timer, 0x5401, &ticks));
  close(timer);
  /* The wall clock. */
  timer = timerfd_create(CLOCK_REALTIME, 0);
  clock_gettime(CLOCK_REALTIME, &value.it_value);
  value.it_value.tv_sec += 2;
  SHOW(timerfd_settime(timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &value, 0));
  SHOW(timerfd_gettime(timer, &old));
  HOLDS(old.it_value.tv_sec == 1);
  value.it_value.tv_sec -= 10;
  SHOW(timerfd_settime(timer, TFD_TIMER_ABSTIME, &value, 0));
  SHOW(read(timer, &ticks, 8));
  printf("  %lu\n", ticks);
  /* In an epoll set, each expiration is an edge. */
  int set = epoll_create1(0);
  struct epoll_event event = {EPOLLIN | EPOLLET, {0}};
  epoll_ctl(set, EPOLL_CTL_ADD, timer, &event);
  value = (struct itimerspec){{0, 0}, {0, 5000000}};
  for (int i = 0; i < 2; i++) {
    SHOW(timerfd_settime(timer, 0, &value, 0));
    SHOW(epoll_wait(set, &event, 1, 5000));
    SHOW(epoll_wait(set, &event, 1, 0));
  }
  close(set), close(timer), close(counter);
}

static void show(const struct signalfd_siginfo *found) {
  printf("  signo %u code %d pid %d uid %d int %d ptr %lx status %d addr %lx overrun %u\n", found->ssi_signo, found->ssi_code,
         found->ssi_pid == getpid() ? 1 : found->ssi_pid != 0 ? 2 : 0, found->ssi_uid == getuid(), found->ssi_int, (long)found->ssi_ptr,
         found->ssi_status, (long)found->ssi_addr, found->ssi_overrun);
}

static int signals;
static struct signalfd_siginfo found[4];

static void *reads(void *unused) {
  /* It blocks them as the first thread does, and has none of its own. */
  FAILS(read(signals, found, sizeof found));
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR2);
  pthread_kill(pthread_self(), SIGUSR2);
  SHOW(polled(signals));
  SHOW(read(signals, found, sizeof found));
  show(found);
  pthread_kill(pthread_self(), SIGUSR2);
  return 0;
}

static void signalfds(void) {
  sigset_t mask;
  sigemptyset(&mask);
  for (int i = 0; i < 4; i++) sigaddset(&mask, (int[]){SIGUSR1, SIGUSR2, SIGCHLD, SIGRTMIN}[i]);
  sigprocmask(SIG_BLOCK, &mask, 0);
  sigaddset(&mask, SIGKILL);
  FAILS(syscall(SYS_signalfd4, -1, &mask, 4, 0));
  FAILS(syscall(SYS_signalfd4, -1, (void *)8, 8, 0));
  FAILS(signalfd(-1, &mask, 1));
  FAILS(signalfd(99, &mask, 0));
  FAILS(signalfd(0, &mask, 0));
  signals = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
  HOLDS(fcntl(signals, F_GETFD) == FD_CLOEXEC);
  info(signals);
  FAILS(read(signals, found, sizeof found));
  FAILS(read(signals, found, 127));
  FAILS(write(signals, found, 128));
  SHOW(polled(signals));
  kill(getpid(), SIGUSR1);
  union sigval value = {.sival_ptr = (void *)0x123456789a};
  sigqueue(getpid(), SIGRTMIN, value);
  value.sival_int = -5;
  sigqueue(getpid(), SIGRTMIN, value);
  SHOW(polled(signals));
  SHOW(read(signals, found, sizeof found));
  for (int i = 0; i < 3; i++) show(&found[i]);
  SHOW(polled(signals));
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    usleep(20000);
    _exit(7);
  }
  struct pollfd entry = {signals, POLLIN, 0};
  SHOW(poll(&entry, 1, 10000));
  SHOW(read(signals, found, 200));
  show(found);
  HOLDS(found[0].ssi_pid == pid);
  waitpid(pid, 0, 0);
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value = {.sival_int = 77}};
  timer_create(CLOCK_MONOTONIC, &event, &timer);
  struct itimerspec soon = {{0, 0}, {0, 1}};
  timer_settime(timer, 0, &soon, 0);
  fcntl(signals, F_SETFL, 0);
  SHOW(read(signals, found, 128));
  printf("  signo %u code %d int %d overrun %u\n", found->ssi_signo, found->ssi_code, found->ssi_int, found->ssi_overrun);
  timer_delete(timer);
  fcntl(signals, F_SETFL, O_NONBLOCK);
  /* A signal of one thread is not another's. */
  pthread_t thread;
  pthread_create(&thread, 0, reads, 0);
  pthread_join(thread, 0);
  SHOW(polled(signals));
  /* Another mask for the same descriptor. */
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  HOLDS(signalfd(signals, &mask, 0) == signals);
  kill(getpid(), SIGUSR2);
  SHOW(polled(signals));
  kill(getpid(), SIGUSR1);
  SHOW(polled(signals));
  SHOW(read(signals, found, sizeof found));
  /* Through epoll. */
  int set = epoll_create1(0);
  struct epoll_event wanted = {EPOLLIN, {0}};
  epoll_ctl(set, EPOLL_CTL_ADD, signals, &wanted);
  SHOW(epoll_wait(set, &wanted, 1, 0));
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    usleep(20000);
    kill(getppid(), SIGUSR1);
    _exit(0);
  }
  SHOW(epoll_wait(set, &wanted, 1, 10000));
  SHOW(read(signals, found, 128));
  show(found);
  waitpid(pid, 0, 0);
  close(set), close(signals);
}

static int pidfd_of(pid_t pid, unsigned flags) { return syscall(SYS_pidfd_open, pid, flags); }
static int pidfd_signal(int fd, int signal, siginfo_t *with, unsigned flags) { return syscall(SYS_pidfd_send_signal, fd, signal, with, flags); }
static int pidfd_get(int fd, int target, unsigned flags) { return syscall(SYS_pidfd_getfd, fd, target, flags); }

static void pidfds(void) {
  siginfo_t about = {0};
  char byte = 0;
  int ends[2];
  FAILS(pidfd_of(0, 0));
  FAILS(pidfd_of(-1, 0));
  FAILS(pidfd_of(getpid(), 1));
  FAILS(pidfd_of(4000000, 0));
  if (pipe(ends)) return;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    if (read(ends[0], &byte, 1) != 1) _exit(1);
    _exit(9);
  }
  int fd = pidfd_of(pid, O_NONBLOCK);
  HOLDS(fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFL) == (O_RDWR | O_NONBLOCK));
  char name[64] = {0}, path[64], expected[64], text[1024];
  sprintf(path, "/proc/self/fd/%d", fd);
  HOLDS(readlink(path, name, 63) > 0);
  puts(name);
  sprintf(path, "/proc/self/fdinfo/%d", fd);
  int file = open(path, O_RDONLY);
  text[read(file, text, sizeof text - 1)] = 0;
  close(file);
  sprintf(expected, "Pid:\t%d\n", pid);
  HOLDS(strstr(text, expected) != 0 && strstr(text, "NSpid:") != 0);
  FAILS(read(fd, &byte, 1));
  FAILS(write(fd, &byte, 1));
  SHOW(polled(fd));
  SHOW(pidfd_signal(fd, 0, 0, 0));
  FAILS(pidfd_signal(fd, 65, 0, 0));
  FAILS(pidfd_signal(fd, 0, 0, 8));
  FAILS(pidfd_signal(fd, 0, 0, 3));
  FAILS(pidfd_signal(ends[0], 0, 0, 0));
  FAILS(pidfd_signal(99, 0, 0, 0));
  about.si_signo = SIGUSR1, about.si_code = SI_USER;
  FAILS(pidfd_signal(fd, SIGUSR2, &about, 0));
  FAILS(pidfd_signal(fd, SIGUSR1, &about, 0));
  FAILS(pidfd_signal(fd, SIGUSR1, (void *)8, 0));
  FAILS(pidfd_get(fd, 99, 0));
  FAILS(pidfd_get(fd, 0, 1));
  FAILS(pidfd_get(ends[0], 0, 0));
  int got = pidfd_get(fd, ends[1], 0);
  HOLDS(fcntl(got, F_GETFD) == FD_CLOEXEC);
  FAILS(waitid(PIDFD, fd, &about, WEXITED));
  FAILS(waitid(PIDFD, ends[0], &about, WEXITED));
  FAILS(waitid(PIDFD, 99, &about, WEXITED));
  SHOW(waitid(PIDFD, fd, &about, WEXITED | WNOHANG));
  int set = epoll_create1(0);
  struct epoll_event event = {EPOLLIN, {0}};
  epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
  HOLDS(write(got, "x", 1) == 1);
  SHOW(epoll_wait(set, &event, 1, 10000));
  SHOW(polled(fd));
  SHOW(pidfd_signal(fd, SIGTERM, 0, 0));
  FAILS(pidfd_get(fd, 0, 0));
  fcntl(fd, F_SETFL, 0);
  SHOW(waitid(PIDFD, fd, &about, WEXITED));
  printf("  %d %d %d\n", about.si_code, about.si_status, about.si_pid == pid);
  SHOW(polled(fd));
  SHOW(epoll_wait(set, &event, 1, 0));
  printf("  %x\n", event.events);
  info(fd);
  FAILS(pidfd_signal(fd, 0, 0, 0));
  FAILS(waitid(PIDFD, fd, &about, WEXITED));
  FAILS(pidfd_get(fd, 0, 0));
  close(fd), close(got), close(set);
  /* From clone. */
  int made = -1;
  FAILS(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &made, 0, 0));
  FAILS(syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, (void *)8, 0, 0));
  pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &made, 0, 0);
  if (pid == 0) _exit(3);
  HOLDS(fcntl(made, F_GETFD) == FD_CLOEXEC);
  SHOW(waitid(PIDFD, made, &about, WEXITED));
  printf("  %d %d %d\n", about.si_code, about.si_status, about.si_pid == pid);
  close(made);
  struct clone_args args = {.flags = CLONE_PIDFD, .pidfd = (unsigned long)&made, .exit_signal = SIGCHLD};
  pid = syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) {
    pause();
    _exit(3);
  }
  SHOW(polled(made));
  SHOW(pidfd_signal(made, SIGTERM, 0, 0));
  SHOW(waitid(PIDFD, made, &about, WEXITED));
  printf("  %d %d %d\n", about.si_code, about.si_status, about.si_pid == pid);
  close(made);
  /* Of itself. */
  fd = pidfd_of(getpid(), 0);
  signal(SIGUSR1, SIG_IGN);
  about = (siginfo_t){.si_signo = SIGUSR1, .si_code = SI_USER};
  SHOW(pidfd_signal(fd, SIGUSR1, &about, 0));
  got = pidfd_get(fd, ends[0], 0);
  HOLDS(got >= 0);
  FAILS(waitid(PIDFD, fd, &about, WEXITED));
}

static void *threaded(void *pidfd) {
  *(int *)pidfd = pidfd_of(gettid(), O_EXCL);
  FAILS(pidfd_of(gettid(), 0));
  SHOW(polled(*(int *)pidfd));
  return 0;
}

static void threads(void) {
  pthread_t thread;
  int fd = -1;
  pthread_create(&thread, 0, threaded, &fd);
  pthread_join(thread, 0);
  struct pollfd entry = {fd, POLLIN, 0};
  SHOW(poll(&entry, 1, 5000));
  SHOW(polled(fd));
  FAILS(pidfd_signal(fd, 0, 0, 0));
}

int main(void) {
  alarm(60);
  setvbuf(stdout, 0, _IOLBF, 0);
  timers();
  signalfds();
  pidfds();
  threads();
  return 0;
}
