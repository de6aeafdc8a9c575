/* SIGIO and SIGURG: who gets them, for what, and what they say (fcntl(2), socket(7), kill_fasync). */
#include "check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <linux/sockios.h>

#define QUEUED (SIGRTMIN + 1)

static sigset_t all;

/* Prints the signals that are pending, each kind once, and takes them. */
static void pending(const char *what) {
  siginfo_t info;
  struct timespec none = {0, 0};
  char seen[512] = "";
  int signal;
  while ((signal = sigtimedwait(&all, &info, &none)) > 0) {
    char one[80];
    if (signal == QUEUED)
      snprintf(one, sizeof(one), " [queued code %d band %#lx fd %d]", info.si_code, info.si_band, info.si_fd);
    else
      snprintf(one, sizeof(one), " [%s code %d]", sigabbrev_np(signal), info.si_code);
    if (!strstr(seen, one)) strcat(seen, one);
  }
  printf("%s:%s\n", what, seen);
}

static void announce(int fd, int queued) {
  if (fcntl(fd, F_SETOWN, getpid()) < 0) perror("F_SETOWN");
  if (queued) fcntl(fd, F_SETSIG, QUEUED);
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC) < 0) perror("F_SETFL");
}

static void owners(int fd) {
  struct f_owner_ex owner;
  int number = 0;
  SHOW(fcntl(fd, F_GETOWN));
  FAILS(fcntl(fd, F_SETOWN, 0x7ffffff0));
  FAILS(fcntl(fd, F_SETOWN, INT32_MIN));
  FAILS(fcntl(fd, F_SETOWN, -0x7ffffff0));
  SHOW(fcntl(fd, F_SETOWN, 0));
  SHOW(fcntl(fd, F_SETOWN, getpid()));
  HOLDS(fcntl(fd, F_GETOWN) == getpid());
  owner = (struct f_owner_ex){F_OWNER_TID, syscall(SYS_gettid)};
  SHOW(fcntl(fd, F_SETOWN_EX, &owner));
  HOLDS(fcntl(fd, F_GETOWN) == getpid());
  owner.pid = 0x7ffffff0;
  FAILS(fcntl(fd, F_SETOWN_EX, &owner));
  owner.type = 9;
  FAILS(fcntl(fd, F_SETOWN_EX, &owner));
  SHOW(fcntl(fd, F_SETOWN, -getpgrp()));
  HOLDS(fcntl(fd, F_GETOWN_EX, &owner) == 0 && owner.type == F_OWNER_PGRP && owner.pid == getpgrp());
  int child = fork();
  if (child == 0) _exit(0);
  SHOW(fcntl(fd, F_SETOWN, child) + 0);
  waitpid(child, NULL, 0);
  SHOW(fcntl(fd, F_GETOWN));
  FAILS(fcntl(fd, F_SETSIG, 65));
  FAILS(fcntl(fd, F_SETSIG, -1));
  SHOW(fcntl(fd, F_SETSIG, 0));
}

static void flags(void) {
  int on = 1, off = 0, event = eventfd(0, 0), file = open("/etc/passwd", O_RDONLY), ends[2];
  pipe(ends);
  SHOW(fcntl(event, F_SETFL, O_ASYNC));
  SHOW(fcntl(event, F_GETFL) & O_ASYNC);
  FAILS(ioctl(event, FIOASYNC, &on));
  SHOW(ioctl(event, FIOASYNC, &off));
  FAILS(ioctl(file, FIOASYNC, &on));
  SHOW(fcntl(file, F_SETFL, O_ASYNC));
  SHOW(fcntl(file, F_GETFL) & O_ASYNC);
  SHOW(ioctl(ends[0], FIOASYNC, &on));
  SHOW((fcntl(ends[0], F_GETFL) & O_ASYNC) != 0);
  FAILS(ioctl(ends[0], FIOASYNC, (void *)1));
  owners(ends[0]);
  write(ends[1], "x", 1);
  pending("nobody owns it any more");
  fcntl(ends[0], F_SETOWN, getpid());
  write(ends[1], "x", 1);
  pending("now somebody does");
  SHOW(ioctl(ends[0], FIOASYNC, &off));
  write(ends[1], "x", 1);
  pending("off again");
  close(event), close(file), close(ends[0]), close(ends[1]);
}

static void pipes(void) {
  int ends[2];
  char buffer[65536];
  pipe(ends);
  announce(ends[0], 1);
  write(ends[1], "ab", 2);
  pending("pipe: bytes have come");
  int twin = dup(ends[0]);
  read(ends[0], buffer, 1);
  close(ends[0]);
  write(ends[1], "ab", 2);
  pending("a duplicate has it still");
  fcntl(twin, F_SETFL, 0);
  announce(ends[1], 1);
  fcntl(ends[1], F_SETFL, O_NONBLOCK | O_ASYNC);
  while (write(ends[1], buffer, sizeof(buffer)) > 0)
    ;
  pending("full");
  read(twin, buffer, sizeof(buffer));
  pending("room again");
  fcntl(ends[1], F_SETSIG, SIGUSR1);
  close(twin);
  pending("no reader");
  close(ends[1]);
  pipe(ends);
  announce(ends[0], 0);
  close(ends[1]);
  pending("no writer");
  close(ends[0]);
}

static void sockets(int type) {
  int ends[2];
  char byte;
  socketpair(AF_UNIX, type, 0, ends);
  announce(ends[0], 1);
  write(ends[1], "a", 1);
  pending("socket: a message");
  read(ends[0], &byte, 1);
  pending("it was read");
  shutdown(ends[1], SHUT_WR);
  pending("no more will come");
  close(ends[1]);
  pending("closed");
  close(ends[0]);
}

