import type { AppDeps } from "../app.ts";
import { completeChat } from "../completions/complete-chat.ts";
import { loadTokenizer } from "../completions/count-tokens.ts";
import { createMockUpstream, withMocks } from "../completions/mock-upstream.ts";
import { createModelCatalog } from "../completions/model-catalog.ts";
import { prepareCall } from "../completions/prepare-call.ts";
import { createUpstreamClient } from "../completions/upstream.ts";
import type { Charge } from "../spend/charge.ts";
import type { Ledger } from "../spend/ledger.ts";
import { createPriceBook } from "../spend/price-book.ts";
import { USER_AGENT } from "../version.ts";
import type { Limits } from "./limits.ts";
import type { Parts } from "./parts.ts";

/** One completion from its request to its charge. */
export function openCompletions(
  { config, closer, newId }: Parts,
  { ledger, limits }: { ledger: Ledger; limits: Limits },
): Pick<AppDeps, "catalog" | "prepareCall" | "completeChat"> {
  const upstream = createUpstreamClient(USER_AGENT);
  closer.add("upstream", () => upstream.close());
  const now = (): Date => new Date();
  const catalog = createModelCatalog(config.deployments, Math.random);
  const { admission, terms } = limits;
  const shared = { ratesFor: createPriceBook(Date.now).ratesFor, loadTokenizer, now };
  const prepare = {
    ...shared,
    catalog,
    admit: admission.admit.bind(admission),
    loadAccount: limits.loadAccount,
    termsOf: terms.get,
    isStoreUp: () => ledger.storeUp,
    customerIds: config.customerIds,
    failClosedWithoutStore: config.budgets.failClosedWithoutStore,
    policy: config.budgets,
  };
  const complete = {
    ...shared,
    callUpstream: withMocks(upstream.call, createMockUpstream({ loadTokenizer, newId, now })),
    commit: (charge: Charge) => ledger.commit(charge),
    release: (requestId: string) => admission.release(requestId),
  };
  return {
    catalog,
    prepareCall: (incoming) => prepareCall(prepare, incoming),
    completeChat: ({ call }, gone) => completeChat(complete, call, gone),
  };
}
