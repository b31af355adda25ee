import { AppError, type ErrorCode } from "../errors.ts";
import type { IncomingChat, PreparedCall } from "./prepare-call.ts";
import { OverBudgetError } from "./refusals.ts";

/** Refusals that an operator's settings bring about; a caller's own mistakes are none. */
const COUNTED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "customer_blocked",
  "customer_model_denied",
  "customer_region_denied",
  "customer_required",
  "customer_unknown",
  "model_unpriced",
  "budget_exceeded",
  "budget_unavailable",
  "rate_limited",
]);

type Prepare = (incoming: IncomingChat) => Promise<PreparedCall>;

/** Tells of each refused call why, and what it would have cost at the least where it was over a budget. */
export function notingRefusals(prepare: Prepare, note: (code: ErrorCode, usdNano: bigint) => void): Prepare {
  return async (incoming) => {
    try {
      return await prepare(incoming);
    } catch (error) {
      if (error instanceof AppError && COUNTED.has(error.code)) {
        note(error.code, error instanceof OverBudgetError ? error.neededNano : 0n);
      }
      throw error;
    }
  };
}
