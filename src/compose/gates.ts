import type { AppDeps } from "../app.ts";
import { Gate } from "../http/gate.ts";
import { watchLoopDelay } from "../lib/loop-delay.ts";
import type { Ledger } from "../spend/ledger.ts";
import type { Parts } from "./parts.ts";

/**
 * Two full batches: one is on its way to the store, the next is complete. More that wait for the ledger are not
 * recorded any faster.
 */
const MAX_PENDING_CHARGES = 1024;
/** A thousand calls that come in the same moment are served, however long this machine takes. */
const ALWAYS_CALLS = 1024;
/** A process that comes so late to everything, turn after turn, has more to do than it can. */
const MAX_LOOP_DELAY_MS = 500;
/** What operators and dashboards ask for has room of its own, so that calls never keep it out. */
const MANAGEMENT = { maxRequests: 256, maxBodyBytes: 64 * 1024 * 1024, maxQueueMs: 5000 };

/** What bounds the requests in flight of this process. */
export function openGates(
  { config, closer }: Parts,
  ledger: Ledger,
): Pick<AppDeps, "callGate" | "managementGate"> {
  const nowMs = (): number => performance.now();
  const loop = watchLoopDelay(nowMs);
  closer.add("loop delay", () => loop.stop());
  const isBehind = (): boolean =>
    ledger.pending >= MAX_PENDING_CHARGES || loop.standingMs > MAX_LOOP_DELAY_MS;
  return {
    callGate: new Gate({ ...config.load, isBehind, always: ALWAYS_CALLS, nowMs }),
    managementGate: new Gate({ ...MANAGEMENT, nowMs }),
  };
}
