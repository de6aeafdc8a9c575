/**
 * The corpus: command lines of Debian's programs, each run natively and under Culm in the fixture's folder. Status, standard
 * output and standard error must be the same to the byte; where a command prints what must differ, `normalise` takes it out
 * and `differs` says what and why.
 */
import { input, perl, python, type CorpusCommand, type Line } from './command.js';
import { BINARIES } from './binaries.js';
import { NETWORK } from './network.js';
import { PROCESSES } from './processes.js';

const BUSYBOX: Line[] = [
  ['busybox', 'echo', 'hello', 'world'],
  ['busybox', 'ls', '-l', 'tree'],
  ['busybox', 'md5sum', 'data.bin', 'text.txt'],
  ['busybox', 'sha256sum', 'data.bin'],
  ['busybox', 'sort', '-r', 'words.txt'],
  ['busybox', 'awk', '-F,', '{ s += $3 } END { print s, NR }', 'table.csv'],
  ['busybox', 'sed', 's/mor/XX/g', 'text.txt'],
  ['busybox', 'grep', '-c', 'ka', 'text.txt'],
  ['busybox', 'find', 'tree', '-type', 'f'],
  ['busybox', 'wc', 'text.txt'],
  ['busybox', 'gzip', '-c', 'text.txt'],
  ['busybox', 'hexdump', '-C', 'data.bin'],
  [
    'busybox',
    'sh',
    '-c',
    'i=0; while [ $i -lt 200 ]; do i=$((i+1)); done; echo $i; for f in tree/*; do echo "$f"; done',
  ],
  ['busybox', 'vi', '--nonsense'],
  ['busybox', 'expr', '6', '*', '7'],
];

const COREUTILS: Line[] = [
  ['true'],
  ['false'],
  ['echo', '-e', 'a\\tb\\x41'],
  ['printf', '%5d|%-8s|%x|%.3f\\n', '42', 'left', '255', '3.14159'],
  ['cat', 'text.txt', 'nosuchfile'],
  ['tac', 'words.txt'],
  ['ls', '-la', '--full-time', 'tree'],
  ['ls', '-R', '--color=always', 'tree'],
  ['stat', '-c', '%n %s %a %F %h %u %g %Y', 'text.txt', 'tree', 'nosuch'],
  ['wc', '-lwmc', 'text.txt', 'table.csv'],
  ['sort', '-n', 'numbers.txt'],
  ['sort', '-t,', '-k3,3nr', '-k2', 'table.csv'],
  ['uniq', '-c', 'words.txt'],
  ['cut', '-d,', '-f2,4', 'table.csv'],
  input('Hello World\n', 'tr', 'a-z', 'A-Z'),
  ['head', '-n', '5', 'text.txt'],
  ['tail', '-c', '100', 'text.txt'],
  ['seq', '-w', '1', '0.5', '20'],
  ['factor', '1234567890123', '97', '18446744073709551557'],
  ['base64', 'data.bin'],
  ['md5sum', 'text.txt', 'data.bin'],
  ['sha1sum', 'data.bin'],
  ['sha512sum', 'data.bin'],
  ['b2sum', 'data.bin'],
  ['cksum', 'text.txt'],
  ['od', '-A', 'x', '-t', 'x1z', 'data.bin'],
  ['fold', '-w', '30', '-s', 'text.txt'],
  ['fmt', '-w', '60', 'text.txt'],
  ['pr', '-l', '40', '-h', 'title', '-D', 'date', 'words.txt'],
  ['nl', 'text.txt'],
  ['paste', '-d:', 'words.txt', 'numbers.txt'],
  ['comm', '-3', 'text.txt', 'other.txt'],
  ['join', '-t,', 'table.csv', 'table.csv'],
  ['numfmt', '--to=iec', '1024', '1234567', '9876543210'],
  ['date', '-u', '-d', '2024-02-29 12:34:56', '+%A %d %B %Y %s'],
  ['env', '-i', 'A=1', 'B=2', 'env'],
  ['id'],
  ['realpath', 'tree/../tree/a/./one.txt'],
  ['dirname', '/usr/lib/x'],
  ['pathchk', '-p', 'a'.repeat(300)],
  ['expr', 'abcdef', ':', 'abc\\(.*\\)'],
  ['test', '-d', 'tree'],
  ['split', '-l', '100', '--verbose', 'text.txt', 'part-'],
  ['cp', '-rv', 'tree', 'copy'],
  ['mv', '-v', 'text.txt', 'renamed.txt'],
  ['rm', '-rv', 'tree/a'],
  ['ln', '-sv', 'text.txt', 'link'],
  ['mkdir', '-pv', 'new/folder'],
  ['touch', '-d', '2020-01-01', 'touched'],
  ['dd', 'if=data.bin', 'bs=1000', 'count=3', 'status=none'],
  ['tsort', 'nosuchfile'],
  ['shuf', '--random-source=data.bin', 'words.txt'],
  ['csplit', 'text.txt', '100', '200'],
  ['nproc', '--ignore=100'],
  ['sum', 'data.bin'],
  ['ptx', 'tree/a/two.txt'],
];

