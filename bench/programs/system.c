/*
 * What the kernel's services cost: a line each, a name and nanoseconds an operation. Operations run in batches of about a
 * millisecond for three seconds, as V8 takes its time to optimise a kernel's calls; the figure is the one that a quarter of
 * the batches undercut, so that other load hardly counts.
 * Arguments: operations to measure; none: all.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MIB = 1 << 20, CHUNK = 64 << 10, PAGE = 4096, BATCHES = 3000 };
static const double BATCH_NS = 1e6, TOTAL_NS = 3e9;

extern char **environ;
static char self[PAGE], buffer[MIB];
static int file;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static void must(int holds, const char *what) {
    if (holds) return;
    perror(what);
    _exit(1);
}

static void await(pid_t pid) { must(waitpid(pid, NULL, 0) == pid, "waitpid"); }

static void op_getppid(long n) { while (n--) syscall(SYS_getppid); }
static void op_read_1(long n) { while (n--) must(pread(file, buffer, 1, 4242) == 1, "pread"); }
static void op_read_1m(long n) { while (n--) must(pread(file, buffer, MIB, 0) == MIB, "pread"); }
static void op_open(long n) { while (n--) close(open("/usr/bin/env", O_RDONLY)); }
static void op_stat(long n) {
    struct stat st;
    while (n--) must(stat("/usr/bin/env", &st) == 0, "stat");
}

static char *map(size_t size) {
    char *p = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(p != MAP_FAILED, "mmap");
    return p;
}
static void op_mmap(long n) { while (n--) munmap(map(CHUNK), CHUNK); }
static void op_fault(long n) {
    char *p = map(n * PAGE);
    for (long i = 0; i < n; i++) p[i * PAGE] = 1;
    munmap(p, n * PAGE);
}

static void on_signal(int signo) { (void)signo; }
static void op_signal(long n) { while (n--) raise(SIGUSR1); }

static void *nothing(void *p) { return p; }
static void op_thread(long n) {
    while (n--) {
        pthread_t thread;
        must(pthread_create(&thread, 0, nothing, 0) == 0, "pthread_create");
        pthread_join(thread, 0);
    }
}

/* Made once, as the echo below is, so that a batch measures turns and not its start. */
static int word;
static pthread_t partner;
static void pass_to(int mine, int other) {
    __atomic_store_n(&word, other, __ATOMIC_RELEASE);
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
    while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) != mine) syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, other, 0);
}
static void *hand_back(void *unused) {
    while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) != 1) syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, 0);
    for (;;) pass_to(1, 0);
    return unused;
}
/* A turn is one hand-over, so a round trip counts twice. */
static void op_futex(long n) {
    if (partner == 0) pthread_create(&partner, 0, hand_back, 0);
    for (long i = (n + 1) / 2; i--;) pass_to(0, 1);
}

static int there[2], back[2];
static pid_t echo_pid;
static void start_echo(void) {
    must(pipe(there) == 0 && pipe(back) == 0, "pipe");
    echo_pid = fork();
    if (echo_pid != 0) return;
    char byte;
    while (read(there[0], &byte, 1) == 1 && byte != 0) must(write(back[1], &byte, 1) == 1, "write");
    _exit(0);
}
static void op_pipe_turn(long n) {
    char byte = 1;
    if (echo_pid == 0) start_echo();
    for (long i = (n + 1) / 2; i--;)
        must(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1, "pipe");
}

static int drain[2];
static pid_t drain_pid;
static void op_pipe_64k(long n) {
    if (drain_pid == 0) {
        must(pipe(drain) == 0, "pipe");
        drain_pid = fork();
        if (drain_pid == 0) {
            close(drain[1]);
            while (read(drain[0], buffer, CHUNK) > 0) continue;
            _exit(0);
        }
    }
    while (n--) must(write(drain[1], buffer, CHUNK) == CHUNK, "write");
}

static void op_fork(long n) {
    while (n--) {
        pid_t pid = fork();
        if (pid == 0) _exit(0);
        await(pid);
    }
}
static char *ballast;
static void op_fork_dirty(long n, size_t size) {
    if (ballast == NULL) memset(ballast = map(size), 1, size);
    op_fork(n);
}
static void op_fork_64m(long n) { op_fork_dirty(n, 64L * MIB); }
static void op_fork_500m(long n) { op_fork_dirty(n, 500L * MIB); }

static char *const child[] = {self, "exit", NULL};
static void op_fork_exec(long n) {
    while (n--) {
        pid_t pid = fork();
        if (pid == 0) {
            execv(self, child);
            _exit(9);
        }
        await(pid);
    }
}
static void op_spawn(long n) {
    while (n--) {
        pid_t pid;
        must(posix_spawn(&pid, self, NULL, NULL, child, environ) == 0, "posix_spawn");
        await(pid);
    }
}

static const struct op {
    const char *name;
    void (*run)(long n);
} OPS[] = {
    {"getppid", op_getppid},      {"read 1 byte", op_read_1},   {"read 1 MiB", op_read_1m},
    {"open+close", op_open},      {"stat", op_stat},            {"page fault", op_fault},
    {"mmap+munmap", op_mmap},     {"signal", op_signal},        {"thread", op_thread},
    {"futex turn", op_futex},     {"pipe turn", op_pipe_turn},  {"pipe 64 KiB", op_pipe_64k},
    {"fork", op_fork},            {"fork+exec", op_fork_exec},  {"posix_spawn", op_spawn},
    {"fork 64 MiB", op_fork_64m}, {"fork 500 MiB", op_fork_500m},
};

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double batch(const struct op *op, long n) {
    double start = now();
    op->run(n);
    return now() - start;
}

static void measure(const struct op *op) {
    double figures[BATCHES], start = now();
    long n = 1;
    int count = 0;
    while (batch(op, n) < BATCH_NS || batch(op, n) < BATCH_NS || batch(op, n) < BATCH_NS) n *= 2;
    for (start = now(); count < BATCHES && (count < 8 || now() - start < TOTAL_NS);) figures[count++] = batch(op, n) / n;
    qsort(figures, count, sizeof *figures, by_value);
    printf("%-14s %12.1f ns\n", op->name, figures[count / 4]);
    fflush(stdout);
    if (ballast != NULL) munmap(ballast, (strstr(op->name, "500") ? 500L : 64L) * MIB);
    ballast = NULL;
}

static int wanted(int argc, char **argv, const char *name) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0) return 1;
    return argc < 2;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "exit") == 0) return 0;
    must(readlink("/proc/self/exe", self, sizeof self - 1) > 0, "readlink");
    file = open("system.data", O_RDWR | O_CREAT | O_TRUNC, 0644);
    must(file >= 0 && write(file, buffer, MIB) == MIB, "system.data");
    signal(SIGUSR1, on_signal);
    for (size_t i = 0; i < sizeof OPS / sizeof *OPS; i++)
        if (wanted(argc, argv, OPS[i].name)) measure(&OPS[i]);
    if (echo_pid) kill(echo_pid, SIGKILL);
    if (drain_pid) kill(drain_pid, SIGKILL);
    unlink("system.data");
    return 0;
}
