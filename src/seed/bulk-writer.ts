import { createDailyStore } from "../spend/daily-store.ts";
import { sumByDayAndModel } from "../spend/daily-totals.ts";
import { createRefusalCounter } from "../spend/refusal-counter.ts";
import type { Store } from "../store/connect.ts";
import type { DailySpendDoc, EventDoc } from "../store/documents.ts";

const SHARD = "seed";

/** Gathers documents and inserts many at once. Daily rows are whole when their day is over. */
export class BulkWriter {
  static readonly SIZE = 2000;
  readonly #store: Store;
  #events: EventDoc[] = [];
  #daily = new Map<string, DailySpendDoc>();
  /** The day that is gathered; earlier ones are written. */
  #day = "";
  #refusedAt = new Date(0);
  #away: Promise<unknown> = Promise.resolve();
  readonly #refusals;

  constructor(store: Store) {
    this.#store = store;
    this.#refusals = createRefusalCounter({
      write: createDailyStore(store).addRefusals,
      now: () => this.#refusedAt,
    });
  }

  addRefusal(at: Date, code: string, usdNano: bigint): void {
    this.#refusedAt = at;
    this.#refusals.note(code, usdNano);
  }

  /** Days must come in order. */
  async add(events: readonly EventDoc[], daily: readonly DailySpendDoc[]): Promise<void> {
    this.#events.push(...events);
    if (this.#events.length >= BulkWriter.SIZE) await this.#writeEvents();
    for (const row of daily) {
      if (row.day > this.#day) {
        await this.#writeDaily();
        this.#day = row.day;
      }
      this.#addDaily(row);
    }
  }

  async finish(): Promise<void> {
    await this.#writeEvents();
    await this.#writeDaily();
    await this.#refusals.flush();
    await this.#away;
  }

  /** One write is away while the next is gathered. Throws what the one before has thrown. */
  async #send(write: () => Promise<unknown>): Promise<void> {
    await this.#away;
    this.#away = write();
    // Whoever waits for it next sees its failure.
    this.#away.catch(() => {});
  }

  #addDaily(row: DailySpendDoc): void {
    const known = this.#daily.get(row._id);
    if (known === undefined) {
      this.#daily.set(row._id, { ...row });
      return;
    }
    known.costNano += row.costNano;
    known.calls += row.calls;
    known.promptTokens += row.promptTokens;
    known.completionTokens += row.completionTokens;
    known.cachedTokens += row.cachedTokens;
    known.unpricedCalls += row.unpricedCalls;
  }

  async #writeEvents(): Promise<void> {
    if (this.#events.length === 0) return;
    const events = this.#events;
    this.#events = [];
    await this.#send(() => this.#store.collections.events.insertMany(events, { ordered: false }));
  }

  async #writeDaily(): Promise<void> {
    const rows = [...this.#daily.values()];
    this.#daily = new Map();
    const { dailySpend, dailyTotals } = this.#store.collections;
    for (let from = 0; from < rows.length; from += BulkWriter.SIZE) {
      const some = rows.slice(from, from + BulkWriter.SIZE);
      await this.#send(() => dailySpend.insertMany(some, { ordered: false }));
    }
    const totals = sumByDayAndModel(rows).map((total) => ({
      _id: JSON.stringify([total.day, total.model, SHARD]),
      ...total,
      shard: SHARD,
    }));
    if (totals.length > 0) await dailyTotals.insertMany(totals, { ordered: false });
  }
}
