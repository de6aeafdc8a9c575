/** `node resume.js JOB FILE PRINTED`: goes on with a snapshot in a process of its own; prints what came, as JSON. */
import { readFileSync } from 'node:fs';
import { Sandbox } from '../../src/index.js';
import { MOUNTS, jobNamed } from './jobs.js';
import type { Text } from './replay.js';

const [name = '', file = '', printed = ''] = process.argv.slice(2);
const { typed } = jobNamed(name);
await using sandbox = await Sandbox.restore(new Uint8Array(readFileSync(file)), {
  rootfs: '/',
  mounts: MOUNTS,
});
const [program] = sandbox.processes();
if (program === undefined) throw new Error('no program was restored');
const before = JSON.parse(readFileSync(printed, 'utf8')) as Text;
const text: Text = { stdout: before.stdout, stderr: before.stderr };
let waits = typed !== undefined && !text.stdout.includes(typed.after);
await Promise.all(
  (['stdout', 'stderr'] as const).map(async (stream) => {
    for await (const bytes of program[stream]) {
      text[stream] += Buffer.from(bytes).toString('latin1');
      if (!waits || typed === undefined || !text.stdout.includes(typed.after)) continue;
      waits = false;
      await program.stdin.getWriter().write(new TextEncoder().encode(typed.keys));
    }
  }),
);
const { status, signal } = await program.exit;
process.stdout.write(JSON.stringify({ ...text, status: signal === 0 ? status : -signal }));
