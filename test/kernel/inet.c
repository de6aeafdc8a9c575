/* TCP and UDP over the loopback: names, ports, connections, states, errors, options. */
#include "check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <linux/sockios.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

union address {
  struct sockaddr any;
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
};
static char big[5000000];

/* "127.0.0.1" or "::1". */
static socklen_t at(union address *a, const char *ip, int port) {
  memset(a, 0, sizeof *a);
  if (strchr(ip, ':')) {
    a->in6.sin6_family = AF_INET6;
    a->in6.sin6_port = htons(port);
    inet_pton(AF_INET6, ip, &a->in6.sin6_addr);
    return sizeof a->in6;
  }
  a->in.sin_family = AF_INET;
  a->in.sin_port = htons(port);
  inet_pton(AF_INET, ip, &a->in.sin_addr);
  return sizeof a->in;
}
static int do_bind(int fd, const char *ip, int port) {
  union address a;
  socklen_t length = at(&a, ip, port);
  return bind(fd, &a.any, length);
}
static int do_connect(int fd, const char *ip, int port) {
  union address a;
  socklen_t length = at(&a, ip, port);
  return connect(fd, &a.any, length);
}
static ssize_t send_to(int fd, const char *text, const char *ip, int port) {
  union address a;
  socklen_t length = at(&a, ip, port);
  return sendto(fd, text, strlen(text), 0, &a.any, length);
}
static int port_of(int fd) {
  union address a;
  socklen_t length = sizeof a;
  return getsockname(fd, &a.any, &length) ? -1 : ntohs(a.in.sin_port);
}
/* Shows an address; ports that were chosen at random as their names. */
static int known_port;
static void show_address(const char *what, union address *a, socklen_t length) {
  char text[64];
  int v6 = a->any.sa_family == AF_INET6, port = ntohs(a->in.sin_port);
  inet_ntop(a->any.sa_family, v6 ? (void *)&a->in6.sin6_addr : (void *)&a->in.sin_addr, text, sizeof text);
  printf("%s: %d %s %s\n", what, length, text, port == 0 ? "0" : port == known_port ? "known" : "other");
}
static void show_name(const char *what, int fd, int peer) {
  union address a;
  socklen_t length = sizeof a;
  memset(&a, 0, sizeof a);
  if (peer ? getpeername(fd, &a.any, &length) : getsockname(fd, &a.any, &length))
    printf("%s: %s\n", what, strerrorname_np(errno));
  else show_address(what, &a, length);
}
static void show_poll(const char *what, int fd) {
  struct pollfd p = {fd, 0xffff, 0};
  int ready = poll(&p, 1, 0);
  printf("%s: %d %x\n", what, ready, p.revents);
}
static int option(int fd, int level, int name) {
  int value = -99;
  socklen_t length = sizeof value;
  return getsockopt(fd, level, name, &value, &length) ? -errno : value;
}
static int set(int fd, int level, int name, int value) { return setsockopt(fd, level, name, &value, sizeof value); }
static int error(int fd) { return option(fd, SOL_SOCKET, SO_ERROR); }
static int state(int fd) {
  struct tcp_info info;
  socklen_t length = sizeof info;
  return getsockopt(fd, SOL_TCP, TCP_INFO, &info, &length) ? -1 : info.tcpi_state;
}

