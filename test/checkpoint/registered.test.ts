/** Every class of the kernel is sent with a checkpoint, or stands here with the reason why it never can be reached. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const KERNEL = fileURLToPath(new URL('../../../src/kernel', import.meta.url));

/** They live for a call. */
const SHORT = [
  'Answer',
  'Buffer',
  'BufferSink',
  'BufferSource',
  'Caller',
  'ControlWriter',
  'Hash',
  'Header',
  'IoctlCopy',
  'LimitedSource',
  'Message',
  'MessageWriter',
  'PipeSource',
  'PlainIncoming',
  'PlainOutgoing',
  'Received',
  'Refused',
  'StackWriter',
  'UserSink',
  'UserSource',
  'VectorSink',
  'VectorSource',
];
/** They belong to the machine and the host, to profiles, to tables that never change, or to what the restorer says. */
const REBUILT = [
  'CpuArgs',
  'Dispatcher',
  'EncryptedFile',
  'EncryptedFolder',
  'FileSymbols',
  'KernelBug',
  'KeyRing',
  'Metadata',
  'Nodes',
  'Places',
  'ProfiledDispatcher',
  'ProtectedFile',
  'ReadOnlyFile',
  'ReadOnlyFolder',
  'Recorder',
  'RecoveryLog',
  'Registers',
  'Report',
  'StackReader',
  'Struct',
  'Tracer',
];

it('every class of the kernel is registered for checkpoints, or known not to need it', () => {
  const missing: string[] = [];
  const known = new Set([...SHORT, ...REBUILT]);
  for (const file of readdirSync(KERNEL, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts') || file.startsWith('checkpoint')) continue;
    const source = readFileSync(`${KERNEL}/${file}`, 'utf8');
    for (const [, name = ''] of source.matchAll(/^(?:export )?(?:abstract )?class (\w+)/gm))
      if (!known.has(name) && !new RegExp(`kind\\('\\w+', ${name}\\b`).test(source))
        missing.push(`${file}: ${name}`);
  }
  assert.deepEqual(missing, [], 'see kernel/checkpoint/registry.ts');
});
