import { createBatcher } from "../lib/batcher.ts";
import { errorFields, type Log } from "../lib/log.ts";
import type { AttemptDoc, EndpointDoc } from "../store/webhook-documents.ts";
import { type AttemptResult, classifyAttempt, type RetrySchedule, type Verdict } from "./classify-attempt.ts";
import {
  type ClaimedDelivery,
  type DeliveryStore,
  type DeliveryUpdate,
  nextNumber,
} from "./delivery-store.ts";
import { customHeaders, type SecretBox, signingKeysOf } from "./endpoint-keys.ts";
import { attemptTimeoutMs, notSent, type Posted, type PostEvent } from "./post-event.ts";
import { type SignatureHeaders, signatureHeaders, type SigningKeys } from "./sign.ts";

export interface AttemptDeps {
  readonly deliveries: Pick<DeliveryStore, "claim" | "record">;
  readonly secrets: SecretBox;
  readonly post: PostEvent;
  readonly schedule: RetrySchedule;
  readonly userAgent: string;
  readonly log: Log;
  readonly now: () => Date;
  readonly random: () => number;
}

/** What came of asking for one attempt. */
export type Attempted =
  /** Not pending, not due, or in another worker's hands. */
  | { readonly kind: "skipped" }
  | {
      readonly kind: "tried";
      readonly verdict: Verdict;
      readonly durationMs: number;
      /** From the event to now; null for a send that somebody asked for, whose event may be from last month. */
      readonly lagMs: number | null;
      readonly attempts: number;
    };

/** After this a dead worker's claim is taken over: longer than the attempt itself by this. */
const LEASE_MARGIN_MS = 7000;
const MAX_BATCH = 200;

interface Claim {
  readonly id: string;
  readonly leaseMs: number;
}

/**
 * Attempts deliveries: claim → sign the stored bytes → POST → classify → record. Claims and records of many
 * deliveries share round trips. Running it twice for one id is harmless: the second claim finds nothing. When
 * the outcome cannot be recorded it throws, and the claim lapses by itself.
 */
export class DeliveryAttempter {
  readonly #deps: AttemptDeps;
  readonly #claims;
  readonly #records;

  constructor(deps: AttemptDeps) {
    this.#deps = deps;
    this.#claims = createBatcher<Claim, ClaimedDelivery | null>(
      async (claims) => {
        const claimed = new Map<string, ClaimedDelivery>();
        for (const [leaseMs, group] of Map.groupBy(claims, (claim) => claim.leaseMs)) {
          const ids = new Set(group.map(({ id }) => id));
          for (const [id, one] of await deps.deliveries.claim([...ids], leaseMs)) claimed.set(id, one);
        }
        return claims.map(({ id }) => {
          const value = claimed.get(id) ?? null;
          // The same id twice in one batch is one attempt.
          claimed.delete(id);
          return { value };
        });
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

  /**
   * One attempt of one delivery, if it is pending, due and free; `heard` is told what came of it before it is
   * recorded.
   */
  async attempt(
    deliveryId: string,
    endpoint: EndpointDoc,
    heard: (verdict: Verdict) => void = () => {},
  ): Promise<Attempted> {
    const leaseMs = attemptTimeoutMs(endpoint.timeoutMs) + LEASE_MARGIN_MS;
    const claimed = await this.#claims.add({ id: deliveryId, leaseMs });
    if (claimed === null) return { kind: "skipped" };
    const { delivery } = claimed;
    const { now, schedule, random } = this.#deps;
    const startedAt = now();
    // This process has stood still since it claimed: another may have sent it by now.
    if (delivery.lease !== null && delivery.lease.until <= startedAt) return { kind: "skipped" };
    const number = nextNumber(delivery.attempts);
    const manual = delivery.resends > 0;
    const { posted, signed } = await this.#send(claimed, endpoint, number);
    const scheduled = delivery.attempts.filter((attempt) => !attempt.manual).length + (manual ? 0 : 1);
    const verdict = classifyAttempt(posted.result, scheduled, { schedule, random: random() });
    heard(verdict);
    const row = attemptRow(posted, { number, startedAt, manual, verdict, signed });
    await this.#records.add(decided(claimed, verdict, row, now()));
    this.#logAttempt(claimed, { row, verdict, resent: posted.resent });
    const durationMs = posted.timing.totalMs;
    const lagMs = manual ? null : Math.max(0, now().getTime() - delivery.createdAt.getTime());
    return { kind: "tried", verdict, durationMs, lagMs, attempts: number };
  }

  async #send(
    { delivery, body: text }: ClaimedDelivery,
    endpoint: EndpointDoc,
    number: number,
  ): Promise<{ posted: Posted; signed: SignatureHeaders | null }> {
    const { now, userAgent, post } = this.#deps;
    const opened = this.#open(endpoint);
    if (opened === null) return { posted: notSent("secrets_unreadable"), signed: null };
    const body = Buffer.from(text, "utf8");
    const message = { id: delivery.eventId, timestamp: Math.floor(now().getTime() / 1000), body };
    const signed = signatureHeaders(message, opened.keys);
    const headers = eventHeaders({ custom: opened.custom, userAgent, number, signed });
    const posted = await post({ url: endpoint.url, body, headers, timeoutMs: endpoint.timeoutMs });
    return { posted, signed };
  }

  /** The endpoint's secrets; null when they were sealed with another key, which is logged. */
  #open(endpoint: EndpointDoc): { keys: SigningKeys; custom: Record<string, string> } | null {
    const { secrets, now, log } = this.#deps;
    try {
      return { keys: signingKeysOf(endpoint, secrets, now()), custom: customHeaders(endpoint, secrets) };
    } catch (error) {
      log.error({ endpointId: endpoint._id, ...errorFields(error) }, "endpoint.secrets_unreadable");
      return null;
    }
  }

