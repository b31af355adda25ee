import type { Moved } from "../api/schemas/customers.ts";
import { plural } from "../format/numbers.ts";
import type { Services } from "../services.ts";

type Needed = Pick<Services, "api" | "notices">;

/** Puts customers on a budget, and offers to put each back on its own. Throws ApiError. */
export async function moveCustomers(
  { api, notices }: Needed,
  ids: readonly string[],
  budgetId: string | null,
  changed: () => void,
): Promise<void> {
  const moved = await api.customers.move(ids, budgetId);
  const to = budgetId === null ? "taken off their budget" : `moved to ${budgetId}`;
  notices.done(`${plural(moved.moved, "customer")} ${to}`, () => {
    void moveBack(api, moved).then(
      () => {
        notices.done(`${plural(moved.moved, "customer")} moved back`);
        changed();
      },
      (error: Error) => notices.problem(error.message),
    );
  });
  changed();
}

async function moveBack(api: Needed["api"], { previous }: Moved): Promise<void> {
  const groups = Map.groupBy(previous, (one) => one.budget_id);
  for (const [budgetId, customers] of groups) {
    await api.customers.move(
      customers.map((one) => one.user_id),
      budgetId,
    );
  }
}
