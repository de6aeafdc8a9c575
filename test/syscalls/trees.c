/* Large and deep directories, listings while names come and go. */
#include "../kernel/check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define NAMES 500

static int listed[NAMES];

/* Counts the names of a listing; returns how many there were, removing every so many-th on the way. */
static int list(const char *path, int remove_each) {
  DIR *d = opendir(path);
  struct dirent *e;
  int count = 0, n;
  memset(listed, 0, sizeof listed);
  while ((e = readdir(d))) {
    if (sscanf(e->d_name, "n%d", &n) != 1) continue;
    listed[n]++;
    count++;
    if (remove_each && n % remove_each == 0) unlinkat(dirfd(d), e->d_name, 0);
  }
  closedir(d);
  return count;
}

static int seen_once(void) {
  for (int i = 0; i < NAMES; i++) if (listed[i] > 1) return 0;
  return 1;
}

static void large(void) {
  char name[40];
  mkdir("large", 0755);
  for (int i = 0; i < NAMES; i++) {
    snprintf(name, sizeof name, "large/n%d", i);
    close(open(name, O_CREAT | O_WRONLY, 0600));
  }
  SHOW(list("large", 0));
  HOLDS(seen_once());
  SHOW(list("large", 3));
  HOLDS(seen_once());
  SHOW(list("large", 0));
  DIR *d = opendir("large");
  for (int i = 0; i < 100; i++) readdir(d);
  long at = telldir(d);
  char first[300], again[300];
  strcpy(first, readdir(d)->d_name);
  for (int i = 0; i < 50; i++) readdir(d);
  seekdir(d, at);
  strcpy(again, readdir(d)->d_name);
  SHOW(strcmp(first, again));
  rewinddir(d);
  int count = 0;
  while (readdir(d)) count++;
  SHOW(count);
  closedir(d);
  SHOW(rmdir("large"));
  list("large", 1);
  SHOW(rmdir("large"));
}

static void deep(void) {
  static char path[8192];
  char name[201];
  int depth = 0;
  memset(name, 'd', 200);
  name[200] = 0;
  while (depth < 40 && mkdir(name, 0755) == 0 && chdir(name) == 0) depth++;
  SHOW(depth);
  SHOW(getcwd(path, sizeof path) == 0);
  struct stat s;
  path[0] = 0;
  for (int i = 0; i < 19; i++) strcat(path, "../");
  SHOW(stat(path, &s));
  while (depth-- > 0 && chdir("..") == 0) rmdir(name);
  SHOW(access(name, F_OK));
}

static void links(void) {
  char from[20], to[20];
  mkdir("target", 0755);
  symlink("target", "l0");
  for (int i = 0; i < 45; i++) {
    snprintf(from, sizeof from, "l%d", i);
    snprintf(to, sizeof to, "l%d", i + 1);
    symlink(from, to);
  }
  struct stat s;
  SHOW(stat("l38", &s));
  SHOW(stat("l39", &s));
  SHOW(stat("l40", &s));
  SHOW(stat("l20/../l18/../l0", &s));
  SHOW(stat("l20/../l19/../l0", &s));
  for (int i = 0; i <= 45; i++) {
    snprintf(from, sizeof from, "l%d", i);
    unlink(from);
  }
  SHOW(rmdir("target"));
}

/* Files that have lost their names. */
static void nameless(void) {
  char buffer[10] = "", path[40], link[300] = "";
  int f = open("gone", O_RDWR | O_CREAT, 0600);
  write(f, "content", 7);
  unlink("gone");
  snprintf(path, sizeof path, "/proc/self/fd/%d", f);
  ssize_t n = readlink(path, link, 299);
  printf("%s\n", n > 14 ? link + n - 14 : "short");
  int again = open(path, O_RDONLY);
  SHOW(read(again, buffer, 10));
  struct stat s;
  SHOW(fstat(again, &s));
  SHOW(s.st_nlink);
  FAILS(linkat(AT_FDCWD, path, AT_FDCWD, "back", AT_SYMLINK_FOLLOW));
  close(f);
  close(again);
  int t = open(".", O_TMPFILE | O_RDWR, 0600);
  snprintf(path, sizeof path, "/proc/self/fd/%d", t);
  write(t, "kept", 4);
  SHOW(linkat(AT_FDCWD, path, AT_FDCWD, "back", AT_SYMLINK_FOLLOW));
  close(t);
  t = open("back", O_RDONLY);
  SHOW(read(t, buffer, 10));
  close(t);
  unlink("back");
  mkdir("here", 0755);
  chdir("here");
  rmdir("../here");
  FAILS(getcwd(path, 40) ? 0 : -1);
  FAILS(open("x", O_CREAT | O_RDWR, 0600));
  SHOW(stat(".", &s));
  SHOW(s.st_nlink);
  SHOW(chdir(".."));
}

int main(void) {
  char folder[] = "/dev/shm/treesXXXXXX";
  mkdtemp(folder);
  chdir(folder);
  large();
  deep();
  links();
  nameless();
  chdir("/");
  return rmdir(folder) ? 1 : 0;
}
