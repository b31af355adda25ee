/** Looks for deliveries when nobody tells of any. */
export interface Lookout {
  /** The queue has been reached for the first time, or has told of something. */
  readonly heard: () => void;
  /** Looks if the queue has been silent for long; call it every second or so. */
  readonly lookIfSilent: () => Promise<void>;
}

/** Longer than the sweep's round: with a queue that works, what is due is heard of before. */
const SILENCE_MS = 15_000;

/**
 * Redis only wakes workers, so it must not keep them asleep: a worker that hears nothing looks in the store by
 * itself. One that has never reached its Redis may have been given a wrong address, and waits for it.
 */
export function createLookout(deps: {
  /** False: the store could not be asked, and the next call looks again. */
  readonly look: () => Promise<boolean>;
  readonly nowMs: () => number;
}): Lookout {
  let quietSinceMs = Infinity;
  const heard = (): void => {
    quietSinceMs = deps.nowMs();
  };
  return {
    heard,
    lookIfSilent: async () => {
      if (deps.nowMs() - quietSinceMs < SILENCE_MS) return;
      if (await deps.look()) heard();
    },
  };
}
