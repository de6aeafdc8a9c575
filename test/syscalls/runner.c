/*
 * Carries out a script of system calls in a directory that becomes the root, and prints what each gave. The same script is
 * run by the kernel in TypeScript (script.ts), which prints the same lines. One line is one call:
 *
 *   call ARG...      ARG: a number, "a path", $v (the result of a line that began with v=), or a buffer:
 *     buf:N  str:"x"@N    N bytes to be filled; x in N bytes; shown in hex as far as the result says
 *     stat  statfs  statx  dents:N  flock:TYPE,WHENCE,START,LEN,PID  u64:V  i32:V  times:S,N,S,N  how:FLAGS,MODE,RESOLVE
 *     iovw:"a","b"   iovr:3,4   bad (an address where nothing is)
 *   as UID GID [GROUP...]   effective user and groups
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const struct { const char *name; long number; } CALLS[] = {
#include "calls.inc"
};

enum kind { NUMBER, PATH, BUF, STAT, STATFS, STATX, DENTS, FLOCK, U64, I32, TIMES, IOVW, IOVR };
struct arg { enum kind kind; long value; char *data; long size; struct iovec iov[16]; int count; };

static long results[128];

static char *skip(char *p) { while (*p == ' ') p++; return p; }

/* Reads a quoted string with \xHH escapes; *size gets its length. */
static char *quoted(char **p, long *size) {
  char *s = *p + 1, *out = malloc(strlen(s) + 8200), *o = out;
  while (*s && *s != '"') {
    if (s[0] == '\\' && s[1] == 'x') {
      char hex[3] = { s[2], s[3], 0 };
      *o++ = (char)strtol(hex, 0, 16);
      s += 4;
    } else if (s[0] == '\\' && s[1] == 'r') { /* \rN: the byte before, N times more */
      long n = strtol(s + 2, &s, 10);
      char c = o[-1];
      out = realloc(out, (o - out) + n + strlen(s) + 8200 - 0);
      o = out + strlen(out);
      while (n--) *o++ = c;
      if (*s == ';') s++;
    } else *o++ = *s++;
    *o = 0;
  }
  *o = 0;
  if (*s == '"') s++;
  *size = o - out;
  *p = s;
  return out;
}

static long number(char **p) {
  if (**p == '$') { long v = results[(*p)[1] & 127]; *p += 2; return v; }
  return (long)strtoull(**p == '-' ? *p + 1 : *p, p, 0) * 1;
}
static long signed_number(char **p) {
  int negative = **p == '-';
  long v = number(p);
  return negative ? -v : v;
}

static int is(char **p, const char *word) {
  size_t n = strlen(word);
  if (strncmp(*p, word, n)) return 0;
  *p += n;
  return 1;
}

static void block(struct arg *a, enum kind kind, long size) {
  a->kind = kind;
  a->size = size;
  a->data = calloc(1, size + 16);
  a->value = (long)a->data;
}

static void parse(char **p, struct arg *a) {
  memset(a, 0, sizeof *a);
  if (**p == '"') { long n; a->kind = PATH; a->data = quoted(p, &n); a->value = (long)a->data; }
  else if (is(p, "buf:")) block(a, BUF, number(p));
  else if (is(p, "str:")) { long n; char *s = quoted(p, &n); (*p)++; block(a, BUF, number(p)); memcpy(a->data, s, n); }
  else if (is(p, "statfs")) block(a, STATFS, sizeof(struct statfs));
  else if (is(p, "statx")) block(a, STATX, 256);
  else if (is(p, "stat")) block(a, STAT, sizeof(struct stat));
  else if (is(p, "dents:")) block(a, DENTS, number(p));
  else if (is(p, "flock:")) {
    block(a, FLOCK, sizeof(struct flock));
    struct flock *f = (void *)a->data;
    f->l_type = signed_number(p); (*p)++;
    f->l_whence = signed_number(p); (*p)++;
    f->l_start = signed_number(p); (*p)++;
    f->l_len = signed_number(p); (*p)++;
    f->l_pid = signed_number(p);
  } else if (is(p, "u64:")) { block(a, U64, 8); *(long *)a->data = signed_number(p); }
  else if (is(p, "i32:")) { block(a, I32, 4); *(int *)a->data = signed_number(p); }
  else if (is(p, "times:")) {
    block(a, TIMES, 32);
    for (int i = 0; i < 4; i++) { ((long *)a->data)[i] = signed_number(p); if (i < 3) (*p)++; }
  } else if (is(p, "how:")) {
    block(a, TIMES, 24);
    for (int i = 0; i < 3; i++) { ((long *)a->data)[i] = signed_number(p); if (i < 2) (*p)++; }
  } else if (is(p, "iovw:") || is(p, "iovr:")) {
    a->kind = (*p)[-2] == 'w' ? IOVW : IOVR;
    for (;;) {
      struct iovec *v = &a->iov[a->count++];
      long n;
      if (a->kind == IOVW) { v->iov_base = quoted(p, &n); v->iov_len = n; }
      else if (is(p, "bad")) { v->iov_base = (void *)0x700000000000; v->iov_len = 8; }
      else { n = number(p); v->iov_base = calloc(1, n + 1); v->iov_len = n; }
      if (**p != ',') break;
      (*p)++;
    }
    a->value = (long)a->iov;
  } else if (is(p, "bad")) a->value = 0x700000000000;
  else a->value = signed_number(p);
}

