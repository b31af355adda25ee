import { withDeadline } from "../lib/deadline.ts";
import { errorFields, type Log } from "../lib/log.ts";
import type { Account } from "./account.ts";
import { admitArgs, commitArgs, type Hold, keysOf, renewArgs, seedArgs } from "./admission-args.ts";
import type { Bucket, CallLimits } from "./call-limits.ts";
import type { Committed } from "./commit-charges.ts";
import type { SpooledCharge } from "./spooled-charges.ts";
import { WaitingCharges } from "./waiting-charges.ts";

export type Verdict =
  | {
      readonly kind: "admitted";
      /** What the call may cost; less than it needs when the rest of the budget buys no more. */
      readonly grantedNano: bigint;
      /** As they were before this call. */
      readonly spentNano: bigint;
      readonly heldNano: bigint;
    }
  | {
      readonly kind: "over_budget";
      readonly bucket: Bucket;
      readonly spentNano: bigint;
      readonly heldNano: bigint;
    }
  | { readonly kind: "too_many_parallel"; readonly limit: number }
  | {
      readonly kind: "too_many_requests" | "too_many_tokens";
      readonly limit: number;
      readonly used: number;
      readonly retryInMs: number;
    }
  /** Redis did not answer: nothing is known. */
  | { readonly kind: "unknown" };

interface LimitedCall {
  readonly requestId: string;
  readonly customerId: string;
  readonly limits: CallLimits;
}

/** Redis as admission needs it: the scripts of `ADMISSION_SCRIPTS`, and a word to the other processes. */
export interface AdmissionRedis {
  run(
    script: "admit" | "settle" | "renew" | "held",
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown>;
  /** Asks every process to hold again what it holds for this customer. */
  askForHolds(customerId: string): void;
}

export interface AdmissionDeps {
  readonly redis: AdmissionRedis;
  /** The customer's account as the store has it now, brought up to this instant; null = no such customer. */
  readonly loadAccount: (customerId: string) => Promise<Account | null>;
  readonly log: Log;
}

/**
 * Redis answers in order, and a connection that is silent ends by itself: what is still on its way after a burst
 * of calls, or while Redis waits for its disk, is worth waiting for, as giving up would refuse the call.
 */
const ANSWER_MS = 10_000;
/** Who only looks does not wait as long. */
const LOOK_MS = 1000;
export const RENEW_INTERVAL_MS = 15_000;
const SEED_TRIES = 4;

/**
 * Decides over calls of limited customers in one atomic step for all processes: spent + held + hold ≤ max.
 * Redis holds the numbers, MongoDB is the truth: Redis is filled from it when it knows nothing or may be
 * behind, and moved forward by each commit.
 */
export class Admission {
  readonly #deps: AdmissionDeps;
  /** Customers whose totals are on their way from the store to Redis. */
  readonly #seeding = new Map<string, Promise<void>>();
  readonly #holds = new Map<string, Hold>();
  readonly #ended = new Map<string, Set<string>>();
  /** What waits on the disk is part of every seed. */
  readonly waiting = new WaitingCharges((customerId, args) => this.#run("renew", customerId, args));

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
  }

  /** Asks for one call. An admitted one must be committed, released or left to die with this process. */
  async admit(requestId: string, customerId: string, limits: CallLimits): Promise<Verdict> {
    const asked = this.#ask({ requestId, customerId, limits });
    try {
      return await withDeadline(asked, ANSWER_MS);
    } catch (error) {
      this.#deps.log.warn({ requestId, ...errorFields(error) }, "admission.unavailable");
      // An answer that comes too late, here or at Redis, holds for a call that nobody makes any more.
      asked.then(
        () => this.release(requestId),
        () => {},
      );
      this.#background(this.#run("settle", customerId, ["release", "0", "0", "0", "0", requestId]));
      return { kind: "unknown" };
    }
  }

