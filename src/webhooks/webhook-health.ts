import type { Store } from "../store/connect.ts";

export interface WebhookHealth {
  /** Deliveries that are not done and not parked. */
  readonly pending: number;
  /** How long the oldest of them is overdue. */
  readonly lag_seconds: number;
  /** Endpoints that nothing is sent to at present, and why. */
  readonly failing: readonly { readonly id: string; readonly url: string; readonly reason: string }[];
}

/** How deliveries fare, by two looks into an index. */
export async function webhookHealth({ collections }: Store, now: Date): Promise<WebhookHealth> {
  const { deliveries, endpoints } = collections;
  const [pending, [oldest], all] = await Promise.all([
    deliveries.countDocuments({ state: "pending" }),
    deliveries
      .find({ state: "pending" })
      .sort({ dueAt: 1 })
      .limit(1)
      .project<{ dueAt: Date }>({ dueAt: 1 })
      .toArray(),
    endpoints.find({}).sort({ _id: 1 }).toArray(),
  ]);
  const overdueMs = oldest === undefined ? 0 : now.getTime() - oldest.dueAt.getTime();
  return {
    pending,
    lag_seconds: Math.max(0, Math.round(overdueMs / 100) / 10),
    failing: all.flatMap(({ _id: id, url, state, disabledReason, pausedUntil }) => {
      if (state === "disabled") return [{ id, url, reason: disabledReason ?? "it is disabled" }];
      if (pausedUntil === null || pausedUntil <= now) return [];
      return [{ id, url, reason: `it asked for a pause until ${pausedUntil.toISOString()}` }];
    }),
  };
}
