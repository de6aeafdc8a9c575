/* Tries to change what it may only read; its status says whether it could. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int attack(const char *folder) {
  char keep[64], more[64];
  snprintf(keep, sizeof keep, "%s/keep", folder);
  snprintf(more, sizeof more, "%s/more", folder);
  int done = 0;
  int fd = open(keep, O_RDWR | O_TRUNC);
  done += fd >= 0 && write(fd, "bad", 3) == 3;
  done += open(more, O_CREAT | O_WRONLY, 0777) >= 0;
  done += mkdir(more, 0777) == 0;
  done += chmod(keep, 0) == 0;
  done += link(keep, more) == 0;
  done += rename(keep, more) == 0;
  done += unlink(keep) == 0;
  done += open("/mnt/../../../../../../etc/hostname-of-the-host", O_RDONLY) >= 0;
  return done;
}

int main(void) { return attack("/mnt"); }
