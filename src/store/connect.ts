import { type Collection, type Db, MongoClient } from "mongodb";
import { withDeadline } from "../lib/deadline.ts";
import { WatchedConnection } from "./watched-connection.ts";
import type {
  AuditDoc,
  BudgetDoc,
  CustomerDoc,
  DailyRefusalDoc,
  DailySpendDoc,
  DailyTotalDoc,
  EventDoc,
  SessionDoc,
  TierReviewDoc,
} from "./documents.ts";
import type { DeliveryDoc, EndpointDoc, EndpointHourDoc, ReplayDoc } from "./webhook-documents.ts";

export interface Collections {
  readonly customers: Collection<CustomerDoc>;
  readonly budgets: Collection<BudgetDoc>;
  readonly events: Collection<EventDoc>;
  readonly deliveries: Collection<DeliveryDoc>;
  readonly dailySpend: Collection<DailySpendDoc>;
  readonly dailyTotals: Collection<DailyTotalDoc>;
  readonly dailyRefusals: Collection<DailyRefusalDoc>;
  readonly endpoints: Collection<EndpointDoc>;
  readonly endpointHours: Collection<EndpointHourDoc>;
  readonly replays: Collection<ReplayDoc>;
  readonly audit: Collection<AuditDoc>;
  readonly sessions: Collection<SessionDoc>;
  readonly tierReviews: Collection<TierReviewDoc>;
}

export interface Store {
  readonly client: MongoClient;
  readonly db: Db;
  readonly collections: Collections;
  /** Resolves when the store answers within `timeoutMs`, rejects otherwise. */
  ping(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface ConnectOptions {
  readonly url: string;
  /** Wins over the database named in the URL; both absent = "spendhook". */
  readonly database?: string;
  readonly appName: string;
}

const DEFAULT_DATABASE = "spendhook";
const SELECTION_TIMEOUT_MS = 5000;
/**
 * How long a connection may take, and an answer of the store to "are you there?". One that was lost without a word
 * is given up after so long, so that a store which is back is found within five seconds.
 */
const CONNECT_TIMEOUT_MS = 4000;
const HEARTBEAT_MS = 2000;
/** Longer than any statement of ours; a store that hangs past it is treated as gone. */
const SOCKET_TIMEOUT_MS = 30_000;
/** So that a statement ends, whatever the others do with their connections. */
const POOL_TIMEOUT_MS = 20_000;

/** An option that the driver has, but does not tell of. */
const watched: object = { connectionType: WatchedConnection };

/**
 * Opens the store with acknowledged majority writes. It connects on first use. When that fails the driver never tries
 * again by itself: a process that must find a store which comes later calls `keepConnecting`, too.
 */
export function connectStore(options: ConnectOptions): Store {
  const client = new MongoClient(options.url, {
    appName: options.appName,
    useBigInt64: true,
    ignoreUndefined: false,
    retryWrites: true,
    writeConcern: { w: "majority", journal: true },
    readConcern: { level: "majority" },
    serverSelectionTimeoutMS: SELECTION_TIMEOUT_MS,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    heartbeatFrequencyMS: HEARTBEAT_MS,
    socketTimeoutMS: SOCKET_TIMEOUT_MS,
    waitQueueTimeoutMS: POOL_TIMEOUT_MS,
    maxPoolSize: 32,
    ...watched,
  });
  const named = /^[^/]*\/\/[^/?]*\/([^?]*)/.exec(options.url)?.[1] ?? "";
  const db = client.db(options.database ?? (named || DEFAULT_DATABASE));
  return {
    client,
    db,
    collections: {
      customers: db.collection("customers"),
      budgets: db.collection("budgets"),
      events: db.collection("events"),
      deliveries: db.collection("deliveries"),
      dailySpend: db.collection("daily_spend"),
      dailyTotals: db.collection("daily_totals"),
      dailyRefusals: db.collection("daily_refusals"),
      endpoints: db.collection("webhook_endpoints"),
      endpointHours: db.collection("webhook_endpoint_hours"),
      replays: db.collection("webhook_replays"),
      audit: db.collection("audit_log"),
      sessions: db.collection("sessions"),
      tierReviews: db.collection("tier_reviews"),
    },
    ping: async (timeoutMs) => {
      await withDeadline(db.command({ ping: 1 }), timeoutMs);
    },
    close: () => client.close(),
  };
}
