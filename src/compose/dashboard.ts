import path from "node:path";
import type { Redis } from "ioredis";
import type { AppDeps } from "../app.ts";
import { spendOverview } from "../customers/spend-overview.ts";
import { openSpendFeed } from "../queues/spend-feed.ts";
import { createSessions } from "../sessions/sessions.ts";
import { createSessionTokens } from "../sessions/session-token.ts";
import type { DailyStore } from "../spend/daily-store.ts";
import { LiveFeed } from "../spend/live-feed.ts";
import { webhookHealth } from "../webhooks/webhook-health.ts";
import { adminDeps } from "./admin.ts";
import type { Limits } from "./limits.ts";
import type { Parts } from "./parts.ts";

const DASHBOARD_DIR = path.join(import.meta.dirname, "../../dist/dashboard");

/** What only the dashboard asks for, beside what operators ask for anyway. */
export function openDashboard(
  parts: Parts,
  { limits, daily, live }: { limits: Limits; daily: DailyStore; live: LiveFeed },
): Pick<AppDeps, "dashboardDir" | "sessions" | "spendOverview" | "live"> {
  const { config, store, newId } = parts;
  const now = (): Date => new Date();
  const overview = {
    ...adminDeps(parts, limits),
    totals: daily.totals,
    refusals: daily.refusals,
    webhookHealth: () => webhookHealth(store, now()),
  };
  return {
    dashboardDir: DASHBOARD_DIR,
    sessions: createSessions({ store, newId, tokens: createSessionTokens(config.masterKey), now }),
    spendOverview: (range) => spendOverview(overview, range),
    live,
  };
}

/** Tells watchers of this process what is charged in all of them. */
export function openLive({ closer, log }: Parts, redis: Redis): LiveFeed {
  const feed = openSpendFeed(redis, (spends) => live.heard(spends), log);
  closer.add("spend feed", () => feed.close());
  const live = new LiveFeed({
    publish: (spends) => feed.publish(spends),
    listen: () => feed.listen(),
  });
  closer.add("live", () => live.close());
  return live;
}
