/**
 * /dev/attestation, as Gramine has it: keys of encrypted mounts, and the hardware's word for what runs here. Where the host
 * has no report interface attestation_type says `none` and the files about reports are absent. target_info and
 * my_target_info are absent always: they are about SGX's local attestation, which no other hardware has.
 */
import { EACCES, type Errno } from '../../errno.js';
import type { HostReports } from '../../host.js';
import { isKey, type KeyRing, type NamedKey } from '../encrypted/keys.js';
import { dir, family, file } from '../pseudo/row.js';
import type { DirRow } from '../pseudo/row.js';
import type { DeviceView } from './devices.js';

export interface AttestationView {
  readonly keys: KeyRing;
  readonly reports: HostReports | null;
  /** The calling process: report data are each process's own. */
  caller(): { reportData: Uint8Array | null };
}

const REPORT_DATA_SIZE = 64;
const ALL_MAY_WRITE = 0o666;

function saveReportData({ attestation }: DeviceView, bytes: Uint8Array): 0 {
  const data = new Uint8Array(REPORT_DATA_SIZE);
  data.set(bytes.subarray(0, REPORT_DATA_SIZE));
  attestation.caller().reportData = data;
  return 0;
}

function dataOf({ attestation }: DeviceView): Uint8Array {
  return attestation.caller().reportData ?? new Uint8Array(REPORT_DATA_SIZE);
}

function report(view: DeviceView): Uint8Array | Errno {
  return (view.attestation.reports?.report(dataOf(view)) ?? EACCES) as Uint8Array | Errno;
}

/** A key is set by writing it whole; anything else is refused, as in Gramine. */
function saveKey(entry: NamedKey, bytes: Uint8Array): 0 | Errno {
  if (!isKey(bytes)) return EACCES;
  entry.key = bytes.slice();
  return 0;
}

const hasReports = { exists: ({ attestation }: DeviceView) => attestation.reports !== null };

export const ATTESTATION: DirRow<DeviceView> = dir('attestation', [
  file('attestation_type', ({ attestation }) => attestation.reports?.provider ?? 'none'),
  file('user_report_data', dataOf, { ...hasReports, mode: ALL_MAY_WRITE, save: saveReportData }),
  file('report', report, hasReports),
  file('quote', report, hasReports),
  dir('keys', [
    family(
      {
        find: ({ attestation }: DeviceView, name) => attestation.keys.find(name),
        list: ({ attestation }) => attestation.keys.names(),
      },
      file<NamedKey>('', ({ key }) => key ?? '', { mode: ALL_MAY_WRITE, save: saveKey, secret: true }),
    ),
  ]),
]);