static void hex(const char *data, long n) {
  for (long i = 0; i < n && i < 64; i++) printf("%02x", (unsigned char)data[i]);
  if (n > 64) {
    unsigned h = 0;
    for (long i = 0; i < n; i++) h = h * 31 + (unsigned char)data[i];
    printf("..%u", h);
  }
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void show_dents(struct arg *a, long n) {
  static char *names[4096];
  int count = 0;
  for (long at = 0; at < n;) {
    struct dirent64 *d = (void *)(a->data + at);
    char *line = malloc(300);
    snprintf(line, 300, " %s/%d", d->d_name, d->d_type);
    names[count++] = line;
    at += d->d_reclen;
  }
  qsort(names, count, sizeof *names, by_name);
  for (int i = 0; i < count; i++) fputs(names[i], stdout);
}

static void show(struct arg *a, long result) {
  if (a->kind == BUF && result >= 0) { printf(" "); hex(a->data, result < a->size ? result : a->size); }
  else if (a->kind == STAT && result == 0) {
    struct stat *s = (void *)a->data;
    printf(" mode=%o nlink=%ld uid=%d gid=%d size=%ld blocks=%ld rdev=%lx blksize=%ld", s->st_mode, (long)s->st_nlink,
           s->st_uid, s->st_gid, (long)s->st_size, (long)s->st_blocks, (long)s->st_rdev, (long)s->st_blksize);
  } else if (a->kind == STATX && result == 0) {
    unsigned *u = (void *)a->data;
    printf(" nlink=%u uid=%u gid=%u mode=%o size=%u mount=%d", u[4], u[5], u[6], *(unsigned short *)(a->data + 28), u[10],
           (u[2] & 0x2000) != 0);
  } else if (a->kind == STATFS && result == 0) {
    struct statfs *s = (void *)a->data;
    printf(" type=%lx bsize=%ld namelen=%ld", (long)s->f_type, (long)s->f_bsize, (long)s->f_namelen);
  } else if (a->kind == DENTS && result >= 0) show_dents(a, result);
  else if (a->kind == FLOCK && result == 0) {
    struct flock *f = (void *)a->data;
    printf(" %d,%d,%ld,%ld,%d", f->l_type, f->l_whence, (long)f->l_start, (long)f->l_len, f->l_pid > 0 ? 1 : f->l_pid);
  } else if (a->kind == U64) printf(" %ld", *(long *)a->data);
  else if (a->kind == I32) printf(" %d", *(int *)a->data);
  else if (a->kind == IOVR && result > 0) {
    for (int i = 0; i < a->count && result > 0; i++) {
      long n = (long)a->iov[i].iov_len < result ? (long)a->iov[i].iov_len : result;
      printf(" ");
      hex(a->iov[i].iov_base, n);
      result -= n;
    }
  }
}

/* The capabilities that Docker gives root. */
static void become_container_root(void) {
  const int keep[] = { 0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31 };
  struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
  struct __user_cap_data_struct d[2];
  memset(d, 0, sizeof d);
  for (unsigned i = 0; i < sizeof keep / sizeof *keep; i++) d[0].effective |= 1u << keep[i];
  d[0].permitted = d[0].effective;
  if (syscall(SYS_capset, &h, d)) perror("capset");
}

static void as(char *p) {
  gid_t groups[16];
  int count = 0;
  if (setresuid(-1, 0, -1)) perror("setresuid");
  become_container_root();
  long uid = strtol(p, &p, 10), gid = strtol(p, &p, 10);
  for (p = skip(p); *p >= '0' && *p <= '9'; p = skip(p)) groups[count++] = strtol(p, &p, 10);
  if (setgroups(count, groups) || setresgid(-1, gid, -1) || setresuid(-1, uid, -1)) perror("as");
}

static long number_of(const char *name) {
  for (unsigned i = 0; i < sizeof CALLS / sizeof *CALLS; i++) if (!strcmp(CALLS[i].name, name)) return CALLS[i].number;
  fprintf(stderr, "no call %s\n", name);
  exit(2);
}

int main(int argc, char **argv) {
  if (argc != 2 || chdir(argv[1]) || chroot(".")) { perror("runner"); return 2; }
  static char line[200000];
  struct rlimit files = { 1024, 4096 };
  setrlimit(RLIMIT_NOFILE, &files);
  umask(022);
  become_container_root();
  for (int n = 0; fgets(line, sizeof line, stdin);) {
    line[strcspn(line, "\n")] = 0;
    char *p = skip(line);
    if (*p == 0 || *p == '#') continue;
    char name[40], variable = 0;
    if (p[1] == '=') { variable = p[0] & 127; p += 2; }
    size_t length = strcspn(p, " ");
    memcpy(name, p, length);
    name[length] = 0;
    p = skip(p + length);
    if (!strcmp(name, "as")) { as(p); continue; }
    struct arg args[6];
    memset(args, 0, sizeof args);
    for (int i = 0; i < 6 && *p && *p != '#'; i++, p = skip(p)) parse(&p, &args[i]);
    long r = syscall(number_of(name), args[0].value, args[1].value, args[2].value, args[3].value, args[4].value, args[5].value);
    if (r == -1) r = -errno;
    results[(int)variable] = r;
    printf("%d %s %ld", n++, name, r);
    for (int i = 0; i < 6; i++) if (args[i].value) show(&args[i], r);
    printf("\n");
    fflush(stdout);
  }
  return 0;
}
