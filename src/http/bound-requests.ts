import type { Next } from "koa";
import { AppError } from "../errors.ts";
import type { AppContext } from "./context.ts";
import type { Gate } from "./gate.ts";
import { OVERLOADED } from "./overloaded.ts";
import { declaredBytes } from "./read-body.ts";

/**
 * Lets in as many requests as the gate has room for; the others wait a moment, then get 503 with `retry-after`.
 * Stands behind authentication: who has no key takes no place, and does not learn whether one is free.
 */
export function boundRequests(gate: Pick<Gate, "enter">, maxBodyBytes: number) {
  return async (ctx: AppContext, next: Next): Promise<void> => {
    const bytes = declaredBytes(ctx.req);
    // One that is too large is refused unread.
    const place = await gate.enter(bytes <= maxBodyBytes ? bytes : 0);
    if (place === null) throw OVERLOADED;
    try {
      if (ctx.req.destroyed) throw new AppError("client_closed", "The client left before there was a place");
      ctx.state.growBody = place.grow;
      await next();
    } finally {
      place.leave();
    }
  };
}
