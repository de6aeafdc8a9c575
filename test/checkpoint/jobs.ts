/** Programs that snapshots are taken of at any moment: what they print must not depend on the time that passes. */
import { fileURLToPath } from 'node:url';

export interface Job {
  readonly name: string;
  readonly argv: readonly string[];
  readonly memory?: string;
  readonly terminal?: { readonly columns: number; readonly rows: number };
  /** Typed when the program has printed `after`. */
  readonly typed?: { readonly after: string; readonly keys: string };
}

/** Where jobs have their files: a folder of the host's could lose some, or have left some, meanwhile. */
export const MOUNTS = [{ type: 'tmpfs', target: '/work' }] as const;

export const ENV = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
  PYTHONHASHSEED: '0',
};

const ESBUILD = fileURLToPath(
  new URL('../../../node_modules/@esbuild/linux-x64/bin/esbuild', import.meta.url),
);

const BASH = `
trap 'echo usr1' USR1
for i in $(seq 8); do
  seq $((i * 40)) | grep -v 7 | sort -rn | sed s/1/x/g | md5sum
  ( kill -USR1 $$; exit $i ) & wait $!
  while read -r a b; do echo "$a-$b"; done < <(printf '%s %s\\n' $i $((i * i)) 3 4) | tr 34 ab
done
mkfifo /work/f; (sleep 0.2; echo late > /work/f) & cat /work/f; wait
read -t 0.1 x < <(sleep 1); echo "timeout $?"
coproc tr a-z A-Z; echo upper >&\${COPROC[1]}; exec {COPROC[1]}>&-; cat <&\${COPROC[0]}
`;

const COMPUTATION = `
import hashlib, json, random, re
rng = random.Random(5)
seen = {}
for turn in range(12):
    text = ''.join(rng.choice('abcde ') for _ in range(1500))
    for word in re.findall('[a-e]+', text):
        seen[word] = seen.get(word, 0) + 1
    digest = hashlib.sha256(json.dumps(sorted(seen.items())).encode()).hexdigest()
    print(turn, len(seen), digest[:16], sum(x ** 0.5 for x in range(2000)), flush=True)
print(pow(3, 20011, 10 ** 40), max(seen, key=seen.get))
`;

const ASYNCIO = `
import asyncio, socket
async def serve(reader, writer):
    while line := await reader.readline():
        await asyncio.sleep(0.01)
        writer.write(line[::-1].strip() + b'\\n')
        await writer.drain()
    writer.close()
async def client(port, n):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    got = []
    for i in range(6):
        writer.write(b'%d-%d\\n' % (n, i))
        got.append((await reader.readline()).decode().strip())
    writer.close()
    return got
async def main():
    server = await asyncio.start_server(serve, '127.0.0.1', 0)
    port = server.sockets[0].getsockname()[1]
    for turn in range(4):
        for got in await asyncio.gather(*(client(port, n) for n in range(turn + 2))):
            print(turn, got, flush=True)
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.1)
    except asyncio.TimeoutError:
        print('timeout')
    process = await asyncio.create_subprocess_exec('sh', '-c', 'sleep 0.1; echo child', stdout=asyncio.subprocess.PIPE)
    print(await process.communicate())
    print(await asyncio.get_running_loop().run_in_executor(None, sum, range(1000)))
    server.close()
asyncio.run(main())
`;

const SQLITE = `
.echo on
PRAGMA journal_mode = WAL;
CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, s TEXT);
CREATE INDEX i ON t (n);
BEGIN;
WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 1500)
  INSERT INTO t SELECT x, x * 7919 % 1009, 'row ' || x FROM c;
SELECT count(*), sum(n), max(s) FROM t;
SAVEPOINT p;
UPDATE t SET n = n + 1 WHERE id % 3 = 0;
SELECT sum(n) FROM t;
ROLLBACK TO p;
DELETE FROM t WHERE n % 5 = 0;
COMMIT;
PRAGMA wal_checkpoint;
PRAGMA integrity_check;
SELECT n, count(*) FROM t GROUP BY n ORDER BY 2 DESC, 1 LIMIT 5;
`;

const MAKE = `
mkdir -p /work/p && cd /work/p
for i in 1 2 3 4; do
  echo "#include <stdio.h>
  int f$i(int x) { for (int k = 0; k < $i; k++) x = x * 31 + k; return x; }" > f$i.c
done
echo 'int f1(int), f2(int), f3(int), f4(int); int printf(const char *, ...);
int main(void) { printf("%d\\n", f1(f2(f3(f4(5))))); }' > main.c
printf 'p: f1.o f2.o f3.o f4.o main.o\\n\\t@gcc -o p $^\\n%%.o: %%.c\\n\\t@gcc -O1 -c $<\\n' > Makefile
make -j4 --no-print-directory && ./p && ls
`;

const GO = `
mkdir -p /work/e && cd /work/e
for i in 1 2 3 4 5 6; do
  echo "export class C$i { value = $i; add(other: C$i): number { return this.value + other.value } }" > m$i.ts
  echo "import { C$i } from './m$i'; console.log(new C$i().add(new C$i()))" >> main.ts
done
${ESBUILD} main.ts --bundle --minify --log-level=error
${ESBUILD} main.ts --bundle --sourcemap=inline --log-level=error 2>&1 | tail -c 300
`;

export const JOBS: readonly Job[] = [
  { name: 'bash', argv: ['bash', '-c', BASH] },
  { name: 'python', argv: ['/usr/bin/python3', '-c', COMPUTATION] },
  { name: 'asyncio', argv: ['/usr/bin/python3', '-c', ASYNCIO] },
  {
    name: 'sqlite3',
    argv: ['sh', '-c', 'printf %s "$1" | sqlite3 /work/t.db; ls -s /work/t.db', 'sh', SQLITE],
  },
  { name: 'make', argv: ['bash', '-c', MAKE] },
  { name: 'go', argv: ['sh', '-c', GO], memory: '1g' },
  {
    name: 'vim',
    // What it asks a terminal for depends on whether keys have come already: it is to ask for nothing.
    argv: [
      'sh',
      '-c',
      'printf "one\\ntwo\\n" > /work/v; vim -u NONE -N -n --cmd "set t_RK= t_RV= t_RF= t_RB= t_u7=" /work/v; cat /work/v',
    ],
    terminal: { columns: 60, rows: 12 },
    typed: {
      after: '/work/v"',
      keys: 'ihello \x1bjyy5p:%s/two/2 zwei/\rggdw/zw\rA!\x1b:syntax on\rqaxq9@a:r !seq 5\r:sort n\rGo\x01end\x1b:wq\r',
    },
  },
];

export function jobNamed(name: string): Job {
  const job = JOBS.find((one) => one.name === name);
  if (job === undefined) throw new Error(`there is no ${name}: ${JOBS.map((one) => one.name).join(', ')}`);
  return job;
}