const SHELLS: Line[] = [
  ['bash', '-c', 'echo $((2**40)) ${PWD} "${BASH_VERSINFO[0]}"'],
  [
    'bash',
    '-c',
    'a=(); for i in {1..300}; do a+=($((i*i))); done; echo "${a[@]: -5}"; printf "%s\\n" "${#a[@]}"',
  ],
  ['bash', '-c', 'declare -A m; while IFS=, read -r i n a p; do m[$n]=$a; done < table.csv; echo ${#m[@]}'],
  [
    'bash',
    '-c',
    'f() { local n=$1; ((n < 2)) && { r=$n; return; }; f $((n-1)); local x=$r; f $((n-2)); r=$((x+r)); }; f 14; echo $r',
  ],
  ['bash', '-c', 'trap "echo bye" EXIT; echo ${nosuch:?is not set}'],
  [
    'bash',
    '-c',
    's="hello world"; echo ${s^^} ${s//o/0} ${#s}; [[ $s =~ (w.*)$ ]] && echo ${BASH_REMATCH[1]}',
  ],
  ['bash', '--nosuchoption'],
  ['dash', '-c', 'x=5; echo $((x * 3)); case abc in a*) echo match;; esac; set -- a b c; shift; echo "$@"'],
  ['dash', '-c', 'echo "unterminated'],
];

const TEXT: Line[] = [
  ['sed', '-n', '/ka/{s/ka/<&>/gp}', 'text.txt'],
  ['sed', '-E', 's/([a-z]+) ([a-z]+)/\\2 \\1/', 'text.txt'],
  ['grep', '-n', 'mor.*ka', 'text.txt'],
  ['grep', '-E', '-o', '(ar|be){2}', 'text.txt'],
  ['grep', '-P', '(?<=ka)lum', 'words.txt'],
  ['grep', '-rn', 'o', 'tree'],
  ['gawk', '{ c[$1]++ } END { n = asorti(c, k); for (i = 1; i <= n; i++) print k[i], c[k[i]] }', 'text.txt'],
  ['gawk', 'BEGIN { printf "%.10f %d %s\\n", atan2(0,-1), 2^53, substr("abcdef", 2, 3) }'],
  [
    'gawk',
    '-F,',
    'NR>1 { t[$2] += $4 } END { PROCINFO["sorted_in"] = "@ind_str_asc"; for (k in t) printf "%s %.3f\\n", k, t[k] }',
    'table.csv',
  ],
  ['mawk', '-F,', 'NR > 1 { s += $3; q += $3 * $3 } END { print s, q, sqrt(q) }', 'table.csv'],
  ['mawk', '{ $2 = ""; print length($0), toupper($1) }', 'text.txt'],
  ['find', 'tree', '-printf', '%p %s %m %y\\n'],
  ['find', 'tree', '-name', '*.txt', '-size', '-2'],
  ['diff', '-u', '--label', 'a', '--label', 'b', 'text.txt', 'other.txt'],
  ['cmp', 'text.txt', 'other.txt'],
  ['diff', '-rq', 'tree/a', 'tree/b'],
  ['m4', 'macros.m4'],
  ['column', '-t', '-s,', 'table.csv'],
  ['rev', 'words.txt'],
  ['hexdump', '-C', 'data.bin'],
  ['xxd', 'program.c'],
  input('2^200\nscale=30\n4*a(1)\nsqrt(2)\n', 'bc', '-l'),
  input('[la1+dsa*pla20>y]sy0sa1lyx 3 2 ^ p 50 k 2 v p\n', 'dc'),
  ['file', 'text.txt', 'data.bin', 'program.c', 'data.json', 'page.xml', '/bin/ls', '/bin/sh'],
  ['xmllint', '--format', 'page.xml'],
  ['xmllint', '--xpath', '//item[@id="2"]/text()', 'page.xml'],
  ['jq', '.items | map(.value) | add', 'data.json'],
  ['jq', '-S', '[.items[] | select(.id % 7 == 0) | {tag, twice: (.value * 2)}]', 'data.json'],
  ['jq', '.nosuch.x[', 'data.json'],
];

