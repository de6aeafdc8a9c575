/* /proc as programs use it: files of processes, links, memory, listings, who may look. */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

static char text[1 << 16];

/* A file's content, up to 64 KiB; the length, or -1. */
static long slurp(const char *path) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) return -1;
  long done = 0, got;
  while ((got = read(fd, text + done, sizeof text - 1 - done)) > 0) done += got;
  close(fd);
  text[done < 0 ? 0 : done] = 0;
  return got < 0 ? -1 : done;
}

/* What stands behind "Name:" in a file of such lines, up to the line's end. */
static const char *field(const char *path, const char *name) {
  static char value[256];
  if (slurp(path) < 0) return "?";
  size_t length = strlen(name);
  for (char *line = text; line != NULL; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
    if (strncmp(line, name, length) != 0 || line[length] != ':') continue;
    char *start = line + length + 1;
    while (*start == '\t' || *start == ' ') start++;
    snprintf(value, sizeof value, "%.*s", (int)strcspn(start, "\n"), start);
    return value;
  }
  return "none";
}

static const char *target(const char *path) {
  static char link[512];
  long length = readlink(path, link, sizeof link - 1);
  if (length < 0) return strerrorname_np(errno);
  link[length] = 0;
  return link;
}

static char *of(pid_t pid, const char *name) {
  static char paths[4][128];
  static int next;
  char *path = paths[next++ & 3];
  snprintf(path, 128, "/proc/%d/%s", pid, name);
  return path;
}

static void ids(void) {
  printf("-- ids and state\n");
  HOLDS(atoi(field("/proc/self/status", "Pid")) == getpid());
  HOLDS(atoi(field("/proc/self/status", "Tgid")) == getpid());
  HOLDS(atoi(field("/proc/self/status", "PPid")) == getppid());
  printf("%s\n", field("/proc/self/status", "State"));
  printf("%s\n", field("/proc/self/status", "Threads"));
  umask(027);
  printf("%s\n", field("/proc/self/status", "Umask"));
  umask(022);
  signal(SIGUSR1, SIG_IGN);
  signal(SIGUSR2, abort);
  printf("%s %s\n", field("/proc/self/status", "SigIgn"), "");
  printf("%s\n", field("/proc/self/status", "SigCgt"));
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, NULL);
  raise(SIGTERM);
  printf("%s\n", field("/proc/self/status", "SigBlk"));
  printf("%s\n", field("/proc/self/status", "SigPnd"));
  kill(getpid(), SIGTERM);
  printf("%s\n", field("/proc/self/status", "ShdPnd"));
  signal(SIGTERM, SIG_IGN);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void zombies(void) {
  printf("-- zombies\n");
  pid_t pid = fork();
  if (pid == 0) _exit(3);
  siginfo_t info;
  waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
  printf("%s\n", field(of(pid, "status"), "State"));
  printf("%s\n", field(of(pid, "status"), "VmSize"));
  SHOW(slurp(of(pid, "cmdline")));
  SHOW(slurp(of(pid, "maps")));
  printf("%s %s\n", target(of(pid, "exe")), target(of(pid, "cwd")));
  slurp(of(pid, "stat"));
  printf("%s\n", strrchr(text, ' '));
  int directory = open(of(pid, "."), O_RDONLY | O_DIRECTORY);
  int comm = open(of(pid, "comm"), O_RDONLY);
  waitpid(pid, NULL, 0);
  FAILS(access(of(pid, "."), F_OK));
  FAILS(openat(directory, "comm", O_RDONLY));
  struct stat status;
  FAILS(fstat(directory, &status));
  close(directory);
  close(comm);
}

