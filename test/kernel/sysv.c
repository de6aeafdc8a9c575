/* System V IPC: shared memory, semaphores, message queues. */
#include "check.h"
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define KEY 0x43554c4d

union semun {
  int val;
  struct semid_ds *buf;
  unsigned short *array;
  struct seminfo *info;
};

static struct shmid_ds shm_state(int id) {
  struct shmid_ds state;
  memset(&state, 0, sizeof state);
  shmctl(id, IPC_STAT, &state);
  return state;
}

static void shm_basics(void) {
  puts("-- shared memory");
  FAILS(shmget(KEY, 100, 0600));
  FAILS(shmget(KEY, 0, IPC_CREAT | 0600));
  FAILS(shmget(KEY, -1, IPC_CREAT | 0600));
  FAILS(shmget(KEY, 1L << 62, IPC_CREAT | 0600));
  FAILS(shmget(KEY, 1L << 60, IPC_CREAT | SHM_NORESERVE | 0600) < 0 ? -1 : shmctl(shmget(KEY, 0, 0), IPC_RMID, NULL));
  int id = shmget(KEY, 5000, IPC_CREAT | IPC_EXCL | 0640);
  HOLDS(id >= 0);
  FAILS(shmget(KEY, 5000, IPC_CREAT | IPC_EXCL | 0640));
  HOLDS(shmget(KEY, 100, 0) == id);
  HOLDS(shmget(KEY, 0, 0600) == id);
  FAILS(shmget(KEY, 5001, 0));
  struct shmid_ds state = shm_state(id);
  printf("size %zu mode %o attached %lu lpid %d\n", state.shm_segsz, state.shm_perm.mode, state.shm_nattch, state.shm_lpid);
  HOLDS(state.shm_cpid == getpid() && state.shm_atime == 0 && state.shm_dtime == 0 && state.shm_ctime > 0);
  HOLDS(state.shm_perm.__key == KEY && state.shm_perm.uid == geteuid() && state.shm_perm.cgid == getegid());

  char *one = shmat(id, NULL, 0), *two = shmat(id, NULL, SHM_RDONLY);
  HOLDS(one != (void *)-1 && two != (void *)-1 && one != two);
  HOLDS(((uintptr_t)one & 4095) == 0 && one[0] == 0 && one[8191] == 0);
  strcpy(one + 4090, "across pages");
  printf("%s\n", two + 4090);
  FAILS(mprotect(two, 4096, PROT_READ | PROT_WRITE));
  printf("attached %lu\n", shm_state(id).shm_nattch);
  CHILD({
    printf("in a child attached %lu\n", shm_state(id).shm_nattch);
    strcpy(one, "from the child");
    HOLDS(shmdt(two) == 0);
    printf("detached %lu\n", shm_state(id).shm_nattch);
  });
  state = shm_state(id);
  printf("%s, attached %lu\n", two, state.shm_nattch);
  HOLDS(state.shm_lpid != getpid() && state.shm_dtime > 0);

  FAILS(shmdt(one + 1));
  FAILS(shmdt(one + 4096));
  FAILS(shmdt(NULL));
  FAILS(shmat(id, one + 1, 0));
  FAILS(shmat(id, one, 0));
  FAILS(shmat(id, NULL, SHM_REMAP));
  FAILS(shmat(-1, NULL, 0));
  FAILS(shmat(0x7ffffff, NULL, 0));
  HOLDS(shmat(id, one + 100, SHM_RND | SHM_REMAP) == one);
  char *place = mmap(NULL, 16384, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(place, 16384);
  HOLDS(shmat(id, place + 4097, SHM_RND) == place + 4096);
  munmap(place + 4096, 4096);
  printf("after a part was unmapped: attached %lu\n", shm_state(id).shm_nattch);
  FAILS(shmdt(place + 4096 * 2));
  SHOW(shmdt(place + 4096));
  mprotect(one + 4096, 4096, PROT_READ);
  printf("cut in two: attached %lu\n", shm_state(id).shm_nattch);
  SHOW(shmdt(one));
  SHOW(shmdt(two));
  FAILS(shmdt(two));
  printf("attached %lu\n", shm_state(id).shm_nattch);

  one = shmat(id, NULL, 0);
  HOLDS(strcmp(one, "from the child") == 0);
  SHOW(shmctl(id, IPC_RMID, NULL));
  state = shm_state(id);
  printf("removed while attached: mode %o key %d attached %lu\n", state.shm_perm.mode, state.shm_perm.__key, state.shm_nattch);
  FAILS(shmget(KEY, 5000, 0));
  two = shmat(id, NULL, 0);
  HOLDS(two != (void *)-1 && strcmp(two, "from the child") == 0);
  SHOW(shmdt(one));
  SHOW(shmdt(two));
  FAILS(shmctl(id, IPC_STAT, &state));
  FAILS(shmat(id, NULL, 0));
}

static void shm_control(void) {
  puts("-- shmctl");
  int id = shmget(IPC_PRIVATE, 4096, 0600), other = shmget(IPC_PRIVATE, 12288, 0);
  HOLDS(id != other);
  struct shmid_ds state = shm_state(id);
  state.shm_perm.mode = 01777;
  state.shm_perm.uid = 1234;
  state.shm_perm.gid = 4321;
  SHOW(shmctl(id, IPC_SET, &state));
  state = shm_state(id);
  printf("mode %o uid %d gid %d\n", state.shm_perm.mode, state.shm_perm.uid, state.shm_perm.gid);
  HOLDS(state.shm_perm.cuid == geteuid());
  state.shm_perm.uid = -1;
  FAILS(shmctl(id, IPC_SET, &state));
  FAILS(shmctl(id, IPC_SET, NULL));
  FAILS(shmctl(id, IPC_STAT, NULL));
  FAILS(shmctl(id, 99, &state));
  FAILS(shmctl(-1, IPC_STAT, &state));
  FAILS(shmctl(id, -1, &state));
  SHOW(shmctl(id, SHM_LOCK, NULL));
  printf("mode %o\n", shm_state(id).shm_perm.mode);
  SHOW(shmctl(id, SHM_UNLOCK, NULL));
  printf("mode %o\n", shm_state(id).shm_perm.mode);
  HOLDS(shmctl(id & 0x7fff, SHM_STAT, &state) == id);
  HOLDS(shmctl(id & 0x7fff, 15 /* SHM_STAT_ANY */, &state) == id);
  FAILS(shmctl(0x7fff, SHM_STAT, &state));
  struct shminfo limits;
  HOLDS(shmctl(0, IPC_INFO, (void *)&limits) >= (other & 0x7fff));
  printf("max %lu min %lu mni %lu seg %lu all %lu\n", limits.shmmax, limits.shmmin, limits.shmmni, limits.shmseg, limits.shmall);
  struct shm_info before, after;
  shmctl(0, SHM_INFO, (void *)&before);
  int third = shmget(IPC_PRIVATE, 4097, 0600);
  shmctl(0, SHM_INFO, (void *)&after);
  printf("ids +%d pages +%lu\n", after.used_ids - before.used_ids, after.shm_tot - before.shm_tot);
  CHILD({
    setgid(99);
    setuid(99);
    FAILS(shmat(other, NULL, 0));
    FAILS(shmctl(other, IPC_STAT, &state));
    HOLDS(shmctl(other & 0x7fff, 15, &state) == other);
    FAILS(shmctl(other, IPC_RMID, NULL));
    FAILS(shmctl(other, IPC_SET, &state));
    FAILS(shmctl(id, IPC_RMID, NULL));
    FAILS(shmctl(other, SHM_LOCK, NULL));
    FAILS(shmat(id, NULL, 0) == (void *)-1 ? -1 : 0);
    FAILS(shmat(id, NULL, SHM_EXEC) == (void *)-1 ? -1 : 0);
  });
  CHILD({
    setgid(4321);
    setuid(1234);
    SHOW(shmctl(id, IPC_RMID, NULL));
  });
  FAILS(shmctl(id, IPC_RMID, NULL));
  shmctl(other, IPC_RMID, NULL);
  shmctl(third, IPC_RMID, NULL);
}

static void shm_lifetime(void) {
  puts("-- attachments end with their process");
  int id = shmget(IPC_PRIVATE, 4096, 0600);
  CHILD(shmat(id, NULL, 0));
  printf("after exit: attached %lu\n", shm_state(id).shm_nattch);
  CHILD({
    shmat(id, NULL, 0);
    execl("/bin/true", "true", NULL);
  });
  printf("after exec: attached %lu\n", shm_state(id).shm_nattch);
  int *word = shmat(id, NULL, 0);
  shmctl(id, IPC_RMID, NULL);
  CHILD(*word = 42);
  printf("%d, attached %lu\n", *word, shm_state(id).shm_nattch);
  shmdt(word);
  struct shmid_ds state;
  FAILS(shmctl(id, IPC_STAT, &state));
}

static void sem_basics(void) {
  puts("-- semaphores");
  FAILS(semget(KEY, 1, 0));
  FAILS(semget(KEY, 0, IPC_CREAT));
  FAILS(semget(KEY, -1, IPC_CREAT));
  FAILS(semget(KEY, 32001, IPC_CREAT));
  int id = semget(KEY, 3, IPC_CREAT | 0600);
  HOLDS(semget(KEY, 0, 0) == id && semget(KEY, 3, 0) == id);
  FAILS(semget(KEY, 4, 0));
  FAILS(semget(KEY, 3, IPC_CREAT | IPC_EXCL));
  struct semid_ds state;
  union semun arg = {.buf = &state};
  SHOW(semctl(id, 0, IPC_STAT, arg));
  printf("nsems %lu mode %o otime %ld\n", state.sem_nsems, state.sem_perm.mode, state.sem_otime);
  HOLDS(state.sem_ctime > 0);
  SHOW(semctl(id, 0, GETVAL));
  SHOW(semctl(id, 0, GETPID));
  arg.val = 5;
  SHOW(semctl(id, 1, SETVAL, arg));
  SHOW(semctl(id, 1, GETVAL));
  HOLDS(semctl(id, 1, GETPID) == getpid());
  arg.val = 32768;
  FAILS(semctl(id, 1, SETVAL, arg));
  arg.val = -1;
  FAILS(semctl(id, 1, SETVAL, arg));
  arg.val = 1;
  FAILS(semctl(id, 3, SETVAL, arg));
  FAILS(semctl(id, 3, GETVAL));
  FAILS(semctl(id, -1, GETVAL));
  unsigned short values[3] = {1, 2, 3};
  arg.array = values;
  SHOW(semctl(id, 0, SETALL, arg));
  values[0] = values[1] = values[2] = 9;
  SHOW(semctl(id, 0, GETALL, arg));
  printf("%d %d %d\n", values[0], values[1], values[2]);
  values[1] = 40000;
  FAILS(semctl(id, 0, SETALL, arg));
  FAILS(semctl(id, 0, 77, arg));
  struct sembuf ops[600] = {{0, -1, 0}, {1, 3, 0}};
  SHOW(semop(id, ops, 2));
  printf("%d %d\n", semctl(id, 0, GETVAL), semctl(id, 1, GETVAL));
  ops[0] = (struct sembuf){1, -2, 0};
  ops[1] = (struct sembuf){0, -1, IPC_NOWAIT};
  FAILS(semop(id, ops, 2));
  printf("undone whole: %d %d\n", semctl(id, 0, GETVAL), semctl(id, 1, GETVAL));
  ops[0] = (struct sembuf){1, -5, 0};
  ops[1] = (struct sembuf){1, 2, 0};
  ops[2] = (struct sembuf){1, -2, 0};
  ops[3] = (struct sembuf){1, 0, 0};
  SHOW(semop(id, ops, 4));
  ops[0] = (struct sembuf){2, 32767, 0};
  FAILS(semop(id, ops, 1));
  ops[0] = (struct sembuf){3, 1, 0};
  FAILS(semop(id, ops, 1));
  FAILS(semop(id, ops, 0));
  FAILS(semop(id, ops, 501));
  FAILS(semop(id, NULL, 1));
  FAILS(semop(-1, ops, 1));
  struct timespec quick = {0, 20000000}, bad = {0, 1000000000};
  ops[0] = (struct sembuf){0, -1, 0};
  FAILS(semtimedop(id, ops, 1, &quick));
  FAILS(semtimedop(id, ops, 1, &bad));
  FAILS(semtimedop(id, ops, 1, (void *)8));
  struct seminfo limits;
  arg.info = &limits;
  HOLDS(semctl(0, 0, IPC_INFO, arg) >= 0);
  printf("%d %d %d %d %d %d\n", limits.semmni, limits.semmns, limits.semmsl, limits.semopm, limits.semvmx, limits.semaem);
  SHOW(semctl(id, 0, IPC_RMID));
  FAILS(semctl(id, 0, GETVAL));
  FAILS(semop(id, ops, 1));
}

static int set_id;
static void *waits_for(void *op) {
  struct sembuf one = *(struct sembuf *)op;
  long result = semop(set_id, &one, 1);
  return (void *)(result == 0 ? 0L : (long)errno);
}

static void nothing(int signo) {}

static void sem_waiting(void) {
  puts("-- semaphores that wait");
  int id = set_id = semget(IPC_PRIVATE, 2, 0600);
  pthread_t threads[4];
  struct sembuf down = {0, -1, 0}, down2 = {0, -2, 0}, zero = {1, 0, 0}, up = {0, 1, 0};
  union semun arg = {.val = 1};
  semctl(id, 1, SETVAL, arg);
  pthread_create(&threads[0], NULL, waits_for, &down2);
  while (semctl(id, 0, GETNCNT) != 1) nap(1);
  pthread_create(&threads[1], NULL, waits_for, &down);
  pthread_create(&threads[2], NULL, waits_for, &zero);
  while (semctl(id, 0, GETNCNT) != 2 || semctl(id, 1, GETZCNT) != 1) nap(1);
  printf("ncnt %d zcnt %d\n", semctl(id, 1, GETNCNT), semctl(id, 0, GETZCNT));
  semop(id, &up, 1);
  void *result;
  pthread_join(threads[1], &result);
  printf("the one that needs less went first: %ld, ncnt %d\n", (long)result, semctl(id, 0, GETNCNT));
  struct sembuf both[2] = {{0, 2, 0}, {1, -1, 0}};
  SHOW(semop(id, both, 2));
  pthread_join(threads[0], &result);
  printf("%ld\n", (long)result);
  pthread_join(threads[2], &result);
  printf("%ld\n", (long)result);
  pthread_create(&threads[0], NULL, waits_for, &down);
  pthread_create(&threads[1], NULL, waits_for, &down);
  while (semctl(id, 0, GETNCNT) != 2) nap(1);
  signal(SIGUSR1, nothing);
  struct sigaction restart = {.sa_handler = nothing, .sa_flags = SA_RESTART};
  sigaction(SIGUSR2, &restart, NULL);
  pthread_kill(threads[0], SIGUSR2);
  pthread_join(threads[0], &result);
  printf("signalled: %s\n", strerrorname_np((long)result));
  SHOW(semctl(id, 0, IPC_RMID));
  pthread_join(threads[1], &result);
  printf("removed: %s\n", strerrorname_np((long)result));
}

static void sem_undo(void) {
  puts("-- SEM_UNDO");
  int id = semget(IPC_PRIVATE, 2, 0600);
  union semun arg = {.val = 3};
  semctl(id, 0, SETVAL, arg);
  struct sembuf ops[2] = {{0, -2, SEM_UNDO}, {1, 4, SEM_UNDO}};
  CHILD({
    semop(id, ops, 2);
    printf("in the child: %d %d\n", semctl(id, 0, GETVAL), semctl(id, 1, GETVAL));
    CHILD({
      ops[0].sem_op = -1;
      semop(id, ops, 1);
    });
    printf("after a grandchild: %d\n", semctl(id, 0, GETVAL));
  });
  printf("taken back: %d %d\n", semctl(id, 0, GETVAL), semctl(id, 1, GETVAL));
  CHILD({
    ops[0].sem_op = -2;
    semop(id, ops, 1);
    arg.val = 10;
    semctl(id, 0, SETVAL, arg);
  });
  printf("SETVAL forgets it: %d\n", semctl(id, 0, GETVAL));
  CHILD({
    ops[0].sem_op = 5;
    semop(id, ops, 1);
    ops[0].sem_op = -12;
    ops[0].sem_flg = 0;
    semop(id, ops, 1);
  });
  printf("not below 0: %d\n", semctl(id, 0, GETVAL));
  ops[0] = (struct sembuf){0, 20000, SEM_UNDO};
  CHILD({
    SHOW(semop(id, ops, 1));
    ops[0] = (struct sembuf){0, -20000, 0};
    SHOW(semop(id, ops, 1));
    ops[0] = (struct sembuf){0, 20000, SEM_UNDO};
    FAILS(semop(id, ops, 1));
  });
  CHILD({
    ops[0] = (struct sembuf){1, 7, SEM_UNDO};
    semop(id, ops, 1);
    execl("/bin/sh", "sh", "-c", "exit 0", NULL);
  });
  printf("after exec and exit: %d\n", semctl(id, 1, GETVAL));
  CHILD({
    setgid(99);
    setuid(99);
    FAILS(semop(id, ops, 1));
    FAILS(semctl(id, 0, GETVAL));
    FAILS(semctl(id, 0, SETVAL, arg));
    FAILS(semctl(id, 5, SETVAL, arg));
    FAILS(semctl(id, 0, IPC_RMID));
  });
  semctl(id, 0, IPC_RMID);
}

struct message {
  long type;
  char text[100];
};

static void send(int id, long type, const char *text) {
  struct message message = {type};
  strcpy(message.text, text);
  if (msgsnd(id, &message, strlen(text) + 1, IPC_NOWAIT) < 0) printf("send: %s\n", strerrorname_np(errno));
}

static void receive(int id, long type, size_t size, int flags) {
  struct message message = {0};
  long got = msgrcv(id, &message, size, type, flags | IPC_NOWAIT);
  if (got < 0) printf("receive %ld: %s\n", type, strerrorname_np(errno));
  else printf("receive %ld: %ld bytes, type %ld: %.*s\n", type, got, message.type, (int)got, message.text);
}

static void msg_basics(void) {
  puts("-- message queues");
  FAILS(msgget(KEY, 0));
  int id = msgget(KEY, IPC_CREAT | 0600);
  HOLDS(msgget(KEY, 0) == id);
  FAILS(msgget(KEY, IPC_CREAT | IPC_EXCL));
  struct message message = {1, "x"};
  FAILS(msgsnd(id, &message, -1, 0));
  FAILS(msgsnd(id, &message, 8193, 0));
  FAILS(msgsnd(-1, &message, 1, 0));
  message.type = 0;
  FAILS(msgsnd(id, &message, 1, 0));
  FAILS(msgsnd(id, NULL, 1, 0));
  receive(id, 0, 100, 0);
  send(id, 3, "three");
  send(id, 1, "one");
  send(id, 2, "two");
  send(id, 3, "three again");
  send(id, LONG_MAX, "the last");
  struct msqid_ds state;
  SHOW(msgctl(id, IPC_STAT, &state));
  printf("qnum %lu cbytes %lu qbytes %lu mode %o\n", state.msg_qnum, state.__msg_cbytes, state.msg_qbytes, state.msg_perm.mode);
  HOLDS(state.msg_lspid == getpid() && state.msg_lrpid == 0 && state.msg_stime > 0 && state.msg_rtime == 0);
  receive(id, 3, 4, 0);
  receive(id, 0, 100, MSG_COPY);
  receive(id, 2, 100, MSG_COPY);
  receive(id, 5, 100, MSG_COPY);
  receive(id, 2, 2, MSG_COPY);
  receive(id, 2, 2, MSG_COPY | MSG_NOERROR);
  receive(id, 2, 100, MSG_COPY | MSG_EXCEPT);
  FAILS(msgrcv(id, &message, 10, 0, MSG_COPY));
  receive(id, -2, 100, 0);
  receive(id, 3, 100, MSG_EXCEPT);
  receive(id, 3, 3, MSG_NOERROR);
  receive(id, LONG_MIN, 100, 0);
  receive(id, LONG_MAX, 100, 0);
  receive(id, 0, 100, 0);
  FAILS(msgrcv(id, &message, -1, 0, 0));
  FAILS(msgrcv(-1, &message, 1, 0, 0));
  send(id, 1, "bad pointer");
  FAILS(msgrcv(id, NULL, 100, 0, 0));
  receive(id, 0, 100, 0);
  int count = 0;
  char block[1008] = {1};
  while (msgsnd(id, block, 1000, IPC_NOWAIT) == 0) count++;
  printf("%d messages fit: %s\n", count, strerrorname_np(errno));
  msgctl(id, IPC_STAT, &state);
  state.msg_qbytes = 100;
  SHOW(msgctl(id, IPC_SET, &state));
  msgctl(id, IPC_STAT, &state);
  printf("qbytes %lu cbytes %lu\n", state.msg_qbytes, state.__msg_cbytes);
  FAILS(msgctl(id, IPC_SET, NULL));
  FAILS(msgctl(id, 55, &state));
  struct msginfo limits;
  HOLDS(msgctl(0, IPC_INFO, (void *)&limits) >= 0);
  printf("%d %d %d %d %d\n", limits.msgmax, limits.msgmnb, limits.msgmni, limits.msgssz, limits.msgseg);
  HOLDS(msgctl(id & 0x7fff, MSG_STAT, &state) == id);
  CHILD({
    setgid(99);
    setuid(99);
    FAILS(msgsnd(id, &message, 1, 0));
    FAILS(msgrcv(id, &message, 1, 0, 0));
    FAILS(msgctl(id, IPC_STAT, &state));
    FAILS(msgctl(id, IPC_RMID, NULL));
  });
  SHOW(msgctl(id, IPC_RMID, NULL));
  FAILS(msgctl(id, IPC_RMID, NULL));
}

static void msg_waiting(void) {
  puts("-- messages that are waited for");
  int id = msgget(IPC_PRIVATE, 0600), back = msgget(IPC_PRIVATE, 0600);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    struct message message;
    for (int i = 0; i < 3; i++) {
      long got = msgrcv(id, &message, 100, i == 1 ? 7 : 0, 0);
      msgsnd(back, &message, got, 0);
    }
    alarm(0);
    errno = 0;
    long got = msgrcv(id, &message, 2, 0, 0);
    message.type = 1 + (got < 0 ? errno : 0);
    msgsnd(back, &message, 0, 0);
    nap(100);
    got = msgrcv(id, &message, 100, 0, 0);
    _exit(got < 0 ? errno : 0);
  }
  struct message message;
  send(id, 5, "first");
  nap(20);
  send(id, 6, "not this");
  send(id, 7, "second");
  for (int i = 0; i < 3; i++) {
    long got = msgrcv(back, &message, 100, 0, 0);
    printf("%ld %.*s\n", message.type, (int)got, message.text);
  }
  nap(50);
  send(id, 1, "too long");
  msgrcv(back, &message, 100, 0, 0);
  printf("%s\n", strerrorname_np(message.type - 1));
  receive(id, 0, 100, 0);
  nap(150);
  SHOW(msgctl(id, IPC_RMID, NULL));
  int status;
  waitpid(child, &status, 0);
  printf("removed: %s\n", strerrorname_np(WEXITSTATUS(status)));
  char block[8200] = {1};
  msgsnd(back, block, 8192, 0);
  msgsnd(back, block, 8000, 0);
  fflush(stdout);
  if (fork() == 0) {
    block[0] = 2;
    _exit(msgsnd(back, block, 1000, 0) == 0 ? 0 : errno);
  }
  nap(30);
  printf("%ld\n", (long)msgrcv(back, block, 8192, 0, 0));
  wait(&status);
  printf("the sender went on: %d\n", status);
  receive(back, 2, 100, MSG_NOERROR);
  child = fork();
  if (child == 0) {
    struct sigaction restart = {.sa_handler = nothing, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &restart, NULL);
    errno = 0;
    msgrcv(back, block, 100, 9, 0);
    _exit(errno);
  }
  nap(50);
  kill(child, SIGUSR1);
  wait(&status);
  printf("signalled: %s\n", strerrorname_np(WEXITSTATUS(status)));
  msgctl(back, IPC_RMID, NULL);
}

int main(void) {
  alarm(60);
  setvbuf(stdout, NULL, _IOFBF, 1 << 16);
  shm_basics();
  shm_control();
  shm_lifetime();
  sem_basics();
  sem_waiting();
  sem_undo();
  msg_basics();
  msg_waiting();
  return 0;
}