  #logAttempt(
    { delivery }: ClaimedDelivery,
    { row, verdict, resent }: { row: AttemptDoc; verdict: Verdict; resent: boolean },
  ): void {
    const fields = {
      deliveryId: delivery._id,
      eventId: delivery.eventId,
      endpointId: delivery.endpointId,
      attempt: row.number,
      code: row.code,
      status: row.status,
      durationMs: row.durationMs,
      next: verdict.next,
      ...(resent && { resent }),
    };
    if (verdict.next === "exhausted") this.#deps.log.error(fields, "delivery.attempt");
    else this.#deps.log.info(fields, "delivery.attempt");
  }
}

/** All headers of one attempt that are ours to set; custom ones never replace them. */
export function eventHeaders(of: {
  custom: Readonly<Record<string, string>>;
  userAgent: string;
  number: number;
  signed: SignatureHeaders;
}): Record<string, string> {
  return {
    ...of.custom,
    "content-type": "application/json",
    "user-agent": of.userAgent,
    "webhook-attempt": String(of.number),
    ...of.signed,
  };
}

function attemptRow(
  { result, timing }: Posted,
  of: { number: number; startedAt: Date; manual: boolean; verdict: Verdict; signed: SignatureHeaders | null },
): AttemptDoc {
  return {
    number: of.number,
    startedAt: of.startedAt,
    durationMs: timing.totalMs,
    outcome: of.verdict.next === "delivered" ? "delivered" : "failed",
    code: of.verdict.code,
    ...responseOf(result),
    manual: of.manual,
    headers: of.signed && {
      timestamp: Number(of.signed["webhook-timestamp"]),
      signature: of.signed["webhook-signature"],
    },
    timing,
  };
}

function responseOf(result: AttemptResult): { status: number | null; response: string | null } {
  return result.kind === "response"
    ? { status: result.status, response: result.body }
    : { status: null, response: null };
}

function decided(claimed: ClaimedDelivery, verdict: Verdict, attempt: AttemptDoc, now: Date): DeliveryUpdate {
  const { delivery, token } = claimed;
  const before = delivery.afterResends;
  // A send that a person asked for delivers, or leaves the delivery as it was.
  const after = attempt.manual && before !== null && verdict.next !== "delivered" ? before : null;
  return {
    id: delivery._id,
    token,
    attempt,
    resends: delivery.resends,
    now,
    after: after ?? outcomeOf(verdict, delivery.dueAt, now),
  };
}

function outcomeOf(verdict: Verdict, dueAt: Date, now: Date): DeliveryUpdate["after"] {
  switch (verdict.next) {
    case "delivered":
      return { state: "delivered", dueAt };
    case "exhausted":
      return { state: "exhausted", dueAt };
    case "kept":
      return { state: "pending", dueAt: now };
    case "retry":
      return { state: "pending", dueAt: new Date(now.getTime() + verdict.waitMs) };
    default:
      return verdict satisfies never;
  }
}
