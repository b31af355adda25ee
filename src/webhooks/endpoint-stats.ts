import pLimit from "p-limit";
import type { Store } from "../store/connect.ts";
import { readInTime } from "../store/read-in-time.ts";
import type { EndpointDoc, EndpointHourDoc } from "../store/webhook-documents.ts";
import type { EndpointStats } from "./endpoint-json.ts";

const HOUR_MS = 3_600_000;
const DAY_HOURS = 24;
const AT_ONCE = 8;
/** Counting further would only take time: from here on it says "at least". */
const MOST_COUNTED = 100_000;

/** How these endpoints have been doing, in their order. Throws query_timeout. */
export async function endpointStats(
  store: Store,
  endpoints: readonly EndpointDoc[],
  now: Date,
): Promise<EndpointStats[]> {
  const limit = pLimit(AT_ONCE);
  return Promise.all(endpoints.map((endpoint) => limit(() => statsOf(store, endpoint, now))));
}

async function statsOf(store: Store, { _id, state }: EndpointDoc, now: Date): Promise<EndpointStats> {
  const { deliveries, endpointHours } = store.collections;
  const waiting = { endpointId: _id, state: "pending" } as const;
  const since = new Date(now.getTime() - DAY_HOURS * HOUR_MS);
  const [count, oldest, hours] = await readInTime((limit) =>
    Promise.all([
      deliveries.countDocuments(waiting, { ...limit, limit: MOST_COUNTED }),
      deliveries.findOne(waiting, { ...limit, sort: { dueAt: 1 }, projection: { dueAt: 1 } }),
      endpointHours.find({ endpointId: _id, hour: { $gte: since } }, limit).toArray(),
    ]),
  );
  const sum = (field: "delivered" | "failed"): number =>
    Number(hours.reduce((total, hour) => total + hour[field], 0n));
  const lateMs = oldest === null ? 0 : Math.max(0, now.getTime() - oldest.dueAt.getTime());
  return {
    pending: state === "enabled" ? count : 0,
    parked: state === "enabled" ? 0 : count,
    delivered: sum("delivered"),
    failed: sum("failed"),
    lagSeconds: Math.round(lateMs / 1000),
  };
}

function averageLag({ lagMs, delivered, timed = delivered }: EndpointHourDoc): number | null {
  return timed === 0n ? null : Number(lagMs / timed);
}

/** What became of an endpoint's attempts, hour by hour, oldest first; hours without any are left out. */
export async function endpointHistory(
  store: Store,
  endpointId: string,
  { hours, now }: { hours: number; now: Date },
): Promise<object[]> {
  const rows = await store.collections.endpointHours
    .find({ endpointId, hour: { $gte: new Date(now.getTime() - hours * HOUR_MS) } })
    .sort({ hour: -1 })
    .toArray();
  return rows.reverse().map((row) => ({
    hour: row.hour.toISOString(),
    delivered: Number(row.delivered),
    failed: Number(row.failed),
    lag_ms_average: averageLag(row),
    lag_ms_max: Number(row.maxLagMs),
  }));
}