const ARCHIVES: Line[] = [
  ['gzip', '-9nc', 'text.txt'],
  ['gzip', '-d', '-c', 'text.txt'],
  ['bzip2', '-c', 'data.bin'],
  ['xz', '-T1', '-c', '-6', 'data.bin'],
  ['zstd', '-q', '-c', '--single-thread', '--no-asyncio', '-12', 'data.bin'],
  ['tar', 'cf', '-', '--owner=0', '--group=0', '--sort=name', 'tree'],
  ['tar', '--sort=name', '-cvf', '/dev/null', 'tree'],
  input('tree/a/one.txt\ntree/a/two.txt\n', 'cpio', '-o', '-H', 'ustar', '--quiet'),
  ['zip', '-X', '-r', '-q', '-', 'tree'],
  ['unzip', '-l', 'nosuch.zip'],
];

const LANGUAGES: Line[] = [
  perl(
    'my %h; $h{$_ % 97} += $_ for 1..20000; print join(",", map { "$_=$h{$_}" } sort { $a <=> $b } keys %h), "\\n"',
  ),
  ['perl', '-ne', '$c{$_}++ for /(\\w+)/g; END { print "$_ $c{$_}\\n" for sort keys %c }', 'text.txt'],
  perl(
    'printf "%.15g %s %b\\n", exp(1), join("|", unpack("A2 n C", "ab\\x01\\x02\\x03")), 77; print sprintf("%vd", "1.22.333"), "\\n"',
  ),
  perl(
    'use POSIX; print POSIX::floor(-2.5), " ", strftime("%Y-%m-%d", gmtime(86400*365)), "\\n"; die "done\\n"',
  ),
  perl(
    'use Digest::SHA qw(sha256_hex); use MIME::Base64; print sha256_hex("x" x 100000), "\\n", encode_base64("culm")',
  ),
  python('print(sum(i*i for i in range(20000)), 2**300, 7//-2, 1e22, 0.1+0.2)'),
  python(
    'import json; d=json.load(open("data.json")); print(json.dumps(d, sort_keys=True, indent=1, ensure_ascii=False)[:400])',
  ),
  python(
    'import re; t=open("text.txt").read(); print(len(re.findall(r"\\b(ka|mor)\\w*", t)), re.sub(r"(\\w+) (\\w+)", r"\\2 \\1", t)[:80])',
  ),
  python(
    'import hashlib; d=open("data.bin","rb").read(); print(*[hashlib.new(n, d).hexdigest() for n in ("md5","sha1","sha256","sha512","sha3_256","blake2b")], sep="\\n")',
  ),
  python(
    'from decimal import *; getcontext().prec=60; print(Decimal(2).sqrt(), Decimal(1)/Decimal(7)); from fractions import Fraction; print(sum(Fraction(1,i) for i in range(1,40)))',
  ),
  python(
    'import zlib,bz2,lzma; d=open("data.bin","rb").read(); print([len(m.compress(d)) for m in (zlib,bz2,lzma)], zlib.crc32(d), zlib.decompress(zlib.compress(d))==d)',
  ),
  python(
    'import sqlite3; c=sqlite3.connect(":memory:"); c.execute("create table t(a,b)"); c.executemany("insert into t values(?,?)", ((i, i*i%17) for i in range(500))); print(c.execute("select b,count(*),sum(a) from t group by b order by b").fetchall())',
  ),
  python(
    'import ctypes; l=ctypes.CDLL("libc.so.6"); print(l.abs(-5), ctypes.sizeof(ctypes.c_long)); l.qsort.restype=None; C=ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int)); a=(ctypes.c_int*5)(5,1,4,2,3); l.qsort(a,5,4,C(lambda x,y:x[0]-y[0])); print(list(a))',
  ),
  python(
    'import unittest\nclass T(unittest.TestCase):\n def test_a(self): self.assertEqual(1,1)\n def test_b(self): self.assertRaises(ZeroDivisionError, lambda: 1/0)\nr=unittest.TextTestRunner(stream=open("/dev/null","w")).run(unittest.defaultTestLoader.loadTestsFromTestCase(T)); print(r.testsRun, r.wasSuccessful())',
  ),
  python(
    'import math,cmath,statistics,random; random.seed(7); print([round(f(0.7),12) for f in (math.sin,math.exp,math.log,math.gamma,math.erf)], cmath.sqrt(-2), statistics.stdev([1,2,3,4.5]), [random.random() for _ in range(3)])',
  ),
  python(
    'import datetime,textwrap,struct,itertools,collections; print(datetime.date(2024,2,29).isocalendar(), textwrap.fill("a b c "*20,30), struct.pack(">Id",7,1.5), collections.Counter("mississippi").most_common(2))',
  ),
  python(
    'import csv,io,xml.etree.ElementTree as E; print(sum(float(r["price"]) for r in csv.DictReader(open("table.csv")))); print([i.text for i in E.parse("page.xml").getroot()])',
  ),
  python(
    'import os,stat; print(sorted(os.listdir("."))); os.mkdir("d"); os.symlink("d","l"); print(os.readlink("l"), oct(os.stat("l").st_mode)); os.rename("d","e"); print(os.path.exists("l")); print(os.getpid()>0, os.getcwd())',
  ),
  python('raise ValueError("expected")'),
  ['python3', '-m', 'json.tool', '--compact', 'data.json'],
  ['python3', '-S', '-X', 'importtime', '-c', 'pass', '--version'].slice(0, 1).concat(['--version']),
  [
    'lua5.4',
    '-e',
    'local t={} for i=1,5000 do t[#t+1]=i*i end table.sort(t,function(a,b) return a>b end) print(t[1],#t,string.format("%5.2f|%q",math.pi,"a\\nb"),7//2,2^53)',
  ],
  [
    'lua5.4',
    '-e',
    'for w in io.open("text.txt"):read("a"):gmatch("ka%a*") do io.write(w," ") end error("stop")',
  ],
  input(
    'proc fib n {expr {$n<2 ? $n : [fib [expr {$n-1}]]+[fib [expr {$n-2}]]}}\nputs [fib 15]\nputs [lsort -integer {5 3 9 1}]\nputs [clock format 0 -gmt 1]\n',
    'tclsh',
  ),
  input(
    'create table t(a int, b text); insert into t values (1,"x"),(2,"y"),(3,"x"); select b, sum(a) from t group by b; select printf("%.3f", 2.0/3), upper("abc"), date(0,"unixepoch");\n',
    'sqlite3',
    ':memory:',
  ),
  input(
    'with recursive c(x) as (select 1 union all select x+1 from c where x<3000) select sum(x), max(x*x % 101) from c; .mode csv\n.import table.csv t\nselect count(*), avg(price) from t;\n',
    'sqlite3',
  ),
];

