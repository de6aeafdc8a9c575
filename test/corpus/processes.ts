/** The corpus's commands that start processes and threads: shells, pipelines, make, gcc, git, run-times. */
import { perl, python, type Line } from './command.js';

const bash = (script: string): string[] => ['bash', '-c', script];
const dash = (script: string): string[] => ['dash', '-c', script];
const ash = (script: string): string[] => ['busybox', 'sh', '-c', script];

/** Fixed names and times, so that git's object names do not depend on who commits and when. */
const GIT_ENV = {
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_AUTHOR_DATE: '1600000000 +0000',
  GIT_COMMITTER_NAME: 'C',
  GIT_COMMITTER_EMAIL: 'c@example.org',
  GIT_COMMITTER_DATE: '1600000000 +0000',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
};
const git = (script: string): Line => ({ argv: ['bash', '-ec', script], env: GIT_ENV });

const SHELLS: Line[] = [
  bash(
    'sort words.txt | uniq -c | sort -k1,1nr -k2 | head -n 5 | tee copy | wc -l; cat copy; cat nosuch | cat; echo ${PIPESTATUS[@]}',
  ),
  bash('yes | head -n 3; echo ${PIPESTATUS[@]}; (exit 3) | (exit 4) | true; echo ${PIPESTATUS[@]}'),
  bash('set -o pipefail; false | true; echo $?; ! true | cat; echo $?'),
  bash('x=1; cat <<A - <<\'B\'; echo "$x"\n$x $((x + 1)) $(echo sub)\nA\n$x raw\nB\n'),
  bash('cat <<-E | tr a-z A-Z\n\ttabs\n\t\tgone\n\tE\ncat <<< "a $((6 * 7)) string"'),
  bash(
    'diff <(sort words.txt) <(sort -r words.txt | tac); echo $?; paste <(seq 3) <(seq 4 6) | tee >(wc -l > n; : > counted) | cat; until [ -e counted ]; do sleep 0.01; done; cat n',
  ),
  bash(
    'while read -r a b; do echo "$b:$a"; done < <(printf "1 2\\n3 4\\n"); mapfile -t m < <(seq 5); echo ${#m[@]} ${m[4]}',
  ),
  bash(
    'trap "echo usr1" USR1; trap "echo exit $?" EXIT; kill -USR1 $$; trap - USR1; (trap "echo sub" EXIT; exit 5); echo $?',
  ),
  bash('trap "echo term; exit 7" TERM; (sleep 0.1; kill -TERM $$) & while :; do sleep 0.05; done'),
  bash(
    'trap "echo err \\$LINENO" ERR; trap "echo debug >&2" DEBUG; false; f() { trap "echo return" RETURN; }; f',
  ),
  bash(
    '{ sleep 5 & p=$!; kill $p; wait $p; echo $?; sleep 5 & kill -9 $!; wait $!; echo $?; sh -c "kill -SEGV \\$\\$"; echo $?; } 2>&1 | sed -E "s/ +[0-9]+ / PID /"',
  ),
  bash(
    '(exit 3) & a=$!; (until [ -e first ]; do sleep 0.01; done; exit 4) & b=$!; wait -n; echo $?; : > first; wait -n; echo $?; wait -n; echo $?; wait $a; echo $?',
  ),
  bash(
    ': > 0.done; for i in 3 1 2; do (until [ -e $((i-1)).done ]; do sleep 0.01; done; echo $i; : > $i.done) & done; wait; jobs > /dev/null; echo $?; sleep 9 & sleep 8 & jobs | sed "s/[0-9]\\{3,\\}//"; kill %1 %2; wait %1; echo $?',
  ),
  bash('(sleep 0.5; exit 9) & p=$!; wait -n -p who; echo $? $((who == p))'),
  bash(
    'coproc C { while read -r x; do echo "got $x"; done; }; echo one >&${C[1]}; read -r y <&${C[0]}; echo "$y"; eval "exec ${C[1]}>&-"; wait $C_PID; echo $?',
  ),
  bash(
    'coproc bc; echo "2^64" >&${COPROC[1]}; read -r n <&${COPROC[0]}; echo $n; p=$COPROC_PID; kill $p; wait $p 2> /dev/null; echo $?',
  ),
  bash(
    'exec 5> out; echo five >&5; exec 5>&-; cat out; { echo o; echo e >&2; } 2>&1 | sort; echo x 3>&1 >&2 2>&3 | cat; exec 6<> out; read -r l <&6; echo "$l"; echo more >&6; cat out',
  ),
  bash(
    'mkfifo f; (seq 1000 > f) & awk "{ s += \\$1 } END { print s }" f; wait; echo $?; timeout 0.2 cat f; echo $?; read -t 0.1 x <> f; echo $?',
  ),
  bash(
    'set -m; sleep 0.1 & wait %1; echo $?; (kill -STOP $BASHPID; echo on) & while ! grep -q "^State.*T" /proc/$!/status; do sleep 0.01; done; jobs | cut -c1-20; exec 2> /dev/null; kill -CONT $!; while kill -0 $! 2> /dev/null; do sleep 0.01; done; wait; echo $?',
  ),
  bash('ulimit -n 20; ulimit -n; exec 19< text.txt; exec 25< text.txt; echo $?'),
  bash(
    '{ time -p true; } 2> t; cut -d" " -f1 t; { TIMEFORMAT=%R; time sleep 0.1; } 2>&1 | grep -cE "^0.[1-9]"; echo $((SECONDS < 9)); times | wc -l',
  ),
  bash(
    'f() { local i; for ((i = 0; i < 40; i++)); do r=$(echo $((i * i))); s=$((s + r)); done; }; f; echo $s; echo $(seq 200 | while read -r x; do echo $((x % 7)); done | sort | uniq -c)',
  ),
  bash(
    'set -- $(ls tree); echo $# $*; shopt -s globstar nullglob; echo tree/**/*.txt; select x in a b; do echo $x; break; done <<< 2; getopts ab: o -b v; echo $o $OPTARG',
  ),
  bash('exec -a renamed bash -c "echo \\$0"; echo not reached'),
  bash(
    'cd tree; (cd b; pwd); pushd a; popd; dirs; cd -; type -a true; hash -r; command -v ls; enable -n echo; echo -n x; builtin echo y',
  ),
  bash(
    'printf "#!/bin/cat\\nself\\n" > s; chmod +x s; ./s; printf "echo plain \\$0\\n" > t; chmod +x t; ./t; ./nosuch; echo $?; ./tree; echo $?; echo > e; ./e; echo $?',
  ),
  dash(
    'seq 5 | while read x; do echo $((x * x)); done | tail -n 2; (exit 3) & wait $!; echo $?; trap "echo hup" HUP; kill -HUP $$; echo `echo nested \\`echo twice\\``',
  ),
  dash(
    'cat <<E | sort -r; echo done\nb\na $((1 + 1))\nE\nsleep 9 & kill $!; wait $!; echo $?; (trap "echo int; exit 1" INT; kill -INT $(sh -c "echo \\$PPID")); echo $?',
  ),
  dash('set -e; f() { echo in f; return 3; }; f || echo $?; ( false; echo never ); echo never'),
  ash(
    'seq 5 | while read x; do echo $((x * x)); done | tail -n 2; (exit 3) & wait $!; echo $?; trap "echo hup" HUP; kill -HUP $$; cat <<E | sed s/a/b/\naaa\nE',
  ),
  ash(
    'for i in 1 2 3; do (echo $i) & wait; done; x=$(cat tree/a/one.txt | wc -c); echo $x; [ -e nosuch ] || echo none; sleep 9 & kill -9 $!; wait $!; echo $?; echo ${x#?} ${#x}',
  ),
];

