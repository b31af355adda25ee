import { hashApiKey } from "../../../src/lib/secrets.ts";
import { seedStore } from "../../../src/seed/seed-store.ts";
import { connectStore } from "../../../src/store/connect.ts";
import { serializeBudgetEvent, serializeSpendTracked } from "../../../src/webhooks/event-body.ts";
import { LEDGER_OPTIONS } from "../../support/ledger-parts.ts";
import { MASTER_KEY } from "../../support/stack.ts";
import type { Dashboard } from "./dashboard.ts";

/** What the shop resells; the same names as the made-up past has. */
export const SHOP_MODELS = [
  mock("gpt-4o", "openai/gpt-4o"),
  mock("gpt-4o-mini", "openai/gpt-4o-mini"),
  mock("claude-sonnet", "anthropic/claude-sonnet-4-5"),
  mock("mistral", "mistral/mistral-small-latest"),
  mock("local-llama", "openai/llama-of-ours", { api_base: "http://127.0.0.1:9000/v1" }),
];

function mock(name: string, model: string, more: object = {}): object {
  const params = { model, mock_response: "It is sunny in Boston.", api_key: "sk-none", ...more };
  return { model_name: name, litellm_params: params };
}

/** A company that resells models: its tiers, hundreds of customers, two months of calls, and some just now. */
export async function seedShop(dashboard: Dashboard): Promise<void> {
  const { stack } = dashboard;
  const store = connectStore({ url: stack.mongodbUrl, appName: "shop" });
  try {
    await seedStore(store, {
      customers: 240,
      charges: 15_000,
      days: 60,
      seed: 5,
      until: new Date(),
      keyHash: hashApiKey(MASTER_KEY),
      defaults: LEDGER_OPTIONS,
      planner: {
        serializeCharge: serializeSpendTracked,
        serializeBudget: serializeBudgetEvent,
        gathers: () => false,
        keepDeliveriesMs: 86_400_000,
      },
      progress: () => {},
    });
  } finally {
    await store.close();
  }
  await dashboard.post("/budget/new", { budget_id: "my-free-tier", max_budget: 4, budget_duration: "1mo" });
  await dashboard.post("/customer/new", { user_id: "my-customer-id", budget_id: "my-free-tier" });
  for (const model of ["mistral", "gpt-4o", "mistral", "gpt-4o-mini"]) {
    await dashboard.chat("my-customer-id", model);
  }
}
