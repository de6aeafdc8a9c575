/** A program with streams and a time limit: `node build/examples/spawn.js`. */
import { Sandbox } from '../src/index.js';

await using sandbox = await Sandbox.create({ rootfs: '/', thread: 'worker' });
const program = await sandbox.spawn(['/bin/cat', '-n'], { timeout: 10_000 });
const writer = program.stdin.getWriter();
for (const line of ['one', 'two', 'three']) await writer.write(new TextEncoder().encode(line + '\n'));
await writer.close();
for await (const chunk of program.stdout) process.stdout.write(chunk);
console.log(await program.exit);
