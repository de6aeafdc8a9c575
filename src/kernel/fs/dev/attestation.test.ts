/** /dev/attestation with and without a report interface of the host. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { O_RDONLY, O_RDWR } from '../../abi/fcntl.js';
import { EACCES, ENOENT, ENXIO } from '../../errno.js';
import type { HostReports } from '../../host.js';
import { KeyRing } from '../encrypted/keys.js';
import { newHandle } from '../handle.js';
import { Nodes } from '../pseudo/nodes.js';
import type { Inode } from '../types.js';
import { FakeFrames } from '../../../../test/support/fs.js';
import { BufferSink, BufferSource } from '../buffer.js';
import { createDevFs } from './dev.js';
import type { DeviceView } from './devices.js';

const REPORTS: HostReports = {
  provider: 'sev_guest',
  report: (data) => Uint8Array.of(0xee, ...data),
};

class Device {
  caller: { reportData: Uint8Array | null } = { reportData: null };
  readonly keys = new KeyRing();
  readonly fs;

  constructor(reports: HostReports | null) {
    this.keys.declare('default');
    const view: DeviceView = {
      memory: new FakeFrames(),
      random: () => undefined,
      log: () => undefined,
      attestation: { keys: this.keys, reports, caller: () => this.caller },
      openTerminal: () => ENXIO,
      openConsole: () => ENXIO,
      openMaster: () => ENXIO,
    };
    this.fs = createDevFs(view, new Nodes(), 1, () => undefined);
  }

  find(path: string): Inode | number {
    let at: Inode | number = this.fs.root();
    for (const name of path.split('/')) {
      if (typeof at === 'number') return at;
      at = this.fs.lookup(at, name);
    }
    return at;
  }

  read(path: string): Uint8Array | number {
    const inode = this.find(`attestation/${path}`);
    if (typeof inode === 'number') return inode;
    const ops = this.fs.open(inode, O_RDONLY);
    if (typeof ops === 'number') return ops;
    const sink = new BufferSink(new Uint8Array(4096));
    const count = ops.read(newHandle(inode, null, O_RDONLY, ops), sink, 0);
    return count < 0 ? count : sink.bytes.subarray(0, count);
  }

  write(path: string, bytes: Uint8Array): number {
    const inode = this.find(`attestation/${path}`);
    if (typeof inode === 'number') return inode;
    const ops = this.fs.open(inode, O_RDWR);
    if (typeof ops === 'number') return ops;
    return ops.write(newHandle(inode, null, O_RDWR, ops), new BufferSource(bytes), 0);
  }
}

function text(bytes: Uint8Array | number): string {
  return typeof bytes === 'number' ? String(bytes) : Buffer.from(bytes).toString('latin1');
}

describe('/dev/attestation', () => {
  it('says none where the host has no reports, and has no files about them', () => {
    const device = new Device(null);
    assert.equal(text(device.read('attestation_type')), 'none');
    for (const name of ['user_report_data', 'report', 'quote', 'target_info', 'my_target_info'])
      assert.equal(device.read(name), ENOENT, name);
  });

  it('gives reports that hold what the calling process has written, padded or cut to 64 bytes', () => {
    const device = new Device(REPORTS);
    assert.equal(text(device.read('attestation_type')), 'sev_guest');
    assert.deepEqual(device.read('quote'), Uint8Array.of(0xee, ...new Uint8Array(64)));
    assert.equal(device.write('user_report_data', Uint8Array.of(1, 2, 3)), 3);
    const padded = new Uint8Array(64);
    padded.set([1, 2, 3]);
    assert.deepEqual(device.read('user_report_data'), padded);
    assert.deepEqual(device.read('quote'), Uint8Array.of(0xee, ...padded));
    assert.deepEqual(device.read('report'), Uint8Array.of(0xee, ...padded));
    device.write('user_report_data', new Uint8Array(100).fill(7));
    assert.deepEqual(device.read('quote'), Uint8Array.of(0xee, ...new Uint8Array(64).fill(7)));
    device.caller = { reportData: null };
    assert.deepEqual(device.read('quote'), Uint8Array.of(0xee, ...new Uint8Array(64)));
  });

  it('takes keys whole, of names that are known', () => {
    const device = new Device(null);
    assert.equal(text(device.read('keys/default')), '');
    const key = Uint8Array.from({ length: 16 }, (_, i) => i);
    assert.equal(device.write('keys/default', key.subarray(1)), EACCES);
    assert.equal(device.write('keys/default', new Uint8Array(17)), EACCES);
    assert.equal(device.keys.get('default'), null);
    assert.equal(device.write('keys/default', key), 16);
    assert.deepEqual(device.keys.get('default'), key);
    assert.deepEqual(device.read('keys/default'), key);
    assert.equal(device.read('keys/other'), ENOENT);
  });
});
