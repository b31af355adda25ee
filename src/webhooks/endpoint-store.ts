import { type NewSecret, reconcileDefault } from "./default-endpoint.ts";
import type { Store } from "../store/connect.ts";
import type { EndpointDoc } from "../store/documents.ts";

/** The endpoint that WEBHOOK_URL names. */
export const DEFAULT_ENDPOINT_ID = "default";

export interface EndpointStore {
  /** Creates or updates the endpoint of WEBHOOK_URL; safe in many processes at once. */
  ensureDefault(input: { url: string; secret: string | null }): Promise<void>;
  find(id: string): Promise<EndpointDoc | null>;
  list(): Promise<EndpointDoc[]>;
  disable(id: string, reason: string): Promise<void>;
  /** Enables the endpoint and makes its kept deliveries due; null when there is no such endpoint. */
  resume(id: string): Promise<EndpointDoc | null>;
  pauseUntil(id: string, until: Date): Promise<void>;
}

const DUPLICATE_KEY = 11000;

export function createEndpointStore(store: Store, secrets: NewSecret): EndpointStore {
  const { endpoints, deliveries } = store.collections;
  return {
    ensureDefault: async (input) => {
      const existing = await endpoints.findOne({ _id: DEFAULT_ENDPOINT_ID });
      if (existing !== null) {
        const changes = reconcileDefault(existing, input, secrets);
        if (changes !== null) {
          await endpoints.updateOne(
            { _id: DEFAULT_ENDPOINT_ID },
            { $set: { ...changes, updatedAt: new Date() } },
          );
        }
        return;
      }
      const now = new Date();
      try {
        await endpoints.insertOne({
          _id: DEFAULT_ENDPOINT_ID,
          url: input.url,
          state: "enabled",
          disabledReason: null,
          sealedSecret: secrets.seal(input.secret ?? secrets.generate()),
          pausedUntil: null,
          createdAt: now,
          updatedAt: now,
        });
      } catch (error) {
        // Another process of ours created it between our read and our write: its secret stands.
        if ((error as { code?: unknown }).code !== DUPLICATE_KEY) throw error;
      }
    },
    find: (id) => endpoints.findOne({ _id: id }),
    list: () => endpoints.find({}).sort({ _id: 1 }).toArray(),
    disable: async (id, reason) => {
      await endpoints.updateOne(
        { _id: id },
        { $set: { state: "disabled", disabledReason: reason, updatedAt: new Date() } },
      );
    },
    resume: async (id) => {
      const now = new Date();
      const endpoint = await endpoints.findOneAndUpdate(
        { _id: id },
        { $set: { state: "enabled", disabledReason: null, pausedUntil: null, updatedAt: now } },
        { returnDocument: "after" },
      );
      if (endpoint === null) return null;
      await deliveries.updateMany(
        { endpointId: id, state: "parked" },
        { $set: { state: "pending", dueAt: now } },
      );
      return endpoint;
    },
    pauseUntil: async (id, until) => {
      await endpoints.updateOne({ _id: id }, { $max: { pausedUntil: until } });
    },
  };
}
