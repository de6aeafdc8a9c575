// The thread that makes regions of a sandbox's code.
'use strict';
require('./load.js').load('node/translator.cjs');
