/*
 * Makes one of each kind of object, says so, and waits for a line; then looks whether each still is what it was. What it
 * prints after that line is the same whether or not the whole system was written down and restored meanwhile. With MOVING
 * it makes only what goes along with a process that moves to another system.
 */
#include "check.h"
#include <fcntl.h>
#include <fenv.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <pty.h>
#include <mqueue.h>
#include <dirent.h>

#ifdef MOVING
#define WHOLE(...)
#else
#define WHOLE(...) __VA_ARGS__
#endif

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int go, alarms, waiter_result = -2, order[3], orders;
static sem_t turnstile;
static int blocked_pipe[2], sem_id, msg_id, lock_fd;
static char blocked_text[16];

static void on_alarm(int signal) { alarms++; }

static void *waits_on_condition(void *unused) {
  pthread_mutex_lock(&mutex);
  while (!go) pthread_cond_wait(&condition, &mutex);
  waiter_result = go;
  pthread_mutex_unlock(&mutex);
  return NULL;
}

/* Those who wait on one futex are woken in the order in which they came. */
static volatile int in_order;

static void *waits_in_order(void *number) {
  in_order = syscall(SYS_gettid);
  sem_wait(&turnstile);
  order[orders++] = (int)(long)number;
  sem_post(&turnstile);
  return NULL;
}

/* Until the thread that has said its number last sleeps in sem_wait: nothing else there sleeps. */
static void until_it_waits(int waiters) {
  char path[64], line[256] = "";
  // How many wait is in the upper half of what glibc has in a sem_t.
  while (*(volatile unsigned long *)&turnstile >> 32 < waiters) nap(1);
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", in_order);
  while (strstr(line, ") S ") == NULL) {
    int file = open(path, O_RDONLY);
    line[read(file, line, sizeof line - 1)] = 0;
    close(file);
  }
}

static void *reads_pipe(void *unused) {
  read(blocked_pipe[0], blocked_text, sizeof blocked_text);
  return NULL;
}

static void *waits_for_semaphore(void *unused) {
  struct sembuf down = {0, -1, 0};
  return (void *)(long)semop(sem_id, &down, 1);
}

static void *waits_for_message(void *unused) {
  struct { long type; char text[8]; } message;
  long got = msgrcv(msg_id, &message, 8, 7, 0);
  return (void *)(got == 3 && memcmp(message.text, "ipc", 3) == 0 ? 1L : 0L);
}

static void *waits_for_lock(void *unused) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 4};
  int other = open("/tmp/culm-objects", O_RDWR);
  return (void *)(long)fcntl(other, F_OFD_SETLKW, &lock);
}

