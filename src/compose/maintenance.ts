import type { Config } from "../config/config.ts";
import { REVIEW_TIERS_MS, reviewTiers } from "../customers/review-tiers.ts";
import type { Log } from "../lib/log.ts";
import { repeat } from "../lib/repeat.ts";
import { createLedgerStore } from "../spend/ledger-store.ts";
import { REVIEW_INTERVAL_MS, reviewAccounts } from "../spend/review-accounts.ts";
import { createDeliveryStore } from "../webhooks/delivery-store.ts";
import { disableEndpoint } from "../webhooks/disable-endpoint.ts";
import { GATHER_INTERVAL_MS, gatherCharges } from "../webhooks/gather-charges.ts";
import { REPLAY_INTERVAL_MS, runReplays } from "../webhooks/run-replays.ts";
import { REVIEW_ENDPOINTS_MS, reviewEndpoints } from "../webhooks/review-endpoints.ts";
import { SWEEP_GRACE_MS, SWEEP_INTERVAL_MS, sweepDeliveries } from "../webhooks/sweep.ts";
import { openEndpoints, openRouter } from "./endpoints.ts";
import { eventPlanner } from "./ledger.ts";
import { openParts, openQueue } from "./parts.ts";
import type { Worker } from "./workers.ts";

/** Heals: puts deliveries back that the queue has lost, and tells what no call has told. */
export function composeMaintenance(config: Config, log: Log): Worker {
  const parts = openParts(config, log, "spendhook-maintenance");
  const { closer, store, newId } = parts;
  const { queue } = openQueue(parts, { failFast: true });
  const { endpoints } = openEndpoints(parts);
  const router = openRouter(parts, endpoints);
  const planner = eventPlanner(config, router);
  const now = (): Date => new Date();
  const { announce, wakeEndpoints: wake } = queue;
  const every = (name: string, intervalMs: number, work: () => Promise<unknown>): void =>
    closer.add(name, repeat({ name, intervalMs, log }, work));

  const deliveries = createDeliveryStore(store, newId);
  const sweep = { endpoints: endpoints.list, deliveries, wake, graceMs: SWEEP_GRACE_MS, log, now };
  every("sweep", SWEEP_INTERVAL_MS, () => sweepDeliveries(sweep));

  const ledgerStore = createLedgerStore(store, config.budgets);
  const review = { store: ledgerStore, planner, newId, now, announce, log };
  every("review", REVIEW_INTERVAL_MS, async () => {
    if (!router.isReady) await router.refresh();
    await reviewAccounts(review);
  });

  const tiers = { store, defaultBudgetId: config.budgets.defaultBudgetId, now };
  every("tiers", REVIEW_TIERS_MS, () => reviewTiers(tiers));

  const disabling = { store, planner, newId, now, announce, log };
  const { disableAfterMs } = config.webhooks;
  const checks = { store, newId, now, log, disableAfterMs, list: endpoints.list };
  every("endpoint review", REVIEW_ENDPOINTS_MS, async () => {
    await router.refresh();
    await reviewEndpoints({ ...checks, disable: (id, reason) => disableEndpoint(disabling, id, reason) });
  });

  every("replays", REPLAY_INTERVAL_MS, () => runReplays({ store, planner, wake, log, now }));
  every("gathering", GATHER_INTERVAL_MS, () =>
    gatherCharges({ store, endpoints: endpoints.list, newId, now, announce, planner, log }),
  );
  return { stop: () => closer.close() };
}
