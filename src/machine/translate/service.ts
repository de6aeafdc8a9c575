import type { MachineViews } from '../semantics/helper.js';
import { semanticsOf } from '../semantics/index.js';
import type { Compile, TranslatorAnswer, TranslatorRequest, TranslatorSetup } from '../types.js';
import { viewsOf } from '../memory/memory.js';
import type { FoundRegion } from '../code/types.js';
import { CodeView } from './code-view.js';
import { linkBySize, type RegionObject } from './link.js';
import { RegionMaker, sizeOf } from './maker.js';
import { optimisationsWithout } from './optimisations.js';

/** What is put into one module: an instance costs time, and so does waiting for others. */
const MOST_INSTRUCTIONS = 1000;

/**
 * Makes regions in a thread of its own, for a machine in another: while the program goes on. Of the program it sees the
 * memory; what it makes is checked by whoever installs it.
 */
export class TranslationService {
  private readonly views: MachineViews;
  private readonly view: CodeView;
  private readonly maker: RegionMaker;
  /** By address, what has been asked for, and how often. */
  private readonly queue = new Map<number, { readonly request: TranslatorRequest; times: number }>();
  /** Frames of the entries of regions that have been made. */
  private readonly made = new Map<number, Set<number>>();
  /** Entries of kept regions. */
  private readonly known = new Set<number>();
  /** What has been made and not been put away, by the program in which it was hot; and the length of that. */
  private readonly fresh = new Map<string, RegionObject[]>();
  freshBytes = 0;
  /** Blocks of regions that nobody has asked for since these were made: what is running still gets hot once more. */
  private readonly covered = new Set<number>();

  private readonly keeps: boolean;

  constructor(
    { buffer, without, keeps }: TranslatorSetup,
    private readonly compile: Compile,
  ) {
    this.keeps = keeps;
    this.views = viewsOf(buffer);
    this.view = new CodeView(this.views);
    const on = optimisationsWithout(without);
    this.maker = new RegionMaker(this.view, semanticsOf, on, (entry) => this.isMade(entry));
  }

  add(request: TranslatorRequest): void {
    const asked = this.queue.get(request.address);
    if (asked === undefined) this.queue.set(request.address, { request, times: 1 });
    else asked.times++;
    for (const entry of request.known ?? []) this.known.add(entry);
  }

  get isIdle(): boolean {
    return this.queue.size === 0;
  }

  /** What has been asked for most often, and first. */
  private next(): TranslatorRequest | undefined {
    let most = 0;
    let next: TranslatorRequest | undefined;
    for (const { request, times } of this.queue.values()) {
      if (times <= most) continue;
      most = times;
      next = request;
    }
    if (next !== undefined) this.queue.delete(next.address);
    return next;
  }

  private isMade(entry: number): boolean {
    return this.known.has(entry) || this.made.get(entry)?.has(this.view.frameOf(entry)) === true;
  }

  /** Does some of what has been asked for. */
  step(): TranslatorAnswer {
    const objects: RegionObject[] = [];
    const found = new Map<RegionObject, FoundRegion>();
    const answered: number[] = [];
    const covered: number[] = [];
    let instructions = 0;
    while (instructions < MOST_INSTRUCTIONS) {
      const request = this.next();
      if (request === undefined) break;
      answered.push(request.address);
      if (this.covered.delete(request.address)) continue;
      this.view.open(request.root);
      for (const flow of this.maker.hotFlows(request.address)) {
        const object = this.maker.write(flow);
        objects.push(object);
        if (this.keeps && request.program !== '') this.keep(request.program, object);
        found.set(object, this.sent(object));
        instructions += sizeOf(flow);
        for (const { address } of flow.blocks) {
          covered.push(address);
          if (address !== request.address) this.covered.add(address);
        }
      }
    }
    const linked = linkBySize(objects);
    const made = linked.map(({ regions, bytes, budget }) => ({
      module: this.compile(bytes, budget),
      regions: regions.map((object) => found.get(object) as FoundRegion),
    }));
    return { answered, covered, made, wasmBytes: linked.reduce((sum, { bytes }) => sum + bytes.length, 0) };
  }

  private keep(program: string, object: RegionObject): void {
    this.freshBytes += object.body.bytes.length;
    const known = this.fresh.get(program);
    if (known === undefined) this.fresh.set(program, [object]);
    else known.push(object);
  }

  /** What is to be kept and has not been taken yet. */
  takeFresh(): ReadonlyMap<string, readonly RegionObject[]> {
    const fresh = new Map(this.fresh);
    this.fresh.clear();
    this.freshBytes = 0;
    return fresh;
  }

  private sent(object: RegionObject): FoundRegion {
    const { entry } = object;
    const known = this.made.get(entry) ?? new Set();
    this.made.set(entry, known.add(this.view.frameOf(entry)));
    return this.view.found(object);
  }
}
