/* Urgent bytes of AF_UNIX streams (unix(7), MSG_OOB): by turns, and then at random, compared by what each call finds. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/epoll.h>

static int ends[2];
static char text[64];

static void fresh(void) {
  close(ends[0]);
  close(ends[1]);
  socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends);
}

static const char *got(long count) {
  static char shown[100];
  if (count < 0) return strerrorname_np(errno);
  snprintf(shown, sizeof shown, "\"%.*s\"", (int)count, text);
  return shown;
}

/* What comes with it: a mark, events. (FIONREAD goes on counting a byte that was passed over on some Linuxes.) */
static void state(void) {
  int mark = -1, out = -1;
  ioctl(ends[1], SIOCATMARK, &mark);
  ioctl(ends[0], TIOCOUTQ, &out);
  struct pollfd poller = {ends[1], POLLIN | POLLPRI | POLLOUT, 0};
  poll(&poller, 1, 0);
  printf("  mark %d, %d charged, events %#x\n", mark, out, poller.revents);
}

static void puts_(const char *what, int flags) {
  printf("send %s%s: %ld\n", what, flags & MSG_OOB ? " urgently" : "", (long)send(ends[0], what, strlen(what), flags));
  state();
}

static void gets_(int size, int flags) {
  struct iovec vector = {text, size};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
  long count = recvmsg(ends[1], &message, flags);
  printf("receive %d%s%s: %s, flags %#x\n", size, flags & MSG_OOB ? " urgent" : "", flags & MSG_PEEK ? ", looking" : "",
         got(count), count < 0 ? 0 : message.msg_flags);
  state();
}

static void by_turns(void) {
  for (int in_line = 0; in_line < 2; in_line++) {
    int bytes = -1;
    printf("-- in line: %d\n", in_line);
    fresh();
    SHOW(setsockopt(ends[1], SOL_SOCKET, SO_OOBINLINE, &in_line, sizeof in_line));
    FAILS(send(ends[0], "", 0, MSG_OOB));
    FAILS(recv(ends[1], text, 1, MSG_OOB));
    puts_("hello", MSG_OOB);
    puts_("more", 0);
    ioctl(ends[1], FIONREAD, &bytes);
    printf("%d bytes\n", bytes);
    gets_(10, MSG_PEEK);
    gets_(1, MSG_OOB | MSG_PEEK);
    gets_(3, 0);
    gets_(10, 0);
    gets_(1, MSG_OOB);
    ioctl(ends[1], FIONREAD, &bytes);
    printf("%d bytes\n", bytes);
    gets_(1, MSG_OOB);
    gets_(10, 0);
    gets_(10, 0);
    printf("a second one makes the first one like others\n");
    puts_("ab", MSG_OOB);
    puts_("cd", MSG_OOB);
    gets_(10, 0);
    gets_(10, 0);
    printf("read out of turn, it stays as a mark\n");
    puts_("abc", MSG_OOB);
    puts_("def", 0);
    gets_(1, MSG_OOB);
    gets_(10, MSG_PEEK);
    gets_(10, 0);
    gets_(10, 0);
    printf("nothing but it, and the other end closes\n");
    puts_("u", MSG_OOB);
    gets_(0, MSG_OOB);
    gets_(5, 0);
    puts_("v", MSG_OOB);
    gets_(5, MSG_OOB);
    close(ends[1]);
    FAILS(recv(ends[0], text, 1, 0));
    ends[1] = dup(ends[0]);
  }
}

