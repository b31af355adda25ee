import { AppError } from "../../errors.ts";
import type { DayRange } from "../../spend/days.ts";
import type { AppContext } from "../context.ts";
import { dayRange } from "../day-range.ts";
import { readQuery } from "../read-json.ts";

export interface SpendRoutesDeps {
  /** A charge's arithmetic by its request id; null when no charge has that id. */
  readonly explainCharge: (requestId: string) => Promise<object | null>;
}

export interface OverviewDeps {
  readonly spendOverview: (range: DayRange) => Promise<object>;
}

/** GET /spend/overview */
export function overviewOfSpend({ spendOverview }: OverviewDeps) {
  return async (ctx: AppContext): Promise<void> => {
    ctx.body = await spendOverview(readQuery(ctx, dayRange));
  };
}

/** GET /spend/explain/{request_id} */
export function explainSpend(deps: SpendRoutesDeps) {
  return async (ctx: AppContext): Promise<void> => {
    const requestId = String(ctx["params"]?.requestId ?? "");
    const explained = await deps.explainCharge(requestId);
    if (explained === null) {
      throw new AppError(
        "charge_not_found",
        `No charge has the request id '${requestId.slice(0, 100)}': the call named no customer, failed, or is still running`,
      );
    }
    ctx.body = explained;
  };
}