static void links(void) {
  printf("-- links\n");
  char dir[] = "/tmp/culm-proc-XXXXXX";
  mkdtemp(dir);
  chdir(dir);
  int fd = open("file", O_RDWR | O_CREAT, 0600);
  write(fd, "content", 7);
  HOLDS(strncmp(target(of(getpid(), "cwd")), dir, strlen(dir)) == 0);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  printf("%s\n", strrchr(target(path), '/'));
  rename("file", "other");
  printf("%s\n", strrchr(target(path), '/'));
  unlink("other");
  printf("%s\n", strrchr(target(path), '/'));
  int again = open(path, O_RDONLY);
  char buffer[16] = "";
  SHOW(read(again, buffer, sizeof buffer));
  printf("%s\n", buffer);
  struct stat a, b;
  HOLDS(stat(path, &a) == 0 && fstat(fd, &b) == 0 && a.st_ino == b.st_ino && a.st_nlink == 0);
  SHOW(lstat(path, &a));
  printf("%o %ld\n", a.st_mode, (long)a.st_size);
  int pipes[2];
  pipe(pipes);
  snprintf(path, sizeof path, "/proc/self/fd/%d", pipes[0]);
  printf("%.6s\n", target(path));
  lstat(path, &a);
  printf("%o\n", a.st_mode);
  fstat(pipes[0], &b);
  char expected[64];
  snprintf(expected, sizeof expected, "pipe:[%lu]", (unsigned long)b.st_ino);
  HOLDS(strcmp(target(path), expected) == 0);
  int writer = open(path, O_WRONLY | O_NONBLOCK);
  HOLDS(writer >= 0);
  SHOW(write(writer, "x", 1));
  SHOW(read(pipes[0], buffer, 1));
  FAILS(open("/proc/self/fd/99999", O_RDONLY));
  FAILS(open("/proc/self/fd/01", O_RDONLY));
  FAILS(open("/proc/self/fd/4294967295", O_RDONLY));
  printf("%s\n", strncmp(target("/proc/self/ns/pid"), "pid:[", 5) == 0 ? "pid" : "?");
  int ns = open("/proc/self/ns/uts", O_RDONLY);
  HOLDS(ns >= 0);
  FAILS(read(ns, buffer, 1));
  chdir("/");
  rmdir(dir);
  while (fd <= writer) close(fd++);
}

static void contents(void) {
  printf("-- contents\n");
  int fd = open("/proc/self/comm", O_RDWR);
  SHOW(write(fd, "renamed\n", 8));
  char buffer[64] = "";
  lseek(fd, 0, SEEK_SET);
  SHOW(read(fd, buffer, 3));
  SHOW(write(fd, "again", 5));
  memset(buffer, 0, sizeof buffer);
  SHOW(lseek(fd, 0, SEEK_SET));
  SHOW(read(fd, buffer, sizeof buffer));
  printf("%s", buffer);
  FAILS(lseek(fd, 0, SEEK_END));
  close(fd);
  struct stat status;
  SHOW(stat("/proc/self/status", &status));
  printf("%ld %o %ld\n", (long)status.st_size, status.st_mode, (long)status.st_nlink);
  SHOW(stat("/sys/devices/system/cpu/online", &status));
  printf("%ld %o\n", (long)status.st_size, status.st_mode);
  SHOW(stat("/proc/self/task", &status));
  printf("%ld\n", (long)status.st_nlink);
  FAILS(unlink("/proc/cpuinfo"));
  FAILS(mkdir("/proc/new", 0755));
  FAILS(open("/proc/new", O_CREAT | O_WRONLY, 0644));
  FAILS(open("/proc/cpuinfo/aaa", O_RDONLY));
  FAILS(rename("/proc/version", "/proc/other"));
  fd = open("/proc/version", O_RDONLY);
  struct pollfd ready = {fd, POLLIN | POLLOUT, 0};
  SHOW(poll(&ready, 1, 0));
  FAILS(fsync(fd));
  FAILS(ftruncate(fd, 0));
  close(fd);
  int mounts = open("/proc/self/mounts", O_RDONLY);
  struct pollfd changes = {mounts, POLLPRI, 0};
  SHOW(poll(&changes, 1, 0));
  close(mounts);
  SHOW(slurp("/proc/self/loginuid") > 0);
  HOLDS(stat("/dev/null", &status) == 0 && status.st_rdev == makedev(1, 3) && S_ISCHR(status.st_mode));
  fd = open("/dev/null", O_RDWR);
  SHOW(lseek(fd, 100, SEEK_SET));
  close(fd);
}

/* A child reads on in what its parent began; another one reads of a process that has gone. */
static void inherited(void) {
  printf("-- handles that are inherited\n");
  int fd = open("/proc/meminfo", O_RDONLY);
  char buffer[32] = "";
  read(fd, buffer, 9);
  printf("%.9s\n", buffer);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    char rest[4096] = "";
    long got = read(fd, rest, sizeof rest - 1);
    _exit(got > 500 && strstr(rest, "MemFree:") != NULL ? 0 : 1);
  }
  int status;
  waitpid(pid, &status, 0);
  printf("%d\n", WEXITSTATUS(status));
  SHOW(read(fd, buffer, 1));
  close(fd);
  DIR *mine = opendir("/proc/self/fd");
  readdir(mine);
  pid = fork();
  if (pid == 0) {
    int extra = dup2(0, 77);
    int seen = 0;
    for (struct dirent *entry; (entry = readdir(mine)) != NULL;) seen |= atoi(entry->d_name) == 77;
    _exit(extra == 77 && seen ? 1 : 0);
  }
  waitpid(pid, &status, 0);
  printf("child's descriptors under its parent's name: %d\n", WEXITSTATUS(status));
  closedir(mine);
}

