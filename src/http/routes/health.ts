import type { AppContext } from "../context.ts";

/** What a readiness check found; `ready` is all of them, without the figures. */
export interface Readiness {
  readonly ready: boolean;
  readonly store: "ok" | "unavailable";
  readonly queue: "ok" | "unavailable";
  /** Unavailable: the disk takes no charge, so that calls somebody pays for are refused. */
  readonly spool: "ok" | "unavailable";
  /** Charges that wait on this proxy's disk for the store. */
  readonly spooled_charges: number;
  /** What a person has to look at there: charges that the store refused, lines and files that cannot be read. */
  readonly set_aside_charges: number;
  readonly draining: boolean;
}

/** GET /health/liveliness (LiteLLM's spelling) and /health/liveness: the process answers. */
export function liveness(ctx: AppContext): void {
  ctx.body = '"I\'m alive!"';
  ctx.type = "application/json";
}

/** GET /health/readiness: 200 when store, queue and spool work and the process is not stopping, else 503. */
export function readiness(check: () => Promise<Readiness>) {
  return async (ctx: AppContext): Promise<void> => {
    const { ready, ...parts } = await check();
    ctx.status = ready ? 200 : 503;
    ctx.body = { status: ready ? "healthy" : "unhealthy", ...parts };
  };
}
