import { AppError } from "../errors.ts";
import { createBatcher } from "../lib/batcher.ts";
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
   * What is known of the customer: from the store, or from before where that does not answer. Null: the store is
   * away, has been waited for, and nothing is known. Throws AppError customer_unknown when it is there and does not
   * answer in time.
   */
  readonly get: (customerId: string) => Promise<CustomerTerms | null>;
  /** These have changed: the next call reads the store, and what was known does not count any more. */
  forget(customerIds: readonly string[]): void;
  /** Any may have changed: the next call reads the store, and what was known counts where that is away. */
  forgetAll(): void;
}

export interface TermsCacheDeps {
  /** Terms of these customers, one for each id. */
  readonly load: (customerIds: readonly string[]) => Promise<ReadonlyMap<string, CustomerTerms>>;
  /** False while the store is away, and until it has been prepared. */
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
/** Who is not known waits this long for a store that is slow … */
const LOAD_DEADLINE_MS = 10_000;
/** … and this long for one that is away, or not prepared yet. */
const AWAY_DEADLINE_MS = 5000;
const AWAY_POLL_MS = 100;
const MAX_ENTRIES = 50_000;
const LOAD_AT_ONCE = 4;
const LOAD_BATCH = 500;

interface Entry {
  readonly terms: CustomerTerms;
  readonly loadedAtMs: number;
}

/**
 * Keeps customers' terms for a few seconds. While the store is away the last known terms are used, however old,
 * unless they are known to have changed.
 */
export function createTermsCache(deps: TermsCacheDeps): TermsCache {
  const { isStoreUp, nowMs, log } = deps;
  const entries = new Map<string, Entry>();
  const load = createLoader(deps, entries);
  const makeRoom = (): void => {
    for (const id of entries.keys()) {
      if (entries.size < MAX_ENTRIES) return;
      entries.delete(id);
    }
  };
  /** News of a customer who is known; what is known where there are none. */
  const renew = async (customerId: string, known: Entry): Promise<CustomerTerms> => {
    if (!isStoreUp()) return known.terms;
    const mayHaveChanged = known.loadedAtMs === Number.NEGATIVE_INFINITY;
    try {
      const loading = load.one(customerId);
      return await (mayHaveChanged
        ? unlessAway(loading, isStoreUp)
        : withDeadline(loading, NEWS_DEADLINE_MS));
    } catch (error) {
      log.debug(errorFields(error), "customer_terms.unavailable");
      return known.terms;
    }
  };
  return {
    get: async (customerId) => {
      const known = entries.get(customerId);
      if (known !== undefined && nowMs() - known.loadedAtMs < FRESH_MS) return known.terms;
      if (known !== undefined) return renew(customerId, known);
      makeRoom();
      return untilKnown(deps, () => load.one(customerId));
    },
    forget: (customerIds) => {
      load.forget();
      for (const id of customerIds) entries.delete(id);
    },
    forgetAll: () => {
      load.forget();
      for (const [id, known] of entries) entries.set(id, { ...known, loadedAtMs: Number.NEGATIVE_INFINITY });
    },
  };
}

/** Reads terms from the store, many at once, and keeps them. */
function createLoader(
  { load, nowMs }: TermsCacheDeps,
  entries: Map<string, Entry>,
): { one(customerId: string): Promise<CustomerTerms>; forget(): void } {
  // What was loaded before a change was heard of must not be kept after it.
  let changes = 0;
  let loading = new Map<string, Promise<CustomerTerms>>();
  const loader = createBatcher<string, CustomerTerms>(
    async (ids) => {
      const before = changes;
      const found = await withDeadline(load(ids), LOAD_DEADLINE_MS);
      return ids.map((id) => {
        const terms = found.get(id);
        if (terms === undefined) return { error: new Error("A customer was asked for and not answered") };
        if (before === changes) entries.set(id, { terms, loadedAtMs: nowMs() });
        return { value: terms };
      });
    },
    { maxItems: LOAD_BATCH, concurrency: LOAD_AT_ONCE },
  );
  return {
    one: (customerId) => {
      const running = loading.get(customerId);
      if (running !== undefined) return running;
      const these = loading;
      const begun = loader.add(customerId).finally(() => these.delete(customerId));
      these.set(customerId, begun);
      return begun;
    },
    forget: () => {
      changes++;
      loading = new Map();
    },
  };
}

/** The refusal of a call whose customer's limits nobody can tell: it is never served without any. */
export function customerUnknown(cause?: unknown): AppError {
  return new AppError(
    "customer_unknown",
    "This customer's limits are not known here yet, and the store that knows them does not answer. Please try again",
    { cause, headers: { "retry-after": "1" } },
  );
}

/** The terms as soon as the store gives them; null when it is still away at the deadline. */
async function untilKnown(
  { isStoreUp, isStoreAway, nowMs, log }: TermsCacheDeps,
  load: () => Promise<CustomerTerms>,
): Promise<CustomerTerms | null> {
  const deadline = nowMs() + AWAY_DEADLINE_MS;
  for (;;) {
    try {
      if (isStoreUp()) return await unlessAway(load(), isStoreUp);
    } catch (error) {
      log.debug(errorFields(error), "customer_terms.unavailable");
      if (isStoreUp() && !isStoreAway(error)) throw customerUnknown(error);
    }
    if (nowMs() >= deadline) return null;
    await new Promise((resolve) => setTimeout(resolve, AWAY_POLL_MS));
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
