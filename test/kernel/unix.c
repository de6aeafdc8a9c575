/* AF_UNIX sockets: names, connections, messages, descriptors and credentials on their way, states and errors. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <linux/sockios.h>

static char folder[64];
static char big[400000];

static int named(const char *name, struct sockaddr_un *addr) {
  memset(addr, 0, sizeof *addr);
  addr->sun_family = AF_UNIX;
  if (name[0] == '@') {
    strcpy(addr->sun_path + 1, name + 1);
    return offsetof(struct sockaddr_un, sun_path) + strlen(name);
  }
  sprintf(addr->sun_path, "%s/%s", folder, name);
  return sizeof *addr;
}

static int do_bind(int fd, const char *name) {
  struct sockaddr_un addr;
  int length = named(name, &addr);
  return bind(fd, (void *)&addr, length);
}
static int do_connect(int fd, const char *name) {
  struct sockaddr_un addr;
  int length = named(name, &addr);
  return connect(fd, (void *)&addr, length);
}

static void show_name(const char *what, int fd, int peer) {
  struct sockaddr_un addr;
  memset(&addr, 'x', sizeof addr);
  socklen_t length = sizeof addr;
  int result = peer ? getpeername(fd, (void *)&addr, &length) : getsockname(fd, (void *)&addr, &length);
  if (result) {
    printf("%s: %s\n", what, strerrorname_np(errno));
    return;
  }
  printf("%s: %d ", what, length);
  for (int i = 2; i < (int)length; i++) {
    char c = addr.sun_path[i - 2];
    if (i == 2 && c == '/' && !strncmp(addr.sun_path, folder, strlen(folder))) i += strlen(folder) - 1, putchar('~');
    else if (c) putchar(c);
    else printf("\\0");
  }
  puts("");
}

static void show_poll(const char *what, int fd) {
  struct pollfd p = {fd, 0xffff, 0};
  int ready = poll(&p, 1, 0);
  printf("%s: %d %x\n", what, ready, p.revents);
}

static int option(int fd, int name) {
  int value = -99;
  socklen_t length = sizeof value;
  return getsockopt(fd, SOL_SOCKET, name, &value, &length) ? -errno : value;
}
static int set(int fd, int name, int value) { return setsockopt(fd, SOL_SOCKET, name, &value, sizeof value); }

static void making(void) {
  FAILS(socket(-1, SOCK_STREAM, 0));
  FAILS(socket(46, SOCK_STREAM, 0));
  FAILS(socket(AF_UNIX, 11, 0));
  FAILS(socket(AF_UNIX, SOCK_STREAM | 0x100, 0));
  FAILS(socket(AF_UNIX, SOCK_RDM, 0));
  FAILS(socket(AF_UNIX, SOCK_STREAM, 1));
  FAILS(socket(AF_UNIX, SOCK_STREAM, 2));
  int pair[2];
  FAILS(socketpair(AF_UNIX, SOCK_STREAM, 0, (void *)8));
  FAILS(socketpair(AF_INET, SOCK_STREAM, 0, pair));
  FAILS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
  SHOW(fcntl(pair[0], F_GETFD));
  SHOW(fcntl(pair[1], F_GETFL));
  struct stat status;
  HOLDS(fstat(pair[0], &status) == 0);
  printf("  mode %o size %ld links %ld\n", status.st_mode, (long)status.st_size, (long)status.st_nlink);
  char name[64] = {0}, path[64], want[64];
  sprintf(path, "/proc/self/fd/%d", pair[0]);
  HOLDS(readlink(path, name, 63) > 0);
  sprintf(want, "socket:[%ld]", (long)status.st_ino);
  HOLDS(!strcmp(name, want));
  FAILS(open(path, O_RDWR));
  FAILS(lseek(pair[0], 0, SEEK_SET));
  FAILS(pread(pair[0], name, 1, 0));
  FAILS(ftruncate(pair[0], 0));
  close(pair[0]), close(pair[1]);
  int file = open("/dev/null", O_RDWR);
  struct sockaddr_un addr = {AF_UNIX};
  socklen_t length = sizeof addr;
  FAILS(bind(file, (void *)&addr, length));
  FAILS(listen(999, 1));
  FAILS(accept(file, 0, 0));
  FAILS(send(file, "x", 1, 0));
  FAILS(getsockname(file, (void *)&addr, &length));
  close(file);
}

static void naming(void) {
  int one = socket(AF_UNIX, SOCK_STREAM, 0), two = socket(AF_UNIX, SOCK_STREAM, 0);
  show_name("unnamed", one, 0);
  show_name("unconnected", one, 1);
  struct sockaddr_un addr;
  named("a", &addr);
  FAILS(bind(one, (void *)&addr, 1));
  FAILS(bind(one, (void *)&addr, 111));
  addr.sun_family = 5;
  FAILS(bind(one, (void *)&addr, sizeof addr));
  FAILS(do_bind(one, "missing/a"));
  umask(027);
  SHOW(do_bind(one, "a"));
  struct stat status;
  named("a", &addr);
  HOLDS(stat(addr.sun_path, &status) == 0);
  printf("  mode %o\n", status.st_mode);
  umask(022);
  FAILS(do_bind(two, "a"));
  FAILS(do_bind(one, "b"));
  FAILS(do_bind(one, "a"));
  FAILS(open(addr.sun_path, O_RDWR));
  show_name("path", one, 0);
  FAILS(do_connect(two, "a"));
  FAILS(do_connect(two, "none"));
  FAILS(do_connect(two, "."));
  FAILS(do_connect(two, "@nobody"));
  SHOW(listen(one, 3));
  SHOW(do_connect(two, "a"));
  show_name("connected", two, 1);
  FAILS(do_connect(two, "a"));
  int end = accept(one, 0, 0);
  show_name("accepted", end, 0);
  show_name("its peer", end, 1);
  close(end), close(two);
  two = socket(AF_UNIX, SOCK_DGRAM, 0);
  FAILS(do_connect(two, "a"));
  SHOW(do_bind(two, "@abstract"));
  show_name("abstract", two, 0);
  int three = socket(AF_UNIX, SOCK_DGRAM, 0), four = socket(AF_UNIX, SOCK_STREAM, 0);
  FAILS(do_bind(three, "@abstract"));
  FAILS(do_bind(four, "@abstract"));
  close(two);
  FAILS(do_bind(three, "@abstract"));
  two = socket(AF_UNIX, SOCK_STREAM, 0);
  addr.sun_family = AF_UNIX;
  SHOW(bind(two, (void *)&addr, 2));
  socklen_t length = sizeof addr;
  getsockname(two, (void *)&addr, &length);
  printf("  autobind %d, %d characters\n", length, (int)strspn(addr.sun_path + 1, "0123456789abcdef"));
  close(one);
  one = socket(AF_UNIX, SOCK_STREAM, 0);
  FAILS(do_connect(one, "a"));
  FAILS(listen(one, 1));
  named("a", &addr);
  SHOW(chmod(addr.sun_path, 0600));
  SHOW(unlink(addr.sun_path));
  FAILS(do_connect(one, "a"));
  FAILS(listen(three, 1));
  FAILS(accept(three, 0, 0));
  FAILS(accept(one, 0, 0));
  close(one), close(two), close(three), close(four);
}

static void streams(void) {
  char text[64] = {0};
  int p[2], left = -1;
  SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
  show_poll("fresh", p[0]);
  SHOW(send(p[0], "hello", 5, 0));
  SHOW(write(p[0], "world", 5));
  show_poll("sent", p[1]);
  SHOW(ioctl(p[1], FIONREAD, &left));
  printf("  %d\n", left);
  SHOW(ioctl(p[0], SIOCOUTQ, &left));
  printf("  %d\n", left);
  SHOW(recv(p[1], text, 64, MSG_PEEK));
  SHOW(recv(p[1], text, 3, MSG_PEEK | MSG_TRUNC));
  SHOW(recv(p[1], text, 3, 0));
  SHOW(recv(p[1], text, 64, 0));
  printf("  %s\n", text);
  FAILS(recv(p[1], text, 64, MSG_DONTWAIT));
  FAILS(recv(p[1], text, 64, MSG_ERRQUEUE | MSG_DONTWAIT));
  SHOW(read(p[1], text, 0));
  SHOW(send(p[0], "", 0, 0));
  FAILS(sendto(p[0], "x", 1, 0, (void *)"\1\0", 2));
  FAILS(send(p[0], (void *)8, 5, 0));
  SHOW(send(p[0], "ab", 2, 0));
  FAILS(recv(p[1], (void *)8, 5, 0));
  SHOW(recv(p[1], text, 5, 0));
  SHOW(shutdown(p[0], SHUT_WR));
  show_poll("shut", p[0]);
  show_poll("its peer", p[1]);
  signal(SIGPIPE, SIG_IGN);
  FAILS(write(p[0], "x", 1));
  SHOW(recv(p[1], text, 5, 0));
  SHOW(send(p[1], "back", 4, 0));
  SHOW(recv(p[0], text, 9, 0));
  FAILS(shutdown(p[0], 3));
  close(p[1]);
  show_poll("alone", p[0]);
  SHOW(recv(p[0], text, 9, 0));
  FAILS(send(p[0], "x", 1, MSG_NOSIGNAL));
  show_name("dead peer", p[0], 1);
  close(p[0]);
  /* Unread data make a reset of the end. */
  socketpair(AF_UNIX, SOCK_STREAM, 0, p);
  SHOW(send(p[0], "unread", 6, 0));
  SHOW(send(p[1], "still", 5, 0));
  close(p[1]);
  show_poll("reset", p[0]);
  SHOW(recv(p[0], text, 64, 0));
  FAILS(recv(p[0], text, 64, 0));
  FAILS(recv(p[0], text, 64, 0));
  FAILS(send(p[0], "x", 1, 0));
  close(p[0]);
  int one = socket(AF_UNIX, SOCK_STREAM, 0);
  show_poll("unconnected", one);
  FAILS(recv(one, text, 1, 0));
  FAILS(send(one, text, 1, 0));
  FAILS(shutdown(one, SHUT_RDWR));
  FAILS(recv(one, text, 1, MSG_OOB));
  close(one);
}

