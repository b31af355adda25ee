import { createBatcher } from "../lib/batcher.ts";
import { AppError } from "../errors.ts";
import { withDeadline } from "../lib/deadline.ts";
import { errorFields, type Log } from "../lib/log.ts";
import type { BudgetTerms } from "../spend/budget-terms.ts";

/** What decides over a customer's calls, beside what it has spent. */
export interface CustomerTerms {
  /** False for an id that no customer has (yet). */
  readonly exists: boolean;
  readonly blocked: boolean;
  /** Models it may use; empty = all. */
  readonly models: readonly string[];
  readonly defaultModel: string | null;
  readonly region: string | null;
  /** Its own budget, else the default one; null = no limit. */
  readonly budget: BudgetTerms | null;
}

export interface TermsCache {
  /**
   * Null: the store is away and nothing is known from before. Throws AppError store_unavailable when it is
   * there and does not answer in time: then nobody can say that the customer has no limits.
   */
  readonly get: (customerId: string) => Promise<CustomerTerms | null>;
  /** The next call reads the store. */
  forget(customerIds: readonly string[]): void;
  forgetAll(): void;
}

export interface TermsCacheDeps {
  /** Terms of these customers, one for each id. */
  readonly load: (customerIds: readonly string[]) => Promise<ReadonlyMap<string, CustomerTerms>>;
  /** False while charges go to the spool. */
  readonly isStoreUp: () => boolean;
  /** True for a failure that says that the store cannot be reached; not for one that says that it is slow. */
  readonly isStoreAway: (error: unknown) => boolean;
  readonly nowMs: () => number;
  readonly log: Log;
}

/** Without a word from the process that made it, a change is seen this much later. */
const FRESH_MS = 4000;
/** Who is known from before waits this long for news, and goes on with what is known. */
const NEWS_DEADLINE_MS = 1000;
/** Who is not known, or known to have changed, waits for a store that is slow, and not for one that is away. */
const LOAD_DEADLINE_MS = 10_000;
const AWAY_POLL_MS = 250;
const MAX_ENTRIES = 50_000;
const LOAD_AT_ONCE = 4;
const LOAD_BATCH = 500;

/**
 * Keeps customers' terms for a few seconds. While the store is away the last known terms are used, however
 * old.
 */
export function createTermsCache(deps: TermsCacheDeps): TermsCache {
  const { load, isStoreUp, isStoreAway, nowMs, log } = deps;
  const entries = new Map<string, { terms: CustomerTerms; loadedAtMs: number }>();
  // What was loaded before a change was heard of must not be kept after it.
  let changes = 0;
  const loader = createBatcher<string, CustomerTerms>(
    async (ids) => {
      const before = changes;
      const found = await withDeadline(load([...new Set(ids)]), LOAD_DEADLINE_MS);
      return ids.map((id) => {
        const terms = found.get(id);
        if (terms === undefined) return { error: new Error("A customer was asked for and not answered") };
        if (before === changes) entries.set(id, { terms, loadedAtMs: nowMs() });
        return { value: terms };
      });
    },
    { maxItems: LOAD_BATCH, concurrency: LOAD_AT_ONCE },
  );
  const makeRoom = (): void => {
    for (const id of entries.keys()) {
      if (entries.size < MAX_ENTRIES) return;
      entries.delete(id);
    }
  };
  return {
    get: async (customerId) => {
      const known = entries.get(customerId);
      if (known !== undefined && nowMs() - known.loadedAtMs < FRESH_MS) return known.terms;
      makeRoom();
      const loading = loader.add(customerId);
      const changed = known === undefined || known.loadedAtMs === Number.NEGATIVE_INFINITY;
      try {
        return await (changed ? unlessAway(loading, isStoreUp) : withDeadline(loading, NEWS_DEADLINE_MS));
      } catch (error) {
        log.debug(errorFields(error), "customer_terms.unavailable");
        if (known !== undefined) return known.terms;
        if (!isStoreUp() || isStoreAway(error)) return null;
        throw new AppError(
          "store_unavailable",
          "The store that knows this customer's limits does not answer as it should",
          { cause: error },
        );
      }
    },
    forget: (customerIds) => {
      changes++;
      for (const id of customerIds) expire(id);
    },
    forgetAll: () => {
      changes++;
      for (const id of entries.keys()) expire(id);
    },
  };

  /** Kept for the case that the store cannot be asked. */
  function expire(id: string): void {
    const known = entries.get(id);
    if (known !== undefined) entries.set(id, { ...known, loadedAtMs: Number.NEGATIVE_INFINITY });
  }
}

/** The work's result; rejects as soon as the store turns out to be away. */
async function unlessAway<T>(work: Promise<T>, isStoreUp: () => boolean): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const away = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      if (!isStoreUp()) reject(new Error("The store is away"));
    }, AWAY_POLL_MS);
  });
  try {
    return await Promise.race([work, away]);
  } finally {
    clearInterval(timer);
    work.catch(() => {});
  }
}