static int secret = 42;
static const int constant = 7;

static void memory(void) {
  printf("-- memory\n");
  int fd = open("/proc/self/mem", O_RDWR);
  int value = 0;
  SHOW(pread(fd, &value, sizeof value, (off_t)(uintptr_t)&secret));
  printf("%d\n", value);
  value = 43;
  SHOW(pwrite(fd, &value, sizeof value, (off_t)(uintptr_t)&secret));
  printf("%d\n", secret);
  value = 8;
  SHOW(pwrite(fd, &value, sizeof value, (off_t)(uintptr_t)&constant));
  printf("%d\n", *(volatile const int *)&constant);
  FAILS(pread(fd, &value, sizeof value, 0));
  FAILS(lseek(fd, 0, SEEK_END));
  SHOW(lseek(fd, 4096, SEEK_SET));
  char *hidden = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  strcpy(hidden, "hidden");
  mprotect(hidden, 8192, PROT_NONE);
  char copy[8] = "";
  SHOW(pread(fd, copy, 7, (off_t)(uintptr_t)hidden));
  printf("%s\n", copy);
  char *only = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  SHOW(pwrite(fd, "ab", 2, (off_t)(uintptr_t)only + 4095));
  printf("%c%c\n", only[4095], only[4096]);
  close(fd);
  int map = open("/proc/self/pagemap", O_RDONLY);
  uint64_t entries[2] = {0, 0};
  char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pages[0] = 1;
  SHOW(pread(map, entries, 16, (off_t)((uintptr_t)pages / 4096 * 8)));
  printf("%d %d\n", (int)(entries[0] >> 63), (int)(entries[1] >> 63));
  printf("%d\n", (int)(entries[0] >> 61 & 1));
  FAILS(pread(map, entries, 7, 0));
  FAILS(pread(map, entries, 8, 4));
  close(map);
  pid_t pid = fork();
  if (pid == 0) {
    secret = 99;
    pause();
  }
  fd = open(of(pid, "mem"), O_RDWR);
  for (value = 0; value != 99;) pread(fd, &value, sizeof value, (off_t)(uintptr_t)&secret);
  printf("%d %d\n", value, secret);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  SHOW(pread(fd, &value, sizeof value, (off_t)(uintptr_t)&secret));
  close(fd);
  fd = open("/proc/self/clear_refs", O_WRONLY);
  SHOW(write(fd, "1", 1));
  FAILS(write(fd, "9", 1));
  close(fd);
  char name[64];
  slurp("/proc/self/maps");
  unsigned long start, end;
  sscanf(text, "%lx-%lx", &start, &end);
  snprintf(name, sizeof name, "/proc/self/map_files/%lx-%lx", start, end);
  char exe[512];
  strcpy(exe, target("/proc/self/exe"));
  HOLDS(strcmp(target(name), exe) == 0);
  FAILS(readlink("/proc/self/map_files/1000-2000", exe, sizeof exe));
}

static long lines(void) {
  long count = 0, got;
  char chunk[4096];
  int fd = open("/proc/self/maps", O_RDONLY);
  while ((got = read(fd, chunk, sizeof chunk)) > 0)
    for (long i = 0; i < got; i++) count += chunk[i] == '\n';
  close(fd);
  return count;
}

