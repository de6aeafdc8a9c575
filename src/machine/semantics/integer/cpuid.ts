/**
 * What CPUID reports: a fixed processor of the level that the machine is made with. It calls itself an Intel of family 6:
 * model 0x2c, the last one of x86-64-v2, or 0x3c, the first one of v3. For the former, C libraries take their plain SSE2
 * string functions with unaligned access, which suit a translator best; both get `rep movsb` for long copies. Feature bits
 * are those that work, and no others; AES's is left out, as programs are slower with it (ARCHITECTURE.md, "Ciphers and
 * digests"). What is not reported is there all the same, as on a real processor whose CPUID a hypervisor has masked; but
 * XGETBV, without which no program uses AVX, is not.
 */
import type { CpuLevel } from '../../level.js';

/** Registers that one leaf returns. */
export type Leaf = readonly [eax: number, ebx: number, ecx: number, edx: number];

const NONE: Leaf = [0, 0, 0, 0];
const MAX_EXTENDED = 0x80000008;
const HYPERVISOR = 0x40000000;

/** Words of feature bits: leaves and registers. */
type Word =
  '1.edx' | '0x80000001.edx' | '0x80000007.edx' | '1.ecx' | '0x80000001.ecx' | '7.ebx' | '0xd.1.eax';

/**
 * Word, bit, Linux's name (of /proc/cpuinfo; '' where it shows none), and whether x86-64-v3 alone has it. Linux's order:
 * by words, then by bits (SDM volume 2, CPUID).
 */
const FEATURES: readonly (readonly [word: Word, bit: number, name: string, isOfV3?: true])[] = [
  ['1.edx', 0, 'fpu'],
  ['1.edx', 4, 'tsc'],
  ['1.edx', 8, 'cx8'],
  ['1.edx', 9, 'apic'],
  ['1.edx', 15, 'cmov'],
  ['1.edx', 19, 'clflush'],
  ['1.edx', 23, 'mmx'],
  ['1.edx', 24, 'fxsr'],
  ['1.edx', 25, 'sse'],
  ['1.edx', 26, 'sse2'],
  ['0x80000001.edx', 11, 'syscall'],
  ['0x80000001.edx', 20, 'nx'],
  ['0x80000001.edx', 27, 'rdtscp'],
  ['0x80000001.edx', 29, 'lm'],
  ['0x80000007.edx', 8, 'constant_tsc nopl nonstop_tsc cpuid'],
  ['1.ecx', 0, 'pni'],
  ['1.ecx', 1, 'pclmulqdq'],
  ['1.ecx', 9, 'ssse3'],
  ['1.ecx', 12, 'fma', true],
  ['1.ecx', 13, 'cx16'],
  ['1.ecx', 19, 'sse4_1'],
  ['1.ecx', 20, 'sse4_2'],
  ['1.ecx', 22, 'movbe', true],
  ['1.ecx', 23, 'popcnt'],
  ['1.ecx', 26, 'xsave', true],
  ['1.ecx', 27, '', true],
  ['1.ecx', 28, 'avx', true],
  ['1.ecx', 29, 'f16c', true],
  ['1.ecx', 31, 'hypervisor'],
  ['0x80000001.ecx', 0, 'lahf_lm'],
  ['0x80000001.ecx', 5, 'abm', true],
  ['7.ebx', 3, 'bmi1', true],
  ['7.ebx', 5, 'avx2', true],
  ['7.ebx', 8, 'bmi2', true],
  ['7.ebx', 9, 'erms'],
  ['7.ebx', 29, 'sha_ni'],
  ['0xd.1.eax', 1, 'xsavec', true],
  ['0xd.1.eax', 2, 'xgetbv1', true],
];
const HTT = 1 << 28;

/** The features in Linux's words, as /proc/cpuinfo lists them. */
export function featureNames(level: CpuLevel): string[] {
  const names = FEATURES.filter(([, , , isOfV3]) => !isOfV3 || level === 'x86-64-v3').map(
    ([, , name]) => name,
  );
  return names.filter((name) => name !== '').flatMap((name) => name.split(' '));
}

function featureWord(word: Word, level: CpuLevel): number {
  let bits = 0;
  for (const [of, bit, , isOfV3] of FEATURES)
    if (of === word && (isOfV3 !== true || level === 'x86-64-v3')) bits |= 1 << bit;
  return bits;
}

/** What a level's processor calls itself, and its last basic leaf. */
export interface Identity {
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
  readonly maxLeaf: number;
}
export const IDENTITIES: Readonly<Record<CpuLevel, Identity>> = {
  'x86-64-v2': { family: 6, model: 0x2c, stepping: 2, maxLeaf: 0xb },
  'x86-64-v3': { family: 6, model: 0x3c, stepping: 3, maxLeaf: 0xd },
};

/** State components (SDM volume 1, 13.1) that XSAVE knows where CPUID reports it: x87, SSE and AVX. */
export const XCR0 = 7;
export const XSTATE_AVX = 4;
/** Where the upper halves of the vector registers lie in an XSAVE area, and where that ends. */
export const XSAVE_AVX = 576;
export const XSAVE_AVX_SIZE = 256;
export const XSAVE_SIZE = XSAVE_AVX + XSAVE_AVX_SIZE;

