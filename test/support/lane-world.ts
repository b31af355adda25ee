import type { EndpointDoc } from "../../src/store/webhook-documents.ts";
import type { Attempted } from "../../src/webhooks/attempt-delivery.ts";
import type { Verdict } from "../../src/webhooks/classify-attempt.ts";
import { newEndpoint } from "../../src/webhooks/endpoint-store.ts";
import { openForMs } from "../../src/webhooks/lanes/breaker.ts";
import { rememberBriefly } from "../../src/webhooks/lanes/endpoint-cache.ts";
import { type BreakerStore, type LaneDeps, Lanes, type LaterWake } from "../../src/webhooks/lanes/lanes.ts";
import { Slots } from "../../src/webhooks/lanes/slots.ts";

/** What a receiver makes of one attempt. */
export interface Answer {
  /** delivered, http_500, header_timeout … */
  readonly code: string;
  readonly afterMs?: number;
  readonly retryAfterMs?: number;
  readonly disable?: string;
}

export interface SeenAttempt {
  readonly id: string;
  readonly endpointId: string;
  readonly atMs: number;
}

const FIRST_OPEN_MS = 30_000;
const RETRY_MS = 5000;

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Endpoints, their deliveries and their receivers, in memory, for lanes to work on; its clock is the test's.
 * Store calls that `broken` names reject.
 */
export class LaneWorld {
  readonly attempts: SeenAttempt[] = [];
  readonly later: LaterWake[] = [];
  readonly handedOver: string[] = [];
  readonly disabled: { endpointId: string; reason: string }[] = [];
  readonly failures: unknown[] = [];
  readonly broken = new Set<string>();
  /** How often lanes asked for something. */
  readonly asked = { endpoint: 0, reads: 0, findDue: 0, claimProbe: 0 };
  /** How fast the steady clock goes, measured by the timers. */
  clockRate = 1;
  inFlight = 0;
  mostInFlight = 0;
  workers = 1;
  /** How long an endpoint that was read is on its way. */
  readMs = 0;
  /** How long it takes to record an attempt that was not a success. */
  recordedMs = 0;
  /** How long after a change was made whoever made it hears so. */
  changeToldMs = 0;
  answer: (attempt: SeenAttempt) => Answer = () => ({ code: "delivered" });
  readonly #endpoints = new Map<string, EndpointDoc>();
  /** Pending deliveries and when they are due, by endpoint. */
  readonly #due = new Map<string, Map<string, number>>();
  readonly #claimed = new Set<string>();
  readonly #resends = new Set<string>();

  /** Adds an endpoint with so many deliveries that are due. */
  add(id: string, count: number, fields: Partial<EndpointDoc> = {}): void {
    const made = newEndpoint({ id, url: "https://hooks.test/", secret: "sealed" }, new Date());
    this.#endpoints.set(id, { ...made, ...fields });
    this.#due.set(id, new Map(this.idsOf(id, count).map((one) => [one, Date.now()])));
  }

  idsOf(endpointId: string, count: number): string[] {
    return Array.from({ length: count }, (_, index) => `${endpointId}-${index}`);
  }