const PIPELINES: Line[] = [
  bash(
    'find tree -type f -print0 | sort -z | xargs -0 -P4 -n1 wc -c | sort; seq 20 | xargs -P3 -I{} sh -c "echo \\$(({} * {}))" | sort -n | tail -n 3; seq 9 | xargs -n4 echo; echo a | xargs false; echo $?',
  ),
  bash(
    'tar --sort=name --mtime=@0 --owner=0 --group=0 -cf - tree | gzip -n | tee t.tgz | md5sum; mkdir x; tar xzf t.tgz -C x; diff -r tree x/tree && echo same; tar tzf t.tgz; tar cJf t.txz tree; tar tJf t.txz | sort',
  ),
  bash(
    'tar cf - tree text.txt data.bin | zstd -q | zstd -dq | tar tf - | sort; bzip2 -k text.txt; bzcat text.txt.bz2 | cmp - text.txt && xz -T2 -k data.bin && xzcat data.bin.xz | cmp - data.bin; echo $?',
  ),
  bash(
    'find . -name "*.txt" -exec grep -l mor {} + | sort; find tree -type f -exec sh -c "echo \\${1##*/}" _ {} \\; | sort; find . -name "*.s" -ok echo {} \\; < /dev/null',
  ),
  bash(
    'cat text.txt text.txt text.txt | tr " " "\\n" | sort | uniq -c | sort -rn | awk "{ print \\$2, \\$1 }" | sed 5q; dd if=/dev/zero bs=64k count=200 2> /dev/null | wc -c; yes abc | head -c 3000000 | md5sum',
  ),
  bash(
    'sort --parallel=4 -S 64k -T . numbers.txt numbers.txt numbers.txt words.txt text.txt | md5sum; split -n l/4 --filter="wc -l" text.txt; env -i sh -c "env | sort"; nice -n 40 nice; nohup echo x; setsid -w echo y',
  ),
  bash(
    'timeout 0.1 sleep 5; echo $?; (timeout -s KILL 0.1 sleep 5; exit $?) 2> /dev/null; echo $?; timeout 5 false; echo $?; timeout --preserve-status 0.1 sleep 5; echo $?; flock lock echo locked; (flock 9; echo held) 9> lock',
  ),
  bash(
    'awk "BEGIN { while ((\\"seq 3\\" | getline x) > 0) s += x; print s; print \\"b\\\\na\\" | \\"sort\\"; close(\\"sort\\"); print system(\\"exit 3\\"); fflush() }"; gawk "BEGIN { c = \\"sort\\"; print \\"z\\\\ny\\" |& c; close(c, \\"to\\"); while ((c |& getline l) > 0) print l; print close(c) }"; echo 1e s date -u | sed -n "1e echo run"',
  ),
  bash(
    'busybox seq 100 | busybox awk "{ s += \\$1 } END { print s }"; busybox find tree | busybox sort | busybox xargs busybox ls -d; busybox tar cf - tree | busybox tar tf - | busybox sort; busybox sh -c "busybox ps > /dev/null; echo \\$?"',
  ),
];

