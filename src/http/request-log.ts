import type { Next } from "koa";
import type { AppContext, HttpDeps } from "./context.ts";

const QUIET_PATHS = new Set(["/health/liveliness", "/health/liveness", "/health/readiness"]);

/** Gives each request its id and, when it is over, its one log line. */
export function requestLog({ log, newId, isDraining }: HttpDeps) {
  return async (ctx: AppContext, next: Next): Promise<void> => {
    const startedAt = performance.now();
    const requestId = newId("req");
    ctx.state.requestId = requestId;
    ctx.state.logFields = {};
    ctx.set("x-request-id", requestId);
    if (isDraining()) ctx.set("connection", "close");
    try {
      await next();
    } finally {
      const line = {
        requestId,
        method: ctx.method,
        path: ctx.path,
        status: ctx.respond === false ? ctx.res.statusCode : ctx.status,
        durationMs: Math.round((performance.now() - startedAt) * 10) / 10,
        ...ctx.state.logFields,
      };
      if (QUIET_PATHS.has(ctx.path)) log.debug(line, "http.request");
      else log.info(line, "http.request");
    }
  };
}
