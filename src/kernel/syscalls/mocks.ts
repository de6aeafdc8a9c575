import type { ThreadRow } from './row.js';

/** The table with some calls replaced by ones that only return a number; those it lacks are added. */
export function withMocks(
  table: readonly (ThreadRow | undefined)[],
  mocks: ReadonlyMap<number, number>,
): readonly (ThreadRow | undefined)[] {
  if (mocks.size === 0) return table;
  const replaced = [...table];
  for (const [number, result] of mocks) {
    const row = table[number];
    replaced[number] = {
      number,
      name: row?.name ?? `mock_${number}`,
      args: row?.args ?? [],
      run: () => result,
    };
  }
  return replaced;
}
