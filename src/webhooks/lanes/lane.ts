import type { EndpointDoc } from "../../store/webhook-documents.ts";
import type { Attempted } from "../attempt-delivery.ts";
import { isOverload } from "../classify-attempt.ts";
import { AdaptiveLimit } from "./adaptive-limit.ts";
import { breakerState, FailureWatch, rampPerSecond } from "./breaker.ts";
import type { LaneDeps } from "./lanes.ts";
import { heed, isWish, Wishes } from "./wishes.ts";
import { type Pace, Places, type Release } from "./slots.ts";
import { TokenBucket } from "./token-bucket.ts";

const MOST_WAITING = 1000;
const PAGE = 200;
/** Retries further away than this are left to the sweep: a job that sleeps for hours only takes memory. */
const LONGEST_DELAYED_JOB_MS = 60_000;
const AFTER_FAILURE_MS = 1000;
const SLOW_MS = 2000;
const SMOOTHING = 0.2;
/** A single delivery that probes may take this long, its recording included. */
const PROBE_MARGIN_MS = 10_000;

type Tried = Extract<Attempted, { kind: "tried" }>;

interface Sending {
  readonly endpoint: EndpointDoc;
  /** Set for the one delivery that tries a receiver whose breaker is open. */
  readonly probeUntil: Date | null;
}

/**
 * One endpoint's deliveries in one worker. What it may not send now, for its endpoint's rate, room, pause or
 * breaker, stays in the store: it takes no place in the worker and uses no attempt.
 */
export class Lane {
  readonly #deps: LaneDeps;
  readonly #endpointId: string;
  readonly #limit = new AdaptiveLimit();
  readonly #watch = new FailureWatch();
  readonly #bucket: TokenBucket;
  readonly #places: Places;
  /** Ids that were heard of; the store may know more. */
  #waiting: string[] = [];
  #moreInStore = false;
  /** What is in flight was not to be found when somebody said that the store has more. */
  #lookAgain = false;
  #inFlight = new Set<Promise<void>>();
  #pumping = false;
  #again = false;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;
  /** After a failure of the store nothing begins before this. */
  #restUntilMs = -Infinity;
  readonly #wishes = new Wishes();
  #usualMs: number | null = null;
  #timedOut = false;

  constructor(deps: LaneDeps, endpointId: string) {
    this.#deps = deps;
    this.#endpointId = endpointId;
    this.#bucket = new TokenBucket(deps.nowMs());
    this.#places = new Places(deps.slots, () => this.#pump());
  }

  /** True while it has noted deliveries that it has not begun. */
  get hasMore(): boolean {
    return this.#waiting.length > 0 || this.#moreInStore;
  }

  /** How many ids wait in memory. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** True while it has nothing to do, so that it can be forgotten. */
  get isIdle(): boolean {
    return !this.hasMore && this.#inFlight.size === 0 && !this.#pumping;
  }

  /** Hears of deliveries that are due; with none, that the store has some. */
  offer(deliveryIds: readonly string[]): void {
    const room = MOST_WAITING - this.#waiting.length;
    this.#waiting.push(...deliveryIds.slice(0, room));
    if (deliveryIds.length === 0 || deliveryIds.length > room) this.#moreInStore = true;
    if (deliveryIds.length === 0 && this.#inFlight.size > 0) this.#lookAgain = true;
    this.#pump();
  }

  /** Begins nothing more, and resolves when what is in flight has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await Promise.allSettled(this.#inFlight);
  }

  /** One pass at a time; a call meanwhile makes for another. */
  #pump(): void {
    if (this.#pumping) {
      this.#again = true;
      return;
    }
    this.#pumping = true;
    this.#pass()
      .catch((error: unknown) => this.#rest(error))
      .finally(() => {
        this.#pumping = false;
        if (this.#again) {
          this.#again = false;
          this.#pump();
        } else {
          this.#places.giveOn();
        }
      });
  }

  /** The store is away: what waits is there, and the sweep tells of what is forgotten here. */
  #rest(error: unknown): void {
    this.#deps.failed(this.#endpointId, error);
    this.#restUntilMs = this.#deps.nowMs() + AFTER_FAILURE_MS;
    this.#wakeIn(AFTER_FAILURE_MS);
  }

