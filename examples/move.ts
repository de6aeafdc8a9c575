/** A started Python moves to another sandbox with its state and its streams: `node build/examples/move.js`. */
import { Sandbox } from '../src/index.js';

const PROGRAM = `
import os, sys
table = {n: n * n for n in range(1000)}
print(os.getpid(), os.uname().nodename, "ready", flush=True)
for line in sys.stdin:
    print(os.getpid(), os.uname().nodename, len(table), line.strip(), flush=True)
`;

const options = { rootfs: '/', env: { PATH: '/usr/bin:/bin' } };
await using here = await Sandbox.create({ ...options, hostname: 'here' });
await using there = await Sandbox.create({ ...options, hostname: 'there' });
const program = await here.spawn(['python3', '-c', PROGRAM]);
const reader = program.stdout.getReader();
process.stdout.write((await reader.read()).value ?? '');
reader.releaseLock();

await here.moveProcess(program, { to: there, tree: true });
const writer = program.stdin.getWriter();
await writer.write(new TextEncoder().encode('moved\n'));
await writer.close();
for await (const chunk of program.stdout) process.stdout.write(chunk);