static void pipe_signal(void) {
  for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type++) {
    if (type == SOCK_RAW || type == 4) continue;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
      signal(SIGPIPE, SIG_DFL);
      int p[2];
      socketpair(AF_UNIX, type, 0, p);
      close(p[1]);
      send(p[0], "x", 1, MSG_NOSIGNAL);
      write(p[0], "x", 1);
      _exit(errno);
    }
    int status;
    waitpid(pid, &status, 0);
    printf("type %d: signal %d, error %d\n", type, WTERMSIG(status), WEXITSTATUS(status));
  }
}

/* How much fits into a socket, by the size of each write. */
static void limits(void) {
  int sizes[] = {1, 200, 1000, 4096, 16384, 65536, 200000};
  int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
  for (int t = 0; t < 3; t++) {
    for (int i = 0; i < 7; i++) {
      int p[2], used;
      socketpair(AF_UNIX, types[t] | SOCK_NONBLOCK, 0, p);
      long count = 0, sum = 0, done;
      while ((done = send(p[0], big, sizes[i], 0)) > 0) count++, sum += done;
      ioctl(p[0], SIOCOUTQ, &used);
      printf("type %d size %d: %ld, %ld bytes, %d %s\n", types[t], sizes[i], count, sum, used, strerrorname_np(errno));
      show_poll("full", p[0]);
      close(p[0]), close(p[1]);
    }
    int p[2];
    socketpair(AF_UNIX, types[t] | SOCK_NONBLOCK, 0, p);
    SHOW(set(p[0], SO_SNDBUF, 5000));
    printf("%d\n", option(p[0], SO_SNDBUF));
    FAILS(send(p[0], big, 9970, 0));
    FAILS(send(p[0], big, 300000, 0));
    close(p[0]), close(p[1]);
  }
}