const OPENSSL: Line[] = [
  ['openssl', 'dgst', '-sha256', 'data.bin'],
  ['openssl', 'dgst', '-sha3-512', '-hmac', 'key', 'data.bin'],
  [
    'openssl',
    'enc',
    '-aes-256-cbc',
    '-K',
    '00'.repeat(32),
    '-iv',
    '11'.repeat(16),
    '-in',
    'text.txt',
    '-base64',
  ],
  ['openssl', 'enc', '-chacha20', '-K', '22'.repeat(32), '-iv', '33'.repeat(16), '-in', 'data.bin', '-a'],
  ['openssl', 'dgst', '-sha1', 'data.bin'],
  // With AES's instructions, whether or not CPUID reports them.
  ...[['-aes-256-ctr'], ['-aes-128-cbc', '-nopad', '-d']].map((cipher) => [
    ...['env', 'OPENSSL_ia32cap=0x0200020206000000', 'openssl', 'enc', ...cipher],
    ...['-K', '44'.repeat(cipher.length === 1 ? 32 : 16), '-iv', '55'.repeat(16), '-in', 'data.bin', '-a'],
  ]),
  // GCM's tag, for which there is pclmulqdq.
  [
    ...['openssl', 'mac', '-macopt', 'cipher:AES-128-GCM', '-macopt', `hexkey:${'66'.repeat(16)}`],
    ...['-macopt', `hexiv:${'77'.repeat(12)}`, '-in', 'data.bin', 'GMAC'],
  ],
  ['openssl', 'prime', '-generate', '-bits', '32', '-hex'].slice(0, 2).concat(['1000000007']),
  ['openssl', 'version'],
  ['openssl', 'rand', '-nosuch'],
  input('30820122300d06092a864886f70d0101010500\n', 'openssl', 'asn1parse', '-inform', 'PEM'),
];

