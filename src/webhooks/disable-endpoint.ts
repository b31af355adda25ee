import type { NewId } from "../lib/ids.ts";
import type { Log } from "../lib/log.ts";
import type { EventPlanner } from "../spend/plan-batch.ts";
import type { Store } from "../store/connect.ts";
import type { DeliveryDoc } from "../store/webhook-documents.ts";
import { inTransaction } from "../store/in-transaction.ts";
import { writeAudit } from "../store/write-audit.ts";
import { insertNotice } from "./notice-events.ts";

export interface DisableDeps {
  readonly store: Store;
  readonly planner: EventPlanner;
  readonly newId: NewId;
  readonly now: () => Date;
  /** Told the deliveries of the notice; must not throw. */
  readonly announce: (deliveries: readonly Pick<DeliveryDoc, "_id" | "endpointId">[]) => void;
  readonly log: Log;
}

/** The audit log's name for what no person did. */
export const SYSTEM_ACTOR = "spendhook";

/**
 * Switches an endpoint off and tells the others, once: an endpoint that is not enabled stays as it is. Its
 * events are kept and sent when it is resumed.
 */
export async function disableEndpoint(deps: DisableDeps, id: string, reason: string): Promise<void> {
  const { store, newId, now, planner } = deps;
  const told = await inTransaction(store, async (session) => {
    const at = now();
    const { endpoints, audit } = store.collections;
    const known = await endpoints.findOneAndUpdate(
      { _id: id, state: "enabled", deletedAt: null },
      { $set: { state: "disabled", disabledReason: reason, updatedAt: at } },
      { session, returnDocument: "after" },
    );
    if (known === null) return null;
    const origin = URL.canParse(known.url) ? new URL(known.url).origin : "";
    const entry = { id: newId("aud"), at, actor: SYSTEM_ACTOR, action: "endpoint.disable", targetId: id };
    await writeAudit(
      audit,
      { ...entry, before: { state: "enabled" }, after: { state: "disabled", reason } },
      session,
    );
    const notice = {
      id: newId("evt"),
      type: "endpoint_disabled",
      message: `Webhook endpoint disabled. Endpoint=${id}, reason=${reason}`,
      facts: { endpoint_id: id, endpoint_origin: origin, reason, failing_since: known.health.failingSince },
      exceptEndpoint: id,
    } as const;
    return insertNotice(store, notice, { planner, session, now: at });
  });
  if (told === null) return;
  deps.log.error({ endpointId: id, reason }, "endpoint.disabled");
  deps.announce(told);
}
