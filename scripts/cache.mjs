// Runs a program in the bundled command line, so that V8 compiles what starting and running one needs, and writes down
// what it has compiled.
import { createRequire } from 'node:module';
import { renameSync, writeFileSync } from 'node:fs';

const { CACHE, compile, start } = createRequire(import.meta.url)('../bin/load.js');
const script = compile();
const LOOP = 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; echo $i; exit 0';
process.argv = [process.argv[0], 'culm', 'run', '--rootfs', '/', '--', '/bin/sh', '-c', LOOP];
process.on('exit', () => {
  // Whole or not at all: V8 trusts what it reads.
  writeFileSync(`${CACHE}.new`, script.createCachedData());
  renameSync(`${CACHE}.new`, CACHE);
  process.exitCode = 0;
});
start(script);
