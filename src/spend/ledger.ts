import { AppError } from "../errors.ts";
import { type Batcher, type BatchOutcome, createBatcher } from "../lib/batcher.ts";
import { errorFields, type Log } from "../lib/log.ts";
import { DeadlineError, withDeadline } from "../lib/deadline.ts";
import type { Charge, ChargeReceipt } from "./charge.ts";
import { type CommitDeps, commitCharges } from "./commit-charges.ts";
import { classifyCommitFailure, isChargeFault } from "./ledger-store.ts";
import type { Spool } from "./spool.ts";

export interface LedgerDeps extends CommitDeps {
  readonly spool: Spool;
  /** False until the store is prepared: before that charges go to the spool, as if it were away. */
  readonly isPrepared: () => boolean;
  /** Told the charges that wait on the disk; must not throw. */
  readonly spooled: (charges: readonly Charge[]) => void;
  /** Rejects while the store does not answer. */
  readonly pingStore: () => Promise<void>;
  readonly log: Log;
}

const MAX_BATCH = 500;
const COMMIT_DEADLINE_MS = 2000;
const REPLAY_DEADLINE_MS = 30_000;

type Outcome = BatchOutcome<ChargeReceipt>;

/**
 * Records charges exactly once. A charge is answered when it is durable: in the store, or, when the
 * store cannot take it in time, in the spool on disk.
 */
export class Ledger {
  readonly #deps: LedgerDeps;
  readonly #batcher: Batcher<Charge, ChargeReceipt>;
  #storeUp = true;

  constructor(deps: LedgerDeps) {
    this.#deps = deps;
    this.#batcher = createBatcher((charges) => this.#runBatch(charges), { maxItems: MAX_BATCH });
  }

  /** Throws AppError `ledger_unavailable` only when neither the store nor the disk took the charge. */
  commit(charge: Charge): Promise<ChargeReceipt> {
    return this.#batcher.add(charge);
  }

  /** Resolves when every charge given so far is durable. */
  idle(): Promise<void> {
    return this.#batcher.idle();
  }

  /** False from the first commit that could not be done until the store answers again. */
  get storeUp(): boolean {
    return this.#storeUp && this.#deps.isPrepared();
  }

  /**
   * Puts spooled charges into the store and answers how many; throws while the store does not answer.
   * Safe at any time, also twice at once. What the store refuses for good is set aside, never dropped.
   */
  async replaySpool(): Promise<number> {
    await this.#deps.pingStore();
    this.#storeUp = true;
    let replayed = 0;
    for (const file of await this.#deps.spool.list()) {
      try {
        replayed += await this.#replayFile(file);
      } catch (error) {
        this.#deps.log.error({ file, ...errorFields(error) }, "ledger.replay_failed");
      }
    }
    if (replayed > 0) this.#deps.log.info({ charges: replayed }, "ledger.replayed");
    return replayed;
  }

  async #runBatch(charges: Charge[]): Promise<Outcome[]> {
    if (!this.storeUp) return this.#spoolAll(charges, new Error("The store is down"));
    const startedAt = performance.now();
    try {
      const receipts = await withDeadline(
        commitCharges(this.#deps, charges, startedAt + COMMIT_DEADLINE_MS),
        COMMIT_DEADLINE_MS,
      );
      const durationMs = Math.round(performance.now() - startedAt);
      this.#deps.log.debug({ charges: charges.length, durationMs }, "ledger.commit");
      return receipts.map((value) => ({ value }));
    } catch (error) {
      // After the deadline the work may still commit. That does not matter: ids make the replay harmless.
      const failure = error instanceof DeadlineError ? "unavailable" : classifyCommitFailure(error);
      if (failure === "unavailable") this.#storeUp = false;
      return this.#spoolAll(charges, error);
    }
  }

  async #spoolAll(charges: readonly Charge[], cause: unknown): Promise<Outcome[]> {
    try {
      await this.#deps.spool.append(charges);
      this.#deps.spooled(charges);
      this.#deps.log.warn({ charges: charges.length, ...errorFields(cause) }, "ledger.spooled");
      return charges.map(() => ({ value: { state: "spooled" } }));
    } catch (error) {
      this.#deps.log.error({ charges: charges.length, ...errorFields(error) }, "ledger.unavailable");
      const failure = new AppError("ledger_unavailable", "The charge for this call could not be recorded", {
        cause: error,
      });
      return charges.map(() => ({ error: failure }));
    }
  }

  async #replayFile(file: string): Promise<number> {
    const { spool } = this.#deps;
    const charges = await spool.read(file);
    const refused: Charge[] = [];
    const left: unknown[] = [];
    try {
      await this.#commitForReplay(charges);
    } catch (error) {
      if (classifyCommitFailure(error) === "unavailable") throw error;
      for (const charge of charges) {
        await this.#commitForReplay([charge]).catch((reason: unknown) => {
          const { requestId } = charge;
          this.#deps.log.error({ requestId, ...errorFields(reason) }, "ledger.charge_refused");
          if (isChargeFault(reason)) refused.push(charge);
          else left.push(reason);
        });
      }
    }
    // The file stays for another time; what is in the store by then is met there, and changes nothing.
    if (left.length > 0) throw left[0];
    if (refused.length > 0) await spool.setAside(refused);
    await spool.remove(file);
    return charges.length - refused.length;
  }

  async #commitForReplay(charges: readonly Charge[]): Promise<void> {
    await commitCharges(this.#deps, charges, performance.now() + REPLAY_DEADLINE_MS);
  }
}
