import type { IndexDescription } from "mongodb";
import type { Store } from "./connect.ts";

/** Every index, with the query it serves. */
const INDEXES: Record<string, (IndexDescription & { serves: string })[]> = {
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
  customers: [
    { key: { reviewAt: 1 }, name: "review", serves: "maintenance: accounts whose period has ended" },
    { key: { budgetId: 1 }, name: "budget", serves: "the customers of a tier" },
    { key: { createdAt: 1, _id: 1 }, name: "created", serves: "GET /customer/list by age" },
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