static void datagrams(void) {
  char text[64] = {0};
  int a = socket(AF_UNIX, SOCK_DGRAM, 0), b = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  FAILS(send(a, "x", 1, 0));
  show_poll("fresh", a);
  do_bind(a, "@dgram-a");
  FAILS(do_connect(b, "@dgram-none"));
  SHOW(do_connect(b, "@dgram-a"));
  SHOW(send(b, "one", 3, 0));
  SHOW(send(b, "", 0, 0));
  SHOW(send(b, "three", 5, 0));
  int left;
  SHOW(ioctl(a, FIONREAD, &left));
  printf("  %d\n", left);
  struct sockaddr_un from;
  socklen_t length = sizeof from;
  SHOW(recvfrom(a, text, 2, MSG_TRUNC, (void *)&from, &length));
  printf("  from %d\n", length);
  SHOW(recv(a, text, 9, 0));
  SHOW(recv(a, text, 9, MSG_PEEK));
  SHOW(recv(a, text, 9, 0));
  FAILS(recv(a, text, 9, MSG_DONTWAIT));
  int sent = 0;
  while (send(b, "x", 1, 0) == 1) sent++;
  printf("  %d fit, %s\n", sent, strerrorname_np(errno));
  show_poll("full", b);
  SHOW(recv(a, text, 9, 0));
  show_poll("not full", b);
  do_bind(b, "@dgram-b");
  SHOW(do_connect(a, "@dgram-b"));
  SHOW(recvfrom(a, text, 9, 0, (void *)&from, (length = sizeof from, &length)));
  printf("  from %d %.7s\n", length, from.sun_path + 1);
  int c = socket(AF_UNIX, SOCK_DGRAM, 0);
  FAILS(do_connect(c, "@dgram-a"));
  struct sockaddr_un to;
  length = named("@dgram-a", &to);
  FAILS(sendto(c, "x", 1, 0, (void *)&to, length));
  close(a);
  FAILS(send(b, "x", 1, 0));
  FAILS(send(b, "x", 1, 0));
  struct sockaddr none = {AF_UNSPEC};
  SHOW(connect(b, &none, sizeof none));
  SHOW(shutdown(b, SHUT_RD));
  show_poll("shut", b);
  FAILS(recv(b, text, 9, 0));
  close(b), close(c);
}

