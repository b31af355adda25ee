import type { ClientSession, Collection } from "mongodb";
import type { DailySpendDoc, DailyTotalDoc } from "../store/documents.ts";
import type { UpdateOne } from "../store/write-together.ts";

/** What all customers together spent on one UTC day with one model. */
export type DayModelTotal = Omit<DailyTotalDoc, "_id" | "shard">;

/** Daily rows summed over customers and keys. */
export function sumByDayAndModel(rows: readonly DailySpendDoc[]): DayModelTotal[] {
  const sums = new Map<string, DayModelTotal>();
  for (const { day, model, costNano, calls, promptTokens, completionTokens, unpricedCalls } of rows) {
    const key = JSON.stringify([day, model]);
    const known = sums.get(key);
    sums.set(key, {
      day,
      model,
      costNano: (known?.costNano ?? 0n) + costNano,
      calls: (known?.calls ?? 0n) + calls,
      promptTokens: (known?.promptTokens ?? 0n) + promptTokens,
      completionTokens: (known?.completionTokens ?? 0n) + completionTokens,
      unpricedCalls: (known?.unpricedCalls ?? 0n) + unpricedCalls,
    });
  }
  return [...sums.values()];
}

/**
 * Adds a batch's daily rows to the totals, one write per day and model. Every process adds to documents of
 * its own (`shard`): two that added to the same one would conflict at each commit.
 */
export function dailyTotalUpdates(rows: readonly DailySpendDoc[], shard: string): UpdateOne<DailyTotalDoc>[] {
  return sumByDayAndModel(rows).map(({ day, model, ...counts }) => ({
    filter: { _id: JSON.stringify([day, model, shard]) },
    update: { $inc: counts, $setOnInsert: { day, model, shard } },
    upsert: true,
  }));
}

type Sums = Omit<DayModelTotal, "day" | "model">;

/** The same sums over rows that are stored, of either kind, made where they lie. */
export async function sumStored(
  rows: Pick<Collection, "aggregate">,
  days: string | { $gte: string; $lte: string } | null,
  session?: ClientSession,
): Promise<DayModelTotal[]> {
  const sums: Record<keyof Sums, object> = {
    costNano: { $sum: "$costNano" },
    calls: { $sum: "$calls" },
    promptTokens: { $sum: "$promptTokens" },
    completionTokens: { $sum: "$completionTokens" },
    unpricedCalls: { $sum: "$unpricedCalls" },
  };
  const found = await rows
    .aggregate<{ _id: Pick<DayModelTotal, "day" | "model"> } & Sums>(
      [
        { $match: days === null ? {} : { day: days } },
        { $group: { _id: { day: "$day", model: "$model" }, ...sums } },
      ],
      session && { session },
    )
    .toArray();
  return found.map(({ _id, ...summed }) => ({ ..._id, ...summed }));
}
