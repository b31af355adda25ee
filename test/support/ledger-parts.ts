import type { EventPlanner } from "../../src/spend/plan-batch.ts";

/** How a ledger works where a test says nothing else. */
export const LEDGER_OPTIONS = {
  calendar: { timeZone: "UTC", resetTime: "00:00:00" },
  enforcement: "hard",
  defaultBudgetId: null,
} as const;

/** Events as plain text, for these endpoints. */
export function plainPlanner(endpointsFor: EventPlanner["endpointsFor"] = () => ["default"]): EventPlanner {
  return {
    serializeCharge: ({ id }) => JSON.stringify({ id }),
    serializeBudget: ({ id, fact }) => JSON.stringify({ id, type: fact.type, resolved: fact.resolved }),
    endpointsFor,
    gathers: () => false,
    keepDeliveriesMs: 86_400_000,
  };
}
