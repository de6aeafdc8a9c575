/* POSIX message queues. */
#include "check.h"
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define NAME "/culm-test-queue"

static struct timespec after(int ms) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  time.tv_nsec += ms * 1000000L;
  time.tv_sec += time.tv_nsec / 1000000000;
  time.tv_nsec %= 1000000000;
  return time;
}

static void receive(mqd_t queue) {
  char text[8192];
  unsigned priority = 99;
  ssize_t got = mq_receive(queue, text, sizeof text, &priority);
  if (got < 0) printf("receive: %s\n", strerrorname_np(errno));
  else printf("receive: %.*s (%u)\n", (int)got, text, priority);
}

static void attributes(mqd_t queue) {
  struct mq_attr attr;
  SHOW(mq_getattr(queue, &attr));
  printf("flags %lo max %ld size %ld now %ld\n", attr.mq_flags, attr.mq_maxmsg, attr.mq_msgsize, attr.mq_curmsgs);
}

static void names(void) {
  puts("-- names and attributes");
  struct mq_attr attr = {.mq_maxmsg = 3, .mq_msgsize = 100};
  FAILS(mq_open(NAME, O_RDWR));
  FAILS(mq_open("/", O_RDWR | O_CREAT, 0600, NULL));
  FAILS(mq_open("/a/b", O_RDWR | O_CREAT, 0600, NULL));
  FAILS(mq_open("/..", O_RDWR | O_CREAT, 0600, NULL));
  char longer[300];
  memset(longer, 'x', 299);
  longer[0] = '/', longer[299] = 0;
  FAILS(mq_open(longer, O_RDWR | O_CREAT, 0600, NULL));
  FAILS(mq_unlink("/none"));
  FAILS(mq_unlink("/a/b"));
  umask(022);
  mqd_t queue = mq_open(NAME, O_RDWR | O_CREAT | O_EXCL, 0666, &attr);
  HOLDS(queue >= 0);
  attributes(queue);
  FAILS(mq_open(NAME, O_RDWR | O_CREAT | O_EXCL, 0600, NULL));
  struct stat state;
  fstat(queue, &state);
  printf("mode %o size %ld nlink %ld\n", state.st_mode, (long)state.st_size, (long)state.st_nlink);
  printf("close on exec: %d, flags %o\n", fcntl(queue, F_GETFD), fcntl(queue, F_GETFL) & ~O_LARGEFILE);
  struct mq_attr change = {.mq_flags = O_NONBLOCK, .mq_maxmsg = 77}, old;
  SHOW(mq_setattr(queue, &change, &old));
  printf("%lo %ld\n", old.mq_flags, old.mq_maxmsg);
  attributes(queue);
  change.mq_flags = O_APPEND;
  FAILS(mq_setattr(queue, &change, NULL));
  FAILS(mq_getattr(1, &old));
  FAILS(mq_getattr(-1, &old));
  SHOW(mq_unlink(NAME));
  attributes(queue);
  mqd_t other = mq_open(NAME, O_RDONLY | O_CREAT, 0600, NULL);
  attributes(other);
  receive(queue);
  FAILS(mq_send(other, "x", 1, 0));
  mq_close(other);
  mq_close(queue);
  FAILS(mq_close(queue));
  mq_unlink(NAME);
  attr.mq_maxmsg = 0;
  FAILS(mq_open(NAME, O_RDWR | O_CREAT, 0600, &attr));
  attr.mq_maxmsg = 10, attr.mq_msgsize = -1;
  FAILS(mq_open(NAME, O_RDWR | O_CREAT, 0600, &attr));
  FAILS(syscall(SYS_mq_open, "q", O_RDWR | O_CREAT, 0600, 8));
  CHILD({
    setuid(99);
    attr.mq_maxmsg = 11, attr.mq_msgsize = 100;
    FAILS(mq_open(NAME, O_RDWR | O_CREAT, 0600, &attr));
    attr.mq_maxmsg = 10, attr.mq_msgsize = 8193;
    FAILS(mq_open(NAME, O_RDWR | O_CREAT, 0600, &attr));
    struct rlimit limit = {819200, 819200};
    setrlimit(RLIMIT_MSGQUEUE, &limit);
    int count = 0;
    char name[100];
    for (;; count++) {
      sprintf(name, NAME "-%d", count);
      if (mq_open(name, O_RDWR | O_CREAT, 0600, NULL) < 0) break;
    }
    printf("%d queues, then %s\n", count, strerrorname_np(errno));
    while (count-- > 0) {
      sprintf(name, NAME "-%d", count);
      mq_unlink(name);
    }
  });
  queue = mq_open(NAME, O_RDWR | O_CREAT, 0600, NULL);
  CHILD({
    setuid(99);
    FAILS(mq_open(NAME, O_RDONLY));
    FAILS(mq_unlink(NAME));
  });
  mq_close(queue);
  mq_unlink(NAME);
}