/* More areas than any first guess of a buffer holds. */
static void manyAreas(void) {
  long before = lines();
  char *range = mmap(NULL, 4000 * 4096L, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (long page = 1; page < 4000; page += 2) mprotect(range + page * 4096, 4096, PROT_READ | PROT_WRITE);
  long more = lines() - before;
  HOLDS(more >= 3998 && more <= 4001);
  munmap(range, 4000 * 4096L);
}

/* There is no security module; who could set what it says, if there were one. */
static void *writeAttribute(void *arg) {
  FAILS(write(*(int *)arg, "x", 1));
  return NULL;
}

static void attributes(void) {
  printf("-- attributes\n");
  char buffer[16];
  int fd = open("/proc/self/attr/current", O_RDWR);
  FAILS(read(fd, buffer, sizeof buffer));
  FAILS(write(fd, "x", 1));
  pthread_t thread;
  pthread_create(&thread, NULL, writeAttribute, &fd);
  pthread_join(thread, NULL);
  CHILD(FAILS(write(fd, "x", 1)));
  close(fd);
  CHILD(FAILS(open(of(getppid(), "attr/exec"), O_WRONLY) < 0 ? -1 : 0));
  struct stat status;
  SHOW(stat("/proc/self/attr/prev", &status));
  printf("%o\n", status.st_mode);
  SHOW(slurp("/proc/self/ksm_merging_pages"));
  SHOW(stat("/proc/self/ksm_stat", &status));
  printf("%o\n", status.st_mode);
  HOLDS(slurp("/proc/tty/drivers") > 0 && strstr(text, "pty_slave            /dev/pts      136 0-1048575 pty:slave\n") != NULL);
  long run, waited, turns;
  slurp("/proc/self/schedstat");
  SHOW(sscanf(text, "%ld %ld %ld", &run, &waited, &turns));
  HOLDS(run > 0 && waited >= 0 && turns >= 0);
}

/* A process without any descriptor still has a directory of them. */
static void noDescriptors(void) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    close_range(0, ~0U, 0);
    struct stat status;
    int failed = stat("/proc/self/fd", &status) != 0 || stat("/proc/self/fd/0", &status) == 0;
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(dir) != NULL) count++;
    _exit(failed ? 100 : count);
  }
  int status;
  waitpid(pid, &status, 0);
  printf("names of a process without descriptors: %d\n", WEXITSTATUS(status));
}

static void *sleeper(void *arg) {
  pause();
  return NULL;
}

static int listed(DIR *dir, const char *wanted) {
  rewinddir(dir);
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
    if (strcmp(entry->d_name, wanted) == 0) return entry->d_type;
  return -1;
}

static void listings(void) {
  printf("-- listings\n");
  DIR *proc = opendir("/proc");
  char name[16];
  snprintf(name, sizeof name, "%d", getpid());
  printf("%d %d %d %d\n", listed(proc, name), listed(proc, "self"), listed(proc, "cpuinfo"), listed(proc, "sys"));
  closedir(proc);
  DIR *task = opendir("/proc/self/task");
  pthread_t thread;
  pthread_create(&thread, NULL, sleeper, NULL);
  int count = 0;
  for (struct dirent *entry; (entry = readdir(task)) != NULL;) count++;
  printf("%d %s\n", count, field("/proc/self/status", "Threads"));
  closedir(task);
  DIR *fds = opendir("/proc/self/fd");
  for (int fd = 200; fd < 260; fd++) dup2(0, fd);
  struct dirent *entry;
  int seen[300] = {0};
  while ((entry = readdir(fds)) != NULL && atoi(entry->d_name) < 230) seen[atoi(entry->d_name)]++;
  long place = entry == NULL ? 0 : telldir(fds);
  for (int fd = 200; fd < 250; fd++) close(fd);
  seekdir(fds, place);
  while ((entry = readdir(fds)) != NULL) seen[atoi(entry->d_name)]++;
  int twice = 0, missed = 0;
  for (int fd = 250; fd < 260; fd++) {
    twice += seen[fd] > 1;
    missed += seen[fd] == 0;
  }
  printf("listed twice %d, missed %d\n", twice, missed);
  closedir(fds);
  DIR *cpus = opendir("/sys/devices/system/cpu");
  printf("%d %d\n", listed(cpus, "cpu0"), listed(cpus, "online"));
  closedir(cpus);
}

static void timers(void) {
  printf("-- timers\n");
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  event.sigev_value.sival_int = 5;
  timer_create(CLOCK_MONOTONIC, &event, &timer);
  slurp("/proc/self/timers");
  char *notify = strstr(text, "notify");
  HOLDS(notify != NULL && atoi(strchr(notify, '.') + 1) == getpid());
  printf("%.*s%s", (int)(strstr(text, "signal") - text), text, strstr(text, "ClockID"));
  timer_delete(timer);
  FAILS(access("/proc/self/timers", R_OK));
  int fd = open("/proc/self/timerslack_ns", O_RDWR);
  SHOW(write(fd, "60000", 5));
  slurp("/proc/self/timerslack_ns");
  printf("%s", text);
  close(fd);
}

