/** What CPUID reports: a level of the psABI for x86-64. */
export const CPU_LEVELS = ['x86-64-v2', 'x86-64-v3'] as const;
export type CpuLevel = (typeof CPU_LEVELS)[number];
export const DEFAULT_CPU_LEVEL: CpuLevel = 'x86-64-v2';
