import { AppError } from "../../errors.ts";
import type { AppContext } from "../context.ts";
import { requiredQuery } from "../validation-failure.ts";

export interface CustomerRoutesDeps {
  /** The customer as the API shows one; null when there is none. */
  readonly showCustomer: (id: string) => Promise<object | null>;
}

/** GET /customer/info?end_user_id= */
export function customerInfo({ showCustomer }: CustomerRoutesDeps) {
  return async (ctx: AppContext): Promise<void> => {
    const id = requiredQuery(ctx.query, "end_user_id");
    const customer = await showCustomer(id);
    if (customer === null) {
      throw new AppError("customer_not_found", `End User Id=${id} does not exist in db`, {
        param: "end_user_id",
      });
    }
    ctx.body = customer;
  };
}