static void counts(void) {
  printf("-- counts\n");
  long before = atol(field("/proc/self/io", "wchar")), calls = atol(field("/proc/self/io", "syscw"));
  int fd = open("/dev/null", O_WRONLY);
  for (int i = 0; i < 10; i++) write(fd, text, 100);
  close(fd);
  printf("%ld %ld\n", atol(field("/proc/self/io", "wchar")) - before, atol(field("/proc/self/io", "syscw")) - calls);
  long faults, then;
  slurp("/proc/self/stat");
  sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %ld", &then);
  char *pages = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise(pages, 1 << 20, MADV_NOHUGEPAGE);
  for (int i = 0; i < 256; i++) pages[i * 4096] = 1;
  slurp("/proc/self/stat");
  sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %ld", &faults);
  HOLDS(faults - then >= 256 && faults - then < 400);
  long size = atol(field("/proc/self/status", "VmSize"));
  munmap(pages, 1 << 20);
  printf("%ld\n", size - atol(field("/proc/self/status", "VmSize")));
  HOLDS(atol(field("/proc/self/status", "VmPeak")) >= size);
  HOLDS(atol(field("/proc/meminfo", "MemTotal")) >= atol(field("/proc/meminfo", "MemFree")));
}

/* What another user sees of a process of root's. */
static void strangers(void) {
  printf("-- other users\n");
  pid_t root = getpid();
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    setgid(65534);
    SHOW(prctl(PR_GET_DUMPABLE));
    setuid(65534);
    SHOW(prctl(PR_GET_DUMPABLE));
    char buffer[64];
    struct stat mine;
    SHOW(stat("/proc/self/environ", &mine));
    printf("%d\n", mine.st_uid);
    FAILS(open("/proc/self/environ", O_RDONLY));
    HOLDS(open("/proc/self/fd", O_RDONLY) >= 0);
    prctl(PR_SET_DUMPABLE, 1);
    SHOW(stat("/proc/self/environ", &mine));
    printf("%d\n", mine.st_uid);
    HOLDS(open("/proc/self/environ", O_RDONLY) >= 0);
    FAILS(open(of(root, "environ"), O_RDONLY));
    FAILS(open(of(root, "maps"), O_RDONLY));
    FAILS(open(of(root, "mem"), O_RDONLY));
    FAILS(open(of(root, "pagemap"), O_RDONLY));
    FAILS(open(of(root, "fd"), O_RDONLY));
    FAILS(open(of(root, "auxv"), O_RDONLY));
    FAILS(open(of(root, "attr/current"), O_RDONLY));
    FAILS(open(of(root, "ksm_stat"), O_RDONLY));
    FAILS(readlink(of(root, "exe"), buffer, sizeof buffer));
    FAILS(readlink(of(root, "cwd"), buffer, sizeof buffer));
    FAILS(readlink(of(root, "ns/pid"), buffer, sizeof buffer));
    FAILS(open(of(root, "comm"), O_WRONLY));
    HOLDS(open(of(root, "cmdline"), O_RDONLY) >= 0);
    HOLDS(open(of(root, "status"), O_RDONLY) >= 0);
    slurp(of(root, "stat"));
    unsigned long code[3];
    sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %*u %*u %*d %*u %lu %lu %lu",
           code, code + 1, code + 2);
    printf("%lu %lu %lu\n", code[0], code[1], code[2]);
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
}

static void waiting(void) {
  printf("-- a waiting process\n");
  int pipes[2];
  pipe(pipes);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    char byte;
    read(pipes[0], &byte, 1);
    _exit(0);
  }
  while (slurp(of(pid, "syscall")) < 0 || strncmp(text, "0 ", 2) != 0) usleep(1000);
  int number;
  unsigned long fd, buffer, count;
  sscanf(text, "%d 0x%lx 0x%lx 0x%lx", &number, &fd, &buffer, &count);
  printf("%d %d %lu\n", number, (int)fd == pipes[0], count);
  printf("%s\n", field(of(pid, "status"), "State"));
  kill(pid, SIGSTOP);
  while (strcmp(field(of(pid, "status"), "State"), "T (stopped)") != 0) usleep(1000);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
}

int main(void) {
  alarm(60);
  ids();
  zombies();
  links();
  contents();
  inherited();
  memory();
  manyAreas();
  noDescriptors();
  attributes();
  listings();
  timers();
  counts();
  strangers();
  waiting();
  return 0;
}