static void send_descriptor(int socket, int descriptor) {
  char space[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec part = {"d", 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  sendmsg(socket, &message, 0);
}

static int receive_descriptor(int socket) {
  char space[CMSG_SPACE(sizeof(int))], byte;
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
  recvmsg(socket, &message, 0);
  int descriptor;
  memcpy(&descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
  return descriptor;
}

int main(void) {
  char text[256];
  alarm(60);
  setvbuf(stdout, NULL, _IOLBF, 0);

  // Signals, timers.
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  sigaddset(&blocked, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  union sigval value = {.sival_int = 77};
  kill(getpid(), SIGUSR1);
  sigqueue(getpid(), SIGRTMIN, value);
  sigqueue(getpid(), SIGRTMIN, value);
  signal(SIGPROF, on_alarm);
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF};
  struct itimerspec later = {.it_value = {.tv_nsec = 400000000}};
  timer_create(CLOCK_MONOTONIC, &event, &timer);
  timer_settime(timer, 0, &later, NULL);
  int timer_fd = timerfd_create(CLOCK_MONOTONIC, 0);
  timerfd_settime(timer_fd, 0, &later, NULL);
  int signal_fd = signalfd(-1, &blocked, 0);
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);

  // Files: in memory, without a name, mapped, locked, of the host, of /proc and /dev.
  int file = open("/tmp/culm-objects", O_RDWR | O_CREAT | O_TRUNC, 0640);
  write(file, "0123456789", 10);
  int same = dup(file);
  int again = open("/tmp/culm-objects", O_RDWR);
  WHOLE(link("/tmp/culm-objects", "/tmp/culm-link");)
  WHOLE(symlink("culm-link", "/tmp/culm-symlink");)
  mkdir("/tmp/culm-folder", 0755);
  lock_fd = file;
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 2};
  fcntl(file, F_OFD_SETLK, &lock);
  flock(again, LOCK_EX);
  int gone = open("/tmp/culm-gone", O_RDWR | O_CREAT, 0600);
  write(gone, "without a name", 14);
  unlink("/tmp/culm-gone");
  char *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  char *shared = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  char *private = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *kept_out = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  strcpy(shared + 5000, "shared");
  strcpy(private + 9000, "private");
  int memory_file = memfd_create("memory", 0);
  write(memory_file, "memfd", 5);
  int host_file = open("/etc/passwd", O_RDONLY);
  char host_text[64], host_text2[64];
  pread(host_file, host_text, sizeof host_text, 20);
  lseek(host_file, 20, SEEK_SET);
  int status = open("/proc/self/status", O_RDONLY);
  read(status, text, 6);
  DIR *folder = opendir("/proc/self/fd");
  readdir(folder);
  int null = open("/dev/null", O_RDWR), random = open("/dev/urandom", O_RDONLY), zero = open("/dev/zero", O_RDWR);
  WHOLE(int watches = inotify_init1(IN_NONBLOCK);)
  WHOLE(inotify_add_watch(watches, "/tmp/culm-folder", IN_CREATE);)
  close(open("/tmp/culm-folder/one", O_CREAT | O_WRONLY, 0600));

  // Pipes, FIFOs, sockets, what is in them; descriptors in flight; epoll.
  int ends[2], pair[2], datagrams[2], packet[2];
  pipe(ends);
  write(ends[1], "in the pipe", 11);
  pipe(blocked_pipe);
  WHOLE(mkfifo("/tmp/culm-fifo", 0600);)
  WHOLE(int fifo = open("/tmp/culm-fifo", O_RDWR);)
  WHOLE(write(fifo, "fifo", 4);)
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams);
  socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packet);
  write(datagrams[0], "one", 3);
  write(datagrams[0], "two!", 4);
  write(packet[0], "packet", 6);
  send_descriptor(pair[0], ends[0]);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  bind(listener, (struct sockaddr *)&address, length);
  getsockname(listener, (struct sockaddr *)&address, &length);
  listen(listener, 4);
  int client = socket(AF_INET, SOCK_STREAM, 0), waiting = socket(AF_INET, SOCK_STREAM, 0);
  connect(client, (struct sockaddr *)&address, length);
  int server = accept(listener, NULL, NULL);
  connect(waiting, (struct sockaddr *)&address, length);
  write(client, "over tcp", 8);
  write(waiting, "early", 5);
  int udp = socket(AF_INET, SOCK_DGRAM, 0), udp_to = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in udp_address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  bind(udp_to, (struct sockaddr *)&udp_address, sizeof udp_address);
  getsockname(udp_to, (struct sockaddr *)&udp_address, &length);
  sendto(udp, "udp", 3, 0, (struct sockaddr *)&udp_address, length);
  struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/tmp/culm-socket"};
  int named = socket(AF_UNIX, SOCK_STREAM, 0);
#ifdef MOVING
  name.sun_path[0] = 0;
#endif
  bind(named, (struct sockaddr *)&name, sizeof name);
  listen(named, 1);
  int set = epoll_create1(0), counter = eventfd(3, 0);
  epoll_ctl(set, EPOLL_CTL_ADD, server, &(struct epoll_event){.events = EPOLLIN | EPOLLET, .data.u32 = 1});
  epoll_ctl(set, EPOLL_CTL_ADD, counter, &(struct epoll_event){.events = EPOLLIN, .data.u32 = 2});
  epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &(struct epoll_event){.events = EPOLLIN | EPOLLONESHOT, .data.u32 = 3});

  // Terminals, System V objects, message queues.
  int master, slave;
  openpty(&master, &slave, NULL, NULL, NULL);
  write(master, "half a ", 7);
