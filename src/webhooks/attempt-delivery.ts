import { createBatcher } from "../lib/batcher.ts";
import { errorFields, type Log } from "../lib/log.ts";
import type { AttemptDoc, EndpointDoc } from "../store/documents.ts";
import { type AttemptResult, classifyAttempt, type Verdict } from "./classify-attempt.ts";
import type { ClaimedDelivery, DeliveryStore, DeliveryUpdate } from "./delivery-store.ts";
import type { EndpointStore } from "./endpoint-store.ts";
import { ATTEMPT_TIMEOUT_MS, type PostEvent } from "./post-event.ts";
import { signatureHeaders } from "./sign.ts";

export interface AttemptDeps {
  readonly deliveries: DeliveryStore;
  readonly endpoints: Pick<EndpointStore, "find" | "disable" | "pauseUntil">;
  readonly openSecret: (endpoint: EndpointDoc) => string;
  readonly post: PostEvent;
  readonly userAgent: string;
  readonly log: Log;
  readonly now: () => Date;
  readonly random: () => number;
}

/** What the queue should do next: nothing, or wake a worker for the next attempt after a while. */
export type AttemptOutcome =
  | { readonly next: "none" }
  | { readonly next: "retry"; readonly waitMs: number; readonly attempts: number };

/** Longer than any attempt, and the time after which a dead worker's claim is taken over. */
const LEASE_MS = ATTEMPT_TIMEOUT_MS + 7000;
const MAX_BATCH = 200;
const ENDPOINT_CACHE_MS = 1000;

/**
 * Attempts deliveries by id: claim → sign the stored bytes → POST → classify → record. Claims and records
 * of many deliveries share round trips. Running it twice for one id is harmless: the second claim finds
 * nothing. When the outcome cannot be recorded it throws, and the claim lapses by itself.
 */
export class DeliveryAttempter {
  readonly #deps: AttemptDeps;
  readonly #claims;
  readonly #records;
  readonly #endpoints = new Map<string, { endpoint: Promise<EndpointDoc | null>; until: number }>();

