/** Random scripts of file calls over a handful of names, so that calls meet. The same seed gives the same script. */

/** Numbers in [0, 1) from a seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const NAMES = ['a', 'b', 'c', 'd', 'e', 'l'];
const SPECIAL = ['.', '..', '/', 'a/', 'nothing', ''];
const FLAGS = [
  '0',
  '1',
  '2',
  '0100',
  '0200',
  '01000',
  '02000',
  '0200000',
  '0400000',
  '010000000',
  '020200000',
];
const MODES = ['0', '0600', '0644', '0755', '0777', '01777', '02755', '04755', '0444'];
const USERS = ['0 0', '0 0', '0 0', '1000 1000', '1000 1000 50', '1001 50'];
const SIZES = ['0', '1', '5', '100', '4096', '4097', '10000', '-1'];

type Make = (random: Random) => string;

class Random {
  private readonly next: () => number;

  constructor(seed: number) {
    this.next = generator(seed);
  }

  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  of<T>(list: readonly T[]): T {
    const item = list[this.below(list.length)];
    if (item === undefined) throw new Error('empty list');
    return item;
  }

  path(): string {
    if (this.below(12) === 0) return `"${this.of(SPECIAL)}"`;
    let path = this.below(8) === 0 ? '/' : '';
    path += this.of(NAMES);
    while (this.below(3) === 0) path += `/${this.below(6) === 0 ? this.of(SPECIAL) : this.of(NAMES)}`;
    return `"${path}${this.below(14) === 0 ? '/' : ''}"`;
  }

  fd(): string {
    return `$${this.of(['p', 'q', 'r', 's'])}`;
  }

  dirfd(): string {
    return this.below(4) === 0 ? this.fd() : '-100';
  }

  flags(): string {
    let flags = 0;
    for (let n = this.below(4); n >= 0; n--) flags |= Number.parseInt(this.of(FLAGS), 8);
    // Descriptors whose files have no rights (access mode 3) are not interesting often.
    return String(flags);
  }

  at(options: readonly number[]): string {
    return String(this.below(3) === 0 ? this.of(options) : 0);
  }
}

const CALLS: readonly Make[] = [
  (r) => `${r.of(['p', 'q', 'r', 's'])}=openat ${r.dirfd()} ${r.path()} ${r.flags()} ${r.of(MODES)}`,
  (r) => `${r.of(['p', 'q', 'r', 's'])}=openat ${r.dirfd()} ${r.path()} 0102 ${r.of(MODES)}`,
  (r) => `${r.of(['p', 'q', 'r', 's'])}=openat -100 ${r.path()} 0200000`,
  (r) => `close ${r.fd()}`,
  (r) => `mkdirat ${r.dirfd()} ${r.path()} ${r.of(MODES)}`,
  (r) => `mkdir ${r.path()} 0777`,
  (r) => `mknod ${r.path()} ${r.of(['0100644', '0140666', '0'])} 0x103`,
  (r) => `unlinkat ${r.dirfd()} ${r.path()} ${r.at([0x200, 0x200, 1])}`,
  (r) => `rmdir ${r.path()}`,
  (r) => `unlink ${r.path()}`,
  (r) => `rename ${r.path()} ${r.path()}`,
  (r) => `renameat2 ${r.dirfd()} ${r.path()} ${r.dirfd()} ${r.path()} ${r.at([1, 2, 2, 4, 3])}`,
  (r) => `linkat ${r.dirfd()} ${r.path()} ${r.dirfd()} ${r.path()} ${r.at([0x400])}`,
  (r) => `symlinkat ${r.path()} ${r.dirfd()} ${r.path()}`,
  (r) => `newfstatat ${r.dirfd()} ${r.path()} stat ${r.at([0x100, 0x1000])}`,
  (r) => `lstat ${r.path()} stat`,
  (r) => `fstat ${r.fd()} stat`,
  (r) => `readlinkat ${r.dirfd()} ${r.path()} buf:50 50`,
  (r) => `faccessat2 ${r.dirfd()} ${r.path()} ${r.below(8)} ${r.at([0x200, 0x100])}`,
  (r) => `fchmodat2 ${r.dirfd()} ${r.path()} ${r.of(MODES)} ${r.at([0x100, 0x1000])}`,
  (r) => `fchmod ${r.fd()} ${r.of(MODES)}`,
  (r) =>
    `fchownat ${r.dirfd()} ${r.path()} ${r.of(['-1', '0', '1000'])} ${r.of(['-1', '50', '1000'])} ${r.at([0x100])}`,
  (r) => `utimensat ${r.dirfd()} ${r.path()} ${r.of(['0', 'times:1,2,3,4'])} ${r.at([0x100])}`,
  (r) => `truncate ${r.path()} ${r.of(SIZES)}`,
  (r) => `ftruncate ${r.fd()} ${r.of(SIZES)}`,
  (r) =>
    `write ${r.fd()} str:"${r.of(NAMES)}\\r${r.of(['1', '50', '5000'])};"@5100 ${r.of(['1', '30', '5000'])}`,
  (r) => `read ${r.fd()} buf:6000 ${r.of(['1', '40', '6000'])}`,
  (r) => `pwrite64 ${r.fd()} str:"xyz"@3 3 ${r.of(SIZES)}`,
  (r) => `pread64 ${r.fd()} buf:6000 6000 ${r.of(SIZES)}`,
  (r) => `lseek ${r.fd()} 0 0`,
  (r) => `fallocate ${r.fd()} ${r.of(['1', '3', '3', '0'])} ${r.of(SIZES)} ${r.of(SIZES)}`,
  (r) =>
    `copy_file_range ${r.fd()} u64:${r.of(['0', '1', '4096'])} ${r.fd()} u64:${r.of(['0', '20000'])} ${r.of(['3', '5000'])} 0`,
  (r) => `getdents64 ${r.fd()} dents:2000 2000`,
  (r) => `fchdir ${r.fd()}`,
  (r) => `chdir ${r.path()}`,
  () => `chdir "/"`,
  () => 'getcwd buf:200 200',
  (r) => `umask ${r.of(['022', '0', '077'])}`,
  (r) => `setxattr ${r.path()} "user.${r.of(NAMES)}" str:"v"@1 1 ${r.at([1, 2])}`,
  (r) => `lgetxattr ${r.path()} "user.${r.of(NAMES)}" buf:10 10`,
  (r) => `fcntl ${r.fd()} 3 0`,
  (r) => `fcntl ${r.fd()} 4 ${r.of(['0', '02000', '04000'])}`,
  (r) =>
    `fcntl ${r.fd()} ${r.of(['37', '36'])} flock:${r.of(['0', '1', '2'])},0,${r.below(10)},${r.below(5)},0`,
  (r) => `flock ${r.fd()} ${r.of(['5', '6', '8'])}`,
  (r) => `as ${r.of(USERS)}`,
];

export function randomScript(seed: number, lines: number): string {
  const random = new Random(seed);
  const script = [...NAMES].map((_, i) => (i < 3 ? `mkdir "${NAMES[i]}" 0777` : `creat "${NAMES[i]}" 0666`));
  script.push('p=openat -100 "a" 0200000', 'q=openat -100 "d" 2', 'r=openat -100 "e" 02001', 's=dup $q');
  for (let i = 0; i < lines; i++) script.push(random.of(CALLS)(random));
  return script.join('\n') + '\n';
}
