/* on-terminal USER COMMAND...: runs it as that user and group, with no other descriptors than the first three, in a session with a
 * terminal at which nobody types. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void on_child(int number) {
  (void)number;
  ended = 1;
}

static void become(unsigned user) {
  if (setgroups(0, NULL) < 0 || setresgid(user, user, user) < 0 || setresuid(user, user, user) < 0)
    err(125, "cannot become user %u", user);
}

static void run_on(int terminal, char **command) {
  setsid();
  if (ioctl(terminal, TIOCSCTTY, 0) < 0) err(125, "TIOCSCTTY");
  dup2(terminal, 0);
  close(terminal);
  execvp(command[0], command);
  err(127, "%s", command[0]);
}

/* What is written to the terminal goes to standard output, too. */
static void pass_on(int master, const sigset_t *awake) {
  struct pollfd waiting = {.fd = master, .events = POLLIN};
  char bytes[4096];
  ssize_t count = 0;
  while (count > 0 || !ended) {
    if (!ended) ppoll(&waiting, 1, NULL, awake);
    count = read(master, bytes, sizeof bytes);
    if (count > 0 && write(1, bytes, count) != count) err(125, "write");
    /* Nobody has the terminal open any more. */
    if (count < 0 && errno == EIO) waiting.fd = -1;
  }
}

int main(int argc, char **argv) {
  if (argc < 3) errx(125, "usage: on-terminal USER COMMAND...");
  close_range(3, ~0U, 0);
  become(atoi(argv[1]));
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) err(125, "pseudo-terminal");
  int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
  sigset_t child_ends, awake;
  sigemptyset(&child_ends);
  sigaddset(&child_ends, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child_ends, &awake);
  signal(SIGCHLD, on_child);
  pid_t child = fork();
  if (child == 0) {
    sigprocmask(SIG_SETMASK, &awake, NULL);
    run_on(terminal, argv + 2);
  }
  close(terminal);
  pass_on(master, &awake);
  int status;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
