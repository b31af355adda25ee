import type { Next } from "koa";
import { AppError, toErrorBody } from "../errors.ts";
import { errorFields } from "../lib/log.ts";
import type { AppContext, HttpDeps } from "./context.ts";
import { ValidationFailure } from "./validation-failure.ts";

/** The one place that turns a failure into a response. Unknown ones get a fixed text and their cause in the log. */
export function respondErrors({ log, ...store }: Pick<HttpDeps, "log" | keyof StoreFailures>) {
  return async (ctx: AppContext, next: Next): Promise<void> => {
    try {
      await next();
      if (ctx.status === 404 && ctx.body === undefined && ctx.respond !== false) {
        throw new AppError("route_not_found", `There is no ${ctx.method} ${ctx.path}`);
      }
      if (ctx.status === 405 && ctx.body === undefined) {
        throw new AppError("method_not_allowed", `${ctx.path} does not take ${ctx.method}`);
      }
    } catch (error) {
      if (error instanceof ValidationFailure) {
        ctx.status = 422;
        ctx.body = { detail: error.details };
        ctx.state.logFields["error"] = "validation_failed";
        return;
      }
      const known = asAppError(error, store);
      ctx.state.logFields["error"] = known.code;
      if (known.cause !== undefined) ctx.state.logFields["cause"] = errorFields(known.cause).error;
      if (known.code === "internal")
        log.error({ requestId: ctx.state.requestId, ...errorFields(error) }, "http.failure");
      if (ctx.headerSent) {
        ctx.res.destroy();
        return;
      }
      ctx.status = known.status;
      // The OpenAI SDK retries by status; this header tells it what we know.
      ctx.set({ ...known.headers });
      ctx.set("x-should-retry", known.retry ? "true" : "false");
      if (known.code === "request_too_large" || known.code === "request_timeout")
        ctx.set("connection", "close");
      ctx.body = toErrorBody(known);
    }
  };
}

type StoreFailures = Pick<HttpDeps, "isStoreUnavailable" | "isStoreFull">;

function asAppError(error: unknown, store: StoreFailures): AppError {
  if (error instanceof AppError) return error;
  if (store.isStoreFull(error)) {
    return new AppError("store_full", "The disk of the store is full, or fails: nothing was changed", {
      cause: error,
    });
  }
  if (store.isStoreUnavailable(error)) {
    return new AppError("store_unavailable", "The store does not answer; please try again", { cause: error });
  }
  return new AppError("internal", "Something went wrong on our side; the request id helps to find it", {
    cause: error,
  });
}
