import { dayOf } from "./days.ts";

/** Refused calls of one day for one reason, to be added to what is stored. */
export interface Refusals {
  readonly day: string;
  readonly code: string;
  readonly calls: bigint;
  readonly usdNano: bigint;
}

export interface RefusalCounter {
  /** One refused call; `usdNano` is what it would have cost at the least, where that was the reason. */
  readonly note: (code: string, usdNano: bigint) => void;
  /** Writes what was counted since the last time; what cannot be written is kept for the next. */
  flush(): Promise<void>;
}

export const REFUSALS_INTERVAL_MS = 1000;

/**
 * Counts refused calls by day and reason in memory, so that a refusal costs no write. A statistic and no
 * money: a process that is killed takes up to a second of it along, and a write whose answer was lost may
 * be counted twice.
 */
export function createRefusalCounter(deps: {
  readonly write: (refused: readonly Refusals[]) => Promise<void>;
  readonly now: () => Date;
}): RefusalCounter {
  let counted = new Map<string, Refusals>();
  const add = ({ day, code, calls, usdNano }: Refusals): void => {
    const key = `${day} ${code}`;
    const known = counted.get(key);
    counted.set(key, {
      day,
      code,
      calls: (known?.calls ?? 0n) + calls,
      usdNano: (known?.usdNano ?? 0n) + usdNano,
    });
  };
  return {
    note: (code, usdNano) => add({ day: dayOf(deps.now()), code, calls: 1n, usdNano }),
    flush: async () => {
      if (counted.size === 0) return;
      const taken = counted;
      counted = new Map();
      try {
        await deps.write([...taken.values()]);
      } catch (error) {
        for (const refused of taken.values()) add(refused);
        throw error;
      }
    },
  };
}