const TOOLS: Line[] = [
  bash(
    'gcc -O2 -Wall program.c -o program; echo $?; ./program; echo $?; ./program x; echo $?; gcc -pipe -O1 -flto -static program.c -o static && ./static | md5sum',
  ),
  bash(
    'printf "int f(int);\\nint main() { return f(2) + undefined; }\\n" > bad.c; gcc -c bad.c; echo $?; printf "int f(int);\\nint main() { return f(2); }\\n" > m.c; gcc -c m.c; ld m.o; echo $?; gcc -E -P -DX=3 - <<< "X + __LINE__"',
  ),
  bash(
    'cd project; make -s -j4 && make -s -q; echo $?; touch -d 2100-01-01 part.h; make -s -j4 -n 2> /dev/null | sort; make clean; make nosuch; echo $?',
  ),
  bash(
    'printf "all: a b c d\\n\\t@echo all\\na b c d:\\n\\t@sleep 0.0\\$(words \\$(MAKEFLAGS)); \\$(MAKE) -s --no-print-directory -f sub.mk X=\\$@\\n" > m.mk; printf "all: ; @echo \\$(X)\\n" > sub.mk; make -f m.mk -j3 -O | sort; printf "x: y\\n\\tfalse\\ny:\\n\\t-false\\n\\techo y\\n" > e.mk; make -f e.mk -k; echo $?',
  ),
  bash(
    'mkdir -p d/DEBIAN d/usr/share/x; printf "Package: x\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: M <m@example.org>\\nDescription: d\\n" > d/DEBIAN/control; echo hello > d/usr/share/x/file; chmod -R go-w d; export SOURCE_DATE_EPOCH=1600000000; dpkg-deb --root-owner-group -b d x.deb; dpkg-deb -c x.deb; dpkg-deb -I x.deb | sed "s/ size [0-9]*//"; dpkg-deb -x x.deb o; dpkg-deb -f x.deb Version; find o | sort; md5sum < x.deb; ar t x.deb',
  ),
  bash(
    'sqlite3 t.db "create table t(a integer primary key, w int)"; for w in 1 2; do (for i in 1 2 3 4 5 6 7 8; do sqlite3 -cmd ".timeout 20000" t.db "insert into t(w) values($w)"; done) & done; wait; sqlite3 t.db "select w, count(*) from t group by w; pragma integrity_check"; { echo "begin exclusive; insert into t(w) values(3);"; echo ".shell touch locked"; until [ -e tried ]; do sleep 0.01; done; echo "commit;"; } | sqlite3 t.db & until [ -e locked ]; do sleep 0.01; done; sqlite3 t.db "insert into t(w) values(4)"; : > tried; wait; sqlite3 t.db "pragma journal_mode=wal; insert into t(w) values(5); select count(*) from t;"',
  ),
  bash(
    'as program.s -o p.o && ld -e start -o p p.o; echo $?; ./p; echo $?; ar rcs lib.a p.o; ranlib lib.a; nm lib.a; gcc -shared -fPIC -o libx.so -x c - <<< "int x(void) { return 42; }"; gcc -o use -x c - -x none ./libx.so <<< "int x(void); int main() { return x(); }"; ./use; echo $?; ldd use | grep -c libx; strip use; ./use; echo $?',
  ),
];

