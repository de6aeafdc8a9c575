/* Asks a device whose ioctls a manifest allows: the name of a number, in a buffer that the argument points to. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

struct question {
  uint32_t number;
  uint32_t room;
  char *name;
};

int main(void) {
  char name[8] = "unknown";
  struct question question = {7, sizeof name, name};
  int fd = open("/dev/names", O_RDONLY);
  int result = ioctl(fd, 0x4e01, &question);
  printf("%d %s\n", result, name);
  result = ioctl(fd, 0x4e02, &question);
  printf("%d %d\n", result, errno == ENOTTY);
  return 0;
}
