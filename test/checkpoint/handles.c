/*
 * Handles on /proc and /dev, some of a process that ends, passed on to children and children's children. All is set up
 * before the line that it waits for; what is printed after that is the same when the system was copied or restored there.
 */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static char text[1 << 16];

/* The first word of each of so many lines. */
static void lines(int fd, int count) {
  char c, word[64];
  for (int i = 0; i < count; i++) {
    int length = 0, inside = 1;
    while (read(fd, &c, 1) == 1 && c != '\n') {
      if (c == ':' || c == '\t' || c == ' ') inside = 0;
      if (inside && length < 63) word[length++] = c;
    }
    word[length] = 0;
    printf("%s ", word);
  }
  printf("\n");
}

static int entries(DIR *folder) {
  int count = 0;
  errno = 0;
  while (readdir(folder)) count++;
  return errno != 0 ? -errno : count;
}

static int of(pid_t pid, const char *name, int flags) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d%s", pid, name);
  return open(path, flags);
}

/* Who is asked to end; wait has taken its status. */
static pid_t lives(int *ends) {
  pipe(ends);
  pid_t pid = fork();
  if (pid == 0) {
    close(ends[1]);
    read(ends[0], text, 1);
    _exit(0);
  }
  close(ends[0]);
  return pid;
}

/* Read in part, so that their content is held. */
static int files[4];
static const char *const names[] = {"/status", "/stat", "/maps", "/limits"};

static void hold(int *files, pid_t pid) {
  for (int i = 0; i < 4; i++) {
    files[i] = of(pid, names[i], O_RDONLY);
    read(files[i], text, 4);
  }
}

static void gone(const char *who, int tree, int descriptors, int link) {
  struct stat info;
  printf("-- %s\n", who);
  for (int i = 0; i < 4; i++) {
    printf("%s ", names[i]);
    SHOW(read(files[i], text, 4));
  }
  SHOW(fstat(tree, &info));
  FAILS(openat(tree, "status", O_RDONLY));
  FAILS(openat(tree, "fd", O_RDONLY));
  FAILS(openat(descriptors, "0", O_RDONLY));
  FAILS(readlinkat(link, "", text, sizeof text));
  FAILS(open("status", O_RDONLY));
  FAILS(stat("..", &info));
}

int main(void) {
  alarm(60);
  setvbuf(stdout, NULL, _IOLBF, 0);
  int before[2], later[2];
  pid_t first = lives(before), second = lives(later);

  // The first is gone before the line, the second goes after it.
  int half = of(first, "/status", O_RDONLY), half2 = of(second, "/status", O_RDONLY);
  read(half, text, 20);
  read(half2, text, 20);
  hold(files, first);
  int tree = of(first, "", O_RDONLY), descriptors = of(first, "/fd", O_RDONLY);
  int link = of(first, "/exe", O_PATH | O_NOFOLLOW);
  int tree2 = of(second, "", O_RDONLY), descriptors2 = of(second, "/fd", O_RDONLY);
  DIR *listing = fdopendir(of(first, "/fd", O_RDONLY)), *listing2 = fdopendir(of(second, "/fd", O_RDONLY));
  readdir(listing);
  DIR *self = opendir("/proc/self/fd"), *tasks = opendir("/proc/self/task");
  readdir(self);
  readdir(self);
  int files2[4];
  hold(files2, second);
  snprintf(text, sizeof text, "/proc/%d", first);
  chdir(text);
  write(before[1], "x", 1);
  waitpid(first, NULL, 0);

  // Half of it read, half not; twice open and written.
  int meminfo = open("/proc/meminfo", O_RDONLY), status = open("/proc/self/status", O_RDONLY);
  int mounts = open("/proc/self/mounts", O_RDONLY), version = open("/proc/version", O_RDONLY);
  FILE *buffered = fopen("/proc/self/status", "r");
  fgets(text, 64, buffered);
  lines(meminfo, 2);
  read(version, text, 6);
  lines(mounts, 1);
  int comm = open("/proc/self/comm", O_RDWR), comm2 = open("/proc/self/comm", O_RDWR);
  write(comm, "before", 6);
  int score = open("/proc/self/oom_score_adj", O_RDWR), score2 = open("/proc/self/oom_score_adj", O_RDWR);
  write(score, "100", 3);
  read(score2, text, 2);
  int full = open("/dev/full", O_RDWR), zero = open("/dev/zero", O_RDWR), null = open("/dev/null", O_RDWR);
  char *zeros = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
  char *common = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
  zeros[0] = common[0] = 'z';
  int memory = open("/proc/self/mem", O_RDWR);

  printf("READY\n");
  fgets(text, sizeof text, stdin);

  gone("a process that had gone", tree, descriptors, link);
  printf("the rest: ");
  lines(half, 4);
  HOLDS(entries(listing) > 0);
  CHILD(gone("as a child sees it", tree, descriptors, link));

  SHOW(fchdir(tree2));
  write(later[1], "x", 1);
  waitpid(second, NULL, 0);
  memcpy(files, files2, sizeof files);
  CHILD(gone("a process that goes now", tree2, descriptors2, link); printf("the rest: "); lines(half2, 4));
  SHOW(entries(listing2));
  chdir("/");

  printf("-- a chain of three\n");
  CHILD(lines(meminfo, 2); CHILD(lines(meminfo, 2); CHILD(lines(meminfo, 2))); lines(meminfo, 1));
  lines(meminfo, 1);
  CHILD(lines(status, 1); CHILD(lines(status, 2)));
  HOLDS(read(version, text, 8) == 8 && memcmp(text, "version ", 8) == 0);
  CHILD(HOLDS(read(version, text, sizeof text) > 10));
  SHOW(read(version, text, 8));
  fgets(text, 64, buffered);
  printf("%.6s\n", text);
  HOLDS(entries(self) > 10);
  SHOW(entries(tasks));
  rewinddir(self);
  CHILD(HOLDS(entries(self) > 10));
  SHOW(entries(self));

  printf("-- twice open\n");
  SHOW(read(comm2, text, 64));
  printf("%.6s\n", text);
  CHILD(SHOW(write(comm2, "after", 5)));
  SHOW(pread(comm, text, 64, 0));
  printf("%.6s\n", text);
  SHOW(pread(score, text, 8, 0));
  SHOW(read(score2, text + 2, 8));
  SHOW(pwrite(score2, "200", 3, 0));
  SHOW(pread(score, text, 8, 0));
  printf("%.3s\n", text);
  FAILS(pwrite(score, "x", 1, 0));

  printf("-- devices\n");
  FAILS(write(full, "x", 1));
  SHOW(read(full, text, 4));
  SHOW(write(null, "x", 1));
  SHOW(read(null, text, 1));
  CHILD(zeros[0] = 'c'; common[0] = 'c');
  printf("%c %c %d\n", zeros[0], common[0], zeros[4096]);
  char target = 'a';
  SHOW(pwrite(memory, "b", 1, (off_t)&target));
  printf("%c\n", target);
  fflush(stdout);
  system("n=0; while read -r line; do n=$((n + 1)); /bin/true; done < /proc/self/limits; echo $n lines");
  system("while read -r line; do echo ${line%%:*} | head -c 20; done < /proc/meminfo | head -n 5");
  return 3;
}
