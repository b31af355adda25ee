import type { IndexDescription } from "mongodb";
import type { Store } from "./connect.ts";

/** Every index, with the query it serves. */
export const INDEXES: Record<string, (IndexDescription & { serves: string })[]> = {
  events: [
    {
      key: { customerId: 1, sequence: 1 },
      name: "ledger_sequence",
      unique: true,
      partialFilterExpression: { type: "spend_tracked" },
      serves: "a customer's charges in order, the pull side, verify; and no sequence number twice",
    },
    {
      key: { createdAt: 1, _id: 1 },
      name: "created",
      serves: "GET /events, replay: all events in the order they were committed",
    },
  ],
  deliveries: [
    {
      key: { eventId: 1 },
      name: "event",
      serves: "the deliveries of one event, verify",
    },
    {
      key: { endpointId: 1, state: 1, dueAt: 1 },
      name: "endpoint_state_due",
      serves: "one endpoint's deliveries that are due, oldest first; how many wait",
    },
    {
      key: { createdAt: -1, _id: -1 },
      name: "created",
      serves: "GET /webhook/deliveries, newest first",
    },
    {
      key: { customerId: 1, createdAt: -1, _id: -1 },
      name: "customer_created",
      serves: "GET /webhook/deliveries of one customer",
    },
    // Costs each delivery 5 to 10 µs in the embedded store, of 190; an endpoint whose last is long ago takes seconds without.
    {
      key: { endpointId: 1, createdAt: -1, _id: -1 },
      name: "endpoint_created",
      serves: "GET /webhook/deliveries of one endpoint",
    },
    // Charges, nearly all there are, are not in it and cost nothing; a list of them meets them anyway.
    {
      key: { type: 1, createdAt: -1, _id: -1 },
      name: "type_created",
      partialFilterExpression: {
        $or: [{ type: { $gt: "spend_tracked" } }, { type: { $lt: "spend_tracked" } }],
      },
      serves: "GET /webhook/deliveries of one type of event other than charges",
    },
    {
      key: { expiresAt: 1 },
      name: "retention",
      expireAfterSeconds: 0,
      serves: "the end of what has been kept long enough",
    },
  ],
  daily_spend: [
    { key: { customerId: 1, day: 1 }, name: "customer_day", serves: "a customer's days, verify" },
    { key: { day: 1 }, name: "day", serves: "GET /customer/daily/activity of all customers" },
  ],
  daily_totals: [{ key: { day: 1 }, name: "day", serves: "GET /spend/overview, GET /model/info, verify" }],
  daily_refusals: [{ key: { day: 1 }, name: "day", serves: "GET /spend/overview" }],
  customers: [
    { key: { reviewAt: 1 }, name: "review", serves: "maintenance: accounts whose period has ended" },
    // Of these the ledger writes spend and last_call at each commit, about 25 µs each in the embedded store;
    // utilization and tier only where a thousandth of a budget is passed, the others never.
    {
      key: { budgetId: 1, deletedAt: 1, utilization: 1, _id: 1 },
      name: "tier",
      serves: "the customers of a tier, by utilization, and how many of them are near or over it",
    },
    { key: { createdAt: 1, _id: 1 }, name: "created", serves: "GET /customer/list by age" },
    { key: { deletedAt: 1, spendNano: 1, _id: 1 }, name: "spend", serves: "GET /customer/list by spend" },
    {
      key: { deletedAt: 1, utilization: 1, _id: 1 },
      name: "utilization",
      serves: "GET /customer/list by utilization; who is near or over a budget",
    },
    {
      key: { deletedAt: 1, lastCallAt: 1, _id: 1 },
      name: "last_call",
      serves: "GET /customer/list by last call",
    },
    {
      key: { aliasKey: 1 },
      name: "alias",
      partialFilterExpression: { aliasKey: { $gt: "" } },
      serves: "searching customers by alias",
    },
    {
      key: { blocked: 1, _id: 1 },
      name: "blocked",
      partialFilterExpression: { blocked: true },
      serves: "GET /customer/list?blocked=true",
    },
  ],
  budgets: [
    { key: { customerId: 1, _id: 1 }, name: "owner", serves: "GET /budget/list, a customer's private copy" },
  ],
  audit_log: [
    { key: { at: -1, _id: -1 }, name: "time", serves: "GET /audit, newest first" },
    {
      key: { targetId: 1, at: -1, _id: -1 },
      name: "target_time",
      serves: "GET /audit of one customer or budget",
    },
  ],
  tier_reviews: [],
  sessions: [
    {
      key: { expiresAt: 1 },
      name: "expiry",
      expireAfterSeconds: 0,
      serves: "sessions that have expired are deleted",
    },
  ],
  webhook_endpoints: [],
  webhook_endpoint_hours: [
    { key: { endpointId: 1, hour: -1 }, name: "endpoint_hour", serves: "an endpoint's last hours" },
    { key: { expiresAt: 1 }, name: "retention", expireAfterSeconds: 0, serves: "the end of old hours" },
  ],
  webhook_replays: [
    { key: { state: 1, createdAt: 1 }, name: "state", serves: "maintenance: replays that are not done" },
  ],
};

/** Creates the collections (a transaction should not have to) and their indexes; safe to run again. */
export async function ensureIndexes({ db }: Store): Promise<void> {
  const existing = new Set(
    (await db.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name),
  );
  for (const [collection, indexes] of Object.entries(INDEXES)) {
    if (!existing.has(collection)) await createCollection(db, collection);
    if (indexes.length > 0) {
      await db.collection(collection).createIndexes(indexes.map(({ serves: _serves, ...index }) => index));
    }
  }
}

const NAMESPACE_EXISTS = 48;

async function createCollection(db: Store["db"], name: string): Promise<void> {
  try {
    await db.createCollection(name);
  } catch (error) {
    // Another process of ours was faster.
    if ((error as { code?: unknown }).code !== NAMESPACE_EXISTS) throw error;
  }
}
