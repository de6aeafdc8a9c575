/**
 * What CPUID reports: a fixed processor of x86-64-v2. It calls itself an Intel of family 6, model 0x2c, the last one of
 * that level: C libraries then take their plain SSE2 string functions with unaligned access, which suit a translator
 * best, and `rep movsb` for long copies. Feature bits are those that work, and no others.
 */

/** Registers that one leaf returns. */
export type Leaf = readonly [eax: number, ebx: number, ecx: number, edx: number];

const NONE: Leaf = [0, 0, 0, 0];
const MAX_BASIC = 0xb;
const MAX_EXTENDED = 0x80000008;
const HYPERVISOR = 0x40000000;

/** Bits of leaf 1 (SDM volume 2, CPUID, tables 3-10 and 3-11). */
const SSE3 = 1 << 0;
const SSSE3 = 1 << 9;
const CMPXCHG16B = 1 << 13;
const SSE4_1 = 1 << 19;
const SSE4_2 = 1 << 20;
const POPCNT = 1 << 23;
const UNDER_HYPERVISOR = 1 << 31;
const FEATURES_C = SSE3 | SSSE3 | CMPXCHG16B | SSE4_1 | SSE4_2 | POPCNT | UNDER_HYPERVISOR;

const FPU = 1 << 0;
const TSC = 1 << 4;
const CX8 = 1 << 8;
const APIC = 1 << 9;
const CMOV = 1 << 15;
const CLFSH = 1 << 19;
const MMX = 1 << 23;
const FXSR = 1 << 24;
const SSE = 1 << 25;
const SSE2 = 1 << 26;
const HTT = 1 << 28;
const FEATURES_D = FPU | TSC | CX8 | APIC | CMOV | CLFSH | MMX | FXSR | SSE | SSE2;

/** Leaf 7: `rep movsb` and `rep stosb` are fast. */
const ERMS = 1 << 9;

/** Leaf 0x80000001. */
const LAHF64 = 1 << 0;
const SYSCALL = 1 << 11;
const NX = 1 << 20;
const RDTSCP = 1 << 27;
const LM = 1 << 29;
const INVARIANT_TSC = 1 << 8;

const FAMILY_MODEL_STEPPING = 0x206c2;
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

function identity(cpus: number): Leaf {
  const apic = (Math.min(cpus, 255) << 16) | CLFLUSH_LINE;
  return [FAMILY_MODEL_STEPPING, apic, FEATURES_C, cpus > 1 ? FEATURES_D | HTT : FEATURES_D];
}

function brandLeaf(part: number): Leaf {
  const at = part * 16;
  return [word(BRAND, at), word(BRAND, at + 4), word(BRAND, at + 8), word(BRAND, at + 12)];
}

type LeafOf = (subleaf: number, cpus: number) => Leaf;

/** Leaf 2 says: see leaf 4. Leaf 0x80000008 gives 40 bits of physical, 48 of virtual addresses. */
const LEAVES = new Map<number, LeafOf>([
  [0, () => [MAX_BASIC, word('Genu', 0), word('ntel', 0), word('ineI', 0)]],
  [1, (_, cpus) => identity(cpus)],
  [2, () => [0x00ff0001, 0, 0, 0]],
  [4, cacheLeaf],
  [7, (subleaf) => (subleaf === 0 ? [0, ERMS, 0, 0] : NONE)],
  [0xb, topologyLeaf],
  [HYPERVISOR, () => [HYPERVISOR, ...hypervisorName()]],
  [0x80000000, () => [MAX_EXTENDED, 0, 0, 0]],
  [0x80000001, () => [0, 0, LAHF64, SYSCALL | NX | RDTSCP | LM]],
  [0x80000002, () => brandLeaf(0)],
  [0x80000003, () => brandLeaf(1)],
  [0x80000004, () => brandLeaf(2)],
  [0x80000006, () => [0, 0, (512 << 16) | (6 << 12) | 64, 0]],
  [0x80000007, () => [0, 0, 0, INVARIANT_TSC]],
  [0x80000008, () => [0x3028, 0, 0, 0]],
]);

function hypervisorName(): [number, number, number] {
  return [word(HYPERVISOR_NAME, 0), word(HYPERVISOR_NAME, 4), word(HYPERVISOR_NAME, 8)];
}

/** What CPUID answers for a leaf and subleaf (any 32-bit numbers) on a machine of `cpus` processors. */
export function cpuidLeaf(leaf: number, subleaf: number, cpus: number): Leaf {
  return LEAVES.get(leaf >>> 0)?.(subleaf >>> 0, cpus) ?? NONE;
}
