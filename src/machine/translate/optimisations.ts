/** What translated code has only to be fast: each can be left out, and programs do the same. */
export const OPTIMISATIONS = {
  translation: 'code that is hot is translated at all',
  functions: 'code that gets hot in the middle of a function has the whole function translated',
  pieces: 'of code that is too long for one region, the regions behind it are made with it',
  callees: 'small functions become part of those that call them',
  stubs: 'jumps through fixed places in memory, as in procedure linkage tables, stay in the region',
  junctions: 'code with loops of several ways in is translated, by giving these loops one',
  links: 'regions call each other and jump to each other, without the dispatcher',
  recursion: 'a region calls itself without a look-up',
  leaves: 'ways out of the middle of a region are functions of their own',
  flags: 'flags that nobody reads are not kept',
  kinds: 'where code meets, the flags’ kind is known if it is the same from all sides',
  registers: 'registers are loaded only where their values are used',
  pages: 'accesses by one register look a page up once',
  ranges:
    'accesses to the stack, and in loops, are compared with the stretch of memory that the last one was in',
  stack: 'a block’s accesses to the stack are looked up together',
  spans: 'rep movs and rep stos copy and fill in pieces',
} as const;

export type Optimisation = keyof typeof OPTIMISATIONS;
export type Optimisations = Readonly<Record<Optimisation, boolean>>;

export const OPTIMISATION_NAMES = Object.keys(OPTIMISATIONS) as readonly Optimisation[];

/** All but those that are named. */
export function optimisationsWithout(names: readonly Optimisation[]): Optimisations {
  const entries = OPTIMISATION_NAMES.map((name) => [name, !names.includes(name)]);
  return Object.fromEntries(entries) as Optimisations;
}