static void packets(void) {
  char text[64] = {0};
  int p[2];
  SHOW(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p));
  SHOW(send(p[0], "first", 5, 0));
  SHOW(send(p[0], "second", 6, MSG_EOR));
  struct iovec part = {text, 3};
  struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
  SHOW(recvmsg(p[1], &m, 0));
  printf("  flags %x\n", m.msg_flags);
  part.iov_len = 60;
  SHOW(recvmsg(p[1], &m, 0));
  printf("  flags %x\n", m.msg_flags);
  close(p[0]);
  show_poll("alone", p[1]);
  SHOW(recv(p[1], text, 9, 0));
  FAILS(send(p[1], "x", 1, 0));
  close(p[1]);
  int one = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  FAILS(send(one, "x", 1, 0));
  FAILS(recv(one, text, 1, 0));
  show_poll("fresh", one);
  close(one);
}

static void listening(void) {
  int server = socket(AF_UNIX, SOCK_STREAM, 0);
  do_bind(server, "@listen");
  SHOW(listen(server, 1));
  SHOW(option(server, SO_ACCEPTCONN));
  show_poll("listening", server);
  int clients[4];
  for (int i = 0; i < 4; i++) {
    clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    FAILS(do_connect(clients[i], "@listen"));
  }
  show_poll("waiting", server);
  SHOW(send(clients[0], "early", 5, 0));
  char text[10] = {0};
  int end = accept4(server, 0, 0, SOCK_NONBLOCK);
  SHOW(recv(end, text, 9, 0));
  FAILS(recv(end, text, 9, 0));
  FAILS(accept4(server, 0, 0, 0x100));
  FAILS(do_connect(clients[2], "@listen"));
  close(end);
  close(server);
  show_poll("refused", clients[1]);
  FAILS(recv(clients[1], text, 1, 0));
  FAILS(send(clients[2], text, 1, 0));
  for (int i = 0; i < 4; i++) close(clients[i]);
}