const CLFLUSH_LINE = 8 << 8;
const BRAND = 'Culm virtual CPU';
const HYPERVISOR_NAME = 'CulmCulmCulm';

/** Leaf 4's caches: type (1 data, 2 instructions, 3 both), level, ways, sets; all lines have 64 bytes. */
const CACHES: readonly (readonly [type: number, level: number, ways: number, sets: number])[] = [
  [1, 1, 8, 64],
  [2, 1, 8, 64],
  [3, 2, 8, 1024],
  [3, 3, 16, 16384],
];

function word(text: string, at: number): number {
  let value = 0;
  for (let i = 3; i >= 0; i--) value = (value << 8) | (text.charCodeAt(at + i) || 0);
  return value;
}

function cacheLeaf(subleaf: number, cpus: number): Leaf {
  const cache = CACHES[subleaf];
  if (cache === undefined) return NONE;
  const [type, level, ways, sets] = cache;
  const sharedBy = level === 3 ? cpus - 1 : 0;
  const selfInitializing = 1 << 8;
  const eax = type | (level << 5) | selfInitializing | (sharedBy << 14) | ((cpus - 1) << 26);
  return [eax, ((ways - 1) << 22) | 63, sets - 1, 0];
}

/** Leaf 0xb: one thread a core, all cores in one package. */
function topologyLeaf(subleaf: number, cpus: number): Leaf {
  const thread = 1 << 8;
  const core = 2 << 8;
  if (subleaf === 0) return [0, 1, thread, 0];
  if (subleaf === 1) return [32 - Math.clz32(cpus - 1), cpus, core | 1, 0];
  return [0, 0, subleaf, 0];
}

/** Leaf 0xd: sizes and places in an XSAVE area, whose two formats have the same size. */
function stateLeaf(subleaf: number, level: CpuLevel): Leaf {
  if (level !== 'x86-64-v3') return NONE;
  if (subleaf === 0) return [XCR0, XSAVE_SIZE, XSAVE_SIZE, 0];
  if (subleaf === 1) return [featureWord('0xd.1.eax', level), XSAVE_SIZE, 0, 0];
  return subleaf === 2 ? [XSAVE_AVX_SIZE, XSAVE_AVX, 0, 0] : NONE;
}

function identity(cpus: number, level: CpuLevel): Leaf {
  const { family, model, stepping } = IDENTITIES[level];
  const signature = ((model >> 4) << 16) | (family << 8) | ((model & 15) << 4) | stepping;
  const apic = (Math.min(cpus, 255) << 16) | CLFLUSH_LINE;
  const edx = featureWord('1.edx', level);
  return [signature, apic, featureWord('1.ecx', level), cpus > 1 ? edx | HTT : edx];
}

function brandLeaf(part: number): Leaf {
  const at = part * 16;
  return [word(BRAND, at), word(BRAND, at + 4), word(BRAND, at + 8), word(BRAND, at + 12)];
}

type LeafOf = (subleaf: number, cpus: number, level: CpuLevel) => Leaf;

/** Leaf 2 says: see leaf 4. Leaf 0x80000008 gives 40 bits of physical, 48 of virtual addresses. */
const LEAVES = new Map<number, LeafOf>([
  [0, (_, _cpus, level) => [IDENTITIES[level].maxLeaf, word('Genu', 0), word('ntel', 0), word('ineI', 0)]],
  [1, (_, cpus, level) => identity(cpus, level)],
  [2, () => [0x00ff0001, 0, 0, 0]],
  [4, cacheLeaf],
  [7, (subleaf, _, level) => (subleaf === 0 ? [0, featureWord('7.ebx', level), 0, 0] : NONE)],
  [0xb, topologyLeaf],
  [0xd, (subleaf, _, level) => stateLeaf(subleaf, level)],
  [HYPERVISOR, () => [HYPERVISOR, ...hypervisorName()]],
  [0x80000000, () => [MAX_EXTENDED, 0, 0, 0]],
  [
    0x80000001,
    (_, _cpus, level) => [0, 0, featureWord('0x80000001.ecx', level), featureWord('0x80000001.edx', level)],
  ],
  [0x80000002, () => brandLeaf(0)],
  [0x80000003, () => brandLeaf(1)],
  [0x80000004, () => brandLeaf(2)],
  [0x80000006, () => [0, 0, (512 << 16) | (6 << 12) | 64, 0]],
  [0x80000007, (_, _cpus, level) => [0, 0, 0, featureWord('0x80000007.edx', level)]],
  [0x80000008, () => [0x3028, 0, 0, 0]],
]);

function hypervisorName(): [number, number, number] {
  return [word(HYPERVISOR_NAME, 0), word(HYPERVISOR_NAME, 4), word(HYPERVISOR_NAME, 8)];
}

/** What CPUID answers for a leaf and subleaf (any 32-bit numbers) on a machine of `cpus` processors. */
export function cpuidLeaf(leaf: number, subleaf: number, cpus: number, level: CpuLevel): Leaf {
  return LEAVES.get(leaf >>> 0)?.(subleaf >>> 0, cpus, level) ?? NONE;
}
