/** Kernels whose pseudo-files differ, by their settings or by their hosts: what refers to one of them is refused by name. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createNodeHost } from '../../src/host/node/host.js';
import type { HostReports } from '../../src/kernel/host.js';
import { nodeLoop } from '../../src/node/loop.js';
import type { BackendEvents } from '../../src/sandbox/backend.js';
import { bindingsOf, checkOptions } from '../../src/sandbox/options.js';
import { SandboxServer } from '../../src/sandbox/server.js';
import type { SandboxOptions } from '../../src/index.js';

const LIMIT = { timeout: 60_000 };
const OPTIONS: SandboxOptions = { rootfs: '/', env: { PATH: '/usr/bin:/bin' }, memory: '64m' };
/** Hardware that can say what runs on it. */
const REPORTS: HostReports = {
  provider: 'tdx_guest',
  report: (data) => Uint8Array.from([...Buffer.from('report of '), ...data.subarray(0, 4)]),
};

/** A kernel's side on a host of its own, and what its programs print. */
class Side {
  text = '';
  private listeners: (() => void)[] = [];
  readonly server: SandboxServer;

  constructor(reports: HostReports | null) {
    const nothing = (): void => undefined;
    const events: BackendEvents = {
      output: (id, stream, bytes) => {
        this.text += Buffer.from(bytes).toString();
        void this.server.consumed(id, stream, bytes.length);
        for (const listener of this.listeners.splice(0)) listener();
      },
      exit: nothing,
      watched: nothing,
      place: nothing,
      toAway: nothing,
      toHome: nothing,
      deserted: nothing,
      log: nothing,
      strace: nothing,
      failed: (message) => assert.fail(message),
    };
    this.server = new SandboxServer({ ...createNodeHost(), reports }, nodeLoop, events, () => null);
  }

  async started(options: SandboxOptions, script: string): Promise<number> {
    await this.server.start(checkOptions({ ...OPTIONS, ...options }));
    const settings = { program: null, env: {}, cwd: null, user: null, terminal: null };
    const id = await this.server.spawn({ ...settings, argv: ['/bin/sh', '-c', script] });
    await this.until('READY\n');
    return id;
  }

  async until(mark: string): Promise<void> {
    while (!this.text.includes(mark)) await new Promise<void>((resume) => this.listeners.push(resume));
  }

  snapshot(): Promise<Uint8Array[]> {
    return this.server.snapshot({ compress: false, keys: false, hostPages: true, parents: [] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.dispose();
  }
}

/** Restores on a host; gives the first program a line. */
async function goOn(pieces: readonly Uint8Array[], reports: HostReports | null): Promise<string> {
  await using side = new Side(reports);
  const restored = await side.server.restore([Buffer.concat(pieces)], bindingsOf({ rootfs: '/' }));
  await side.server.writeInput(restored.programs[0]?.id ?? 0, Buffer.from('go\n'));
  await side.until('END\n');
  return side.text;
}

const WITH_REPORT = 'exec 3</dev/attestation/report; echo READY; read x; head -c 9 <&3; echo; echo END';
const WITHOUT =
  'echo READY; read x; cat /dev/attestation/attestation_type; echo; ls /dev/attestation; echo END';

it('a snapshot goes on where there is the same attestation, and is refused elsewhere', LIMIT, async () => {
  for (const reports of [REPORTS, null]) {
    await using side = new Side(reports);
    await side.started({}, reports === null ? WITHOUT : WITH_REPORT);
    const taken = await side.snapshot();
    const expected = reports === null ? 'none\nattestation_type\nkeys\nEND\n' : 'report of\nEND\n';
    assert.equal(await goOn(taken, reports), expected);
    const [there, here] = ['with attestation (tdx_guest)', 'without attestation'];
    const [first, second] = reports === null ? [here, there] : [there, here];
    const message = `the snapshot cannot be restored: it was taken on a host ${first}, and this one is ${second}: /dev/attestation differs`;
    await assert.rejects(goOn(taken, reports === null ? REPORTS : null), { message });
  }
});

it(
  'a process with a report does not move to a kernel whose host gives none, nor to one without /sys',
  LIMIT,
  async () => {
    await using from = new Side(REPORTS);
    const program = await from.started({}, WITH_REPORT);
    const moves = async (reports: HostReports | null, options: SandboxOptions): Promise<void> => {
      await using to = new Side(reports);
      await to.server.start(checkOptions({ ...OPTIONS, ...options }));
      const { pieces } = await from.server.detach({ program, pid: 0, tree: false, compress: false });
      const attached = to.server.attach(pieces);
      await attached.finally(() => from.server.detached(false));
      await to.server.writeInput(1, Buffer.from('go\n'));
      await to.until('END\n');
      assert.equal(to.text, 'report of\nEND\n');
    };
    await moves(REPORTS, {});
    await assert.rejects(moves(null, {}), /\/dev\/attestation\/report does not exist in the other sandbox/);
    await assert.rejects(moves(REPORTS, { sysfs: false }), /the other sandbox has no sysfs mounted at \/sys/);
  },
);
