/* What has gone wrong elsewhere: files that have lost their name, devices in children, listings, positions. */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static char buffer[4096];

static void withoutName(void) {
  printf("-- files without their name\n");
  struct stat status;
  int fd = open("file", O_RDWR | O_CREAT, 0600);
  SHOW(write(fd, "text", 4));
  SHOW(unlink("file"));
  SHOW(fchmod(fd, 0640));
  SHOW(fchown(fd, 0, 0));
  SHOW(fstat(fd, &status));
  printf("%o %ld %ld\n", status.st_mode, (long)status.st_size, (long)status.st_nlink);
  SHOW(ftruncate(fd, 2));
  SHOW(pread(fd, buffer, 10, 0));
  close(fd);
  SHOW(mkdir("dir", 0700));
  fd = open("dir/inside", O_RDWR | O_CREAT, 0600);
  DIR *dir = opendir("dir");
  unlink("dir/inside");
  SHOW(rmdir("dir"));
  SHOW(readdir(dir) == NULL);
  FAILS(openat(dirfd(dir), "new", O_RDWR | O_CREAT, 0600));
  closedir(dir);
  close(fd);
  SHOW(mkfifo("name", 0600));
  SHOW(stat("name", &status));
  printf("%o %ld\n", status.st_mode, (long)status.st_size);
  int fifo = open("name", O_RDWR);
  SHOW(unlink("name"));
  fd = open("name", O_RDWR | O_CREAT, 0600);
  fstat(fd, &status);
  printf("%o\n", status.st_mode);
  SHOW(write(fifo, "x", 1));
  SHOW(read(fifo, buffer, 2));
  close(fifo);
  close(fd);
  SHOW(chmod("name", 0));
  SHOW(stat("name", &status));
  printf("%o\n", status.st_mode);
  SHOW(unlink("name"));
}

static void inChildren(void) {
  printf("-- what children share\n");
  int zero = open("/dev/zero", O_RDWR), null = open("/dev/null", O_RDWR), full = open("/dev/full", O_RDWR);
  int random = open("/dev/urandom", O_RDONLY), file = open("grows", O_RDWR | O_CREAT, 0600);
  struct rlimit limit = {1 << 20, 4 << 20};
  SHOW(setrlimit(RLIMIT_STACK, &limit));
  struct stat status;
  CHILD(memset(buffer, 1, 8); SHOW(read(zero, buffer, 8)); SHOW(buffer[7]); SHOW(write(null, "x", 1)); SHOW(read(null, buffer, 1));
        FAILS(write(full, "x", 1)); SHOW(read(random, buffer, 16)); SHOW(write(file, "from the child", 14));
        getrlimit(RLIMIT_STACK, &limit); printf("%ld %ld\n", (long)limit.rlim_cur, (long)limit.rlim_max));
  SHOW(fstat(file, &status));
  printf("%ld\n", (long)status.st_size);
  SHOW(lseek(file, 0, SEEK_CUR));
  HOLDS(status.st_mtime > 1600000000 && status.st_ctime >= status.st_mtime);
  SHOW(flock(file, LOCK_EX));
  CHILD(int own = open("grows", O_RDWR); FAILS(flock(own, LOCK_EX | LOCK_NB)); SHOW(flock(file, LOCK_EX | LOCK_NB)));
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  SHOW(fcntl(file, F_SETLK, &lock));
  CHILD(FAILS(fcntl(file, F_SETLK, &lock)); SHOW(fcntl(file, F_GETLK, &lock)); printf("%d\n", lock.l_type));
  close(file);
  unlink("grows");
}

static const char *DEVICES[] = {"null", "zero", "full", "random", "urandom"};

static void devices(void) {
  printf("-- devices\n");
  for (unsigned i = 0; i < sizeof DEVICES / sizeof *DEVICES; i++) {
    char path[32];
    struct stat status;
    snprintf(path, sizeof path, "/dev/%s", DEVICES[i]);
    int fd = open(path, O_RDWR);
    fstat(fd, &status);
    printf("%s %o %d:%d\n", path, status.st_mode & S_IFMT, major(status.st_rdev), minor(status.st_rdev));
    SHOW(lseek(fd, 7, SEEK_SET));
    SHOW(lseek(fd, 7, SEEK_END));
    FAILS(ftruncate(fd, 0));
    SHOW(truncate(path, 0));
    SHOW(close(open(path, O_WRONLY | O_TRUNC)));
    FAILS(fsync(fd));
    struct pollfd ready = {fd, POLLIN | POLLOUT, 0};
    SHOW(poll(&ready, 1, 0));
    printf("%x\n", ready.revents);
    FAILS(isatty(fd) ? 0 : -1);
    SHOW(pread(fd, buffer, 5, 1000));
    FAILS(pwrite(fd, buffer, 5, 1000));
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    FAILS(page == MAP_FAILED ? -1 : 0);
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    FAILS(page == MAP_FAILED ? -1 : 0);
    close(fd);
  }
}

