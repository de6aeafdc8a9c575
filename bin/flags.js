// How the command line sets V8. A library leaves it as it is.
'use strict';
const { readdirSync } = require('node:fs');
const { setPriority } = require('node:os');
const { setFlagsFromString } = require('node:v8');

// Regions say which branches are cold; V8 heeds it only when told to (fib 70 ms to 54, FNV 47 to 28). The core module is our
// own: its functions can be checked when they are first called. V8 refuses what it compiled with other settings.
// To optimise what runs for a tenth of a second costs more than it saves. Waiting four times as long as V8 does by itself with
// JavaScript, a program that makes 70 regions takes a quarter less processor time; waiting three times as long with regions, a
// tenth less, and programs of two seconds a twentieth.
// Of V8's own threads, which optimise regions, as many as there are processors would each get as much time as the program.
const NICE = 10;
if (process.platform === 'linux')
  for (const thread of readdirSync('/proc/self/task'))
    if (Number(thread) !== process.pid) setPriority(Number(thread), NICE);

const FLAGS = [
  '--experimental-wasm-branch-hinting',
  '--wasm-lazy-validation',
  '--no-flush-bytecode',
  '--wasm-tiering-budget=6000000',
];
// Later versions of V8 do not know it, and say so on standard error.
if (Number.parseInt(process.versions.v8, 10) < 13) FLAGS.push('--interrupt-budget=540672');
for (const flag of FLAGS) setFlagsFromString(flag);
