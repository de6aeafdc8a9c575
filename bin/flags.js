// How the command line sets V8. A library leaves it as it is.
'use strict';
const { readdirSync } = require('node:fs');
const { setPriority } = require('node:os');
const { setFlagsFromString } = require('node:v8');

// Regions say which branches are cold; V8 heeds it only when told to (fib 70 ms to 54, FNV 47 to 28). The core module is our
// own: its functions can be checked when they are first called. V8 refuses what it compiled with other settings.
// To optimise what runs for a tenth of a second costs more than it saves. Waiting four times as long as V8 does by itself with
// JavaScript, a program that makes 70 regions takes a quarter less processor time. (For regions, see src/node/compile.ts.)
const FLAGS = ['--experimental-wasm-branch-hinting', '--wasm-lazy-validation', '--no-flush-bytecode'];
// Later versions of V8 do not know it, and say so on standard error.
if (Number.parseInt(process.versions.v8, 10) < 13) FLAGS.push('--interrupt-budget=540672');
for (const flag of FLAGS) setFlagsFromString(flag);

// V8 optimises regions in threads of its own. Each would get as much of the processors as the program itself.
const NICE = 10;
if (process.platform === 'linux')
  for (const thread of readdirSync('/proc/self/task'))
    if (Number(thread) !== process.pid) setPriority(Number(thread), NICE);