static int typeOf(const char *dir, const char *name) {
  DIR *listing = opendir(dir);
  int type = -1;
  for (struct dirent *entry; (entry = readdir(listing)) != NULL;)
    if (strcmp(entry->d_name, name) == 0) type = entry->d_type;
  closedir(listing);
  return type;
}

static const char *ENTRIES[] = {"exe", "cwd", "root", "fd", "task", "maps", "ns", "fdinfo"};

static void pseudo(void) {
  printf("-- pseudo-files\n");
  for (unsigned i = 0; i < sizeof ENTRIES / sizeof *ENTRIES; i++) {
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/self/%s", ENTRIES[i]);
    printf("%s %d", ENTRIES[i], typeOf("/proc/self", ENTRIES[i]));
    printf(" %o\n", lstat(path, &status) == 0 ? status.st_mode & S_IFMT : 0);
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/%d", getpid());
  HOLDS(access(path, F_OK) == 0);
  pid_t child = fork();
  if (child == 0) for (;;) pause();
  snprintf(path, sizeof path, "/proc/%d", child);
  int dir = open(path, O_RDONLY | O_DIRECTORY);
  HOLDS(typeOf("/proc", "self") == DT_LNK);
  int comm = openat(dir, "comm", O_RDONLY);
  HOLDS(comm >= 0);
  SHOW(read(comm, buffer, 3));
  int left = -1;
  SHOW(ioctl(comm, FIONREAD, &left));
  printf("%d\n", left);
  FAILS(ioctl(comm, TIOCGWINSZ, buffer));
  FAILS(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, comm, 0) == MAP_FAILED ? -1 : 0);
  close(comm);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  FAILS(openat(dir, "comm", O_RDONLY));
  close(dir);
  FAILS(rmdir("/proc/self"));
  FAILS(unlinkat(AT_FDCWD, "/proc/sys", AT_REMOVEDIR));
  FAILS(symlink("x", "/proc/x"));
  FAILS(link("/proc/version", "/proc/v"));
  HOLDS(sysconf(_SC_NPROCESSORS_CONF) >= sysconf(_SC_NPROCESSORS_ONLN) && sysconf(_SC_NPROCESSORS_ONLN) >= 1);
}

/* What a short write leaves is not lost. */
static void transfers(void) {
  printf("-- transfers\n");
  int in = open("in", O_RDWR | O_CREAT, 0600), pipes[2];
  pipe2(pipes, O_NONBLOCK);
  memset(buffer, 'x', sizeof buffer);
  for (int i = 0; i < 20; i++) write(in, buffer, sizeof buffer);
  off_t offset = 0;
  ssize_t sent = sendfile(pipes[1], in, &offset, 20 * sizeof buffer);
  HOLDS(sent > 0 && sent < (ssize_t)(20 * sizeof buffer) && offset == sent);
  FAILS(sendfile(pipes[1], in, &offset, 10));
  HOLDS(offset == sent);
  SHOW(pread(in, buffer, 10, 1 << 20));
  SHOW(lseek(in, 1 << 20, SEEK_SET));
  SHOW(read(in, buffer, 10));
  SHOW(lseek(in, 0, SEEK_CUR));
  FAILS(read(in, NULL, 1));
  SHOW(read(in, NULL, 0));
  FAILS(pread(in, buffer, 1, -1));
  FAILS(read(-1, NULL, 0));
  close(in);
  unlink("in");
}

int main(void) {
  alarm(60);
  char dir[] = "/tmp/culm-faults-XXXXXX";
  mkdtemp(dir);
  chdir(dir);
  withoutName();
  inChildren();
  devices();
  pseudo();
  transfers();
  chdir("/");
  rmdir(dir);
  return 0;
}
