import type { Store } from "../store/connect.ts";
import type { EndpointDoc } from "../store/webhook-documents.ts";
import { newestSecret, type SecretBox } from "./endpoint-keys.ts";
import { DEFAULT_MAX_IN_FLIGHT, DEFAULT_TIMEOUT_MS } from "./endpoint-fields.ts";

/** The endpoint that WEBHOOK_URL names. */
export const DEFAULT_ENDPOINT_ID = "default";

export interface EndpointStore {
  /** Creates or updates the endpoint of WEBHOOK_URL; safe in many processes at once. */
  readonly ensureDefault: (input: { url: string; secret: string | null }) => Promise<void>;
  /** Deleted ones are not found. */
  readonly find: (id: string) => Promise<EndpointDoc | null>;
  /** All that are not deleted, by id. */
  readonly list: () => Promise<EndpointDoc[]>;
  readonly pauseUntil: (id: string, until: Date) => Promise<void>;
}

const DUPLICATE_KEY = 11000;

export function createEndpointStore(store: Store, box: SecretBox): EndpointStore {
  const { endpoints } = store.collections;
  return {
    ensureDefault: async (input) => {
      const existing = await endpoints.findOne({ _id: DEFAULT_ENDPOINT_ID });
      if (existing !== null) {
        const changes = reconcileDefault(existing, input, box);
        if (changes !== null) {
          await endpoints.updateOne(
            { _id: DEFAULT_ENDPOINT_ID },
            { $set: { ...changes, updatedAt: new Date() } },
          );
        }
        return;
      }
      try {
        await endpoints.insertOne(
          newEndpoint(
            { id: DEFAULT_ENDPOINT_ID, url: input.url, secret: box.seal(input.secret ?? box.generate()) },
            new Date(),
          ),
        );
      } catch (error) {
        // Another process of ours created it between our read and our write: its secret stands.
        if ((error as { code?: unknown }).code !== DUPLICATE_KEY) throw error;
      }
    },
    find: (id) => endpoints.findOne({ _id: id, deletedAt: null }),
    list: () => endpoints.find({ deletedAt: null }).sort({ _id: 1 }).toArray(),
    pauseUntil: async (id, until) => {
      await endpoints.updateOne({ _id: id }, { $max: { pausedUntil: until } });
    },
  };
}

/** An endpoint as it begins. `secret` is sealed. */
export function newEndpoint(of: { id: string; url: string; secret: string }, now: Date): EndpointDoc {
  return {
    _id: of.id,
    url: of.url,
    description: null,
    state: "enabled",
    disabledReason: null,
    eventTypes: null,
    customers: null,
    headerNames: [],
    sealedHeaders: null,
    timeoutMs: DEFAULT_TIMEOUT_MS,
    maxInFlight: DEFAULT_MAX_IN_FLIGHT,
    ratePerSecond: null,
    signature: "v1",
    secrets: [{ id: secretId(now), sealed: of.secret, createdAt: now, expiresAt: null }],
    sealedPrivateKey: null,
    publicKey: null,
    coalesce: null,
    pausedUntil: null,
    breaker: { openUntil: null, opens: 0, closedAt: null },
    health: {
      consecutiveFailures: 0,
      failingSince: null,
      lastSuccessAt: null,
      lastFailureAt: null,
      warnings: 0,
    },
    createdAt: now,
    updatedAt: now,
    deletedAt: null,
  };
}

/** Names a secret among those of its endpoint. */
export function secretId(now: Date): string {
  return `sec_${now.getTime().toString(36)}`;
}

/**
 * What the environment changes on the stored default endpoint; null when it agrees. A new URL enables an
 * endpoint that was switched off for its old one.
 */
export function reconcileDefault(
  stored: EndpointDoc,
  wanted: { readonly url: string; readonly secret: string | null },
  box: SecretBox,
): Partial<EndpointDoc> | null {
  const changes: Partial<EndpointDoc> = {};
  if (stored.url !== wanted.url) {
    Object.assign(changes, { url: wanted.url, state: "enabled", disabledReason: null });
    Object.assign(changes, asNew(stored, new Date()));
  }
  if (wanted.secret === null) {
    // Throws when it cannot be opened: better at the start than at the first event.
    newestSecret(stored, box);
  } else if (!opensTo(stored, wanted.secret, box)) {
    const now = new Date();
    changes.secrets = [
      { id: secretId(now), sealed: box.seal(wanted.secret), createdAt: now, expiresAt: null },
    ];
  }
  return Object.keys(changes).length === 0 ? null : changes;
}

/** An endpoint that nothing is held against, as after a resume or a move: what failed before does not count. */
export function asNew(
  { health }: Pick<EndpointDoc, "health">,
  now: Date,
): Pick<EndpointDoc, "pausedUntil" | "breaker" | "health"> {
  return {
    pausedUntil: null,
    breaker: { openUntil: null, opens: 0, closedAt: now },
    health: { ...health, consecutiveFailures: 0, failingSince: null, warnings: 0 },
  };
}

function opensTo(stored: EndpointDoc, secret: string, box: SecretBox): boolean {
  try {
    return newestSecret(stored, box) === secret;
  } catch {
    // Sealed with another key: the environment's secret replaces it.
    return false;
  }
}