static ssize_t send_with(int fd, int *fds, int count, const char *text, int type, void *data, int size) {
  char control[1200] = {0};
  struct iovec part = {(void *)text, strlen(text)};
  struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control};
  m.msg_controllen = CMSG_SPACE(size);
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = type;
  c->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(c), data, size);
  return sendmsg(fd, &m, 0);
}
static ssize_t send_fds(int fd, int *fds, int count, const char *text) {
  return send_with(fd, fds, count, text, SCM_RIGHTS, fds, count * sizeof(int));
}

static int receive(const char *what, int fd, int room, int flags, int *fds) {
  char control[512] = {0}, text[64] = {0};
  struct iovec part = {text, 60};
  struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room};
  ssize_t done = recvmsg(fd, &m, flags);
  printf("%s: %zd %s flags %x control %zu\n", what, done, done < 0 ? strerrorname_np(errno) : text, m.msg_flags, m.msg_controllen);
  int found = 0;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); done >= 0 && c; c = CMSG_NXTHDR(&m, c)) {
    printf("  level %d type %d length %zu", c->cmsg_level, c->cmsg_type, c->cmsg_len);
    if (c->cmsg_type == SCM_RIGHTS)
      for (; (found + 1) * 4 + CMSG_LEN(0) <= c->cmsg_len; found++) fds[found] = ((int *)CMSG_DATA(c))[found];
    else {
      struct ucred *cred = (void *)CMSG_DATA(c);
      printf(" pid %s uid %d gid %d", cred->pid == getpid() ? "mine" : cred->pid ? "other" : "0", cred->uid, cred->gid);
    }
    puts("");
  }
  return found;
}

static void rights(void) {
  int p[2], ends[2], fds[300], got[300];
  socketpair(AF_UNIX, SOCK_STREAM, 0, p);
  pipe(ends);
  fds[0] = ends[0], fds[1] = ends[1];
  SHOW(send_fds(p[0], fds, 2, "two"));
  SHOW(send(p[0], "more", 4, 0));
  close(ends[0]);
  HOLDS(receive("peek", p[1], 512, MSG_PEEK, got) == 2);
  close(got[0]), close(got[1]);
  HOLDS(receive("two", p[1], 512, MSG_CMSG_CLOEXEC, got) == 2);
  SHOW(fcntl(got[0], F_GETFD));
  HOLDS(write(ends[1], "through", 7) == 7);
  char text[16] = {0};
  SHOW(read(got[0], text, 15));
  puts(text);
  close(got[0]), close(got[1]);
  HOLDS(receive("more", p[1], 512, 0, got) == 0);
  fds[0] = fds[1] = fds[2] = ends[1];
  SHOW(send_fds(p[0], fds, 3, "three"));
  HOLDS(receive("room for two", p[1], CMSG_LEN(8), 0, got) == 2);
  close(got[0]), close(got[1]);
  SHOW(send_fds(p[0], fds, 1, "x"));
  HOLDS(receive("no room", p[1], 0, 0, got) == 0);
  SHOW(send_fds(p[0], fds, 1, "x"));
  SHOW(read(p[1], text, 1));
  fds[1] = 987;
  FAILS(send_fds(p[0], fds, 2, "x"));
  for (int i = 0; i < 254; i++) fds[i] = ends[1];
  FAILS(send_fds(p[0], fds, 254, "x"));
  SHOW(send_fds(p[0], fds, 253, "all"));
  FAILS(send_with(p[0], 0, 0, "x", 99, fds, 4));
  close(p[1]);
  close(p[0]);
  /* What was on its way is closed with the socket. */
  close(ends[1]);
  int pair[2];
  socketpair(AF_UNIX, SOCK_DGRAM, 0, p);
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  SHOW(send_fds(p[0], pair, 1, "end"));
  close(pair[0]);
  show_poll("on its way", pair[1]);
  close(p[0]), close(p[1]);
  show_poll("gone", pair[1]);
  close(pair[1]);
}