static void messages(void) {
  puts("-- messages");
  struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 50};
  mqd_t queue = mq_open(NAME, O_RDWR | O_CREAT | O_NONBLOCK, 0600, &attr);
  SHOW(mq_send(queue, "low", 3, 1));
  SHOW(mq_send(queue, "high", 4, 32767));
  SHOW(mq_send(queue, "low too", 7, 1));
  SHOW(mq_send(queue, "", 0, 5));
  FAILS(mq_send(queue, "one more", 8, 5));
  FAILS(mq_send(queue, "bad", 3, 32768));
  char text[51] = "";
  FAILS(mq_send(queue, text, 51, 0));
  FAILS(mq_receive(queue, text, 49, NULL));
  FAILS(mq_receive(queue, (char *)8, 50, NULL));
  struct pollfd poll_fd = {queue, POLLIN | POLLOUT};
  SHOW(poll(&poll_fd, 1, 0));
  printf("%x\n", poll_fd.revents);
  lseek(queue, 0, SEEK_SET);
  char state[100] = "";
  long got = read(queue, state, 99);
  printf("%ld %s", got, state);
  FAILS(write(queue, "x", 1));
  for (int i = 0; i < 4; i++) receive(queue);
  poll(&poll_fd, 1, 0);
  printf("%x\n", poll_fd.revents);
  fcntl(queue, F_SETFL, 0);
  struct timespec soon = after(20), bad = {0, -1};
  FAILS(mq_timedreceive(queue, text, 50, NULL, &soon));
  FAILS(mq_timedreceive(queue, text, 50, NULL, &bad));
  SHOW(mq_timedsend(queue, "late", 4, 0, &soon));
  for (int i = 0; i < 3; i++) mq_send(queue, "fill", 4, 0);
  FAILS(mq_timedsend(queue, "late", 4, 0, &soon));
  fflush(stdout);
  if (fork() == 0) _exit(mq_send(queue, "urgent", 6, 9) == 0 ? 0 : 1);
  usleep(30000);
  receive(queue);
  int status;
  wait(&status);
  printf("the sender went on: %d\n", status);
  receive(queue);
  for (int i = 0; i < 3; i++) receive(queue);
  if (fork() == 0) {
    long got = mq_receive(queue, text, 50, NULL);
    _exit(got);
  }
  usleep(30000);
  SHOW(mq_send(queue, "12345", 5, 0));
  wait(&status);
  printf("received %d\n", WEXITSTATUS(status));
  attributes(queue);
  mq_close(queue);
  mq_unlink(NAME);
}

static volatile int told;
static void on_message(int signo, siginfo_t *info, void *context) {
  told = info->si_code == SI_MESGQ && info->si_pid == getpid() ? info->si_value.sival_int : -1;
}