const GIT: Line[] = [
  git(
    'git init -q -b main r; cd r; cp -r ../tree ../text.txt .; git add .; git commit -q -m first; git log --stat | cat; git rev-parse HEAD; git status --short; sed -i "1s/^/changed /" text.txt; git diff | head -n 12; git commit -qam second; git log --oneline --graph',
  ),
  git(
    'git init -q -b main r; cd r; seq 20 > f; git add f; git commit -qm base; git checkout -qb side; sed -i "s/^3$/three/" f; git commit -qam side; git checkout -q main; sed -i "s/^17$/seventeen/" f; git commit -qam main; git merge -q -m merged side; git log --graph --oneline; cat f | tr "\\n" " "; git checkout -qb c HEAD~1; sed -i "s/^17$/x/;s/seventeen/y/" f; git commit -qam c; git merge main || git diff | tail -n +3; git merge --abort; git rebase -q main || git status | head -n 5',
  ),
  git(
    'git init -q -b main r; cd r; for i in 1 2 3 4 5 6; do seq $((i * 100)) > f$i; git add .; git commit -qm "c $i"; done; git tag -m tag v1; cd ..; git clone -q --local r c; cd c; git log --oneline | cat; git gc -q; git count-objects -v | grep -v size; git fsck; cd ..; git clone -q --bare r b.git; cd c; git push -q ../b.git HEAD:refs/heads/new; git ls-remote ../b.git | sort; git pull -q ../b.git new; git describe; git archive HEAD f1 | tar tf -; git blame -s f6 | tail -n 1; git grep -c 99',
  ),
  git(
    'git init -q r; cd r; printf "#!/bin/sh\\necho hook \\$0; exit 1\\n" > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit; echo x > x; git add x; git commit -m no || echo $?; git commit -qnm yes; git -c alias.x="!echo alias" x; git stash list; echo y > x; git stash -q; git stash show -p | tail -n 2; git cat-file -p HEAD^{tree}; git format-patch -1 --stdout | git apply --stat --summary',
  ),
];