/* Sockets that only messages in their own queues refer to are freed, and with them what else they carry. */
static void cycles(void) {
  int p[2], q[2], watched[2];
  for (int round = 0; round < 3; round++) {
    socketpair(AF_UNIX, SOCK_STREAM, 0, p);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, q);
    socketpair(AF_UNIX, SOCK_STREAM, 0, watched);
    int fds[] = {p[1], q[1], watched[0]};
    if (round == 0) send_fds(p[0], fds, 3, "self"), send_fds(q[0], fds, 2, "other");
    if (round == 1) send_fds(p[0], fds + 1, 2, "across"), send_fds(q[0], fds, 1, "back");
    if (round == 2) {
      int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
      do_bind(server, "@cycle"), listen(server, 1), do_connect(client, "@cycle");
      int both[] = {server, watched[0]};
      send_fds(client, both, 2, "listener");
      close(server), close(client);
    }
    close(watched[0]), close(p[0]), close(q[0]), close(p[1]), close(q[1]);
    /* Linux looks for them when a socket is closed, and not at once. */
    close(socket(AF_UNIX, SOCK_STREAM, 0));
    struct pollfd end = {watched[1], POLLIN, 0};
    printf("cycle %d freed: %d\n", round, poll(&end, 1, 5000) == 1 && (end.revents & POLLHUP) != 0);
    close(watched[1]);
  }
}

static void credentials(void) {
  int p[2], got[4];
  socketpair(AF_UNIX, SOCK_STREAM, 0, p);
  struct ucred cred;
  socklen_t length = sizeof cred;
  SHOW(getsockopt(p[0], SOL_SOCKET, SO_PEERCRED, &cred, &length));
  HOLDS(cred.pid == getpid() && cred.uid == getuid() && cred.gid == getgid() && length == 12);
  int fresh = socket(AF_UNIX, SOCK_STREAM, 0);
  SHOW(getsockopt(fresh, SOL_SOCKET, SO_PEERCRED, &cred, &length));
  printf("  %d %d %d\n", cred.pid, cred.uid, cred.gid);
  close(fresh);
  SHOW(send(p[0], "before", 6, 0));
  SHOW(set(p[1], SO_PASSCRED, 1));
  SHOW(option(p[1], SO_PASSCRED));
  SHOW(send(p[0], "mine", 4, 0));
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    write(p[0], "child", 5);
    _exit(0);
  }
  waitpid(pid, 0, 0);
  receive("before", p[1], 512, 0, got);
  receive("mine", p[1], 512, 0, got);
  receive("child", p[1], 512, 0, got);
  struct ucred given = {getpid(), getuid(), getgid()};
  SHOW(send_with(p[0], 0, 0, "given", SCM_CREDENTIALS, &given, sizeof given));
  receive("given", p[1], 512, 0, got);
  given.pid = 1 << 29;
  FAILS(send_with(p[0], 0, 0, "given", SCM_CREDENTIALS, &given, 8));
  SHOW(send(p[0], "short", 5, 0));
  receive("short", p[1], 20, 0, got);
  close(p[0]), close(p[1]);
}