static void signals(void) {
  printf("-- told by SIGURG, and by epoll\n");
  fresh();
  sigset_t set;
  struct timespec now = {0, 0};
  sigemptyset(&set);
  sigaddset(&set, SIGURG);
  sigprocmask(SIG_BLOCK, &set, NULL);
  send(ends[0], "a", 1, MSG_OOB);
  FAILS(sigtimedwait(&set, NULL, &now));
  fcntl(ends[1], F_SETOWN, getpid());
  int poller = epoll_create1(0);
  struct epoll_event event = {EPOLLPRI | EPOLLET, {.u64 = 1}};
  epoll_ctl(poller, EPOLL_CTL_ADD, ends[1], &event);
  SHOW(epoll_wait(poller, &event, 1, 0));
  SHOW(epoll_wait(poller, &event, 1, 0));
  send(ends[0], "b", 1, MSG_OOB);
  SHOW(sigtimedwait(&set, NULL, &now));
  SHOW(epoll_wait(poller, &event, 1, 0));
  printf("%#x\n", event.events);
  close(poller);
  for (int type = SOCK_DGRAM; type <= SOCK_SEQPACKET; type += SOCK_SEQPACKET - SOCK_DGRAM) {
    int pair[2], mark = 7;
    socketpair(AF_UNIX, type, 0, pair);
    FAILS(send(pair[0], "x", 1, MSG_OOB));
    FAILS(recv(pair[1], text, 1, MSG_OOB));
    FAILS(ioctl(pair[1], SIOCATMARK, &mark));
    printf("%d\n", mark);
    close(pair[0]);
    close(pair[1]);
  }
}

/* All bytes wanted, and the mark comes while one waits. */
static void waiting(void) {
  printf("-- who waits for all stops at the mark\n");
  fresh();
  fcntl(ends[1], F_SETFL, 0);
  send(ends[0], "abc", 3, 0);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    int left = 1;
    do ioctl(ends[1], FIONREAD, &left), nap(1);
    while (left > 0);
    send(ends[0], "x", 1, MSG_OOB);
    _exit(0);
  }
  long count = recv(ends[1], text, 10, MSG_WAITALL);
  printf("%s\n", got(count));
  waitpid(pid, NULL, 0);
  send(ends[0], "yz", 2, 0);
  count = recv(ends[1], text, 2, MSG_WAITALL);
  printf("%s\n", got(count));
}

static unsigned next = 1;
static unsigned random_(unsigned below) {
  next = next * 1103515245 + 12345;
  return (next >> 16) % below;
}

static unsigned hash;
static void note(long value) { hash = (hash ^ (unsigned)value) * 16777619; }

/* One call at random, and what it and the socket then say. */
static void step(int tells) {
  int kind = random_(16), size = 1 + random_(6), flags = 0;
  long count = 0;
  const char *what = "option";
  if (kind < 6) {
    what = "send";
    flags = kind < 3 ? MSG_OOB : 0;
    for (int i = 0; i < size; i++) text[i] = 'a' + random_(26);
    count = send(ends[0], text, size, flags);
  } else if (kind < 15) {
    what = "recv";
    flags = kind < 9 ? MSG_OOB : 0;
    if (random_(3) == 0) flags |= MSG_PEEK;
    count = recv(ends[1], text, size, flags);
    for (int i = 0; i < count; i++) note(text[i]);
  } else {
    int in_line = random_(4) == 0;
    count = setsockopt(ends[1], SOL_SOCKET, SO_OOBINLINE, &in_line, sizeof in_line);
    size = in_line;
  }
  note(count < 0 ? -errno : count);
  int mark = -1, out = -1;
  ioctl(ends[1], SIOCATMARK, &mark);
  ioctl(ends[0], TIOCOUTQ, &out);
  struct pollfd poller = {ends[1], POLLIN | POLLPRI | POLLOUT, 0};
  poll(&poller, 1, 0);
  note(mark);
  note(out);
  note(poller.revents);
  if (tells)
    printf("%s %d %#x: %ld %s mark %d out %d events %#x\n", what, size, flags, count, kind < 15 ? got(count) : "", mark, out,
           poller.revents);
}

int main(int argc, char **argv) {
  alarm(60);
  ends[0] = ends[1] = -1;
  by_turns();
  signals();
  waiting();
  printf("-- at random\n");
  next = argc > 1 ? atoi(argv[1]) : 1;
  for (int round = 0; round < 40; round++) {
    fresh();
    for (int i = 0; i < 50; i++) step(argc > 1);
    printf("%u: %u\n", round, hash);
  }
  close(ends[0]);
  close(ends[1]);
  return 0;
}
