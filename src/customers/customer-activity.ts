import { usdJson } from "../lib/money.ts";
import { type DayRange, daysOf } from "../spend/days.ts";
import type { Store } from "../store/connect.ts";
import { readInTime } from "../store/read-in-time.ts";

/** What one customer spent on each day of a range, days without a call included, from the daily roll-ups. */
export async function customerActivity(
  { collections: { dailySpend } }: Store,
  customerId: string,
  range: DayRange,
): Promise<{ days: object[] }> {
  const filter = { customerId, day: { $gte: range.from, $lte: range.to } };
  const rows = await readInTime((limit) => dailySpend.find(filter, limit).toArray());
  const byDay = Map.groupBy(rows, (row) => row.day);
  return {
    days: daysOf(range).map((date) => {
      const own = byDay.get(date) ?? [];
      const models = new Map<string, bigint>();
      for (const { model, costNano } of own) models.set(model, (models.get(model) ?? 0n) + costNano);
      return {
        date,
        spend: usdJson(own.reduce((sum, row) => sum + row.costNano, 0n)),
        calls: Number(own.reduce((sum, row) => sum + row.calls, 0n)),
        models: Object.fromEntries([...models].map(([model, costNano]) => [model, usdJson(costNano)])),
      };
    }),
  };
}
