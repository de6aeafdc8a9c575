// Loads the bundled command line (scripts/build.mjs) from the form that V8 has compiled it to, which saves a tenth of a
// second and more at every start. Another version of V8 refuses that, and compiles the text.
'use strict';
const { readFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { setFlagsFromString } = require('node:v8');
const { Script, constants } = require('node:vm');

const BUNDLE = join(__dirname, '../build/bundle/cli/main.cjs');
const CACHE = `${BUNDLE}.cache`;

// Regions say which branches are cold; V8 heeds it only when told to (fib 70 ms to 54, FNV 47 to 28). The core module is our
// own: its functions can be checked when they are first called. V8 refuses what it compiled with other settings.
// To optimise what runs for a tenth of a second costs more than it saves. Waiting four times as long as V8 does by itself with
// JavaScript, a program that makes 70 regions takes a quarter less processor time; waiting three times as long with regions, a
// tenth less, and programs of two seconds a twentieth.
const FLAGS = [
  '--experimental-wasm-branch-hinting',
  '--wasm-lazy-validation',
  '--no-flush-bytecode',
  '--wasm-tiering-budget=6000000',
];
// Later versions of V8 do not know it, and say so on standard error.
if (Number.parseInt(process.versions.v8, 10) < 13) FLAGS.push('--interrupt-budget=540672');
for (const flag of FLAGS) setFlagsFromString(flag);

function cached() {
  try {
    return readFileSync(CACHE);
  } catch {
    return undefined;
  }
}

/** The bundle as a script: a function of `require` and the file's own name and folder. */
function compile(cachedData) {
  return new Script(readFileSync(BUNDLE, 'latin1'), {
    filename: BUNDLE,
    cachedData,
    importModuleDynamically: constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
}

function start(script) {
  script.runInThisContext()(require, BUNDLE, dirname(BUNDLE));
}

module.exports = { CACHE, cached, compile, start };
