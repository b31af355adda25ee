import { hashApiKey } from "../../../src/lib/secrets.ts";
import { seedStore } from "../../../src/seed/seed-store.ts";
import { connectStore } from "../../../src/store/connect.ts";
import { serializeBudgetEvent, serializeSpendTracked } from "../../../src/webhooks/event-body.ts";
import { LEDGER_OPTIONS, plainPlanner } from "../../support/ledger-parts.ts";
import { MASTER_KEY } from "../../support/stack.ts";
import { waitUntil } from "../../support/wait-until.ts";
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

export interface ShopSize {
  readonly customers: number;
  readonly charges: number;
  readonly days: number;
}

/** What in the shop is worth looking at. */
export interface Shop {
  /** Spends the most of those with a limit. */
  readonly customer: string;
  /** A delivered event. */
  readonly delivery: string;
}

/** A company that resells models: its tiers and customers, weeks of calls, and some of them just now. */
export async function seedShop(dashboard: Dashboard, size: ShopSize): Promise<Shop> {
  const { stack, receiver } = dashboard;
  const store = connectStore({ url: stack.mongodbUrl, appName: "shop" });
  try {
    await seedStore(store, {
      ...size,
      seed: 5,
      until: new Date(),
      keyHash: hashApiKey(MASTER_KEY),
      defaults: LEDGER_OPTIONS,
      planner: {
        ...plainPlanner(),
        serializeCharge: serializeSpendTracked,
        serializeBudget: serializeBudgetEvent,
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
  await waitUntil("the events", () => receiver.accepted.length >= 4);
  const read = async <T>(target: string): Promise<T> => (await (await stack.fetch(target)).json()) as T;
  const rows = await read<{ user_id: string; max_budget: number | null }[]>(
    "/customer/list?sort=spend&order=desc&limit=20",
  );
  const top = rows.find((row) => row.max_budget !== null);
  const delivered = await waitUntil("a delivery that is known to have arrived", async () => {
    const { data } = await read<{ data: { id: string }[] }>("/webhook/deliveries?state=delivered&limit=1");
    return data[0]?.id;
  });
  return { customer: top!.user_id, delivery: delivered };
}
