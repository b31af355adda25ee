import type { AnyBulkWriteOperation } from "mongodb";
import type { Store } from "../store/connect.ts";
import type { EndpointDoc, EndpointHourDoc } from "../store/webhook-documents.ts";

interface Tally {
  delivered: number;
  failed: number;
  /** Failures since the last success of this tally. */
  failedSince: number;
  firstFailureAt: Date | null;
  lastSuccessAt: Date | null;
  lastFailureAt: Date | null;
  lagMs: number;
  maxLagMs: number;
  /** Of how many deliveries the lag is known. */
  timed: number;
}

/** Gathers how attempts end, per endpoint, and writes it down now and then: a statistic, not a record. */
export interface HealthRecorder {
  readonly add: (endpointId: string, outcome: { delivered: boolean; lagMs: number | null }) => void;
  /** Writes what has been gathered; rejects when the store is away, and then that much is lost. */
  readonly flush: () => Promise<void>;
}

export const HEALTH_FLUSH_MS = 1000;
const HOUR_MS = 3_600_000;
const KEEP_HOURS_MS = 30 * 24 * HOUR_MS;

export function createHealthRecorder(store: Store, now: () => Date): HealthRecorder {
  const { endpoints, endpointHours } = store.collections;
  let tallies = new Map<string, Tally>();

  return {
    add: (endpointId, { delivered, lagMs }) => {
      const tally = tallies.get(endpointId) ?? emptyTally();
      tallies.set(endpointId, tally);
      const at = now();
      if (delivered) {
        Object.assign(tally, { lastSuccessAt: at, failedSince: 0, firstFailureAt: null });
        tally.delivered++;
        if (lagMs !== null) {
          tally.timed++;
          tally.lagMs += lagMs;
          tally.maxLagMs = Math.max(tally.maxLagMs, lagMs);
        }
      } else {
        tally.failed++;
        tally.failedSince++;
        tally.firstFailureAt ??= at;
        tally.lastFailureAt = at;
      }
    },

    flush: async () => {
      if (tallies.size === 0) return;
      const written = [...tallies];
      tallies = new Map();
      const at = now();
      await endpoints.bulkWrite(
        written.flatMap(([id, tally]) => healthUpdates(id, tally)),
        { ordered: true },
      );
      await endpointHours.bulkWrite(
        written.map(([id, tally]) => hourUpdate(id, tally, at)),
        { ordered: false },
      );
    },
  };
}

function emptyTally(): Tally {
  return {
    delivered: 0,
    failed: 0,
    failedSince: 0,
    firstFailureAt: null,
    lastSuccessAt: null,
    lastFailureAt: null,
    lagMs: 0,
    maxLagMs: 0,
    timed: 0,
  };
}

function healthUpdates(id: string, tally: Tally): AnyBulkWriteOperation<EndpointDoc>[] {
  const updates: AnyBulkWriteOperation<EndpointDoc>[] = [];
  const { lastSuccessAt, lastFailureAt, failedSince, firstFailureAt } = tally;
  if (lastSuccessAt !== null) {
    const healthy = { consecutiveFailures: 0, failingSince: null, warnings: 0, lastSuccessAt };
    const $set = Object.fromEntries(Object.entries(healthy).map(([key, value]) => [`health.${key}`, value]));
    updates.push({ updateOne: { filter: { _id: id }, update: { $set } } });
  }
  if (failedSince > 0) {
    updates.push(
      {
        updateOne: {
          filter: { _id: id, "health.failingSince": null },
          update: { $set: { "health.failingSince": firstFailureAt } },
        },
      },
      {
        updateOne: { filter: { _id: id }, update: { $inc: { "health.consecutiveFailures": failedSince } } },
      },
    );
  }
  if (lastFailureAt !== null) {
    updates.push({
      updateOne: { filter: { _id: id }, update: { $max: { "health.lastFailureAt": lastFailureAt } } },
    });
  }
  return updates;
}

function hourUpdate(endpointId: string, tally: Tally, at: Date): AnyBulkWriteOperation<EndpointHourDoc> {
  const hour = new Date(Math.floor(at.getTime() / HOUR_MS) * HOUR_MS);
  return {
    updateOne: {
      filter: { _id: JSON.stringify([endpointId, hour.toISOString()]) },
      update: {
        $inc: {
          delivered: BigInt(tally.delivered),
          failed: BigInt(tally.failed),
          lagMs: BigInt(tally.lagMs),
          timed: BigInt(tally.timed),
        },
        $max: { maxLagMs: BigInt(tally.maxLagMs) },
        $setOnInsert: { endpointId, hour, expiresAt: new Date(hour.getTime() + KEEP_HOURS_MS) },
      },
      upsert: true,
    },
  };
}
