/** Restores a snapshot in a process of its own: gives the first program a line, prints its output, ends with its status. */
import { readFileSync } from 'node:fs';
import { Sandbox } from '../../src/index.js';

const [file = '', thread = 'worker'] = process.argv.slice(2);
const options = { rootfs: '/', thread: thread as 'worker' | 'caller' };
await using sandbox = await Sandbox.restore(new Uint8Array(readFileSync(file)), options);
const [program] = sandbox.processes();
if (program === undefined) throw new Error('no program was restored');
const writer = program.stdin.getWriter();
await writer.write(new TextEncoder().encode('go\n'));
for await (const chunk of program.stdout) process.stdout.write(chunk);
process.exitCode = (await program.exit).status;
