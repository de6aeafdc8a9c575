/** A checkpoint that somebody has changed reaches only the sandbox that is made of it: what sandboxes share is not sent. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createNodeHost } from '../../src/host/node/host.js';
import type { Anchors } from '../../src/kernel/checkpoint/anchors.js';
import { Kernel } from '../../src/kernel/kernel.js';
import { Namespace } from '../../src/sandbox/namespace.js';
import { checkOptions } from '../../src/sandbox/options.js';
import { sandboxAnchors } from '../../src/sandbox/snapshot.js';

function anchors(): Anchors {
  const settings = checkOptions({ rootfs: '/', memory: '32m' });
  const { memory, hostname } = settings;
  const kernel = new Kernel({ host: createNodeHost(), machine: { memory }, hostname });
  const namespace = new Namespace(kernel, settings, () => null);
  const found = sandboxAnchors(kernel, namespace, () => null);
  namespace.close();
  return found;
}

it('what two sandboxes share is only named in checkpoints', () => {
  const [one, other] = [anchors(), anchors()];
  const sent = [...one.things].filter(
    ([, thing]) => typeof thing === 'object' && !one.opaque.has(thing) && other.names.has(thing),
  );
  assert.deepEqual(
    sent.map(([name]) => name),
    [],
    'registry.ts has deepFrozen and constant for tables',
  );
});
