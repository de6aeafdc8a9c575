// Runs a program in a bundle, so that V8 compiles what starting and running one needs, and writes down what it has compiled:
// `node scripts/cache.mjs cli/main.cjs | node/worker.cjs | node/translator.cjs`.
import { createRequire } from 'node:module';
import { renameSync, writeFileSync } from 'node:fs';
import { MessageChannel } from 'node:worker_threads';

const require = createRequire(import.meta.url);
const name = process.argv[2];
const isCommandLine = name === 'cli/main.cjs';
// V8 refuses what it compiled with other flags.
if (isCommandLine) require('../bin/flags.js');
const { bundle, compile, start } = require('../bin/load.js');
const loaded = bundle(name);
const script = compile(loaded);
const LOOP = 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; echo $i; exit 0';
const PROGRAM = ['/bin/sh', '-c', LOOP];

/** The command line: what it is told, and its end as the process's. */
function runCommandLine() {
  process.argv = [process.argv[0], 'culm', 'run', '--rootfs', '/', '--', ...PROGRAM];
  process.on('exit', () => {
    write();
    process.exitCode = 0;
  });
  start(script, loaded);
}

/** The worker, in this thread: what it asks of node:worker_threads is the other end of a channel. */
async function runWorker() {
  const { Sandbox } = await import('../build/src/sandbox/sandbox.js');
  const { remoteBackend } = await import('../build/src/sandbox/remote.js');
  const connect = (_thread, events) => {
    const { port1, port2 } = new MessageChannel();
    const workerThreads = {
      ...require('node:worker_threads'),
      parentPort: port2,
      workerData: { port: new MessageChannel().port1, lock: new SharedArrayBuffer(4), early: false },
    };
    start(script, loaded, (module) => (module === 'node:worker_threads' ? workerThreads : require(module)));
    const port = {
      post: (message, given = []) => port1.postMessage(message, given),
      receive: (handler) => void port1.on('message', handler),
    };
    return { backend: remoteBackend(port, events).backend, close: () => Promise.resolve() };
  };
  const sandbox = await Sandbox.connect({ connect, prepare: () => undefined }, { rootfs: '/' });
  const result = await sandbox.exec(PROGRAM);
  if (result.status !== 0) throw new Error(result.stderrText);
  await sandbox.spawn(['/bin/cat']);
  await (await sandbox.fork()).dispose();
  await sandbox.dispose();
  write();
  process.exit(0);
}

/** The translator, in this thread: it gets what a program in a sandbox here finds hot. */
async function runTranslator() {
  const { Sandbox } = await import('../build/src/sandbox/sandbox.js');
  const { SandboxServer } = await import('../build/src/sandbox/server.js');
  const { directBridge } = await import('../build/src/sandbox/bridge.js');
  const { createNodeHost } = await import('../build/src/host/node/host.js');
  const { nodeLoop } = await import('../build/src/node/loop.js');
  const { receiveMessageOnPort } = require('node:worker_threads');
  const translated = new Promise((resolve) => {
    const startTranslator = (setup) => {
      const { port1, port2 } = new MessageChannel();
      const workerThreads = { ...require('node:worker_threads'), workerData: { ...setup, port: port2 } };
      start(script, loaded, (module) => (module === 'node:worker_threads' ? workerThreads : require(module)));
      const receive = () => {
        const answer = receiveMessageOnPort(port1)?.message;
        if (answer?.made.length) resolve();
        return answer;
      };
      return { post: (request) => port1.postMessage(request), receive, close: () => port1.close() };
    };
    const connect = (_thread, events, app) => {
      const host = { ...createNodeHost(), startTranslator };
      const backend = new SandboxServer(host, nodeLoop, events, directBridge(app));
      return { backend, close: () => Promise.resolve() };
    };
    void Sandbox.connect({ connect, prepare: () => undefined }, { rootfs: '/' }).then((sandbox) =>
      sandbox.exec(['/bin/sh', '-c', 'while :; do i=$((i+1)); done']),
    );
  });
  await translated;
  write();
  process.exit(0);
}

function write() {
  const { cache } = loaded;
  // Whole or not at all: V8 trusts what it reads.
  writeFileSync(`${cache}.new`, script.createCachedData());
  renameSync(`${cache}.new`, cache);
}

if (isCommandLine) runCommandLine();
else if (name === 'node/translator.cjs') await runTranslator();
else await runWorker();
