/** Writes a profile: hears of what machine and kernel do, and puts that and the host's samples together at the end. */
import type { MadeRegion, Machine, MachineProbe } from '../../machine/types.js';
import type { HostProfiler } from '../host.js';
import type { Mm } from '../mm/mm.js';
import type { Process } from '../process/process.js';
import type { Thread } from '../process/thread.js';
import type { ProfiledDispatcher } from './calls.js';
import { Places, type Place } from './places.js';
import { makeProfile, type RecordedRegion } from './report.js';
import type { Profile } from './types.js';

const INTERVAL_MS = 1;
/** Turns shorter than this are hardly ever sampled, and are left out: a pipe's two ends would fill the memory. */
const SHORT_MS = 0.05;

/** Why code was left, by the function that it called. */
const REASONS: Readonly<Record<string, string>> = {
  syscall: 'system call',
  pageFault: 'page fault',
  look: 'code that is not decoded yet',
  hot: 'code that has become hot',
  search: 'jump to code that must be looked up',
  codeHit: 'write to a page with code',
  step: 'instruction done again after a write to code',
};

let $recorders = 0;

/** Whose turn it was from some moment on. */
export interface Turns {
  readonly from: number[];
  readonly track: number[];
}

export class Recorder implements MachineProbe {
  private readonly places = new Places();
  private readonly regions: RecordedRegion[] = [];
  readonly called = new Map<string, { count: number }>();
  private readonly exits = new Map<string, number>();
  private readonly turns: Turns = { from: [], track: [] };
  private readonly tracks = new Map<Mm, number>();
  private readonly trackNames: string[] = [];
  /** Regions' functions have names that no other sandbox in this thread gives. */
  private readonly prefix = `region ${++$recorders}.`;
  private process: Process | null = null;
  private readonly startMs: number;
  private profile: Profile | null = null;

  constructor(private readonly host: HostProfiler) {
    host.start(INTERVAL_MS);
    this.startMs = host.now();
  }

  now(): number {
    return this.host.now();
  }

  /** Code was left because of `reason`. */
  left(reason: string): void {
    this.exits.set(reason, 1 + (this.exits.get(reason) ?? 0));
  }

  nameOf(entry: number): string {
    const place = this.placeOf(entry);
    this.regions.push({ address: entry, place, made: null });
    return `${this.prefix}${this.regions.length - 1}`;
  }

  made(region: MadeRegion): void {
    const known = this.regions[this.numberOf(region.name)];
    if (known !== undefined) known.made = region;
  }

  /** The region of this name; -1: it is none of these. */
  private numberOf(name: string): number {
    return name.startsWith(this.prefix) ? Number(name.slice(this.prefix.length)) : -1;
  }

  private placeOf(address: number): Place {
    const { process } = this;
    if (process === null) return { frame: { name: `0x${address.toString(16)}`, file: '' }, offset: 0 };
    return this.places.find(process.mm, address, process.fs.root);
  }

  /** The thread's process runs from now on, in an address space in which it has not run just before. */
  turn({ process }: Thread): void {
    this.process = process;
    const now = this.now();
    const { from, track } = this.turns;
    if (now - (from[from.length - 1] ?? 0) < SHORT_MS) {
      from.pop();
      track.pop();
    }
    from.push(now);
    track.push(this.trackOf(process));
  }

  private trackOf(process: Process): number {
    let track = this.tracks.get(process.mm);
    if (track === undefined) {
      this.tracks.set(process.mm, (track = this.trackNames.length));
      const path = process.mm.exe?.location?.dentry.name ?? '?';
      this.trackNames.push(`${path} (${process.pid})`);
    }
    return track;
  }

  /** An address space goes. */
  leaves(mm: Mm): void {
    const { process } = this;
    if (process !== null && this.tracks.has(mm)) this.places.note(mm, process.fs.root);
    this.tracks.delete(mm);
  }

  /** Ends it. */
  finish(machine: Machine, dispatcher: ProfiledDispatcher): Profile {
    if (this.profile !== null) return this.profile;
    const samples = this.host.stop();
    const { process } = this;
    if (process !== null) for (const mm of this.tracks.keys()) this.places.note(mm, process.fs.root);
    for (const [name, { count }] of this.called) if (count > 0) this.exits.set(REASONS[name] ?? name, count);
    const { tlbMisses } = machine.stats;
    if (tlbMisses > 0) this.exits.set('miss of the TLB', tlbMisses);
    return (this.profile = makeProfile({
      samples,
      startMs: this.startMs,
      wallMs: this.now() - this.startMs,
      intervalMs: INTERVAL_MS,
      turns: this.turns,
      trackNames: this.trackNames,
      regions: this.regions,
      numberOf: (name) => this.numberOf(name),
      callName: (number) => dispatcher.nameOf(number),
      calls: dispatcher.profile(),
      exits: this.exits,
      places: this.places,
      machine,
    }));
  }
}
