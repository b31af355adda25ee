import { createHash } from "node:crypto";
import { errorFields, type Log } from "../lib/log.ts";
import type { EventPlanner } from "../spend/plan-batch.ts";
import type { Store } from "../store/connect.ts";
import { inTransaction } from "../store/in-transaction.ts";
import type { DeliveryDoc } from "../store/webhook-documents.ts";
import { insertNotice } from "./notice-events.ts";

export interface MissingPriceDeps {
  readonly store: Store;
  readonly planner: EventPlanner;
  readonly now: () => Date;
  /** Told the new deliveries; must not throw. */
  readonly announce: (deliveries: readonly DeliveryDoc[]) => void;
  readonly log: Log;
}

/** A charge that was made at no cost because nobody knew a price. */
export interface UnpricedCharge {
  readonly model: string;
  readonly upstreamModel: string;
  readonly deploymentId: string;
}

const DUPLICATE_KEY = 11000;
const MOST_REMEMBERED = 10_000;

/**
 * Tells that a model is charged at nothing, once per model and UTC day whatever the number of processes: the
 * event's id is made of both. What cannot be told now is told with the model's next charge.
 */
export function createMissingPriceTeller(
  deps: MissingPriceDeps,
): (charges: readonly UnpricedCharge[]) => void {
  const told = new Set<string>();

  const tell = async (id: string, { model, upstreamModel, deploymentId }: UnpricedCharge): Promise<void> => {
    const notice = {
      id,
      type: "price_missing",
      message: `No price is known for a model, its calls are charged at 0. Model=${model}`,
      facts: { model, upstream_model: upstreamModel, deployment_id: deploymentId },
    } as const;
    const { store, planner, now } = deps;
    deps.announce(
      await inTransaction(store, (session) => insertNotice(store, notice, { planner, session, now: now() })),
    );
    deps.log.warn({ model, deploymentId }, "price.missing");
  };

  return (charges) => {
    for (const charge of charges) {
      const id = noticeId(charge.model, deps.now());
      if (told.has(id)) continue;
      if (told.size >= MOST_REMEMBERED) told.clear();
      told.add(id);
      tell(id, charge).catch((error: unknown) => {
        // Another process, or this one before it was started again, has told it.
        if ((error as { code?: unknown }).code === DUPLICATE_KEY) return;
        told.delete(id);
        deps.log.warn({ model: charge.model, ...errorFields(error) }, "price.missing_not_told");
      });
    }
  };
}

function noticeId(model: string, now: Date): string {
  const day = now.toISOString().slice(0, 10).replaceAll("-", "");
  return `evt_price-${day}-${createHash("sha256").update(model).digest("hex").slice(0, 16)}`;
}
