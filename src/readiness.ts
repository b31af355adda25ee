import type { Readiness } from "./http/routes/health.ts";
import { withDeadline } from "./lib/deadline.ts";
import type { SpoolState } from "./spend/ledger.ts";

export interface ReadinessDeps {
  /** Indexes and the default endpoint are in place. */
  readonly isPrepared: () => boolean;
  readonly isDraining: () => boolean;
  readonly spool: () => SpoolState;
  readonly pingStore: () => Promise<unknown>;
  readonly pingQueue: () => Promise<unknown>;
}

const ANSWER_MS = 1000;

/** Asks store and queue at once; never throws and answers within about a second. */
export function createReadinessCheck(deps: ReadinessDeps): () => Promise<Readiness> {
  const ask = async (ping: () => Promise<unknown>): Promise<"ok" | "unavailable"> => {
    try {
      await withDeadline(ping(), ANSWER_MS);
      return "ok";
    } catch {
      // Why it does not answer is in the log of its connection.
      return "unavailable";
    }
  };
  return async () => {
    const [store, queue] = await Promise.all([ask(deps.pingStore), ask(deps.pingQueue)]);
    const draining = deps.isDraining();
    const { charges, setAside, problem } = deps.spool();
    return {
      ready: store === "ok" && queue === "ok" && problem === null && deps.isPrepared() && !draining,
      store,
      queue,
      spool: problem === null ? "ok" : "unavailable",
      spooled_charges: charges,
      set_aside_charges: setAside,
      draining,
    };
  };
}
