/* Maps the file argv[1], waits for a line, then says what it still sees. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

static sigjmp_buf back;

static void on_bus(int signal) {
  (void)signal;
  siglongjmp(back, 1);
}

static void look(const char *name, volatile const char *at) {
  if (sigsetjmp(back, 1) == 0) printf("%s %c\n", name, *at);
  else printf("%s SIGBUS\n", name);
  fflush(stdout);
}

int main(int argc, char **argv) {
  char line[16];
  int fd = open(argv[argc - 1], O_RDONLY);
  const char *map = mmap(NULL, 100000, PROT_READ, MAP_SHARED, fd, 0);
  if (fd < 0 || map == MAP_FAILED) return 1;
  signal(SIGBUS, on_bus);
  look("first", map);
  if (!fgets(line, sizeof line, stdin)) return 2;
  look("seen", map);
  look("unchanged", map + 20 * 4096);
  look("changed", map + 10 * 4096);
  return 0;
}
