import { errorFields, type Log } from "../lib/log.ts";
import type { DeliveryStore, DueDelivery } from "./delivery-store.ts";

export interface SweepDeps {
  readonly deliveries: Pick<DeliveryStore, "findDue">;
  /** Wakes workers for these deliveries; a delivery that is queued already is not queued twice. */
  readonly enqueue: (due: readonly DueDelivery[]) => Promise<void>;
  readonly log: Log;
  readonly now: () => Date;
}

export const SWEEP_INTERVAL_MS = 5000;
const SWEEP_LIMIT = 1000;
/** What is younger than this is most likely on its way through the queue. */
const GRACE_MS = 3000;

/**
 * Finds what the queue has lost or never got: pending deliveries that are due and that nobody holds. With
 * a pass every five seconds none waits longer than fifteen, even if the queue was emptied. Returns how
 * many it found; never throws.
 */
export async function sweepDeliveries(deps: SweepDeps): Promise<number> {
  try {
    const due = await deps.deliveries.findDue(new Date(deps.now().getTime() - GRACE_MS), SWEEP_LIMIT);
    if (due.length > 0) {
      await deps.enqueue(due);
      deps.log.info({ deliveries: due.length }, "sweep.requeued");
    }
    return due.length;
  } catch (error) {
    // The store or the queue is away; the next pass finds the same rows.
    deps.log.warn(errorFields(error), "sweep.failed");
    return 0;
  }
}
