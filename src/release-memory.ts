import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Log } from "./lib/log.ts";

const CHECK_MS = 5000;
/** So much more than it has once been after a collection is worth another one. */
const GROWTH = { factor: 1.1, bytes: 8 * 1024 * 1024 } as const;
/** After 10 s without a call, and again when the connections have ended that were kept for a next one. */
const AT_CHECKS = new Set([2, 9]);

type Collect = (options: { type: "major"; flavor: "last-resort" }) => void;

export interface ReleaseOptions {
  /** True while nothing is in hand that a short pause would delay. */
  readonly isIdle: () => boolean;
  readonly log: Log;
}

/**
 * Gives memory back after a burst. Node collects when something is allocated, so that a process that has become
 * idle keeps what its last requests have left, gigabytes of it after large bodies, until the next ones come.
 */
export function releaseMemoryWhenIdle({ isIdle, log }: ReleaseOptions): void {
  // The function is V8's own, and there is no other way to it.
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as Collect;
  let leastBytes = Infinity;
  let idleChecks = 0;
  const check = (): void => {
    idleChecks = isIdle() ? idleChecks + 1 : 0;
    if (!AT_CHECKS.has(idleChecks)) return;
    const beforeBytes = process.memoryUsage.rss();
    if (leastBytes < Infinity && beforeBytes < leastBytes * GROWTH.factor + GROWTH.bytes) return;
    const startedAt = performance.now();
    // Any other kind keeps the emptied pages for what may come.
    collect({ type: "major", flavor: "last-resort" });
    const afterBytes = process.memoryUsage.rss();
    leastBytes = Math.min(leastBytes, afterBytes);
    const durationMs = Math.round(performance.now() - startedAt);
    log.debug({ beforeBytes, afterBytes, durationMs }, "memory.released");
  };
  setInterval(check, CHECK_MS).unref();
}