static int server(const char *ip, int backlog) {
  int fd = socket(strchr(ip, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (do_bind(fd, ip, 0) || listen(fd, backlog)) perror("server");
  return fd;
}
/* Two ends of a connection. */
static void pair(int *ends) {
  int fd = server("127.0.0.1", 4);
  ends[0] = socket(AF_INET, SOCK_STREAM, 0);
  if (do_connect(ends[0], "127.0.0.1", port_of(fd))) perror("connect");
  ends[1] = accept(fd, 0, 0);
  close(fd);
}

static void making(void) {
  FAILS(socket(AF_INET, SOCK_STREAM, 17));
  FAILS(socket(AF_INET, SOCK_DGRAM, 6));
  FAILS(socket(AF_INET, SOCK_SEQPACKET, 0));
  FAILS(socket(AF_INET, SOCK_STREAM, 300));
  FAILS(socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP));
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  SHOW(option(fd, SOL_SOCKET, SO_PROTOCOL));
  SHOW(option(fd, SOL_SOCKET, SO_DOMAIN));
  union address a;
  socklen_t length = at(&a, "127.0.0.1", 0);
  FAILS(bind(fd, &a.any, 15));
  a.any.sa_family = AF_INET6;
  FAILS(bind(fd, &a.any, length));
  FAILS(do_bind(fd, "8.8.8.8", 0));
  FAILS(do_bind(fd, "224.0.0.1", 0));
  show_name("fresh", fd, 0);
  show_name("no peer", fd, 1);
  show_poll("fresh", fd);
  SHOW(do_bind(fd, "127.0.0.1", 0));
  known_port = port_of(fd);
  show_name("bound", fd, 0);
  FAILS(do_bind(fd, "127.0.0.1", 0));
  int six = socket(AF_INET6, SOCK_STREAM, 0);
  FAILS(bind(six, &a.any, 20));
  FAILS(do_bind(six, "2001:db8::1", 0));
  SHOW(do_bind(six, "::1", 0));
  known_port = port_of(six);
  show_name("six", six, 0);
  close(fd), close(six);
}

static void conflicts(void) {
  int a = socket(AF_INET, SOCK_STREAM, 0), b = socket(AF_INET, SOCK_STREAM, 0), six = socket(AF_INET6, SOCK_STREAM, 0);
  do_bind(a, "127.0.0.1", 0);
  int port = port_of(a);
  FAILS(do_bind(b, "127.0.0.1", port));
  FAILS(do_bind(b, "0.0.0.0", port));
  FAILS(do_bind(six, "::", port));
  FAILS(do_bind(six, "::ffff:127.0.0.1", port));
  SHOW(do_bind(six, "::1", port));
  SHOW(do_bind(b, "127.0.0.2", port));
  close(six), close(b);
  six = socket(AF_INET6, SOCK_STREAM, 0);
  SHOW(option(six, SOL_IPV6, IPV6_V6ONLY));
  SHOW(set(six, SOL_IPV6, IPV6_V6ONLY, 1));
  FAILS(do_bind(six, "::ffff:127.0.0.1", 0));
  SHOW(do_bind(six, "::", port));
  FAILS(set(six, SOL_IPV6, IPV6_V6ONLY, 0));
  b = socket(AF_INET, SOCK_STREAM, 0);
  set(b, SOL_SOCKET, SO_REUSEADDR, 1);
  FAILS(do_bind(b, "127.0.0.1", port));
  set(a, SOL_SOCKET, SO_REUSEADDR, 1);
  SHOW(do_bind(b, "127.0.0.1", port));
  SHOW(listen(a, 1));
  FAILS(listen(b, 1));
  close(a), close(b), close(six);
  a = socket(AF_INET, SOCK_STREAM, 0), b = socket(AF_INET, SOCK_STREAM, 0);
  set(a, SOL_SOCKET, SO_REUSEPORT, 1), set(b, SOL_SOCKET, SO_REUSEPORT, 1);
  do_bind(a, "127.0.0.1", 0);
  SHOW(do_bind(b, "127.0.0.1", port_of(a)));
  SHOW(listen(a, 1));
  SHOW(listen(b, 1));
  close(a), close(b);
  a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
  do_bind(a, "0.0.0.0", 0);
  FAILS(do_bind(b, "127.0.0.1", port_of(a)));
  set(a, SOL_SOCKET, SO_REUSEADDR, 1), set(b, SOL_SOCKET, SO_REUSEADDR, 1);
  SHOW(do_bind(b, "127.0.0.1", port_of(a)));
  close(a), close(b);
  /* Whoever closes first keeps the port for a while. */
  int fd = server("127.0.0.1", 1), client = socket(AF_INET, SOCK_STREAM, 0);
  port = port_of(fd);
  do_connect(client, "127.0.0.1", port);
  close(accept(fd, 0, 0));
  char byte;
  HOLDS(read(client, &byte, 1) == 0);
  close(client), close(fd);
  a = socket(AF_INET, SOCK_STREAM, 0);
  FAILS(do_bind(a, "127.0.0.1", port));
  set(a, SOL_SOCKET, SO_REUSEADDR, 1);
  FAILS(do_bind(a, "127.0.0.1", port));
  close(a);
}

static void streams(const char *ip, const char *from) {
  printf("-- %s from %s\n", ip, from);
  union address a;
  socklen_t length = sizeof a;
  char text[32] = {0};
  int fd = server(ip, 2), left;
  int port = known_port = port_of(fd);
  show_poll("listening", fd);
  SHOW(state(fd));
  SHOW(option(fd, SOL_SOCKET, SO_ACCEPTCONN));
  FAILS(recv(fd, text, 1, 0));
  FAILS(send(fd, text, 1, MSG_NOSIGNAL));
  FAILS(do_connect(fd, from, port));
  int client = socket(strchr(from, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
  SHOW(do_connect(client, from, port));
  FAILS(do_connect(client, from, port));
  show_name("client's peer", client, 1);
  show_poll("to be accepted", fd);
  known_port = port_of(client);
  int end = accept(fd, &a.any, &length);
  show_address("accepted from", &a, length);
  show_name("its peer", end, 1);
  known_port = port;
  show_name("its name", end, 0);
  show_poll("connected", client);
  SHOW(state(client));
  SHOW(send(client, "hello", 5, 0));
  SHOW(sendto(client, "world", 5, 0, &a.any, 0));
  SHOW(ioctl(end, FIONREAD, &left));
  printf("  %d\n", left);
  show_poll("sent", end);
  SHOW(recv(end, text, 30, MSG_PEEK));
  memset(&a, 0, sizeof a);
  length = sizeof a;
  SHOW(recvfrom(end, text, 3, 0, &a.any, &length));
  printf("  name %d\n", length);
  SHOW(recv(end, text, 2, MSG_TRUNC));
  SHOW(recv(end, text, 30, 0));
  FAILS(recv(end, text, 30, MSG_DONTWAIT));
  FAILS(recv(end, text, 30, MSG_OOB));
  FAILS(recv(end, text, 30, MSG_ERRQUEUE));
  SHOW(send(client, "last", 4, 0));
  SHOW(shutdown(client, SHUT_WR));
  usleep(1000);
  show_poll("half closed", client);
  show_poll("its peer", end);
  SHOW(state(end));
  FAILS(send(client, "x", 1, MSG_NOSIGNAL));
  SHOW(recv(end, text, 30, 0));
  SHOW(recv(end, text, 30, 0));
  SHOW(send(end, "back", 4, 0));
  SHOW(recv(client, text, 30, 0));
  close(end);
  usleep(1000);
  show_poll("closed", client);
  SHOW(recv(client, text, 30, 0));
  SHOW(state(client));
  show_name("no peer any more", client, 1);
  close(client), close(fd);
}

static void endings(void) {
  char text[16];
  int p[2];
  /* What is sent to nobody is answered with a reset. */
  pair(p);
  close(p[1]);
  show_poll("peer gone", p[0]);
  SHOW(send(p[0], "one", 3, MSG_NOSIGNAL));
  usleep(1000);
  show_poll("after a send", p[0]);
  FAILS(send(p[0], "two", 3, MSG_NOSIGNAL));
  FAILS(send(p[0], "two", 3, MSG_NOSIGNAL));
  SHOW(recv(p[0], text, 16, 0));
  SHOW(error(p[0]));
  close(p[0]);
  /* Unread data. */
  pair(p);
  SHOW(send(p[0], "unread", 6, 0));
  SHOW(send(p[1], "to you", 6, 0));
  usleep(1000);
  close(p[1]);
  usleep(1000);
  show_poll("reset", p[0]);
  SHOW(recv(p[0], text, 3, 0));
  SHOW(recv(p[0], text, 16, 0));
  FAILS(recv(p[0], text, 16, 0));
  SHOW(recv(p[0], text, 16, 0));
  FAILS(send(p[0], "two", 3, MSG_NOSIGNAL));
  close(p[0]);
  /* SO_LINGER with 0. */
  pair(p);
  struct linger linger = {1, 0};
  setsockopt(p[1], SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(p[1]);
  usleep(1000);
  SHOW(error(p[0]));
  SHOW(error(p[0]));
  FAILS(shutdown(p[0], SHUT_RDWR));
  close(p[0]);
  /* SHUT_RD only here. */
  pair(p);
  SHOW(shutdown(p[0], SHUT_RD));
  SHOW(recv(p[0], text, 16, 0));
  SHOW(send(p[1], "late", 4, 0));
  usleep(1000);
  SHOW(recv(p[0], text, 16, 0));
  SHOW(recv(p[0], text, 16, 0));
  SHOW(shutdown(p[0], SHUT_RDWR));
  FAILS(shutdown(p[0], 7));
  usleep(1000);
  SHOW(state(p[1]));
  close(p[0]), close(p[1]);
  /* A listener that goes. */
  int fd = server("127.0.0.1", 2), port = port_of(fd), client = socket(AF_INET, SOCK_STREAM, 0);
  do_connect(client, "127.0.0.1", port);
  SHOW(shutdown(fd, SHUT_RD));
  usleep(1000);
  show_poll("not accepted", client);
  FAILS(recv(client, text, 1, 0));
  FAILS(accept(fd, 0, 0));
  SHOW(listen(fd, 1));
  HOLDS(port != port_of(fd));
  port = port_of(fd);
  close(client);
  client = socket(AF_INET, SOCK_STREAM, 0);
  SHOW(do_connect(client, "127.0.0.1", port));
  struct sockaddr none = {AF_UNSPEC};
  SHOW(connect(client, &none, sizeof none));
  SHOW(state(client));
  show_name("disconnected", client, 1);
  SHOW(do_connect(client, "127.0.0.1", port));
  int end = accept(fd, 0, 0);
  FAILS(recv(end, text, 1, MSG_DONTWAIT));
  close(end), close(fd), close(client);
}

static void refusals(void) {
  char text[8];
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  int closed = server("127.0.0.1", 1), port = port_of(closed);
  close(closed);
  FAILS(do_connect(fd, "127.0.0.1", port));
  show_poll("refused", fd);
  FAILS(do_connect(fd, "127.0.0.1", port));
  FAILS(send(fd, text, 1, MSG_NOSIGNAL));
  FAILS(recv(fd, text, 1, 0));
  FAILS(shutdown(fd, SHUT_RDWR));
  fcntl(fd, F_SETFL, O_NONBLOCK);
  FAILS(do_connect(fd, "127.0.0.1", port));
  usleep(2000);
  show_poll("refused later", fd);
  SHOW(error(fd));
  SHOW(error(fd));
  FAILS(do_connect(fd, "127.0.0.1", port));
  close(fd);
  fd = socket(AF_INET, SOCK_STREAM, 0);
  union address a;
  socklen_t length = at(&a, "127.0.0.1", port);
  FAILS(connect(fd, &a.any, 8));
  a.any.sa_family = AF_UNIX;
  FAILS(connect(fd, &a.any, length));
  FAILS(listen(socket(AF_INET, SOCK_DGRAM, 0), 1));
  int listener = server("127.0.0.1", 1);
  port = port_of(listener);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  FAILS(do_connect(fd, "0.0.0.0", port));
  usleep(2000);
  show_poll("connected later", fd);
  SHOW(error(fd));
  SHOW(do_connect(fd, "0.0.0.0", port));
  FAILS(do_connect(fd, "0.0.0.0", port));
  close(fd), close(listener);
}

static void urgent(void) {
  char text[32] = {0};
  int p[2], mark;
  pair(p);
  SHOW(send(p[0], "abc", 3, MSG_OOB));
  SHOW(send(p[0], "def", 3, 0));
  usleep(1000);
  show_poll("urgent", p[1]);
  SHOW(ioctl(p[1], SIOCATMARK, &mark));
  printf("  %d\n", mark);
  SHOW(recv(p[1], text, 32, 0));
  puts(text);
  SHOW(ioctl(p[1], SIOCATMARK, &mark));
  printf("  %d\n", mark);
  SHOW(recv(p[1], text, 32, MSG_OOB));
  puts(text);
  FAILS(recv(p[1], text, 32, MSG_OOB));
  show_poll("read", p[1]);
  memset(text, 0, sizeof text);
  SHOW(recv(p[1], text, 32, 0));
  puts(text);
  set(p[1], SOL_SOCKET, SO_OOBINLINE, 1);
  SHOW(send(p[0], "gh", 2, MSG_OOB));
  usleep(1000);
  FAILS(recv(p[1], text, 32, MSG_OOB));
  SHOW(recv(p[1], text, 32, 0));
  SHOW(recv(p[1], text, 32, 0));
  puts(text);
  close(p[0]), close(p[1]);
}

static void *taker(void *arg) {
  static char into[100000];
  long sum = 0, done;
  usleep(20000);
  while ((done = read(*(int *)arg, into, sizeof into)) > 0) sum += done;
  return (void *)sum;
}

static void flow(void) {
  int p[2];
  void *sum;
  pthread_t thread;
  pair(p);
  pthread_create(&thread, 0, taker, p + 1);
  HOLDS(write(p[0], big, sizeof big) == sizeof big);
  close(p[0]);
  pthread_join(thread, &sum);
  printf("  %ld\n", (long)sum);
  close(p[1]);
  pair(p);
  int file = memfd_create("big", 0);
  off_t from = 0;
  HOLDS(write(file, big, sizeof big) == sizeof big);
  pthread_create(&thread, 0, taker, p + 1);
  HOLDS(sendfile(p[0], file, &from, sizeof big) == sizeof big);
  close(p[0]), close(file);
  pthread_join(thread, &sum);
  printf("  %ld %ld\n", (long)sum, (long)from);
  close(p[1]);
  pair(p);
  fcntl(p[0], F_SETFL, O_NONBLOCK);
  long done, count = 0;
  while ((done = send(p[0], big, 65536, 0)) > 0) count += done;
  printf("  %s\n", strerrorname_np(errno));
  HOLDS(count > 1000000);
  show_poll("full", p[0]);
  while (recv(p[1], big, sizeof big, MSG_DONTWAIT) > 0) usleep(100);
  show_poll("empty", p[0]);
  close(p[0]), close(p[1]);
  /* Limits of time and signals. */
  pair(p);
  struct timeval limit = {0, 40000};
  setsockopt(p[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  FAILS(read(p[0], big, 1));
  SHOW(write(p[1], "abc", 3));
  SHOW(recv(p[0], big, 10, MSG_WAITALL));
  SHOW(write(p[1], "abc", 3));
  close(p[1]);
  SHOW(recv(p[0], big, 10, MSG_WAITALL));
  close(p[0]);
}

static void options(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), six = socket(AF_INET6, SOCK_STREAM, 0);
  SHOW(option(fd, SOL_TCP, TCP_NODELAY));
  SHOW(set(fd, SOL_TCP, TCP_NODELAY, 5));
  SHOW(option(fd, SOL_TCP, TCP_NODELAY));
  SHOW(option(fd, SOL_TCP, TCP_MAXSEG));
  SHOW(option(fd, SOL_TCP, TCP_KEEPIDLE));
  SHOW(option(fd, SOL_TCP, TCP_KEEPINTVL));
  SHOW(option(fd, SOL_TCP, TCP_KEEPCNT));
  SHOW(set(fd, SOL_TCP, TCP_KEEPIDLE, 100));
  SHOW(option(fd, SOL_TCP, TCP_KEEPIDLE));
  FAILS(set(fd, SOL_TCP, TCP_KEEPIDLE, 0));
  FAILS(set(fd, SOL_TCP, TCP_KEEPCNT, 200));
  SHOW(option(fd, SOL_TCP, TCP_SYNCNT));
  SHOW(option(fd, SOL_TCP, TCP_USER_TIMEOUT));
  SHOW(set(fd, SOL_TCP, TCP_CORK, 1));
  FAILS(set(fd, SOL_TCP, 999, 1));
  FAILS(setsockopt(fd, SOL_TCP, TCP_NODELAY, "ab", 2));
  FAILS(setsockopt(fd, SOL_TCP, TCP_CONGESTION, "nosuch", 6));
  SHOW(setsockopt(fd, SOL_TCP, TCP_CONGESTION, "reno", 4));
  char name[16] = {0};
  socklen_t length = 16;
  SHOW(getsockopt(fd, SOL_TCP, TCP_CONGESTION, name, &length));
  printf("  %s %d\n", name, length);
  SHOW(option(fd, SOL_IP, IP_TTL));
  SHOW(set(fd, SOL_IP, IP_TTL, 12));
  SHOW(option(fd, SOL_IP, IP_TTL));
  FAILS(set(fd, SOL_IP, IP_TTL, 256));
  FAILS(set(fd, SOL_IP, IP_TTL, 0));
  SHOW(set(fd, SOL_IP, IP_TOS, 0x10));
  SHOW(option(fd, SOL_IP, IP_TOS));
  FAILS(option(fd, SOL_IP, 9999) < 0 ? -1 : 0);
  FAILS(set(fd, SOL_IPV6, IPV6_V6ONLY, 1));
  SHOW(option(six, SOL_IPV6, IPV6_UNICAST_HOPS));
  SHOW(set(six, SOL_IPV6, IPV6_UNICAST_HOPS, 3));
  SHOW(option(six, SOL_IPV6, IPV6_UNICAST_HOPS));
  SHOW(set(fd, SOL_SOCKET, SO_KEEPALIVE, 1));
  SHOW(option(fd, SOL_SOCKET, SO_KEEPALIVE));
  SHOW(set(fd, SOL_SOCKET, SO_BROADCAST, 1));
  SHOW(set(fd, SOL_SOCKET, SO_REUSEPORT, 1));
  SHOW(option(fd, SOL_SOCKET, SO_REUSEPORT));
  FAILS(set(fd, SOL_SOCKET, SO_PASSCRED, 1));
  SHOW(set(fd, SOL_SOCKET, SO_SNDBUF, 30000));
  SHOW(option(fd, SOL_SOCKET, SO_SNDBUF));
  SHOW(set(fd, SOL_SOCKET, SO_RCVBUF, 30000));
  SHOW(option(fd, SOL_SOCKET, SO_RCVBUF));
  struct ifreq request = {0};
  strcpy(request.ifr_name, "lo");
  SHOW(ioctl(fd, SIOCGIFADDR, &request));
  printf("  %s\n", inet_ntoa(((struct sockaddr_in *)&request.ifr_addr)->sin_addr));
  SHOW(ioctl(fd, SIOCGIFFLAGS, &request));
  printf("  %x\n", request.ifr_flags);
  SHOW(ioctl(fd, SIOCGIFMTU, &request));
  printf("  %d\n", request.ifr_mtu);
  SHOW(ioctl(fd, SIOCGIFINDEX, &request));
  printf("  %d\n", request.ifr_ifindex);
  strcpy(request.ifr_name, "eth99");
  FAILS(ioctl(fd, SIOCGIFADDR, &request));
  HOLDS(if_nametoindex("lo") == 1);
  close(fd), close(six);
}

static void datagrams(void) {
  char text[64] = {0};
  union address a;
  socklen_t length;
  int s = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0), left;
  show_poll("fresh", s);
  FAILS(send(c, "x", 1, 0));
  FAILS(recv(c, text, 1, MSG_DONTWAIT));
  do_bind(s, "127.0.0.1", 0);
  int port = port_of(s);
  FAILS(send_to(c, "x", "127.0.0.1", 0));
  SHOW(send_to(c, "one", "127.0.0.1", port));
  SHOW(send_to(c, "", "127.0.0.1", port));
  SHOW(send_to(c, "three", "127.0.0.1", port));
  show_name("after a send", c, 0);
  known_port = port_of(c);
  show_poll("sent", s);
  SHOW(ioctl(s, FIONREAD, &left));
  printf("  %d\n", left);
  length = sizeof a;
  SHOW(recvfrom(s, text, 2, MSG_TRUNC, &a.any, &length));
  show_address("from", &a, length);
  SHOW(recv(s, text, 64, 0));
  SHOW(recv(s, text, 64, MSG_PEEK));
  SHOW(recv(s, text, 64, 0));
  FAILS(recv(s, text, 64, MSG_DONTWAIT));
  FAILS(sendto(c, big, 65508, 0, &a.any, length));
  FAILS(sendto(c, big, 70000, 0, &a.any, length));
  FAILS(send(c, "x", 1, MSG_OOB));
  FAILS(shutdown(c, SHUT_RD));
  close(c);
  c = socket(AF_INET, SOCK_DGRAM, 0);
  SHOW(do_connect(c, "127.0.0.1", port));
  known_port = port;
  show_name("peer", c, 1);
  SHOW(send(c, "four", 4, 0));
  SHOW(recv(s, text, 64, 0));
  int other = socket(AF_INET, SOCK_DGRAM, 0);
  SHOW(send_to(other, "stranger", "127.0.0.1", port_of(c)));
  FAILS(recv(c, text, 64, MSG_DONTWAIT));
  close(s);
  SHOW(send(c, "five", 4, 0));
  usleep(1000);
  show_poll("refused", c);
  FAILS(recv(c, text, 64, MSG_DONTWAIT));
  SHOW(send(c, "six", 3, 0));
  usleep(1000);
  FAILS(send(c, "seven", 5, 0));
  struct sockaddr none = {AF_UNSPEC};
  SHOW(connect(c, &none, sizeof none));
  FAILS(send(c, "x", 1, 0));
  show_name("disconnected", c, 0);
  SHOW(send_to(other, "nobody", "127.0.0.1", port));
  SHOW(error(other));
  close(c), close(other);
  /* Options that tell of each datagram. */
  s = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0);
  do_bind(s, "0.0.0.0", 0);
  set(s, SOL_IP, IP_PKTINFO, 1);
  set(s, SOL_IP, IP_RECVTTL, 1);
  SHOW(send_to(c, "info", "127.0.0.5", port_of(s)));
  char control[256];
  struct iovec part = {text, 64};
  struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = 256};
  SHOW(recvmsg(s, &m, 0));
  for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
    printf("  level %d type %d length %zu", h->cmsg_level, h->cmsg_type, h->cmsg_len);
    struct in_pktinfo *info = (void *)CMSG_DATA(h);
    if (h->cmsg_type == IP_PKTINFO) printf(" %d %s", info->ipi_ifindex, inet_ntoa(info->ipi_addr));
    puts("");
  }
  close(s), close(c);
  /* IPv4 and IPv6 together. */
  s = socket(AF_INET6, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0);
  do_bind(s, "::", 0);
  SHOW(send_to(c, "four", "127.0.0.1", port_of(s)));
  known_port = port_of(c);
  length = sizeof a;
  SHOW(recvfrom(s, text, 64, 0, &a.any, &length));
  show_address("from", &a, length);
  SHOW(sendto(s, "reply", 5, 0, &a.any, length));
  SHOW(recv(c, text, 64, 0));
  close(c);
  c = socket(AF_INET6, SOCK_DGRAM, 0);
  SHOW(send_to(c, "six", "::1", port_of(s)));
  known_port = port_of(c);
  SHOW(recvfrom(s, text, 64, 0, &a.any, (length = sizeof a, &length)));
  show_address("from", &a, length);
  close(s), close(c);
}

/* Which addresses the run-time library finds. */
static void names(void) {
  struct ifaddrs *all;
  HOLDS(getifaddrs(&all) == 0);
  int found = 0;
  for (struct ifaddrs *i = all; i; i = i->ifa_next)
    if (!strcmp(i->ifa_name, "lo")) {
      found++;
      if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET) {
        printf("  %s", inet_ntoa(((struct sockaddr_in *)i->ifa_addr)->sin_addr));
        printf(" %s\n", inet_ntoa(((struct sockaddr_in *)i->ifa_netmask)->sin_addr));
      }
    }
  HOLDS(found >= 2);
  freeifaddrs(all);
  struct addrinfo *list, hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
  SHOW(getaddrinfo("127.0.0.1", "80", &hints, &list));
  hints.ai_flags = AI_PASSIVE;
  hints.ai_family = AF_INET;
  SHOW(getaddrinfo(0, "80", &hints, &list));
  int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  struct sockaddr_nl nl = {AF_NETLINK};
  socklen_t length = sizeof nl;
  SHOW(bind(fd, (void *)&nl, sizeof nl));
  SHOW(getsockname(fd, (void *)&nl, &length));
  HOLDS(nl.nl_pid == getpid());
  struct {
    struct nlmsghdr h;
    struct ifinfomsg i;
  } ask = {{sizeof ask, RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, 7, 0}, {AF_UNSPEC, 0, 0, 999}};
  SHOW(send(fd, &ask, sizeof ask, 0));
  char answer[8192];
  HOLDS(recv(fd, answer, sizeof answer, 0) > 0);
  struct nlmsghdr *h = (void *)answer;
  printf("  type %d seq %d error %d\n", h->nlmsg_type, h->nlmsg_seq, ((struct nlmsgerr *)NLMSG_DATA(h))->error);
  ask.i.ifi_index = 0;
  HOLDS(send(fd, &ask, sizeof ask, 0) > 0 && recv(fd, answer, sizeof answer, 0) > 0);
  printf("  error %d\n", ((struct nlmsgerr *)NLMSG_DATA(h))->error);
  ask.i.ifi_index = 1;
  SHOW(send(fd, &ask, sizeof ask, 0));
  HOLDS(recv(fd, answer, sizeof answer, 0) > 0);
  struct ifinfomsg *info = NLMSG_DATA(h);
  printf("  type %d index %d flags %x kind %d\n", h->nlmsg_type, info->ifi_index, info->ifi_flags, info->ifi_type);
  FAILS(socket(AF_NETLINK, SOCK_STREAM, 0));
  close(fd);
}

static void privileges(void) {
  if (getuid() != 0) return;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    setuid(12345);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(do_bind(fd, "127.0.0.1", 0));
    FAILS(socket(AF_INET, SOCK_RAW, 1));
    FAILS(set(fd, SOL_SOCKET, SO_MARK, 1));
    FAILS(set(fd, SOL_SOCKET, SO_PRIORITY, 7));
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, 0, 0);
}

int main(void) {
  alarm(60);
  making();
  conflicts();
  streams("127.0.0.1", "127.0.0.1");
  streams("::1", "::1");
  streams("::", "127.0.0.1");
  streams("::", "::ffff:127.0.0.1");
  streams("0.0.0.0", "127.3.2.1");
  endings();
  refusals();
  urgent();
  flow();
  options();
  datagrams();
  names();
  privileges();
  return 0;
}
