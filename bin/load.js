// Loads a bundled script (scripts/build.mjs) from the form that V8 has compiled it to, which saves a tenth of a second and
// more at every start. Another version of V8, or one with other flags, refuses that, and compiles the text.
'use strict';
const { readFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { Script, constants } = require('node:vm');

const BUNDLES = join(__dirname, '../build/bundle');

/** A bundle's file, and what V8 has made of it. */
function bundle(name) {
  const file = join(BUNDLES, name);
  return { file, cache: `${file}.cache` };
}

function cached({ cache }) {
  try {
    return readFileSync(cache);
  } catch {
    return undefined;
  }
}

/** The bundle as a script: a function of `require` and the file's own name and folder. */
function compile({ file }, cachedData) {
  return new Script(readFileSync(file, 'latin1'), {
    filename: file,
    cachedData,
    importModuleDynamically: constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
}

function start(script, { file }, from = require) {
  script.runInThisContext()(from, file, dirname(file));
}

function load(name) {
  const loaded = bundle(name);
  start(compile(loaded, cached(loaded)), loaded);
}

module.exports = { bundle, compile, load, start };
