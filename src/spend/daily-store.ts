import type { Store } from "../store/connect.ts";
import { type DayModelTotal, sumStored } from "./daily-totals.ts";
import type { DayRange } from "./days.ts";
import type { Refusals } from "./refusal-counter.ts";

/** Refused calls of one day for one reason. */
export interface DayRefusals {
  readonly day: string;
  readonly code: string;
  readonly calls: bigint;
  /** What they would have cost at the least; only known of those over a budget. */
  readonly usdNano: bigint;
}

/** Daily figures over all customers. */
export interface DailyStore {
  /** By day and model, over all processes. A handful of documents per day, whatever was called. */
  readonly totals: (range: DayRange) => Promise<DayModelTotal[]>;
  readonly refusals: (range: DayRange) => Promise<DayRefusals[]>;
  readonly addRefusals: (refused: readonly Refusals[]) => Promise<void>;
}

export function createDailyStore({ collections: { dailyTotals, dailyRefusals } }: Store): DailyStore {
  return {
    totals: ({ from, to }) => sumStored(dailyTotals, { $gte: from, $lte: to }),

    refusals: ({ from, to }) => dailyRefusals.find({ day: { $gte: from, $lte: to } }).toArray(),

    addRefusals: async (refused) => {
      await dailyRefusals.bulkWrite(
        refused.map(({ day, code, calls, usdNano }) => ({
          updateOne: {
            filter: { _id: JSON.stringify([day, code]) },
            update: { $inc: { calls, usdNano }, $setOnInsert: { day, code } },
            upsert: true,
          },
        })),
        { ordered: false },
      );
    },
  };
}