  find(id: string): EndpointDoc {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined) throw new Error(`There is no ${id}`);
    return endpoint;
  }

  change(id: string, fields: Partial<EndpointDoc>): void {
    this.#endpoints.set(id, { ...this.find(id), ...fields });
  }

  /** How many of an endpoint's deliveries wait. */
  pending(endpointId: string): number {
    return this.#due.get(endpointId)?.size ?? 0;
  }

  /** One more attempt is wanted after the one in flight. */
  resend(id: string, endpointId: string): void {
    this.#resends.add(id);
    this.#due.get(endpointId)?.set(id, Date.now());
  }

  attemptsOf(endpointId: string): number {
    return this.attempts.filter((one) => one.endpointId === endpointId).length;
  }

  /** The lanes of one worker. */
  worker(room: { fast: number; slow: number } = { fast: 100, slow: 100 }): Lanes {
    const nowMs = (): number => Date.now() * this.clockRate;
    const read = (id: string): Promise<EndpointDoc | null> => {
      this.asked.reads++;
      return this.#read(id);
    };
    const cache = rememberBriefly(read, nowMs);
    const deps: LaneDeps = {
      endpoint: (id) => {
        this.asked.endpoint++;
        return cache.get(id);
      },
      forgetEndpoint: cache.forget,
      attempt: (id, endpoint, heard) => this.#attempt(id, endpoint, heard),
      findDue: (id, limit) => {
        this.asked.findDue++;
        return this.#call("findDue", () => this.#findDue(id, limit));
      },
      breaker: this.#breaker(),
      disable: (endpointId, reason) =>
        this.#change("disable", () => {
          this.disabled.push({ endpointId, reason });
          this.change(endpointId, { state: "disabled" });
        }),
      pauseUntil: (id, until) => this.#change("pauseUntil", () => this.change(id, { pausedUntil: until })),
      observed: () => {},
      later: (wake) => void this.later.push(wake),
      handOver: (ids) => void this.handedOver.push(...ids),
      failed: (_id, error) => void this.failures.push(error),
      slots: new Slots(room),
      workers: () => this.workers,
      now: () => new Date(),
      nowMs,
    };
    return new Lanes(deps);
  }

  async #call<T>(name: string, work: () => T): Promise<T> {
    // A store is never there in the same turn.
    await Promise.resolve();
    if (this.broken.has(name)) throw new Error(`${name} is away`);
    return work();
  }

  /** As it was when it was asked for. */
  async #read(id: string): Promise<EndpointDoc | null> {
    const ms = this.readMs;
    const found = await this.#call("endpoint", () => this.#endpoints.get(id) ?? null);
    if (ms > 0) await delay(ms);
    return found;
  }

  async #change(name: string, work: () => void): Promise<void> {
    await this.#call(name, work);
    if (this.changeToldMs > 0) await delay(this.changeToldMs);
  }

  #findDue(id: string, limit: number): string[] {
    const now = Date.now();
    return [...(this.#due.get(id) ?? [])]
      .filter(([one, dueMs]) => dueMs <= now && !this.#claimed.has(one))
      .slice(0, limit)
      .map(([one]) => one);
  }

  async #attempt(
    id: string,
    { _id: endpointId }: EndpointDoc,
    heard: (verdict: Verdict) => void,
  ): Promise<Attempted> {
    const due = this.#due.get(endpointId);
    const claim = await this.#call("attempt", () => {
      if ((due?.get(id) ?? Infinity) > Date.now() || this.#claimed.has(id)) return false;
      this.#claimed.add(id);
      return true;
    });
    if (!claim) return { kind: "skipped" };
    const seen = { id, endpointId, atMs: Date.now() };
    this.attempts.push(seen);
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    const { code, afterMs = 1, retryAfterMs = null, disable = null } = this.answer(seen);
    // The global timer, so that it is the test's clock.
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    this.inFlight--;
    this.#claimed.delete(id);
    const common = { kind: "tried", durationMs: afterMs, lagMs: 0, attempts: 1 } as const;
    if (code === "delivered") {
      if (!this.#resends.delete(id)) due?.delete(id);
      return { ...common, verdict: { next: "delivered", code, disableReason: disable } };
    }
    const waitMs = Math.max(RETRY_MS, retryAfterMs ?? 0);
    due?.set(id, Date.now() + waitMs);
    const verdict =
      disable === null
        ? ({ next: "retry", code, waitMs, pauseEndpointMs: retryAfterMs, disableReason: null } as const)
        : ({ next: "kept", code, disableReason: disable } as const);
    heard(verdict);
    if (this.recordedMs > 0) await delay(this.recordedMs);
    return { ...common, verdict };
  }

  /** As on the endpoints' documents: each change only if the breaker is as expected. */
  #breaker(): BreakerStore {
    const changeIf = (
      id: string,
      expected: Date | null,
      fields: Partial<EndpointDoc["breaker"]>,
    ): boolean => {
      const { breaker } = this.find(id);
      if (breaker.openUntil?.getTime() !== expected?.getTime()) return false;
      this.change(id, { breaker: { ...breaker, ...fields } });
      return true;
    };
    const inMs = (ms: number): Date => new Date(Date.now() + ms);
    return {
      open: ({ _id, breaker }, expected) =>
        this.#call("open", () => {
          const openUntil = inMs(openForMs(breaker.opens, FIRST_OPEN_MS));
          changeIf(_id, expected, { openUntil, opens: this.find(_id).breaker.opens + 1 });
        }),
      close: (id, expected) =>
        this.#call("close", () => {
          changeIf(id, expected, { openUntil: null, opens: 0, closedAt: new Date() });
        }),
      claimProbe: ({ _id, breaker }, forMs) => {
        this.asked.claimProbe++;
        return this.#call("claimProbe", () => {
          const until = inMs(forMs);
          return changeIf(_id, breaker.openUntil, { openUntil: until }) ? until : null;
        });
      },
      unclaimProbe: (id, expected) =>
        this.#call("unclaimProbe", () => {
          changeIf(id, expected, { openUntil: new Date() });
        }),
    };
  }
}
