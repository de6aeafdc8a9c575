/* Locks between processes. */
#include "../kernel/check.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

static int lock(int fd, int command, int type, long start, long length) {
  struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };
  return fcntl(fd, command, &l);
}

/* Whose lock is in the way: 0 nobody's, 1 the parent's, 2 another. */
static void show_holder(const char *when, int fd, pid_t parent) {
  struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  int r = fcntl(fd, F_GETLK, &l);
  printf("%s: %d type %d start %ld len %ld holder %d\n", when, r, l.l_type, (long)l.l_start, (long)l.l_len,
         l.l_type == F_UNLCK ? 0 : l.l_pid == parent ? 1 : 2);
}

static int pipes[2][2];
static void tell(int way) { write(pipes[way][1], "", 1); }
static void hear(int way) { char c; read(pipes[way][0], &c, 1); }

static void in_child(void (*what)(void)) {
  fflush(stdout);
  if (fork() == 0) {
    what();
    fflush(stdout);
    _exit(0);
  }
  wait(0);
}

static int file;
static pid_t parent;

static void conflicts(void) {
  int own = open("locked", O_RDWR);
  show_holder("first", own, parent);
  SHOW(lock(own, F_SETLK, F_WRLCK, 10, 1));
  SHOW(lock(own, F_SETLK, F_RDLCK, 10, 1));
  SHOW(lock(own, F_SETLK, F_WRLCK, 100, 0));
  SHOW(lock(file, F_SETLK, F_WRLCK, 5, 10));
  SHOW(lock(file, F_OFD_SETLK, F_WRLCK, 5, 10));
  SHOW(flock(file, LOCK_EX | LOCK_NB));
  SHOW(flock(own, LOCK_SH | LOCK_NB));
}

static void after_close(void) { show_holder("after close", open("locked", O_RDWR), parent); }

static void waits(void) {
  tell(0);
  SHOW(lock(file, F_SETLKW, F_WRLCK, 0, 10));
  show_holder("after waiting", file, parent);
}

static void deadlocks(void) {
  SHOW(lock(file, F_SETLK, F_WRLCK, 20, 1));
  tell(0);
  SHOW(lock(file, F_SETLKW, F_WRLCK, 0, 1));
}

static void alarmed(int signal) { (void)signal; }

int main(void) {
  char folder[] = "/tmp/locksXXXXXX";
  mkdtemp(folder);
  chdir(folder);
  parent = getpid();
  pipe(pipes[0]);
  pipe(pipes[1]);
  file = open("locked", O_RDWR | O_CREAT, 0600);
  SHOW(lock(file, F_SETLK, F_WRLCK, 0, 50));
  SHOW(flock(file, LOCK_EX));
  in_child(conflicts);
  show_holder("own", file, parent);
  close(open("locked", O_RDONLY));
  in_child(after_close);

  SHOW(lock(file, F_SETLK, F_WRLCK, 0, 10));
  fflush(stdout);
  if (fork() == 0) {
    waits();
    fflush(stdout);
    _exit(0);
  }
  hear(0);
  usleep(20000);
  SHOW(lock(file, F_SETLK, F_UNLCK, 0, 5));
  usleep(20000);
  SHOW(lock(file, F_SETLK, F_UNLCK, 5, 5));
  wait(0);
  fflush(stdout);

  SHOW(lock(file, F_SETLK, F_WRLCK, 0, 1));
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    deadlocks();
    fflush(stdout);
    _exit(0);
  }
  hear(0);
  usleep(20000);
  SHOW(lock(file, F_SETLKW, F_WRLCK, 20, 1));
  SHOW(lock(file, F_SETLK, F_UNLCK, 0, 0));
  wait(0);
  fflush(stdout);

  struct sigaction action = { .sa_handler = alarmed };
  sigaction(SIGALRM, &action, 0);
  int other = open("locked", O_RDWR);
  SHOW(lock(other, F_OFD_SETLK, F_WRLCK, 0, 1));
  SHOW(lock(file, F_SETLK, F_WRLCK, 0, 1));
  alarm(1);
  SHOW(lock(file, F_SETLKW, F_WRLCK, 0, 1));
  SHOW(flock(other, LOCK_SH | LOCK_NB));
  alarm(1);
  SHOW(flock(other, LOCK_SH));
  close(file);
  SHOW(flock(other, LOCK_SH | LOCK_NB));
  unlink("locked");
  chdir("/");
  return rmdir(folder) ? 1 : 0;
}
