/** Takes processes in, in a host process of its own: gives the first program a line, prints its output, ends with its status. */
import { readFileSync } from 'node:fs';
import { Sandbox } from '../../src/index.js';

const [file = '', thread = 'worker'] = process.argv.slice(2);
await using sandbox = await Sandbox.create({
  rootfs: '/',
  env: { PATH: '/usr/bin:/bin' },
  thread: thread as 'worker' | 'caller',
});
const [program] = await sandbox.importProcess(new Uint8Array(readFileSync(file)));
if (program === undefined) throw new Error('no program has come');
const writer = program.stdin.getWriter();
await writer.write(new TextEncoder().encode('go\n'));
for await (const chunk of program.stdout) process.stdout.write(chunk);
process.exitCode = (await program.exit).status;