  constructor(deps: AttemptDeps) {
    this.#deps = deps;
    this.#claims = createBatcher<string, ClaimedDelivery | null>(
      async (ids) => {
        const claimed = await deps.deliveries.claim([...new Set(ids)], LEASE_MS);
        return ids.map((id) => ({ value: claimed.get(id) ?? null }));
      },
      { maxItems: MAX_BATCH, concurrency: 2 },
    );
    this.#records = createBatcher<DeliveryUpdate, undefined>(
      async (updates) => {
        await deps.deliveries.record(updates);
        return updates.map(() => ({ value: undefined }));
      },
      { maxItems: MAX_BATCH, concurrency: 2 },
    );
  }

  /** One attempt of one delivery, if it is pending, due and free. */
  async attempt(deliveryId: string): Promise<AttemptOutcome> {
    const claimed = await this.#claims.add(deliveryId);
    if (claimed === null) return { next: "none" };
    const { delivery } = claimed;
    const endpoint = await this.#endpoint(delivery.endpointId);
    const now = this.#deps.now();
    if (endpoint === null || endpoint.state === "disabled") {
      await this.#records.add(untried(claimed, "parked", delivery.dueAt));
      return { next: "none" };
    }
    if (endpoint.pausedUntil !== null && endpoint.pausedUntil > now) {
      await this.#records.add(untried(claimed, "pending", endpoint.pausedUntil));
      return { next: "none" };
    }
    const number = delivery.attempts.length + 1;
    const startedAt = performance.now();
    const result = await this.#send(claimed, endpoint, number);
    const verdict = classifyAttempt(result, number, this.#deps.random());
    const row: AttemptDoc = {
      number,
      startedAt: now,
      durationMs: Math.round(performance.now() - startedAt),
      outcome: verdict.next === "delivered" ? "delivered" : "failed",
      code: verdict.code,
      status: result.kind === "response" ? result.status : null,
      response: result.kind === "response" ? result.body : null,
    };
    await this.#applyToEndpoint(endpoint, verdict);
    await this.#records.add(decided(claimed, verdict, row, this.#deps.now()));
    this.#logAttempt(claimed, row, verdict);
    return verdict.next === "retry"
      ? { next: "retry", waitMs: verdict.waitMs, attempts: number }
      : { next: "none" };
  }

  #send(claimed: ClaimedDelivery, endpoint: EndpointDoc, number: number): Promise<AttemptResult> {
    const body = Buffer.from(claimed.body, "utf8");
    return this.#deps.post(endpoint.url, body, {
      "content-type": "application/json",
      "user-agent": this.#deps.userAgent,
      "webhook-attempt": String(number),
      ...signatureHeaders({
        id: claimed.delivery.eventId,
        timestamp: Math.floor(this.#deps.now().getTime() / 1000),
        body,
        secrets: [this.#deps.openSecret(endpoint)],
      }),
    });
  }

  async #applyToEndpoint(endpoint: EndpointDoc, verdict: Verdict): Promise<void> {
    if (verdict.next === "disable_endpoint") {
      await this.#deps.endpoints.disable(endpoint._id, "the receiver answered 410 Gone");
      this.#endpoints.delete(endpoint._id);
      this.#deps.log.error({ endpointId: endpoint._id }, "endpoint.disabled");
    } else if (verdict.next === "retry" && verdict.pauseEndpointMs !== null) {
      const until = new Date(this.#deps.now().getTime() + verdict.pauseEndpointMs);
      await this.#deps.endpoints.pauseUntil(endpoint._id, until);
      this.#endpoints.delete(endpoint._id);
    }
  }

  /** Endpoints change rarely and every attempt needs one: each is read at most once a second. */
  #endpoint(id: string): Promise<EndpointDoc | null> {
    const now = this.#deps.now().getTime();
    const known = this.#endpoints.get(id);
    if (known !== undefined && now < known.until) return known.endpoint;
    const endpoint = this.#deps.endpoints.find(id);
    this.#endpoints.set(id, { endpoint, until: now + ENDPOINT_CACHE_MS });
    endpoint.catch((error: unknown) => {
      this.#endpoints.delete(id);
      this.#deps.log.warn({ endpointId: id, ...errorFields(error) }, "endpoint.unreadable");
    });
    return endpoint;
  }

  #logAttempt({ delivery }: ClaimedDelivery, row: AttemptDoc, verdict: Verdict): void {
    const fields = {
      deliveryId: delivery._id,
      eventId: delivery.eventId,
      endpointId: delivery.endpointId,
      attempt: row.number,
      code: row.code,
      status: row.status,
      durationMs: row.durationMs,
      next: verdict.next,
    };
    if (verdict.next === "exhausted") this.#deps.log.error(fields, "delivery.attempt");
    else this.#deps.log.info(fields, "delivery.attempt");
  }
}

function untried(claimed: ClaimedDelivery, state: "parked" | "pending", dueAt: Date): DeliveryUpdate {
  return { id: claimed.delivery._id, token: claimed.token, state, dueAt, attempt: null };
}

function decided(claimed: ClaimedDelivery, verdict: Verdict, attempt: AttemptDoc, now: Date): DeliveryUpdate {
  const base = { id: claimed.delivery._id, token: claimed.token, attempt };
  switch (verdict.next) {
    case "delivered":
      return { ...base, state: "delivered", dueAt: claimed.delivery.dueAt };
    case "exhausted":
      return { ...base, state: "exhausted", dueAt: claimed.delivery.dueAt };
    case "disable_endpoint":
      return { ...base, state: "parked", dueAt: now };
    case "retry":
      return { ...base, state: "pending", dueAt: new Date(now.getTime() + verdict.waitMs) };
    default:
      return verdict satisfies never;
  }
}
