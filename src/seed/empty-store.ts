import type { Store } from "../store/connect.ts";

/** Refuses a store that has customers; with `force` deletes all that a seed writes. */
export async function emptyStore({ collections }: Store, force: boolean): Promise<void> {
  const { customers, budgets, events, deliveries, dailySpend, dailyTotals, dailyRefusals } = collections;
  if (!force && (await customers.findOne({})) !== null) {
    throw new Error("this store has customers; --force deletes them and everything that was charged to them");
  }
  for (const collection of [customers, budgets, events, deliveries, dailySpend, dailyTotals, dailyRefusals]) {
    await collection.deleteMany({});
  }
}