  async #ask(call: LimitedCall): Promise<Verdict> {
    const { requestId, customerId, limits } = call;
    let compare = true;
    await this.waiting.pinMissing(customerId);
    for (let tries = 0; tries < SEED_TRIES; tries++) {
      const args = admitArgs(requestId, limits, compare);
      const answer = (await this.#deps.redis.run("admit", keysOf(customerId), args)) as string[];
      if (answer[0] !== "seed") return this.#verdict(answer, call);
      // Once it has been read from the store, that is what counts, also where terms are not agreed on yet; a
      // reading that had begun before may have been by other terms.
      compare = await this.#seedOnce(customerId, answer[1] ?? "0");
    }
    this.#deps.log.warn({ requestId, customerId }, "admission.unsettled");
    return { kind: "unknown" };
  }

  #verdict(answer: string[], { requestId, customerId, limits }: LimitedCall): Verdict {
    const [kind, ...rest] = answer;
    if (kind === "ok") {
      const [granted = "0", spent = "0", held = "0"] = rest;
      const buckets = limits.buckets.map(({ name }) => name);
      const amountNano = BigInt(granted);
      this.#holds.set(requestId, { customerId, amountNano, buckets });
      return { kind: "admitted", grantedNano: amountNano, spentNano: BigInt(spent), heldNano: BigInt(held) };
    }
    if (kind === "budget") {
      const bucket = limits.buckets.find(({ name }) => name === rest[0]);
      if (bucket === undefined) throw new Error("Redis refused a budget that it was not asked about");
      return { kind: "over_budget", bucket, spentNano: BigInt(rest[1] ?? 0), heldNano: BigInt(rest[2] ?? 0) };
    }
    if (kind === "parallel") return { kind: "too_many_parallel", limit: Number(rest[0]) };
    return {
      kind: kind === "rpm" ? "too_many_requests" : "too_many_tokens",
      limit: Number(rest[0]),
      used: Number(rest[1]),
      retryInMs: Number(rest[2]),
    };
  }

  /** Ends the hold of a call that cost nothing. Does nothing for one that was never held. */
  release(requestId: string): void {
    const hold = this.#holds.get(requestId);
    if (hold === undefined) return;
    this.#holds.delete(requestId);
    this.#background(this.#run("settle", hold.customerId, ["release", "0", "0", "0", "0", requestId]));
  }

