import type { AppContext } from "../context.ts";

/** What a readiness check found; `ready` is all of them. */
export interface Readiness {
  readonly ready: boolean;
  readonly store: "ok" | "unavailable";
  readonly queue: "ok" | "unavailable";
  readonly draining: boolean;
}

/** GET /health/liveliness (LiteLLM's spelling) and /health/liveness: the process answers. */
export function liveness(ctx: AppContext): void {
  ctx.body = '"I\'m alive!"';
  ctx.type = "application/json";
}

/** GET /health/readiness: 200 when store and queue answer and the process is not stopping, else 503. */
export function readiness(check: () => Promise<Readiness>) {
  return async (ctx: AppContext): Promise<void> => {
    const { ready, ...parts } = await check();
    ctx.status = ready ? 200 : 503;
    ctx.body = { status: ready ? "healthy" : "unhealthy", ...parts };
  };
}
