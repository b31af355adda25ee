import { AppError } from "../../errors.ts";
import type { AppContext } from "../context.ts";

export interface SpendRoutesDeps {
  /** A charge's arithmetic by its request id; null when no charge has that id. */
  readonly explainCharge: (requestId: string) => Promise<object | null>;
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
