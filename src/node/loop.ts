/** How the outermost loop gives way to Node's event loop, and sleeps. */
import type { EventLoop } from '../sandbox/server.js';

/** Node's timers take at most 2^31 - 1 milliseconds. */
const LONGEST = 0x7fffffff;

export const nodeLoop: EventLoop = {
  breathe: () => new Promise((resume) => setImmediate(resume)),
  timer(ms, wake) {
    const timer = setTimeout(wake, Math.min(Math.max(ms, 0), LONGEST));
    return () => clearTimeout(timer);
  },
};
