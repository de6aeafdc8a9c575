/** Profiles in the formats of tools that show them. */
import type { Profile, ProfileFrame } from '../kernel/profile/types.js';

/** speedscope's (https://www.speedscope.app/file-format-schema.json), or V8's, which Chrome's DevTools open. */
export type ProfileFormat = 'speedscope' | 'cpuprofile';

export function profileFile(profile: Profile, format: ProfileFormat): string {
  return JSON.stringify(format === 'speedscope' ? speedscope(profile) : cpuProfile(profile));
}

function shown({ name, file }: ProfileFrame): object {
  return file === '' ? { name } : { name, file };
}

/** The frames of a stack, outermost first. */
function framesOf({ stacks }: Profile, stack: number): number[] {
  const frames: number[] = [];
  for (let at = stacks[stack]; at !== undefined; at = stacks[at.caller]) frames.push(at.frame);
  return frames.reverse();
}

/** One profile a process. */
function speedscope(profile: Profile): object {
  const { frames, tracks, wallMs } = profile;
  const known = new Map<number, number[]>();
  const stackOf = (stack: number): number[] => {
    const found = known.get(stack) ?? framesOf(profile, stack);
    known.set(stack, found);
    return found;
  };
  return {
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    exporter: 'culm',
    name: tracks[0]?.name ?? 'culm',
    activeProfileIndex: 0,
    shared: { frames: frames.map(shown) },
    profiles: tracks.map(({ name, stacks, forMs }) => ({
      type: 'sampled',
      name,
      unit: 'milliseconds',
      startValue: 0,
      endValue: forMs.reduce((sum, ms) => sum + ms, 0),
      samples: stacks.map(stackOf),
      weights: forMs,
    })),
    ...(tracks.length > 0 ? {} : { profiles: [emptySpeedscope(wallMs)] }),
  };
}

/** speedscope refuses files without a profile. */
function emptySpeedscope(wallMs: number): object {
  return {
    type: 'sampled',
    name: 'no samples',
    unit: 'milliseconds',
    startValue: 0,
    endValue: wallMs,
    samples: [],
    weights: [],
  };
}

interface CpuNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly scriptId: string;
    readonly url: string;
    readonly lineNumber: number;
    readonly columnNumber: number;
  };
  hitCount: number;
  readonly children: number[];
}

/** All processes below one root, each by its name, in the order in which things happened. */
class CpuNodes {
  readonly nodes: CpuNode[] = [];
  readonly idle: CpuNode;
  private readonly root: CpuNode;
  private readonly known = new Map<string, CpuNode>();

  constructor(private readonly profile: Profile) {
    this.root = this.add({ name: '(root)', file: '' });
    this.idle = this.add({ name: '(idle)', file: '' });
    this.root.children.push(this.idle.id);
  }

  private add({ name, file }: ProfileFrame): CpuNode {
    const callFrame = { functionName: name, scriptId: '0', url: file, lineNumber: -1, columnNumber: -1 };
    const node = { id: this.nodes.length + 1, callFrame, hitCount: 0, children: [] };
    this.nodes.push(node);
    return node;
  }

  private below(parent: CpuNode, key: string, frame: ProfileFrame): CpuNode {
    let node = this.known.get(key);
    if (node === undefined) {
      this.known.set(key, (node = this.add(frame)));
      parent.children.push(node.id);
    }
    return node;
  }

  /** The node of a stack in a process. */
  of(track: number, stack: number): CpuNode {
    const { stacks, frames, tracks } = this.profile;
    const at = stacks[stack];
    const key = `${track} ${stack}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const frame = at === undefined ? undefined : frames[at.frame];
    if (at === undefined || frame === undefined)
      return this.below(this.root, `${track}`, { name: tracks[track]?.name ?? '', file: '' });
    return this.below(this.of(track, at.caller), key, frame);
  }
}

function cpuProfile(profile: Profile): object {
  const nodes = new CpuNodes(profile);
  const all = profile.tracks.flatMap(({ stacks, atMs, forMs }, track) =>
    stacks.map((stack, i) => ({ node: nodes.of(track, stack), at: atMs[i] ?? 0, ms: forMs[i] ?? 0 })),
  );
  all.sort((a, b) => a.at - b.at);
  const samples: number[] = [];
  const timeDeltas: number[] = [];
  let now = 0;
  const sample = (node: CpuNode, at: number): void => {
    node.hitCount++;
    samples.push(node.id);
    timeDeltas.push(Math.round((at - now) * 1000));
    now = at;
  };
  let end = 0;
  for (const { node, at, ms } of all) {
    // Between them programs waited, or Culm did something else.
    if (at > end + profile.intervalMs) sample(nodes.idle, end);
    sample(node, at);
    end = at + ms;
  }
  sample(nodes.idle, Math.max(end, now));
  return {
    nodes: nodes.nodes,
    startTime: 0,
    endTime: Math.round(profile.wallMs * 1000),
    samples,
    timeDeltas,
  };
}
