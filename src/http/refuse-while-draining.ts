import type { Next } from "koa";
import { AppError } from "../errors.ts";
import type { AppContext } from "./context.ts";

/** A process that stops takes no new work; the SDKs try again, and a load balancer has another process. */
export function refuseWhileDraining(isDraining: () => boolean) {
  return async (ctx: AppContext, next: Next): Promise<void> => {
    if (isDraining()) {
      ctx.set("retry-after", "1");
      throw new AppError("draining", "This process is stopping; please try again");
    }
    await next();
  };
}