static void streams(void) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), number = 0, one = 1;
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof(name);
  char byte;
  bind(listener, (struct sockaddr *)&name, size);
  getsockname(listener, (struct sockaddr *)&name, &size);
  listen(listener, 5);
  announce(listener, 0);
  int client = socket(AF_INET, SOCK_STREAM, 0);
  connect(client, (struct sockaddr *)&name, size);
  nap(20);
  pending("a connection");
  int server = accept(listener, NULL, NULL);
  number = getpid();
  SHOW(ioctl(server, FIOSETOWN, &number));
  number = 0;
  HOLDS(ioctl(server, SIOCGPGRP, &number) == 0 && number == getpid());
  HOLDS(ioctl(server, FIOGETOWN, &number) == 0 && number == getpid());
  send(client, "b", 1, 0);
  nap(20);
  pending("an owner alone");
  send(client, "u", 1, MSG_OOB);
  nap(20);
  pending("urgent");
  announce(server, 1);
  send(client, "c", 1, 0);
  nap(20);
  pending("bytes");
  close(client);
  nap(20);
  pending("the peer ends");
  close(server);
  close(listener);
}

static void terminals(void) {
  int master, slave;
  char buffer[10];
  struct termios raw;
  openpty(&master, &slave, NULL, NULL, NULL);
  tcgetattr(slave, &raw);
  cfmakeraw(&raw);
  tcsetattr(slave, TCSANOW, &raw);
  SHOW(fcntl(slave, F_SETFL, O_RDWR | O_ASYNC));
  HOLDS(fcntl(slave, F_GETOWN) == getpid());
  write(master, "a", 1);
  poll(&(struct pollfd){slave, POLLIN}, 1, 1000);
  pending("keys");
  read(slave, buffer, 10);
  fcntl(slave, F_SETFL, O_RDWR);
  announce(master, 0);
  write(slave, "b", 1);
  poll(&(struct pollfd){master, POLLIN}, 1, 1000);
  pending("the screen");
  close(slave);
  close(master);
}

static void *bystander(void *stop) {
  read(*(int *)stop, stop, 1);
  return NULL;
}

static void threads_and_groups(void) {
  int ends[2], stop[2];
  pthread_t thread;
  pipe(ends);
  pipe(stop);
  pthread_create(&thread, NULL, bystander, stop);
  struct f_owner_ex owner = {F_OWNER_TID, syscall(SYS_gettid)};
  fcntl(ends[0], F_SETOWN_EX, &owner);
  fcntl(ends[0], F_SETFL, O_ASYNC);
  write(ends[1], "a", 1);
  pending("this thread");
  write(stop[1], "x", 1);
  pthread_join(thread, NULL);
  fflush(stdout);
  int child = fork();
  if (child == 0) {
    setpgid(0, 0);
    struct timespec limit = {10, 0};
    int signal = sigtimedwait(&all, NULL, &limit);
    printf("in the group: %s\n", sigabbrev_np(signal));
    fflush(stdout);
    _exit(0);
  }
  setpgid(child, child);
  SHOW(fcntl(ends[0], F_SETOWN, -child) + 0);
  write(ends[1], "a", 1);
  waitpid(child, NULL, 0);
  pending("not here");
  close(ends[0]), close(ends[1]), close(stop[0]), close(stop[1]);
}

static void touch(const char *name) { close(open(name, O_CREAT | O_WRONLY, 0600)); }

static void directories(void) {
  char folder[] = "/tmp/sigio-XXXXXX";
  mkdtemp(folder);
  int before = open(".", O_RDONLY), fd = open(folder, O_RDONLY), file = open("/etc/passwd", O_RDONLY);
  fchdir(fd);
  FAILS(fcntl(file, F_NOTIFY, DN_CREATE));
  SHOW(fcntl(file, F_NOTIFY, 0));
  SHOW(fcntl(fd, F_SETSIG, QUEUED));
  SHOW(fcntl(fd, F_NOTIFY, DN_CREATE));
  HOLDS(fcntl(fd, F_GETOWN) == getpid());
  touch("one");
  pending("made");
  touch("two");
  pending("once only");
  fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT);
  fcntl(fd, F_NOTIFY, DN_DELETE | DN_ATTRIB);
  touch("three");
  pending("made");
  chmod("three", 0700);
  pending("changed");
  write(open("three", O_WRONLY), "x", 1);
  pending("written");
  unlink("three");
  pending("removed");
  SHOW(fcntl(fd, F_NOTIFY, DN_MULTISHOT));
  unlink("two");
  pending("over");
  fcntl(fd, F_NOTIFY, DN_RENAME | DN_MODIFY | DN_ACCESS | DN_MULTISHOT);
  rename("one", "other");
  pending("renamed");
  int other = open("other", O_RDWR);
  write(other, "abc", 3);
  pending("written");
  lseek(other, 0, SEEK_SET);
  read(other, folder, 1);
  pending("read");
  folder[0] = '/';
  int twin = dup(fd);
  close(twin);
  rename("other", "one");
  pending("a descriptor was closed");
  unlink("one");
  fchdir(before);
  rmdir(folder);
  close(before), close(fd), close(file), close(other);
}

int main(void) {
  alarm(60);
  sigemptyset(&all);
  sigaddset(&all, SIGIO), sigaddset(&all, SIGURG), sigaddset(&all, QUEUED), sigaddset(&all, SIGUSR1);
  sigprocmask(SIG_BLOCK, &all, NULL);
  flags();
  pipes();
  sockets(SOCK_STREAM);
  sockets(SOCK_DGRAM);
  sockets(SOCK_SEQPACKET);
  streams();
  terminals();
  threads_and_groups();
  directories();
  return 0;
}
