/** Hardware reports, from a folder that does what Linux's configfs does. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EIO } from '../../kernel/errno.js';
import { reportsIn, type ReportFolder } from './tsm.js';

class Failure extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

/** configfs-tsm: files come with the directory; each write counts `generation` up; reading `outblob` makes the report. */
class FakeReports implements ReportFolder {
  readonly entries = new Map<string, { generation: number; data: Uint8Array | null }>();
  /** Writers that come between, once each. */
  disturbances = 0;

  mkdir(name: string): void {
    if (this.entries.has(name)) throw new Failure('EEXIST');
    this.entries.set(name, { generation: 0, data: null });
  }
  rmdir(name: string): void {
    if (!this.entries.delete(name)) throw new Failure('ENOENT');
  }
  private find(path: string): { entry: { generation: number; data: Uint8Array | null }; file: string } {
    const [name = '', file = ''] = path.split('/');
    const entry = this.entries.get(name);
    if (entry === undefined) throw new Failure('ENOENT');
    return { entry, file };
  }
  write(path: string, bytes: Uint8Array): void {
    const { entry, file } = this.find(path);
    if (file !== 'inblob') throw new Failure('EACCES');
    if (bytes.length > 64) throw new Failure('EINVAL');
    entry.data = bytes.slice();
    entry.generation++;
    if (this.disturbances > 0) {
      this.disturbances--;
      entry.generation++;
    }
  }
  read(path: string): Uint8Array {
    const { entry, file } = this.find(path);
    if (file === 'provider') return Buffer.from('tdx_guest\n');
    if (file === 'generation') return Buffer.from(`${entry.generation}\n`);
    if (file !== 'outblob') throw new Failure('ENOENT');
    if (entry.data === null) throw new Failure('EINVAL');
    return Buffer.concat([Buffer.from('signed:'), entry.data]);
  }
}

const DATA = Uint8Array.from({ length: 64 }, (_, i) => i);

describe('hardware reports', () => {
  it('hold what they are asked to hold, and leave nothing behind', () => {
    const folder = new FakeReports();
    const reports = reportsIn(folder);
    assert.ok(reports !== null);
    assert.equal(reports.provider, 'tdx_guest');
    assert.deepEqual(reports.report(DATA), Buffer.concat([Buffer.from('signed:'), DATA]));
    assert.equal(folder.entries.size, 0);
  });

  it('are asked for again when another writer has come between', () => {
    const folder = new FakeReports();
    const reports = reportsIn(folder);
    folder.disturbances = 2;
    assert.deepEqual(reports?.report(DATA), Buffer.concat([Buffer.from('signed:'), DATA]));
    folder.disturbances = 3;
    assert.equal(reports?.report(DATA), EIO);
    assert.equal(folder.entries.size, 0);
  });

  it('are absent where the host has no such folder', () => {
    const nothing: ReportFolder = {
      mkdir: () => {
        throw new Failure('ENOENT');
      },
      rmdir: () => undefined,
      read: () => new Uint8Array(),
      write: () => undefined,
    };
    assert.equal(reportsIn(nothing), null);
  });
});
