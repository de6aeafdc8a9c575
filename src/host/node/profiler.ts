/** V8's sampling profiler, through Node's inspector, for the thread that asks. */
import { Session, type Profiler } from 'node:inspector';
import type { HostProfiler, HostSamples } from '../../kernel/host.js';

class NodeProfiler implements HostProfiler {
  private readonly session = new Session();

  now(): number {
    const at = process.hrtime();
    return at[0] * 1000 + at[1] / 1e6;
  }

  start(intervalMs: number): void {
    const { session } = this;
    session.connect();
    session.post('Profiler.enable');
    session.post('Profiler.setSamplingInterval', { interval: intervalMs * 1000 });
    session.post('Profiler.start');
  }

  stop(): HostSamples {
    const { session } = this;
    let profile: Profiler.Profile | undefined;
    // The session is this thread's own: it answers at once.
    session.post('Profiler.stop', (_error, result) => (profile = result?.profile));
    session.disconnect();
    if (profile === undefined) throw new Error('the profiler has not answered');
    const { nodes, samples = [], timeDeltas = [], startTime } = profile;
    let at = startTime;
    return {
      nodes: nodes.map(({ id, callFrame, children = [] }) => ({
        id,
        functionName: callFrame.functionName,
        url: callFrame.url,
        children,
      })),
      ids: samples,
      times: timeDeltas.map((delta) => (at += delta) / 1000),
    };
  }
}

export function nodeProfiler(): HostProfiler {
  return new NodeProfiler();
}
