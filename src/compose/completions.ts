import type { AppDeps } from "../app.ts";
import { createMockUpstream, withMocks } from "../completions/mock-upstream.ts";
import { createModelCatalog } from "../completions/model-catalog.ts";
import { modelInfo } from "../completions/model-info.ts";
import { notingRefusals } from "../completions/note-refusals.ts";
import { prepareCall } from "../completions/prepare-call.ts";
import { serveChat } from "../completions/serve-chat.ts";
import { createUpstreamClient } from "../completions/upstream.ts";
import type { Charge } from "../spend/charge.ts";
import { unpricedCalls } from "../customers/spend-overview.ts";
import { repeat } from "../lib/repeat.ts";
import type { DailyStore } from "../spend/daily-store.ts";
import { addDays, dayOf } from "../spend/days.ts";
import type { Ledger } from "../spend/ledger.ts";
import { createPriceBook } from "../spend/price-book.ts";
import { createRefusalCounter, REFUSALS_INTERVAL_MS } from "../spend/refusal-counter.ts";
import { USER_AGENT } from "../version.ts";
import type { Limits } from "./limits.ts";
import type { Parts } from "./parts.ts";
import { openThreads } from "./threads.ts";

/** GET /model/info counts unpriced calls of so many days, today included. */
const UNPRICED_DAYS = 30;

/** One completion from its request to its charge. */
export function openCompletions(
  parts: Parts,
  { ledger, limits, daily }: { ledger: Ledger; limits: Limits; daily: DailyStore },
): Pick<AppDeps, "catalog" | "readChat" | "serveChat" | "modelInfo"> {
  const { config, closer, newId, log } = parts;
  const { readChat, readAnswer, tokens } = openThreads(parts);
  const upstream = createUpstreamClient(USER_AGENT);
  closer.add("upstream", () => upstream.close());
  const now = (): Date => new Date();
  const catalog = createModelCatalog(config.deployments, Math.random);
  const { admission, terms } = limits;
  const shared = { ratesFor: createPriceBook(Date.now).ratesFor, tokens, now };
  const prepare = {
    ...shared,
    catalog,
    admit: admission.admit.bind(admission),
    loadAccount: limits.loadAccount,
    termsOf: terms.get,
    isStoreUp: () => ledger.storeUp,
    requireRecordable: () => ledger.requireRecordable(),
    customerIds: config.customerIds,
    failClosedWithoutStore: config.budgets.failClosedWithoutStore,
    serveUnknownWithoutStore: config.budgets.serveUnknownWithoutStore,
    policy: config.budgets,
  };
  const refusals = createRefusalCounter({ write: daily.addRefusals, now });
  const serve = {
    ...shared,
    readAnswer,
    prepareCall: notingRefusals((incoming) => prepareCall(prepare, incoming), refusals.note),
    callUpstream: withMocks(upstream.call, createMockUpstream({ tokens, newId, now })),
    commit: (charge: Charge) => ledger.commit(charge),
    release: (requestId: string) => admission.release(requestId),
  };
  closer.add("refusals", () => refusals.flush());
  closer.add(
    "refusal writer",
    repeat({ name: "refusals", intervalMs: REFUSALS_INTERVAL_MS, log }, () => refusals.flush()),
  );
  return {
    catalog,
    readChat,
    serveChat: (incoming, client) => serveChat(serve, incoming, client),
    modelInfo: async () => {
      const today = dayOf(now());
      const totals = await daily.totals({ from: addDays(today, 1 - UNPRICED_DAYS), to: today });
      return modelInfo(config.deployments, shared.ratesFor, unpricedCalls(totals).models);
    },
  };
}
