import { errorFields, type Log } from "../lib/log.ts";
import type { EndpointDoc } from "../store/webhook-documents.ts";
import type { DeliveryStore } from "./delivery-store.ts";
import { breakerState } from "./lanes/breaker.ts";

export interface SweepDeps {
  readonly endpoints: () => Promise<readonly EndpointDoc[]>;
  readonly deliveries: Pick<DeliveryStore, "haveDue">;
  /** Wakes workers for these endpoints. */
  readonly wake: (endpointIds: readonly string[]) => Promise<void>;
  /** What is younger than this is most likely on its way through the queue. */
  readonly graceMs: number;
  readonly log: Log;
  readonly now: () => Date;
}

export const SWEEP_INTERVAL_MS = 5000;
export const SWEEP_GRACE_MS = 3000;

/**
 * Finds what the queue has lost or never got: endpoints that may be sent to and have deliveries that are due.
 * With a pass every five seconds none waits longer than fifteen, even if the queue was emptied. Returns how
 * many endpoints it woke; null = it could not, and the reason is logged.
 */
export async function sweepDeliveries(deps: SweepDeps): Promise<number | null> {
  try {
    const now = deps.now();
    const open = (await deps.endpoints()).filter((endpoint) => maySend(endpoint, now));
    const ids = open.map(({ _id }) => _id);
    const due = await deps.deliveries.haveDue(ids, new Date(now.getTime() - deps.graceMs));
    if (due.length > 0) {
      await deps.wake(due);
      deps.log.debug({ endpoints: due.length }, "sweep.woken");
    }
    return due.length;
  } catch (error) {
    // The store or the queue is away; the next pass finds the same rows.
    deps.log.warn(errorFields(error), "sweep.failed");
    return null;
  }
}

function maySend({ state, pausedUntil, breaker }: EndpointDoc, now: Date): boolean {
  return (
    state === "enabled" &&
    (pausedUntil === null || pausedUntil <= now) &&
    breakerState(breaker, now) !== "open"
  );
}
