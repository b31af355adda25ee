const SAMPLE_MS = 100;
const SAMPLES = 4;

/** Watches how late this process comes to what is due. */
export interface LoopDelay {
  /** The shortest delay of the last few turns: one long turn does not count, a standing delay does. */
  readonly standingMs: number;
  stop(): void;
}

export function watchLoopDelay(nowMs: () => number): LoopDelay {
  const late: number[] = Array.from({ length: SAMPLES }, () => 0);
  let due = nowMs() + SAMPLE_MS;
  const timer = setInterval(() => {
    const now = nowMs();
    late.shift();
    late.push(Math.max(0, now - due));
    due = now + SAMPLE_MS;
  }, SAMPLE_MS).unref();
  return {
    get standingMs() {
      return Math.min(...late);
    },
    stop: () => clearInterval(timer),
  };
}
