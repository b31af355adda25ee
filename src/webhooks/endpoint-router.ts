import { errorFields, type Log } from "../lib/log.ts";
import type { EndpointDoc } from "../store/webhook-documents.ts";

/** What decides whether an endpoint wants an event. */
export type Wish = Pick<EndpointDoc, "_id" | "eventTypes" | "customers" | "coalesce">;

/** True for an event that the endpoint has asked for. */
export function wants(
  { eventTypes, customers }: Pick<Wish, "eventTypes" | "customers">,
  { customerId, type }: { readonly customerId: string; readonly type: string },
): boolean {
  return (eventTypes?.includes(type) ?? true) && (customers?.includes(customerId) ?? true);
}

/** Knows which endpoints want which events, from what it read last. */
export interface EndpointRouter {
  /** Reads the endpoints; call it at the start, after a change and now and then. */
  readonly refresh: () => Promise<void>;
  /** Ids of the endpoints that want this event. Throws before the first refresh. */
  readonly wanting: (customerId: string, type: string) => readonly string[];
  /** True where charges are to be told together. */
  readonly gathers: (endpointId: string) => boolean;
  readonly isReady: boolean;
}

/** Without a word about a change, it is seen this much later. */
export const ROUTER_REFRESH_MS = 2000;

export function createEndpointRouter(deps: {
  readonly list: () => Promise<readonly Wish[]>;
  readonly log: Log;
}): EndpointRouter {
  let wishes: readonly { wish: Wish; types: Set<string> | null; customers: Set<string> | null }[] | null =
    null;
  return {
    refresh: async () => {
      try {
        wishes = (await deps.list()).map((wish) => ({
          wish,
          types: wish.eventTypes && new Set(wish.eventTypes),
          customers: wish.customers && new Set(wish.customers),
        }));
      } catch (error) {
        deps.log.debug(errorFields(error), "endpoints.unreadable");
        throw error;
      }
    },
    wanting: (customerId, type) => {
      if (wishes === null) throw new Error("Events were planned before the endpoints were read");
      return wishes
        .filter(({ types, customers }) => (types?.has(type) ?? true) && (customers?.has(customerId) ?? true))
        .map(({ wish }) => wish._id);
    },
    gathers: (endpointId) => wishes?.find(({ wish }) => wish._id === endpointId)?.wish.coalesce != null,
    get isReady() {
      return wishes !== null;
    },
  };
}
