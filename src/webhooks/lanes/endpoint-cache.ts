import type { EndpointDoc } from "../../store/webhook-documents.ts";

const FRESH_MS = 1000;

/** Endpoints change rarely and every attempt needs one: each is read at most once a second. */
export interface EndpointCache {
  readonly get: (id: string) => Promise<EndpointDoc | null>;
  /** The next `get` reads the store. */
  readonly forget: (id: string) => void;
}

/** A read that fails rejects for all who wait for it, and is not remembered. */
export function rememberBriefly(
  find: (id: string) => Promise<EndpointDoc | null>,
  nowMs: () => number,
): EndpointCache {
  const known = new Map<string, { endpoint: Promise<EndpointDoc | null>; untilMs: number }>();
  return {
    get: (id) => {
      const entry = known.get(id);
      if (entry !== undefined && nowMs() < entry.untilMs) return entry.endpoint;
      const endpoint = find(id);
      known.set(id, { endpoint, untilMs: nowMs() + FRESH_MS });
      endpoint.catch(() => {
        if (known.get(id)?.endpoint === endpoint) known.delete(id);
      });
      return endpoint;
    },
    forget: (id) => {
      known.delete(id);
    },
  };
}
