import { AppError } from "../errors.ts";
import { type Batcher, type BatchOutcome, createBatcher } from "../lib/batcher.ts";
import { errorFields, type Log } from "../lib/log.ts";
import { DeadlineError, withDeadline } from "../lib/deadline.ts";
import type { Charge, ChargeReceipt } from "./charge.ts";
import { type CommitDeps, commitCharges } from "./commit-charges.ts";
import { classifyCommitFailure, isChargeFault } from "./ledger-store.ts";
import type { Spool } from "./spool.ts";
import { type SpooledCharge, SpooledCharges } from "./spooled-charges.ts";

export interface LedgerDeps extends CommitDeps {
  readonly spool: Spool;
  /** False until the store is prepared: before that charges go to the spool, as if it were away. */
  readonly isPrepared: () => boolean;
  /** Told the charges that wait on the disk, also those of before this process and of others; must not throw. */
  readonly spooled: (charges: readonly SpooledCharge[]) => void;
  /** Told the charges that wait there no longer, whatever has become of them; must not throw. */
  readonly unspooled: (charges: readonly SpooledCharge[]) => void;
  /** Rejects while the store does not answer. */
  readonly pingStore: () => Promise<void>;
  readonly log: Log;
}

const MAX_BATCH = 500;
const COMMIT_DEADLINE_MS = 2000;
const REPLAY_DEADLINE_MS = 30_000;
/** The disk is local: it answers by then, or it cannot be relied on. */
const RECALL_MS = 5000;
/** What waits is known in memory, with its holds: some half a gigabyte of it is enough. */
const MAX_WAITING_CHARGES = 500_000;
/** When a refused caller may come back; the disk is tried every second. */
const RETRY_AFTER_S = "2";

/** What a spool has: the figures of readiness. */
export interface SpoolState {
  /** Charges that wait for the store. */
  readonly charges: number;
  /** Lines and files that no replay will book: a person has to look at them. */
  readonly setAside: number;
  /** Why no charge could be taken now; null when one could. */
  readonly problem: string | null;
}

type Outcome = BatchOutcome<ChargeReceipt>;

/**
 * Records charges exactly once. A charge is answered when it is durable: in the store, or, when the
 * store cannot take it in time, in the spool on disk.
 */
export class Ledger {
  readonly #deps: LedgerDeps;
  readonly #batcher: Batcher<Charge, ChargeReceipt>;
  readonly #waiting: SpooledCharges;
  #storeUp = true;
  #recalled: Promise<void> | null = null;
  #isRecalled = false;
  #problem: string | null = null;

  constructor(deps: LedgerDeps) {
    this.#deps = deps;
    this.#waiting = new SpooledCharges(deps);
    this.#batcher = createBatcher((charges) => this.#runBatch(charges), { maxItems: MAX_BATCH });
  }

  /** Throws AppError `ledger_unavailable` only when neither the store nor the disk took the charge. */
  commit(charge: Charge): Promise<ChargeReceipt> {
    return this.#batcher.add(charge);
  }

  /** Charges that are not durable yet. */
  get pending(): number {
    return this.#batcher.size;
  }

  /** Resolves when every charge given so far is durable. */
  idle(): Promise<void> {
    return this.#batcher.idle();
  }

  /** False from the first commit that could not be done until the store answers again. */
  get storeUp(): boolean {
    return this.#storeUp && this.#deps.isPrepared();
  }

  /** What waits on the disk. */
  get spoolState(): SpoolState {
    const { charges, setAside } = this.#waiting;
    const isTooMuch = charges >= MAX_WAITING_CHARGES;
    const problem = isTooMuch ? `${charges} charges wait for the store` : this.#deps.spool.problem;
    return { charges, setAside, problem };
  }

  /**
   * Resolves when the charges that waited on the disk at the start are known and held; it needs no store. Asked
   * again after a failure, it tries again.
   */
  recall(): Promise<void> {
    this.#recalled ??= this.#lookAtDisk().then(
      () => {
        this.#isRecalled = true;
      },
      (error: unknown) => {
        this.#recalled = null;
        throw error;
      },
    );
    return this.#recalled;
  }

  /** Sees to the disk, and to what other processes have done there; call it every second. */
  async tend(): Promise<void> {
    await this.recall();
    await this.#lookAtDisk();
  }

  /**
   * Call it before the upstream is asked for what a customer pays: what could not be recorded must not be bought.
   * Throws AppError `ledger_unavailable` while the disk could take no charge, or has not been read.
   */
  async requireRecordable(): Promise<void> {
    const problem = this.#isRecalled
      ? this.spoolState.problem
      : await withDeadline(this.recall(), RECALL_MS).then(
          () => this.spoolState.problem,
          () => "it cannot be read",
        );
    if (problem === null) return;
    throw new AppError("ledger_unavailable", "A charge for this call could not be recorded now; try again", {
      headers: { "retry-after": RETRY_AFTER_S },
      cause: new Error(`The spool takes no charge: ${problem}`),
    });
  }

  async #lookAtDisk(): Promise<void> {
    const { spool, log } = this.#deps;
    await spool.tend();
    const { problem } = this.spoolState;
    if (problem !== this.#problem) {
      if (problem === null) log.info({}, "ledger.spool_recovered");
      else log.error({ problem }, "ledger.spool_unusable");
      this.#problem = problem;
    }
    await this.#waiting.look();
  }

  /**
   * Puts spooled charges into the store and answers how many; throws while the store does not answer.
   * Safe at any time, also twice at once. What the store refuses for good, and lines that are no charges, are set
   * aside, never dropped.
   */
  async replaySpool(): Promise<number> {
    await this.#deps.pingStore();
    this.#storeUp = true;
    let replayed = 0;
    await this.#waiting.look();
    // What cannot be read has been told, and others are not held back by it.
    for (const file of this.#waiting.readable) {
      try {
        replayed += await this.#replayFile(file);
      } catch (error) {
        this.#deps.log.error({ file, ...errorFields(error) }, "ledger.replay_failed");
        // The next one would fare no better, and would make a store that has no room search for some.
        if (isStoreFailure(error)) break;
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
      this.#waiting.add(await this.#deps.spool.append(charges), charges);
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
    const { spool, log } = this.#deps;
    const content = await spool.read(file);
    if (content === null) return 0;
    const { charges, unread } = content;
    const refused = await this.#commitEach(charges);
    if (refused.length > 0) await spool.keepRefused(file, refused);
    if (unread.length > 0) {
      await spool.keepUnread(file, unread);
      log.error({ file, lines: unread.length }, "ledger.lines_set_aside");
    }
    await spool.remove(file);
    this.#waiting.remove(file);
    return charges.length - refused.length;
  }

  /** Answers what the store refuses for good; throws where another try may help. */
  async #commitEach(charges: readonly Charge[]): Promise<Charge[]> {
    if (charges.length === 0) return [];
    const refused: Charge[] = [];
    const left: unknown[] = [];
    try {
      await this.#commitForReplay(charges);
    } catch (error) {
      if (isStoreFailure(error)) throw error;
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
    return refused;
  }

  async #commitForReplay(charges: readonly Charge[]): Promise<void> {
    await commitCharges(this.#deps, charges, performance.now() + REPLAY_DEADLINE_MS);
  }
}

/** It is not about these charges. */
function isStoreFailure(error: unknown): boolean {
  const failure = classifyCommitFailure(error);
  return failure === "unavailable" || failure === "full";
}