static void options(void) {
  int fd = socket(AF_UNIX, SOCK_STREAM, 0), value = 1;
  socklen_t length = 2;
  SHOW(option(fd, SO_TYPE));
  SHOW(option(fd, SO_DOMAIN));
  SHOW(option(fd, SO_PROTOCOL));
  SHOW(option(fd, SO_ERROR));
  SHOW(option(fd, SO_RCVLOWAT));
  SHOW(option(fd, SO_SNDLOWAT));
  FAILS(set(fd, SO_TYPE, 1));
  FAILS(set(fd, SO_SNDLOWAT, 1));
  FAILS(set(fd, 9999, 1));
  FAILS(option(fd, 9999) < 0 ? -1 : 0);
  SHOW(set(fd, SO_RCVLOWAT, 0));
  SHOW(option(fd, SO_RCVLOWAT));
  SHOW(set(fd, SO_REUSEADDR, 7));
  SHOW(option(fd, SO_REUSEADDR));
  FAILS(set(fd, SO_REUSEPORT, 1));
  SHOW(set(fd, SO_PRIORITY, 3));
  SHOW(option(fd, SO_PRIORITY));
  FAILS(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 3));
  FAILS(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, (void *)8, 4));
  FAILS(getsockopt(fd, SOL_SOCKET, SO_TYPE, (void *)8, &length));
  SHOW(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length));
  printf("  %d\n", length);
  FAILS(setsockopt(fd, 1234, 1, &value, 4));
  FAILS(getsockopt(fd, 1234, 1, &value, &length));
  struct linger linger = {1, 5};
  SHOW(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
  FAILS(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, 4));
  length = sizeof linger;
  linger.l_linger = 0;
  SHOW(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length));
  printf("  %d %d\n", linger.l_onoff, linger.l_linger);
  struct timeval limit = {0, 40000};
  SHOW(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
  limit.tv_usec = 2000000;
  FAILS(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
  length = sizeof limit;
  SHOW(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, &length));
  printf("  %ld %ld\n", (long)limit.tv_sec, (long)limit.tv_usec);
  close(fd);
  int p[2];
  char text[8];
  socketpair(AF_UNIX, SOCK_STREAM, 0, p);
  setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  FAILS(read(p[0], text, 1));
  FAILS(recv(p[0], text, 1, 0));
  setsockopt(p[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  HOLDS(write(p[0], big, sizeof big) < (long)sizeof big);
  FAILS(write(p[0], big, 1));
  SHOW(set(p[1], SO_PEEK_OFF, 0));
  SHOW(recv(p[1], text, 4, MSG_PEEK));
  SHOW(option(p[1], SO_PEEK_OFF));
  SHOW(recv(p[1], text, 3, 0));
  SHOW(option(p[1], SO_PEEK_OFF));
  close(p[0]), close(p[1]);
}

static int shared[2];
static void *writer(void *arg) {
  usleep(20000);
  for (int i = 0; i < 3; i++) write(shared[0], "abc", 3), usleep(5000);
  return 0;
}
static void *drainer(void *arg) {
  static char into[65536];
  long sum = 0;
  while (sum < 300000) {
    usleep(1000);
    sum += read(shared[1], into, sizeof into);
  }
  return 0;
}
static void interrupt(int signal) {}

/* Calls that wait. */
static void waiting(void) {
  pthread_t thread;
  char text[16] = {0};
  socketpair(AF_UNIX, SOCK_STREAM, 0, shared);
  pthread_create(&thread, 0, writer, 0);
  SHOW(recv(shared[1], text, 9, MSG_WAITALL));
  puts(text);
  pthread_join(thread, 0);
  pthread_create(&thread, 0, writer, 0);
  set(shared[1], SO_RCVLOWAT, 5);
  HOLDS(read(shared[1], text, 9) >= 5);
  pthread_join(thread, 0);
  while (recv(shared[1], text, 9, MSG_DONTWAIT) > 0);
  set(shared[1], SO_RCVLOWAT, 1);
  pthread_create(&thread, 0, drainer, 0);
  SHOW(write(shared[0], big, 300000));
  pthread_join(thread, 0);
  struct sigaction action = {.sa_handler = interrupt};
  sigaction(SIGALRM, &action, 0);
  struct itimerval soon = {{0, 0}, {0, 20000}};
  setitimer(ITIMER_REAL, &soon, 0);
  FAILS(read(shared[1], text, 1));
  setitimer(ITIMER_REAL, &soon, 0);
  FAILS(recv(shared[1], text, 1, 0));
  int server = socket(AF_UNIX, SOCK_STREAM, 0);
  do_bind(server, "@wait"), listen(server, 0);
  setitimer(ITIMER_REAL, &soon, 0);
  FAILS(accept(server, 0, 0));
  int one = socket(AF_UNIX, SOCK_STREAM, 0), two = socket(AF_UNIX, SOCK_STREAM, 0);
  SHOW(do_connect(one, "@wait"));
  setitimer(ITIMER_REAL, &soon, 0);
  FAILS(do_connect(two, "@wait"));
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    usleep(20000);
    int end = accept(server, 0, 0), other = accept(server, 0, 0);
    read(other, text, 16);
    _exit(end >= 0 && !strcmp(text, "after all") ? 0 : 1);
  }
  SHOW(do_connect(two, "@wait"));
  SHOW(write(two, "after all", 9));
  int status;
  waitpid(pid, &status, 0);
  HOLDS(status == 0);
  close(server), close(one), close(two), close(shared[0]), close(shared[1]);
  signal(SIGALRM, SIG_DFL);
  alarm(60);
}

static void several(void) {
  int p[2];
  char texts[4][8] = {"one", "two", "three", "four"};
  socketpair(AF_UNIX, SOCK_DGRAM, 0, p);
  struct iovec parts[4];
  struct mmsghdr m[4];
  memset(m, 0, sizeof m);
  for (int i = 0; i < 4; i++) {
    parts[i] = (struct iovec){texts[i], strlen(texts[i])};
    m[i].msg_hdr.msg_iov = parts + i;
    m[i].msg_hdr.msg_iovlen = 1;
  }
  SHOW(sendmmsg(p[0], m, 3, 0));
  printf("  %d %d %d\n", m[0].msg_len, m[1].msg_len, m[2].msg_len);
  for (int i = 0; i < 4; i++) parts[i].iov_len = 8;
  SHOW(recvmmsg(p[1], m, 4, MSG_WAITFORONE, 0));
  printf("  %d %d %d %.3s\n", m[0].msg_len, m[1].msg_len, m[2].msg_len, texts[1]);
  FAILS(recvmmsg(p[1], m, 4, MSG_DONTWAIT, 0));
  struct timespec limit = {0, 0};
  SHOW(sendmmsg(p[0], m, 2, 0));
  SHOW(recvmmsg(p[1], m, 4, 0, &limit));
  m[0].msg_hdr.msg_iovlen = 2000;
  FAILS(sendmsg(p[0], &m[0].msg_hdr, 0));
  FAILS(sendmsg(p[0], (void *)8, 0));
  struct iovec vector[3] = {{"ab", 2}, {"", 0}, {"cde", 3}};
  SHOW(writev(p[0], vector, 3));
  struct iovec into[2] = {{texts[0], 1}, {texts[1], 8}};
  SHOW(readv(p[1], into, 2));
  printf("  %c %.4s\n", texts[0][0], texts[1]);
  close(p[0]), close(p[1]);
}

static void permissions(void) {
  if (getuid() != 0) return;
  int server = socket(AF_UNIX, SOCK_STREAM, 0);
  do_bind(server, "guarded"), listen(server, 1);
  fflush(stdout);
  chmod(folder, 0755);
  pid_t pid = fork();
  if (pid == 0) {
    setgid(12345), setuid(12345);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    FAILS(do_connect(fd, "guarded"));
    FAILS(do_bind(fd, "mine"));
    struct ucred given = {getpid(), 0, 12345};
    int p[2];
    socketpair(AF_UNIX, SOCK_DGRAM, 0, p);
    FAILS(send_with(p[0], 0, 0, "given", SCM_CREDENTIALS, &given, sizeof given));
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, 0, 0);
  close(server);
}

int main(void) {
  alarm(60);
  strcpy(folder, "/tmp/unix-XXXXXX");
  if (!mkdtemp(folder)) return 1;
  making();
  naming();
  streams();
  pipe_signal();
  limits();
  datagrams();
  packets();
  listening();
  rights();
  cycles();
  credentials();
  options();
  waiting();
  several();
  permissions();
  char command[100];
  sprintf(command, "%s/guarded", folder);
  unlink(command);
  SHOW(rmdir(folder) * 0);
  return 0;
}