#ifndef MOVING
  int shm = shmget(IPC_PRIVATE, 8192, IPC_CREAT | 0600);
  char *segment = shmat(shm, NULL, 0);
  strcpy(segment + 4000, "segment");
  sem_id = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600);
  msg_id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
  struct { long type; char text[8]; } message = {3, "kept"};
  msgsnd(msg_id, &message, 5, 0);
  struct mq_attr attributes = {.mq_maxmsg = 4, .mq_msgsize = 16};
  mqd_t queue = mq_open("/culm-queue", O_RDWR | O_CREAT, 0600, &attributes);
  mq_send(queue, "low", 4, 1);
  mq_send(queue, "high", 5, 9);
#endif

  // Threads that wait, processes that live and one that does not.
  pthread_t threads[8];
  sem_init(&turnstile, 0, 0);
  pthread_create(&threads[0], NULL, waits_on_condition, NULL);
  for (long i = 0; i < 3; i++) {
    pthread_create(&threads[1 + i], NULL, waits_in_order, (void *)i);
    until_it_waits(i + 1);
  }
  pthread_create(&threads[4], NULL, reads_pipe, NULL);
#ifndef MOVING
  pthread_create(&threads[5], NULL, waits_for_semaphore, NULL);
  pthread_create(&threads[6], NULL, waits_for_message, NULL);
  pthread_create(&threads[7], NULL, waits_for_lock, NULL);
#endif
  pid_t zombie = fork();
  if (zombie == 0) _exit(5);
  int told[2], asked[2];
  pipe(told);
  pipe(asked);
  pid_t child = fork();
  if (child == 0) {
    prctl(15, "a-child");
    chdir("/tmp/culm-folder");
    umask(027);
    read(asked[0], text, 1);
    strcpy(shared, "from the child");
    private[0] = 'c';
    write(told[1], getcwd(text, sizeof text), 16);
    _exit(lseek(file, 0, SEEK_CUR) == 10 ? 0 : 1);
  }
  nap(30);

  // Registers: vectors, rounding, x87.
  fesetround(FE_UPWARD);
  long double third = 1.0L / 3;
  double up = 1.0 / 3;

  printf("READY\n");
  fgets(text, sizeof text, stdin);

  HOLDS(third == 1.0L / 3 && up == 1.0 / 3);
  fesetround(FE_TONEAREST);
  clock_gettime(CLOCK_MONOTONIC, &after);
  HOLDS(after.tv_sec - before.tv_sec >= 0 && after.tv_sec - before.tv_sec < 50);
  nap(500);
  HOLDS(alarms == 1);
  uint64_t ticks = 0;
  SHOW(read(timer_fd, &ticks, 8));
  struct signalfd_siginfo info;
  for (int i = 0; i < 3; i++) {
    read(signal_fd, &info, sizeof info);
    printf("signal %d, value %d\n", info.ssi_signo == SIGRTMIN, i == 0 ? 0 : info.ssi_int);
  }

  SHOW(lseek(same, 0, SEEK_CUR));
  SHOW(write(same, "ab", 2));
  SHOW(lseek(file, 0, SEEK_CUR));
  mapped[0] = 'X';
  SHOW(pread(again, text, 12, 0));
  printf("%.12s\n", text);
  struct stat one, two;
  WHOLE(stat("/tmp/culm-link", &one);)
  WHOLE(stat("/tmp/culm-symlink", &two);)
  WHOLE(HOLDS(one.st_ino == two.st_ino && one.st_nlink == 2 && (one.st_mode & 0777) == 0640);)
  FAILS(flock(open("/tmp/culm-objects", O_RDWR), LOCK_EX | LOCK_NB));
  SHOW(pread(gone, text, 14, 0));
  printf("%.14s\n", text);
  printf("%s %s\n", shared + 5000, private + 9000);
  SHOW(madvise(kept_out, 4096, MADV_NORMAL));
  FAILS(write(ends[1], kept_out, 1));
  SHOW(pread(memory_file, text, 5, 0));
  SHOW(read(host_file, host_text2, sizeof host_text2));
  HOLDS(memcmp(host_text, host_text2, sizeof host_text) == 0);
  SHOW(read(status, text, 8));
  printf("%.8s\n", text);
  int rest = 0;
  while (readdir(folder)) rest++;
  HOLDS(rest > 5);
  SHOW(write(null, "gone", 4));
  SHOW(read(random, text, 4));
  SHOW(read(zero, text, 4));
  HOLDS(text[0] == 0);
  close(open("/tmp/culm-folder/two", O_CREAT | O_WRONLY, 0600));
  WHOLE(SHOW(read(watches, text, sizeof text));)

  SHOW(epoll_wait(set, (struct epoll_event[4]){}, 4, 0));
  int passed = receive_descriptor(pair[1]);
  SHOW(read(passed, text, 100));
  printf("%.11s\n", text);
  WHOLE(SHOW(read(fifo, text, 100));)
  SHOW(read(datagrams[1], text, 100));
  SHOW(read(datagrams[1], text, 100));
  SHOW(read(packet[1], text, 100));
  SHOW(read(server, text, 100));
  int accepted = accept(listener, NULL, NULL);
  SHOW(read(accepted, text, 100));
  write(server, "back", 4);
  SHOW(read(client, text, 100));
  SHOW(recv(udp_to, text, 100, 0));
  int to_named = socket(AF_UNIX, SOCK_STREAM, 0);
  SHOW(connect(to_named, (struct sockaddr *)&name, sizeof name));
  write(master, "line\n", 5);
  SHOW(read(slave, text, 100));
  printf("%.12s", text);

