/** Runs a program of this machine in a sandbox and prints what it printed: `node build/examples/exec.js`. */
import { Sandbox } from '../src/index.js';

await using sandbox = await Sandbox.create({ rootfs: '/', env: { PATH: '/usr/bin:/bin' } });
const result = await sandbox.exec(['sort', '-n'], { stdin: '10\n9\n100\n' });
console.log(result.status, JSON.stringify(result.stdoutText));
