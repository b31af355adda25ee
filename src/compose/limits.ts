import type { Redis } from "ioredis";
import { createTermsCache, type TermsCache } from "../customers/customer-terms.ts";
import { createTermsStore } from "../customers/terms-store.ts";
import { repeat } from "../lib/repeat.ts";
import { type Change, openChangeFeed } from "../queues/change-feed.ts";
import type { Account } from "../spend/account.ts";
import { Admission, RENEW_INTERVAL_MS } from "../spend/admission.ts";
import { createAdmissionRedis } from "../spend/admission-redis.ts";
import { withWaiting } from "../spend/waiting-charges.ts";
import { isStoreAway } from "../store/store-failure.ts";
import type { Parts } from "./parts.ts";

/** What decides over calls: customers' terms, and the counters that all processes share. */
export interface Limits {
  readonly terms: TermsCache;
  readonly admission: Admission;
  /** The customer's account as the store has it now, with what waits on the disk. */
  readonly loadAccount: (customerId: string) => Promise<Account | null>;
  /** Tells every process what an operator has changed. */
  readonly tell: (change: Change) => void;
}

/** `changed` is told what operators change, by whichever process. */
export function openLimits(
  { config, store, closer, log }: Parts,
  {
    redis,
    isStoreUp,
    changed,
  }: {
    redis: Redis;
    isStoreUp: () => boolean;
    changed: (change: Exclude<Change, { kind: "holds" }>) => void;
  },
): Limits {
  const termsStore = createTermsStore(store, config.budgets);
  const loadAccount = (customerId: string): Promise<Account | null> =>
    termsStore.loadAccount(customerId, new Date());
  const terms = createTermsCache({
    load: termsStore.loadTerms,
    isStoreUp,
    isStoreAway,
    nowMs: () => performance.now(),
    log,
  });
  const feed = openChangeFeed(
    redis,
    {
      onChange: (change) => {
        if (change.kind !== "holds") changed(change);
        if (change.kind === "customers") terms.forget(change.ids);
        else if (change.kind === "budget") terms.forgetAll();
        else if (change.kind === "holds") admission.holdAgain(change.customerId).catch(() => {});
      },
      onGap: () => terms.forgetAll(),
    },
    log,
  );
  closer.add("changes", () => feed.close());
  const admission = new Admission({
    redis: createAdmissionRedis(redis, (customerId) => feed.tell({ kind: "holds", customerId })),
    loadAccount,
    log,
  });
  closer.add(
    "holds",
    repeat({ name: "holds", intervalMs: RENEW_INTERVAL_MS, log }, () => admission.renew()),
  );
  const loadWithWaiting = async (customerId: string): Promise<Account | null> => {
    // Before the account: a charge that is committed in between is counted twice, not never.
    const waiting = admission.waiting.of(customerId);
    return withWaiting(await loadAccount(customerId), waiting);
  };
  return { terms, admission, loadAccount: loadWithWaiting, tell: (change) => feed.tell(change) };
}
