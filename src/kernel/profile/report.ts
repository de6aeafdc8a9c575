/** Puts a profile together: samples by process and by function, the interpreter's time by what it has interpreted. */
import type { Machine, MadeRegion } from '../../machine/types.js';
import type { HostSamples } from '../host.js';
import type { Place, Places } from './places.js';
import type { Turns } from './recorder.js';
import { PARTS, StackReader, type Meaning } from './stacks.js';
import { lastNotAbove } from './symbols.js';
import type {
  Profile,
  ProfiledCall,
  ProfiledFunction,
  ProfiledRegion,
  ProfileFrame,
  ProfileTrack,
} from './types.js';

export interface RecordedRegion {
  readonly address: number;
  readonly place: Place;
  made: MadeRegion | null;
}

/** What was recorded. */
export interface Recorded {
  readonly samples: HostSamples;
  readonly startMs: number;
  readonly wallMs: number;
  readonly intervalMs: number;
  readonly turns: Turns;
  readonly trackNames: readonly string[];
  readonly regions: readonly RecordedRegion[];
  readonly numberOf: (regionName: string) => number;
  readonly callName: (number: number) => string;
  readonly calls: readonly ProfiledCall[];
  readonly exits: ReadonlyMap<string, number>;
  readonly places: Places;
  readonly machine: Machine;
}

const GONE: ProfileFrame = { name: '[code that has gone]', file: '' };

interface Times {
  readonly frame: ProfileFrame;
  selfMs: number;
  totalMs: number;
  interpretedMs: number;
}

interface Track {
  readonly name: string;
  readonly stacks: number[];
  readonly atMs: number[];
  readonly forMs: number[];
}

class Report {
  private readonly reader: StackReader;
  private readonly tracks: Track[];
  private readonly times = new Map<string, Times>();
  private readonly parts = new Map<keyof typeof PARTS, number>();
  private readonly regionMs: number[];
  private programsMs = 0;
  private otherMs = 0;
  private interpreterMs = 0;

  constructor(private readonly recorded: Recorded) {
    const { samples, regions, numberOf, callName, trackNames } = recorded;
    this.reader = new StackReader(samples, (name) => regions[numberOf(name)]?.place.frame ?? null, callName);
    this.tracks = trackNames.map((name) => ({ name, stacks: [], atMs: [], forMs: [] }));
    this.regionMs = regions.map(() => 0);
  }

  make(): Profile {
    this.readSamples();
    this.shareInterpreter();
    const { recorded, reader } = this;
    return {
      wallMs: recorded.wallMs,
      programsMs: this.programsMs,
      otherMs: this.otherMs,
      intervalMs: recorded.intervalMs,
      parts: [...this.parts].map(([name, ms]) => ({ name: PARTS[name], ms })).sort((a, b) => b.ms - a.ms),
      functions: this.functions(),
      calls: recorded.calls,
      exits: [...recorded.exits]
        .map(([reason, count]) => ({ reason, count }))
        .sort((a, b) => b.count - a.count),
      regions: this.regions(),
      frames: reader.frames,
      stacks: reader.stacks,
      tracks: this.tracks.filter(({ stacks }) => stacks.length > 0) satisfies ProfileTrack[],
    };
  }

  /** A sample stands for the time until the next one. */
  private readSamples(): void {
    const { ids, times } = this.recorded.samples;
    const { from, track } = this.recorded.turns;
    ids.forEach((id, i) => {
      const at = times[i];
      const ms = (times[i + 1] ?? at + this.recorded.intervalMs) - at;
      const meaning = this.reader.meanings.get(id);
      if (meaning === undefined || meaning.isIdle) return;
      const turn = lastNotAbove(from.length, (k) => from[k], at);
      if (meaning.stack < 0 || turn < 0) this.otherMs += ms;
      else this.count(meaning, this.tracks[track[turn]], at, ms);
    });
  }

  private count(meaning: Meaning, track: Track, at: number, ms: number): void {
    const { stack, part, owner, region } = meaning;
    this.programsMs += ms;
    track.stacks.push(stack);
    track.atMs.push(at - this.recorded.startMs);
    track.forMs.push(ms);
    this.parts.set(part, ms + (this.parts.get(part) ?? 0));
    if (region !== '') this.regionMs[this.recorded.numberOf(region)] += ms;
    if (part === 'interpreter') this.interpreterMs += ms;
    else this.timesOf(this.reader.frames[owner]).selfMs += ms;
    const seen = new Set<number>();
    for (let at = stack; at >= 0; at = this.reader.stacks[at].caller) seen.add(this.reader.stacks[at].frame);
    for (const frame of seen) this.timesOf(this.reader.frames[frame]).totalMs += ms;
  }

  private timesOf(frame: ProfileFrame): Times {
    const key = `${frame.name}\n${frame.file}`;
    let times = this.times.get(key);
    if (times === undefined)
      this.times.set(key, (times = { frame, selfMs: 0, totalMs: 0, interpretedMs: 0 }));
    return times;
  }

  /** Samples do not say what was being interpreted, but each block counts how often it was run. */
  private shareInterpreter(): void {
    const { machine, places } = this.recorded;
    const counts = new Map<ProfileFrame, number>();
    let known = 0;
    machine.eachBlock((address, frame, instructions) => {
      const place = places.ofBlock(address, frame);
      if (place === null || instructions === 0) return;
      counts.set(place, instructions + (counts.get(place) ?? 0));
      known += instructions;
    });
    const all = Math.max(known, machine.stats.instructions);
    if (all === 0 || this.interpreterMs === 0) return;
    counts.set(GONE, all - known);
    for (const [frame, count] of counts) {
      const ms = (this.interpreterMs * count) / all;
      const times = this.timesOf(frame);
      times.selfMs += ms;
      times.totalMs += ms;
      times.interpretedMs += ms;
    }
  }

  private functions(): ProfiledFunction[] {
    return [...this.times.values()]
      .map(({ frame, ...times }) => ({ ...frame, ...times }))
      .filter(({ selfMs, file }) => selfMs > 0 || !file.startsWith('culm: '))
      .sort((a, b) => b.selfMs - a.selfMs || b.totalMs - a.totalMs);
  }

  private regions(): ProfiledRegion[] {
    return this.recorded.regions
      .flatMap(({ address, place, made }, i) =>
        made === null
          ? []
          : {
              name: `${place.frame.name}${place.offset === 0 ? '' : `+0x${place.offset.toString(16)}`}`,
              file: place.frame.file,
              address,
              selfMs: this.regionMs[i],
              instructions: made.instructions,
              codeBytes: made.codeBytes,
              wasmBytes: made.wasmBytes,
              writeMs: made.writeMs,
              compileMs: made.compileMs,
            },
      )
      .sort((a, b) => b.selfMs - a.selfMs);
  }
}

export function makeProfile(recorded: Recorded): Profile {
  return new Report(recorded).make();
}
