import { errorFields } from "../lib/log.ts";
import type { NewId } from "../lib/ids.ts";
import type { Log } from "../lib/log.ts";
import type { Store } from "../store/connect.ts";
import type { EndpointDoc } from "../store/webhook-documents.ts";
import { inTransaction } from "../store/in-transaction.ts";
import { writeAudit } from "../store/write-audit.ts";
import { SYSTEM_ACTOR } from "./disable-endpoint.ts";

export interface ReviewEndpointsDeps {
  readonly list: () => Promise<readonly EndpointDoc[]>;
  readonly store: Store;
  readonly newId: NewId;
  readonly disable: (endpointId: string, reason: string) => Promise<void>;
  /** An endpoint that has failed for so long, without one success, is switched off. */
  readonly disableAfterMs: number;
  readonly log: Log;
  readonly now: () => Date;
}

export const REVIEW_ENDPOINTS_MS = 10_000;
/** From so many failures in a row on an endpoint is failing: its operator is warned, and the overview lists it. */
export const STRAIGHT_FAILURES = 10;
/** Warnings after these shares of the time, 24 h and 72 h of five days. */
const WARN_SHARES = [0.2, 0.6];
/** One failure long ago is no proof: the failures must lie apart by this share of the time, 12 h of five days. */
const SPREAD_SHARE = 0.1;

/** Warns of endpoints that keep failing, each warning once, and switches off those that failed too long. */
export async function reviewEndpoints(deps: ReviewEndpointsDeps): Promise<void> {
  const now = deps.now();
  for (const endpoint of await deps.list()) {
    if (endpoint.state !== "enabled" || endpoint.health.failingSince === null) continue;
    try {
      await reviewEndpoint(deps, endpoint, now);
    } catch (error) {
      deps.log.warn({ endpointId: endpoint._id, ...errorFields(error) }, "endpoint.review_failed");
    }
  }
}

async function reviewEndpoint(deps: ReviewEndpointsDeps, endpoint: EndpointDoc, now: Date): Promise<void> {
  const judged = judge(endpoint.health, deps.disableAfterMs, now);
  if (judged.disable) {
    const days = Math.round(deps.disableAfterMs / 8_640_000) / 10;
    await deps.disable(endpoint._id, `no delivery has succeeded for ${days} days`);
  } else if (judged.warnings > endpoint.health.warnings) {
    await warn(deps, endpoint, judged.warnings);
  }
}

/** How many warnings an endpoint in this state should have had, and whether its time is over. */
export function judge(
  { consecutiveFailures, failingSince, lastFailureAt }: EndpointDoc["health"],
  disableAfterMs: number,
  now: Date,
): { readonly warnings: number; readonly disable: boolean } {
  if (failingSince === null) return { warnings: 0, disable: false };
  const failingMs = now.getTime() - failingSince.getTime();
  const spreadMs = (lastFailureAt ?? failingSince).getTime() - failingSince.getTime();
  const reached = [
    consecutiveFailures >= STRAIGHT_FAILURES,
    ...WARN_SHARES.map((share) => failingMs >= share * disableAfterMs),
  ];
  return {
    warnings: reached.lastIndexOf(true) + 1,
    disable: failingMs >= disableAfterMs && spreadMs >= SPREAD_SHARE * disableAfterMs,
  };
}

async function warn(
  deps: ReviewEndpointsDeps,
  { _id, health }: EndpointDoc,
  warnings: number,
): Promise<void> {
  const { store, newId, now, log } = deps;
  const facts = {
    consecutive_failures: health.consecutiveFailures,
    failing_since: health.failingSince?.toISOString() ?? null,
  };
  const told = await inTransaction(store, async (session) => {
    const { modifiedCount } = await store.collections.endpoints.updateOne(
      { _id, "health.warnings": health.warnings },
      { $set: { "health.warnings": warnings } },
      { session },
    );
    if (modifiedCount === 0) return false;
    const entry = {
      id: newId("aud"),
      at: now(),
      actor: SYSTEM_ACTOR,
      action: "endpoint.warn",
      targetId: _id,
    };
    await writeAudit(store.collections.audit, { ...entry, before: null, after: facts }, session);
    return true;
  });
  if (told) log.warn({ endpointId: _id, ...facts }, "endpoint.failing");
}
