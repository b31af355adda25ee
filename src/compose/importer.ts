import { once } from "node:events";
import type { Redis } from "ioredis";
import type { BudgetSetup } from "../config/load-config.ts";
import type { AdminDeps } from "../customers/admin.ts";
import type { Incoming } from "../customers/import/incoming.ts";
import { type ImportReport, runImport } from "../customers/import/run-import.ts";
import { createIds } from "../lib/ids.ts";
import type { Log } from "../lib/log.ts";
import { publishChange } from "../queues/change-feed.ts";
import { connectRedis } from "../queues/redis.ts";
import { Admission } from "../spend/admission.ts";
import { createAdmissionRedis } from "../spend/admission-redis.ts";
import type { Store } from "../store/connect.ts";
import { prepareStore } from "../store/prepare-store.ts";

export interface ImportOptions {
  readonly store: Store;
  /** Running proxies are told through it; without it they see a change when what they keep is out of date. */
  readonly redisUrl: string | null;
  readonly setup: BudgetSetup;
  readonly dryRun: boolean;
  readonly progress: (done: number, total: number) => void;
}

const STORE_ANSWER_MS = 5000;
const REDIS_ANSWER_MS = 1000;
const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Imports into a store, beside a running service or without one. */
export async function importInto(options: ImportOptions, incoming: Incoming): Promise<ImportReport> {
  const { store, setup, dryRun, progress } = options;
  await store.ping(STORE_ANSWER_MS);
  if (!dryRun) await prepareStore(store);
  const redis = dryRun || options.redisUrl === null ? null : await reachRedis(options.redisUrl);
  try {
    const admin: AdminDeps = {
      store,
      newId: createIds(),
      now: () => new Date(),
      defaults: setup.budgets,
      defaultBudgetId: setup.budgets.defaultBudgetId,
      modelNames: setup.modelNames ?? [],
      changed: redis === null ? () => {} : teller(redis),
    };
    return await runImport({ admin, dryRun, progress }, incoming);
  } finally {
    // Answers after everything that was sent before.
    await redis?.quit().catch(() => {});
  }
}

/** Null when it does not answer: the proxies do without it then as well. */
async function reachRedis(url: string): Promise<Redis | null> {
  const redis = connectRedis(url, { failFast: true, log: silent });
  try {
    await once(redis, "ready", { signal: AbortSignal.timeout(REDIS_ANSWER_MS) });
    return redis;
  } catch {
    // Nobody to tell.
    redis.disconnect();
    return null;
  }
}

function teller(redis: Redis): AdminDeps["changed"] {
  const admission = new Admission({
    redis: createAdmissionRedis(redis, () => {}),
    loadAccount: () => Promise.resolve(null),
    log: silent,
  });
  const tell: typeof publishChange = async (to, change) => {
    // A word that gets lost is made up for by the short life of what the proxies keep.
    await publishChange(to, change).catch(() => {});
  };
  return (change) => {
    if ("budget" in change) {
      void tell(redis, { kind: "budget", id: change.budget });
      return;
    }
    for (const id of change.customers) admission.forget(id);
    void tell(redis, { kind: "customers", ids: [...change.customers] });
  };
}