static void notifications(void) {
  puts("-- notifications");
  mqd_t queue = mq_open(NAME, O_RDWR | O_CREAT, 0600, NULL);
  struct sigaction action = {.sa_sigaction = on_message, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, NULL);
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 42};
  SHOW(mq_notify(queue, &event));
  FAILS(mq_notify(queue, &event));
  CHILD({
    FAILS(mq_notify(queue, &event));
    SHOW(mq_notify(queue, NULL));
  });
  char state[100] = "";
  read(queue, state, 99);
  *strstr(state, "PID") = 0;
  puts(state);
  mq_send(queue, "a", 1, 0);
  printf("told %d\n", told);
  told = 0;
  SHOW(mq_notify(queue, &event));
  mq_send(queue, "b", 1, 0);
  printf("not empty: told %d\n", told);
  receive(queue);
  receive(queue);
  mq_send(queue, "c", 1, 0);
  printf("told %d\n", told);
  receive(queue);
  told = 0;
  mq_send(queue, "d", 1, 0);
  printf("once only: told %d\n", told);
  receive(queue);
  event.sigev_signo = 65;
  FAILS(mq_notify(queue, &event));
  event.sigev_notify = 9;
  FAILS(mq_notify(queue, &event));
  event.sigev_notify = SIGEV_NONE;
  SHOW(mq_notify(queue, &event));
  SHOW(mq_notify(queue, NULL));
  CHILD(event.sigev_notify = SIGEV_SIGNAL; event.sigev_signo = SIGUSR1; mq_notify(queue, &event));
  SHOW(mq_notify(queue, &event));
  mq_close(queue);
  mq_unlink(NAME);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static int calls;

static void in_thread(union sigval value) {
  pthread_mutex_lock(&lock);
  calls += value.sival_int;
  pthread_cond_broadcast(&change);
  pthread_mutex_unlock(&lock);
}

static void wait_for_calls(int expected) {
  pthread_mutex_lock(&lock);
  while (calls < expected) pthread_cond_wait(&change, &lock);
  printf("calls %d\n", calls);
  pthread_mutex_unlock(&lock);
}

static void threads(void) {
  puts("-- threads");
  mqd_t queue = mq_open(NAME, O_RDWR | O_CREAT, 0600, NULL);
  struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = in_thread};
  event.sigev_value.sival_int = 7;
  SHOW(mq_notify(queue, &event));
  FAILS(mq_notify(queue, &event));
  char state[100] = "";
  read(queue, state, 99);
  *strstr(state, "PID") = 0;
  puts(state);
  mq_send(queue, "a", 1, 0);
  wait_for_calls(7);
  receive(queue);
  SHOW(mq_notify(queue, &event));
  CHILD(mq_send(queue, "b", 1, 0));
  wait_for_calls(14);
  receive(queue);
  SHOW(mq_notify(queue, &event));
  SHOW(mq_notify(queue, NULL));
  mq_send(queue, "c", 1, 0);
  receive(queue);
  struct sigevent raw = {.sigev_notify = SIGEV_THREAD, .sigev_signo = -1};
  char cookie[32] = "cookie";
  raw.sigev_value.sival_ptr = (void *)8;
  FAILS(syscall(SYS_mq_notify, queue, &raw));
  raw.sigev_value.sival_ptr = cookie;
  FAILS(syscall(SYS_mq_notify, queue, &raw));
  raw.sigev_signo = open("/etc/passwd", O_RDONLY);
  FAILS(syscall(SYS_mq_notify, queue, &raw));
  close(raw.sigev_signo);
  raw.sigev_signo = socket(AF_UNIX, SOCK_DGRAM, 0);
  FAILS(syscall(SYS_mq_notify, queue, &raw));
  close(raw.sigev_signo);
  raw.sigev_signo = socket(AF_NETLINK, SOCK_RAW, 0);
  SHOW(syscall(SYS_mq_notify, queue, &raw));
  mq_send(queue, "d", 1, 0);
  SHOW(recv(raw.sigev_signo, cookie, sizeof(cookie), 0));
  printf("%s %d\n", cookie, cookie[31]);
  receive(queue);
  SHOW(syscall(SYS_mq_notify, queue, &raw));
  SHOW(mq_notify(queue, NULL));
  SHOW(recv(raw.sigev_signo, cookie, sizeof(cookie), 0));
  printf("%s %d\n", cookie, cookie[31]);
  close(raw.sigev_signo);
  mq_close(queue);
  mq_unlink(NAME);
}

int main(void) {
  alarm(60);
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  names();
  messages();
  notifications();
  threads();
  return 0;
}
