/** Checks of the options that restrict what programs may do. */
import { SYSCALL_NUMBERS } from '../kernel/abi/syscall-numbers.js';
import type { PlacementSettings } from '../kernel/placement/types.js';
import type { PlainLimits, Settings } from './backend.js';
import { refuse } from './refuse.js';
import { parseSize } from './size.js';
import { toByteString } from './text.js';
import type { FileCheck, Limits, Placement } from './types.js';

const MAX_FILES = 1 << 20;
const PAGE = 4096;

function size(name: string, value: number | string | undefined, least = 1): number {
  if (value === undefined) return Infinity;
  if (least === 0 && Number(value) === 0) return 0;
  const bytes = parseSize(name, value);
  return bytes >= least ? bytes : refuse(`"${name}" must be at least ${least}`);
}

function count(name: string, value: number | undefined, most: number, least = 1): number {
  if (value === undefined) return Infinity;
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  return refuse(`"${name}" must be a whole number from ${least} to ${most}`);
}

const LIMITS: ReadonlySet<string> = new Set<keyof Limits>([
  'stack',
  'brk',
  'files',
  'processes',
  'cpuTime',
  'output',
]);

export function checkLimits(limits: Limits): PlainLimits {
  for (const name of Object.keys(limits)) if (!LIMITS.has(name)) refuse(`there is no limit "${name}"`);
  const { cpuTime = Infinity } = limits;
  if (!(cpuTime > 0)) refuse('"cpuTime" must be a positive number of seconds');
  return {
    stack: size('stack', limits.stack, PAGE),
    brk: size('brk', limits.brk, 0),
    files: count('files', limits.files, MAX_FILES, 0),
    processes: count('processes', limits.processes, Number.MAX_SAFE_INTEGER),
    cpuTime,
    output: size('output', limits.output),
  };
}

/** Results by number, of system calls given by name. */
export function checkMocks(mocks: Readonly<Record<string, number>>): Settings['mockSyscalls'] {
  const byNumber = new Map<number, number>();
  for (const [name, result] of Object.entries(mocks)) {
    const number = SYSCALL_NUMBERS.get(name) ?? refuse(`"mockSyscalls": there is no system call "${name}"`);
    if (!Number.isSafeInteger(result)) refuse(`"mockSyscalls": the result of ${name} must be a whole number`);
    byNumber.set(number, result);
  }
  return byNumber;
}

export function checkFileCheck(check: FileCheck): Required<FileCheck> {
  const { policy = 'strict', trusted = [], allowed = [] } = check;
  if (policy !== 'strict' && policy !== 'allow_all_but_log')
    refuse(`"policy" must be strict or allow_all_but_log, not ${JSON.stringify(policy)}`);
  for (const path of [...trusted.map((file) => file.path), ...allowed])
    if (!path.startsWith('/') || path.includes('\0'))
      refuse(`"fileCheck" must have absolute paths, not ${JSON.stringify(path)}`);
  for (const { path, sha256 } of trusted)
    if (!/^[0-9a-f]{64}$/i.test(sha256)) refuse(`"sha256" of ${path} must be 64 hexadecimal digits`);
  return { policy, trusted, allowed };
}

export function checkPlacement({ programs, otherwise = 'refuse' }: Placement): PlacementSettings {
  if (!Array.isArray(programs)) refuse('"placement" must have a list of "programs"');
  for (const program of programs as unknown[])
    if (
      typeof program !== 'string' ||
      (program !== '*' && !program.startsWith('/')) ||
      program.includes('\0')
    )
      refuse(`"placement" must have absolute paths or "*", not ${JSON.stringify(program)}`);
  if (otherwise !== 'refuse' && otherwise !== 'stay')
    refuse(`"otherwise" must be refuse or stay, not ${JSON.stringify(otherwise)}`);
  return { programs: programs.map(toByteString), otherwise };
}

export function checkKeyName(name: string): string {
  if (name === '' || name.startsWith('_') || /[/\0]/.test(name) || name.length > 255)
    refuse(`"keys" has a bad key name: ${JSON.stringify(name)}`);
  return name;
}

export function checkKeys(keys: Readonly<Record<string, string>>): Settings['keys'] {
  return new Map(
    Object.entries(keys).map(([name, value]) => {
      if (!/^[0-9a-f]{32}$/i.test(value)) refuse(`"keys": ${name} must be 32 hexadecimal digits`);
      return [
        checkKeyName(name),
        Uint8Array.from(value.match(/../g) ?? [], (digits) => parseInt(digits, 16)),
      ];
    }),
  );
}
