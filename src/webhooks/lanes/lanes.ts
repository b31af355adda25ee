import type { EndpointDoc } from "../../store/webhook-documents.ts";
import type { Attempted } from "../attempt-delivery.ts";
import type { Verdict } from "../classify-attempt.ts";
import { Lane } from "./lane.ts";
import type { Slots } from "./slots.ts";

/** What a lane changes of its endpoint's breaker; each change happens only if the breaker is as expected. */
export interface BreakerStore {
  /** Opens it, longer each time; `expected` is when it was to end, null = closed. */
  open(endpoint: EndpointDoc, expected: Date | null): Promise<void>;
  close(endpointId: string, expected: Date): Promise<void>;
  /** The right to try one delivery, for so long; null when another worker has it. */
  claimProbe(endpoint: EndpointDoc, forMs: number): Promise<Date | null>;
  unclaimProbe(endpointId: string, expected: Date): Promise<void>;
}

/** Wakes a worker for one delivery after a while. */
export interface LaterWake {
  readonly id: string;
  readonly endpointId: string;
  readonly attempts: number;
  readonly delayMs: number;
}

export interface LaneDeps {
  /** The endpoint as it was at most a second ago; null = there is none. */
  readonly endpoint: (id: string) => Promise<EndpointDoc | null>;
  /** The next `endpoint` reads the store. */
  readonly forgetEndpoint: (id: string) => void;
  /** `heard` is told as soon as the answer is there, before it is recorded. */
  readonly attempt: (
    deliveryId: string,
    endpoint: EndpointDoc,
    heard: (verdict: Verdict) => void,
  ) => Promise<Attempted>;
  readonly findDue: (endpointId: string, limit: number) => Promise<string[]>;
  readonly breaker: BreakerStore;
  readonly disable: (endpointId: string, reason: string) => Promise<void>;
  readonly pauseUntil: (endpointId: string, until: Date) => Promise<void>;
  /** Told of every attempt; must not throw. */
  readonly observed: (endpoint: EndpointDoc, attempt: Extract<Attempted, { kind: "tried" }>) => void;
  /** Does not wait, and must not throw. */
  readonly later: (wake: LaterWake) => void;
  readonly failed: (endpointId: string, error: unknown) => void;
  /** Told at the stop which endpoints have deliveries that others must see to; does not wait, must not throw. */
  readonly handOver: (endpointIds: readonly string[]) => void;
  readonly slots: Slots;
  /** Workers that share the endpoints' limits; at least one. */
  readonly workers: () => number;
  readonly now: () => Date;
  /** A steady clock in milliseconds. */
  readonly nowMs: () => number;
}

/** Ids in memory over all lanes: past it they are left in the store. */
const MOST_WAITING = 5000;
const TIDY_MS = 60_000;

/** A worker's lanes, one for each endpoint that has something to send. */
export class Lanes {
  readonly #deps: LaneDeps;
  readonly #lanes = new Map<string, Lane>();
  readonly #tidy: NodeJS.Timeout;
  #stopped = false;

  constructor(deps: LaneDeps) {
    this.#deps = deps;
    this.#tidy = setInterval(() => this.#forgetIdle(), TIDY_MS);
    this.#tidy.unref();
  }

  /**
   * Takes note of deliveries that are due (none given: of an endpoint that has some), and never makes anyone
   * wait: one endpoint's backlog is no reason to be late for another. What becomes of them is in the store.
   */
  offer(endpointId: string, deliveryIds: readonly string[]): void {
    if (this.#stopped) return;
    // Somebody has looked, and may have changed the endpoint first.
    if (deliveryIds.length === 0) this.#deps.forgetEndpoint(endpointId);
    this.#lane(endpointId).offer(this.#waiting() > MOST_WAITING ? [] : deliveryIds);
  }

  /** Begins nothing more, hands over what has not begun, and resolves when all attempts in flight have ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#tidy);
    const left = [...this.#lanes].filter(([, lane]) => lane.hasMore).map(([id]) => id);
    if (left.length > 0) this.#deps.handOver(left);
    await Promise.all([...this.#lanes.values()].map((lane) => lane.stop()));
  }

  #lane(endpointId: string): Lane {
    const known = this.#lanes.get(endpointId);
    if (known !== undefined) return known;
    const lane = new Lane(this.#deps, endpointId);
    this.#lanes.set(endpointId, lane);
    return lane;
  }

  #waiting(): number {
    return [...this.#lanes.values()].reduce((sum, lane) => sum + lane.waiting, 0);
  }

  /** What a lane has learnt of its endpoint is not worth keeping for ever. */
  #forgetIdle(): void {
    for (const [id, lane] of this.#lanes) if (lane.isIdle) this.#lanes.delete(id);
  }
}