#ifndef MOVING
  printf("%s\n", segment + 4000);
  SHOW(shmctl(shm, IPC_RMID, NULL));
  struct mq_attr now;
  mq_getattr(queue, &now);
  SHOW(now.mq_curmsgs);
  SHOW(mq_receive(queue, text, 16, NULL));
  printf("%s\n", text);
  SHOW(mq_unlink("/culm-queue"));
  SHOW(msgrcv(msg_id, &message, 8, 3, 0));
#endif

  pthread_mutex_lock(&mutex);
  go = 5;
  pthread_cond_broadcast(&condition);
  pthread_mutex_unlock(&mutex);
  sem_post(&turnstile);
  write(blocked_pipe[1], "woken", 5);
#ifndef MOVING
  struct sembuf up_one = {0, 1, 0};
  SHOW(semop(sem_id, &up_one, 1));
  message.type = 7;
  memcpy(message.text, "ipc", 3);
  SHOW(msgsnd(msg_id, &message, 3, 0));
#endif
  lock.l_type = F_UNLCK;
  SHOW(fcntl(file, F_OFD_SETLK, &lock));
  void *results[8] = {};
  for (int i = 0; i < (WHOLE(3 +) 5); i++) pthread_join(threads[i], &results[i]);
  SHOW(waiter_result);
  printf("order %d %d %d\n", order[0], order[1], order[2]);
  printf("%s %ld %ld %ld\n", blocked_text, (long)results[5], (long)results[6], (long)results[7]);
  WHOLE(SHOW(semctl(sem_id, 0, IPC_RMID));)
  WHOLE(SHOW(msgctl(msg_id, IPC_RMID, NULL));)

  int ended = 0;
  HOLDS(waitpid(zombie, &ended, 0) == zombie && WEXITSTATUS(ended) == 5);
  write(asked[1], "?", 1);
  read(told[0], text, 16);
  printf("%.16s %s %d\n", text, shared, private[0]);
  HOLDS(waitpid(child, &ended, 0) == child && ended == 0x100 * (lseek(file, 0, SEEK_CUR) != 10));
  unlink("/tmp/culm-objects");
  unlink("/tmp/culm-link");
  unlink("/tmp/culm-symlink");
  unlink("/tmp/culm-fifo");
  unlink("/tmp/culm-socket");
  system("rm -r /tmp/culm-folder");
  return 3;
}