  async #pass(): Promise<void> {
    while (!this.#stopped && this.hasMore && !this.#wishes.isPending) {
      const restMs = this.#restUntilMs - this.#deps.nowMs();
      if (restMs > 0) {
        this.#wakeIn(restMs);
        return;
      }
      const { ended } = this.#wishes;
      const endpoint = await this.#deps.endpoint(this.#endpointId);
      if (this.#stopped) return;
      if (this.#wishes.isPending || this.#wishes.ended !== ended) continue;
      const begun = endpoint !== null && (await this.#beginOne(endpoint));
      if (endpoint === null) this.#forget();
      if (!begun) return;
    }
  }

  /** Begins one attempt, or looks for more in the store; false when nothing can be begun now. */
  async #beginOne(endpoint: EndpointDoc): Promise<boolean> {
    const now = this.#deps.now();
    if (endpoint.state !== "enabled" || endpoint.deletedAt !== null) return this.#forget();
    if (endpoint.pausedUntil !== null && endpoint.pausedUntil > now) {
      return this.#holdBack(endpoint.pausedUntil);
    }
    const state = breakerState(endpoint.breaker, now);
    if (state === "open" && endpoint.breaker.openUntil !== null) {
      return this.#holdBack(endpoint.breaker.openUntil);
    }
    const probing = state === "half_open";
    if (this.#inFlight.size >= (probing ? 1 : this.#limit.allowed(this.#mostOf(endpoint)))) return false;
    if (this.#waiting.length === 0) return this.#lookInStore();
    const release = this.#takePlace(endpoint, probing);
    if (release === null) return false;
    const probeUntil = probing ? await this.#claimProbe(endpoint, release) : null;
    const [id] = this.#stopped || (probing && probeUntil === null) ? [] : this.#waiting.splice(0, 1);
    if (id === undefined) release();
    else this.#run(id, { endpoint, probeUntil }, release);
    return true;
  }

  #run(id: string, of: Sending, release: Release): void {
    const running = this.#attempt(id, of)
      .catch((error: unknown) => this.#rest(error))
      .finally(() => {
        this.#inFlight.delete(running);
        if (this.#lookAgain) this.#moreInStore = true;
        this.#lookAgain = false;
        release();
        this.#pump();
      });
    this.#inFlight.add(running);
  }

  #mostOf({ maxInFlight }: EndpointDoc): number {
    return Math.max(1, Math.floor(maxInFlight / this.#deps.workers()));
  }

  /** A token of its rate and a place in the worker; null: it is woken when both may be had. */
  #takePlace(endpoint: EndpointDoc, probing: boolean): Release | null {
    const rates = [endpoint.ratePerSecond, rampPerSecond(endpoint.breaker, this.#deps.now())];
    const rate = Math.min(...rates.map((one) => one ?? Infinity));
    if (Number.isFinite(rate)) {
      const waitMs = this.#bucket.take(rate / this.#deps.workers(), this.#deps.nowMs());
      if (waitMs > 0) {
        this.#wakeIn(waitMs);
        return null;
      }
    }
    const pace: Pace = probing || this.#timedOut || (this.#usualMs ?? 0) > SLOW_MS ? "slow" : "fast";
    const release = this.#places.take(pace);
    if (release === null && Number.isFinite(rate)) this.#bucket.putBack();
    return release;
  }

  /** Until when this worker alone may try; null when another one does. */
  async #claimProbe(endpoint: EndpointDoc, release: Release): Promise<Date | null> {
    try {
      return await this.#deps.breaker.claimProbe(endpoint, endpoint.timeoutMs + PROBE_MARGIN_MS);
    } catch (error) {
      release();
      throw error;
    } finally {
      this.#deps.forgetEndpoint(this.#endpointId);
    }
  }

  async #lookInStore(): Promise<boolean> {
    const found = await this.#deps.findDue(this.#endpointId, PAGE);
    this.#moreInStore = found.length === PAGE;
    this.#waiting.push(...found);
    return found.length > 0;
  }

  async #attempt(id: string, sending: Sending): Promise<void> {
    // From the answer on: also what comes while the attempt is recorded is not sent any more.
    const { heard, end } = this.#wishes.listen();
    try {
      const attempted = await this.#deps.attempt(id, sending.endpoint, heard);
      if (attempted.kind === "tried") await this.#conclude(id, sending, attempted);
      else await this.#giveBackProbe(sending);
    } finally {
      end();
    }
  }

  /** It was nothing to probe with: the next one may be. */
  async #giveBackProbe({ endpoint, probeUntil }: Sending): Promise<void> {
    if (probeUntil === null) return;
    await this.#changeBreaker(() => this.#deps.breaker.unclaimProbe(endpoint._id, probeUntil));
  }

  async #conclude(id: string, sending: Sending, tried: Tried): Promise<void> {
    const { endpoint } = sending;
    const { verdict, attempts } = tried;
    this.#deps.observed(endpoint, tried);
    try {
      await heed(this.#deps, endpoint._id, verdict);
    } finally {
      await this.#learn(sending, tried);
    }
    if (verdict.next === "retry" && !isWish(verdict) && verdict.waitMs <= LONGEST_DELAYED_JOB_MS) {
      this.#deps.later({ id, endpointId: endpoint._id, attempts, delayMs: verdict.waitMs });
    }
  }

  /** Draws the conclusions for the endpoint's room, pace and breaker. */
  async #learn({ endpoint, probeUntil }: Sending, { verdict, durationMs }: Tried): Promise<void> {
    const usualMs = this.#usualMs ?? durationMs;
    this.#usualMs = usualMs + (durationMs - usualMs) * SMOOTHING;
    const nowMs = this.#deps.nowMs();
    if (verdict.next === "delivered") {
      this.#timedOut = false;
      this.#watch.succeeded(nowMs);
      this.#limit.succeeded(this.#mostOf(endpoint));
      if (probeUntil !== null) {
        await this.#changeBreaker(() => this.#deps.breaker.close(endpoint._id, probeUntil));
      }
      return;
    }
    if (isOverload(verdict.code)) this.#limit.overloaded();
    this.#timedOut = verdict.code === "header_timeout" || verdict.code === "connect_timeout";
    if (this.#watch.failed(nowMs) || probeUntil !== null) {
      await this.#changeBreaker(() => this.#deps.breaker.open(endpoint, probeUntil));
    }
  }

  async #changeBreaker(change: () => Promise<void>): Promise<void> {
    this.#watch.reset();
    await change();
    this.#deps.forgetEndpoint(this.#endpointId);
  }

  /** Until then nothing is sent: what waits is in the store. */
  #holdBack(until: Date): false {
    this.#waiting = [];
    this.#moreInStore = true;
    this.#wakeIn(Math.min(until.getTime() - this.#deps.now().getTime(), LONGEST_DELAYED_JOB_MS));
    return false;
  }

  #forget(): false {
    this.#waiting = [];
    this.#moreInStore = false;
    return false;
  }

  #wakeIn(ms: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#pump(), Math.max(1, ms));
  }
}
