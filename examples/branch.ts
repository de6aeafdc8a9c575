/** A started Python goes on in three ways, each in a sandbox of its own: `node build/examples/branch.js`. */
import { Sandbox, type SandboxProcess } from '../src/index.js';

const PROGRAM = `
import json, sys
table = {n: n * n for n in range(1000)}
print("ready", flush=True)
for line in sys.stdin:
    table["last"] = line.strip()
    print(len(table), json.dumps(table["last"]), flush=True)
`;

async function say(program: SandboxProcess, line: string): Promise<void> {
  const writer = program.stdin.getWriter();
  await writer.write(new TextEncoder().encode(`${line}\n`));
  await writer.close();
  for await (const chunk of program.stdout) process.stdout.write(chunk);
}

await using sandbox = await Sandbox.create({ rootfs: '/', env: { PATH: '/usr/bin:/bin' } });
const program = await sandbox.spawn(['python3', '-c', PROGRAM]);
const reader = program.stdout.getReader();
const { value } = await reader.read();
reader.releaseLock();
process.stdout.write(value ?? '');

// A copy that runs at once, and a file that can be kept: small, as Python itself is read from the host again.
await using copy = await sandbox.fork();
const file = new Uint8Array(await new Response(sandbox.snapshot({ hostPages: false })).arrayBuffer());
console.log(`${(file.length / 1e6).toFixed(1)} MB`);
await using later = await Sandbox.restore(file, { rootfs: '/' });

const all = [program, ...copy.processes(), ...later.processes()];
for (const [i, one] of all.entries()) await say(one, `branch ${i + 1}`);