const RUNTIMES: Line[] = [
  perl(
    'my @p; for my $i (1..4) { pipe(my $r, my $w); my $pid = fork // die; if (!$pid) { close $r; print $w $i * $i; close $w; exit $i } close $w; push @p, [$pid, $r] } for (@p) { my $l = readline $_->[1]; waitpid $_->[0], 0; print "$l ", $? >> 8, "\\n" } print wait, "\\n"',
  ),
  perl(
    'use IPC::Open3; use IPC::Open2; my $pid = open3(my $in, my $out, undef, "sort", "-n"); print $in "10\\n9\\n"; close $in; print <$out>; waitpid $pid, 0; print $?, "\\n"; open my $f, "-|", "ls", "tree" or die; print <$f>; close $f; open $f, "|-", "tr a-z A-Z"; print $f "upper\\n"; close $f; print `echo back; exit 3`, $? >> 8, "\\n"; print system("false") >> 8, "\\n"; my $k = open my $c, "-|"; if (!defined $k) { die } elsif (!$k) { print "child"; exit } print <$c>, "\\n"',
  ),
  perl(
    '$SIG{ALRM} = sub { print "alarm\\n" }; $SIG{CHLD} = sub { while ((my $p = waitpid -1, 1) > 0) { $n++ } }; use POSIX ":sys_wait_h"; alarm 1; for (1..3) { fork || exit } select undef, undef, undef, 0.1 while $n < 3; sleep 5; print "$n\\n"; local $SIG{INT} = sub { die "int\\n" }; eval { kill INT => $$; sleep 1 }; print $@; eval { local $SIG{ALRM} = sub { die "late\\n" }; alarm 1; 1 while 1 }; print $@; $| = 1; print "a"; if (!fork) { print "b"; exec "echo", "c" } wait',
  ),
  python(
    'import subprocess as s\nr=s.run(["sort","-n"],input="10\\n9\\n",text=True,capture_output=True); print(r)\nprint(s.run("exit 3",shell=True).returncode, s.run(["sh","-c","kill -9 $$"]).returncode)\ntry: s.run(["sleep","5"],timeout=0.2)\nexcept s.TimeoutExpired as e: print(e.cmd)\ntry: s.run(["nosuch"])\nexcept OSError as e: print(e)\np=s.Popen(["cat"],stdin=s.PIPE,stdout=s.PIPE); print(p.communicate(b"x"*200000)[0].count(b"x"), p.poll())\na=s.Popen(["seq","100"],stdout=s.PIPE); b=s.Popen(["tail","-n1"],stdin=a.stdout,stdout=s.PIPE); a.stdout.close(); print(b.communicate())\nprint(s.check_output("echo out; echo err >&2",shell=True,stderr=s.STDOUT)); p=s.Popen(["sleep","9"],start_new_session=True); p.terminate(); print(p.wait())',
  ),
  python(
    'import threading,queue,time\nq=queue.Queue(); r=[]; l=threading.Lock()\ndef w():\n  while (x:=q.get()) is not None:\n    with l: r.append(x*x)\n    q.task_done()\nt=[threading.Thread(target=w) for _ in range(8)]\n[x.start() for x in t]\n[q.put(i) for i in range(500)]; q.join(); [q.put(None) for _ in t]; [x.join() for x in t]; print(sum(r),len(r))\nb=threading.Barrier(4); e=threading.Event(); c=threading.Condition(); n=[0]\ndef g():\n  b.wait(); e.wait()\n  with c: n[0]+=1; c.notify()\nt=[threading.Thread(target=g,daemon=True) for _ in range(4)]; [x.start() for x in t]; time.sleep(0.05); print(n); e.set()\nwith c: print(c.wait_for(lambda: n[0]==4, 5))\nm=threading.Timer(0.05,lambda: print("timer")); m.start(); m.join(); print(threading.Semaphore(0).acquire(timeout=0.05), threading.active_count()>0)',
  ),
  python(
    'import concurrent.futures as f, math\nwith f.ThreadPoolExecutor(4) as x: print(sum(x.map(math.isqrt, range(2000))), [y.result() for y in [x.submit(pow,2,i) for i in range(8)]])\ndef bad(): raise ValueError("in thread")\nwith f.ThreadPoolExecutor() as x: print(repr(x.submit(bad).exception()))',
  ),
  python(
    'import os,signal,sys,time\nr,w=os.pipe()\nif (p:=os.fork())==0:\n  os.dup2(w,1); os.execvp("echo",["echo","from child"])\nos.close(w); print(os.read(r,100), os.waitstatus_to_exitcode(os.waitpid(p,0)[1]))\nprint(os.popen("echo popen").read(), os.system("exit 4")>>8, os.WEXITSTATUS(os.spawnlp(os.P_WAIT,"false","false")<<8))\nsignal.signal(signal.SIGUSR1,lambda s,f: print("usr1",s)); os.kill(os.getpid(),signal.SIGUSR1)\nsignal.setitimer(signal.ITIMER_REAL,0.05); signal.signal(signal.SIGALRM,lambda s,f: print("alarm")); signal.pause()\np=os.posix_spawn("/bin/sh",["sh","-c","exit 7"],os.environ); print(os.waitid(os.P_PID,p,os.WEXITED).si_status)\nprint(signal.sigtimedwait([signal.SIGUSR2],0.01)); print(os.waitstatus_to_exitcode(os.system(f"kill -TERM $$")))',
  ),
  python(
    'import mmap,os,struct\nm=mmap.mmap(-1,4096)\nfor i in range(4):\n  if os.fork()==0: m[i*8:i*8+8]=struct.pack("<q",i*11); os._exit(0)\nfor i in range(4): os.wait()\nprint(struct.unpack("<4q",m[:32]))\nf=open("mm","w+b"); f.truncate(8192); n=mmap.mmap(f.fileno(),8192); n[5000:5005]=b"hello"; n.flush(); f.seek(5000); print(f.read(5), n.find(b"hello"), n.resize(16384), len(n))',
  ),
  python(
    'import tempfile,shutil,os,glob,pathlib,fcntl\nwith tempfile.TemporaryDirectory() as d:\n  shutil.copytree("tree",d+"/t"); print(sorted(str(p.relative_to(d)) for p in pathlib.Path(d).rglob("*"))); shutil.make_archive(d+"/a","gztar",d,"t"); print(os.path.exists(d+"/a.tar.gz")); shutil.rmtree(d+"/t"); print(os.listdir(d), shutil.which("sh"))\nprint(os.path.exists(d), sorted(glob.glob("**/*.txt",recursive=True)))\nf=open("l","w"); fcntl.lockf(f,fcntl.LOCK_EX)\nif os.fork()==0:\n  try: fcntl.lockf(open("l","w"),fcntl.LOCK_EX|fcntl.LOCK_NB); print("got")\n  except OSError as e: print(e,flush=True)\n  os._exit(0)\nos.wait()',
  ),
  [
    'lua5.4',
    '-e',
    'local p=io.popen("echo from lua; exit 3") print(p:read("a"), p:close()) print(os.execute("exit 2")) os.execute("echo $((1+1))") print(os.getenv("HOME"), os.tmpname() ~= nil) os.exit(5)',
  ],
  [
    'bash',
    '-c',
    'tclsh <<E\nputs [exec sort -n << "3\\n1\\n2"]\nputs [exec seq 5 | tail -n 2]\ncatch {exec false} m; puts \\$m\nset f [open "|cat" r+]; puts \\$f hi; flush \\$f; puts [gets \\$f]; close \\$f\nafter 50 {set done 1}; vwait done; puts [exec sh -c "exit 0"]\nputs [catch {exec sh -c "echo err >&2; exit 4"} m o] ; puts \\$m; puts [lindex [dict get \\$o -errorcode] 2]\nE',
  ],
];

export const PROCESSES: readonly Line[] = [SHELLS, PIPELINES, TOOLS, GIT, RUNTIMES].flat();