  /** Moves the totals forward and ends the holds of charges that are in the store now. */
  committed({ charges, accounts }: Pick<Committed, "charges" | "accounts">): void {
    const byCustomer = Map.groupBy(charges, (charge) => charge.customerId);
    const standing = new Map(accounts.map((write) => [write.customerId, write]));
    for (const [customerId, own] of byCustomer) {
      const write = standing.get(customerId);
      const waited = own.filter((charge) => this.waiting.delete(charge));
      const isHeld = waited.length > 0 || own.some(({ requestId }) => this.#holds.has(requestId));
      // Customers without limits have nothing in Redis, and cost it nothing.
      if (!isHeld && write !== undefined && write.terms === null) continue;
      for (const { requestId } of own) this.#holds.delete(requestId);
      const tokens = own.reduce((sum, { usage }) => sum + usage.totalTokens, 0);
      const ids = own.map(({ requestId }) => requestId);
      const totals =
        write === undefined ? ["doubt", "0", String(tokens), "0", "0"] : commitArgs(write.account, tokens);
      this.#run("settle", customerId, [...totals, ...ids]).catch((error: unknown) => {
        this.#deps.log.debug(errorFields(error), "admission.settle_failed");
        this.#remember(customerId, ids);
      });
    }
  }

  /** Holds that have ended and that Redis did not hear of; some would never expire by themselves. */
  #remember(customerId: string, ids: readonly string[]): void {
    const known = this.#ended.get(customerId) ?? new Set();
    this.#ended.set(customerId, known);
    for (const id of ids) known.add(id);
  }

  async #tellEnded(): Promise<void> {
    for (const [customerId, ids] of this.#ended) {
      this.#ended.delete(customerId);
      try {
        // What Redis knows of the totals may be behind as well.
        await this.#run("settle", customerId, ["doubt", "0", "0", "0", "0", ...ids]);
      } catch (error) {
        this.#remember(customerId, [...ids]);
        throw error;
      }
    }
  }

  /** Holds charges that wait on the disk; calls that are over hold nothing else. */
  spooled(charges: readonly SpooledCharge[]): void {
    for (const [customerId, own] of Map.groupBy(charges, (charge) => charge.customerId)) {
      for (const { requestId } of own) this.#holds.delete(requestId);
      this.#background(this.waiting.add(customerId, own));
    }
  }

  /** Ends the holds of charges that wait no longer, and that nobody here has committed. */
  unspooled(charges: readonly SpooledCharge[]): void {
    const gone = charges.filter((charge) => this.waiting.delete(charge));
    for (const [customerId, own] of Map.groupBy(gone, (charge) => charge.customerId)) {
      this.#remember(
        customerId,
        own.map(({ requestId }) => requestId),
      );
    }
    if (gone.length > 0) this.#background(this.#tellEnded());
  }

  /** Renews every live hold; call it every RENEW_INTERVAL_MS. */
  async renew(): Promise<void> {
    const byCustomer = [...Map.groupBy(this.#holds, ([, hold]) => hold.customerId)];
    await Promise.allSettled([
      this.#tellEnded(),
      ...this.waiting.unpinned.map((customerId) => this.waiting.pinMissing(customerId)),
      ...byCustomer.map(([customerId, holds]) => this.#run("renew", customerId, renewArgs(holds, false))),
    ]);
  }

  /** Holds again what this process holds for a customer: Redis may have lost it. */
  async holdAgain(customerId: string): Promise<void> {
    // Looked up right before it is sent: a hold that has ended meanwhile must not come back.
    const holds = [...this.#holds].filter(([, hold]) => hold.customerId === customerId);
    if (holds.length > 0) await this.#run("renew", customerId, renewArgs(holds, false));
    await this.waiting.pin(customerId);
  }

  /** The customer's limits or spend were changed by hand: the next admission reads the store. */
  forget(customerId: string): void {
    this.#background(this.#run("settle", customerId, ["doubt", "0", "0", "0", "0"]));
  }

  /**
   * All calls of a customer that find Redis empty at once wait for one reading of the store; true for those
   * that did not begin it.
   */
  async #seedOnce(customerId: string, doubts: string): Promise<boolean> {
    const running = this.#seeding.get(customerId);
    if (running !== undefined) {
      await running;
      return true;
    }
    const seeding = this.#seed(customerId, doubts).finally(() => this.#seeding.delete(customerId));
    this.#seeding.set(customerId, seeding);
    await seeding;
    return false;
  }

  /**
   * Fills Redis from the store. Totals that a commit has moved further meanwhile stay; a doubt that came
   * after those that were known before the reading stays, too, and leads to another one.
   */
  async #seed(customerId: string, doubts: string): Promise<void> {
    const account = await this.#deps.loadAccount(customerId);
    this.#deps.redis.askForHolds(customerId);
    await this.holdAgain(customerId);
    await this.#run("settle", customerId, seedArgs(account, doubts));
  }

  /** What calls in flight hold of these customers' budgets, in their order; null: Redis does not answer. */
  async held(customerIds: readonly string[]): Promise<bigint[] | null> {
    try {
      const answers = customerIds.map((id) => this.#deps.redis.run("held", keysOf(id), []));
      const sums = await withDeadline(Promise.all(answers), LOOK_MS);
      return sums.map((sum) => BigInt(String(sum)));
    } catch (error) {
      this.#deps.log.debug(errorFields(error), "admission.held_unknown");
      return null;
    }
  }

  #run(script: "settle" | "renew", customerId: string, args: readonly string[]): Promise<unknown> {
    return withDeadline(this.#deps.redis.run(script, keysOf(customerId), args), ANSWER_MS);
  }

  /** What fails here heals: a hold expires, and then the totals are read from the store again. */
  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      this.#deps.log.debug(errorFields(error), "admission.settle_failed");
    });
  }
}