const TOOLCHAIN: Line[] = [
  [
    '/usr/lib/gcc/x86_64-linux-gnu/12/cc1',
    '-quiet',
    '-imultiarch',
    'x86_64-linux-gnu',
    '-O2',
    'program.c',
    '-o',
    '-',
  ],
  ['/usr/lib/gcc/x86_64-linux-gnu/12/cc1', '-quiet', '-O0', '-Wall', '-Wextra', 'nosuch.c', '-o', '-'],
  ['cpp-12', '--version'],
  ['as', '-al', 'program.s', '-o', 'program.o'],
  ['as', 'program.c', '-o', '/dev/null'],
  ['ld', '--version'],
  ['ld', '-o', '/dev/null', 'nosuch.o'],
  ['readelf', '-hlSd', '/bin/ls'],
  ['objdump', '-d', '--no-show-raw-insn', '/usr/lib/x86_64-linux-gnu/crt1.o'],
  ['nm', '-D', '/lib/x86_64-linux-gnu/libm.so.6'],
  ['size', '/bin/bash', '/bin/ls'],
  ['strings', '-n', '12', '/bin/true'],
  ['c++filt', '_ZNSt6vectorIiSaIiEE9push_backEOi'],
];

const GIT: Line[] = [
  ['git', '--version'],
  ['git', 'hash-object', 'text.txt', 'data.bin'],
  ['git', 'init', '-q', 'repository'],
  ['git', 'diff', '--no-index', '--no-color', 'text.txt', 'other.txt'],
  ['git', 'check-ref-format', '--branch', 'a..b'],
  ['git', 'log'],
];

const GROUPS = [
  BUSYBOX,
  COREUTILS,
  SHELLS,
  TEXT,
  ARCHIVES,
  LANGUAGES,
  OPENSSL,
  TOOLCHAIN,
  GIT,
  PROCESSES,
  NETWORK,
  BINARIES,
];

export const COMMANDS: readonly CorpusCommand[] = GROUPS.flat().map((line) =>
  'argv' in line ? line : { argv: line },
);
