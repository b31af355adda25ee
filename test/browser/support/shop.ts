import OpenAI from "openai";
import { MASTER_KEY } from "../../support/stack.ts";
import type { Dashboard } from "./dashboard.ts";
import { type PastCustomer, type PastModel, writeHistory } from "./history.ts";

/** A company that resells models: its tiers, its customers, and seven weeks of their calls. */

const MODELS: readonly PastModel[] = [
  { name: "gpt-4o-mini", upstream: "gpt-4o-mini", weight: 46, input: 0.15, output: 0.6 },
  { name: "gpt-4o", upstream: "gpt-4o", weight: 30, input: 2.5, output: 10 },
  { name: "mistral-small", upstream: "mistral-small-latest", weight: 16, input: 0.1, output: 0.3 },
  { name: "local", upstream: "my-model", weight: 8, input: 1, output: 2 },
];

const TIERS = [
  { budget_id: "my-free-tier", max_budget: 4, budget_duration: "1mo", rpm_limit: 20 },
  { budget_id: "pro", max_budget: 50, budget_duration: "1mo", soft_budget: 40, rpm_limit: 300 },
  {
    budget_id: "scale",
    max_budget: 400,
    budget_duration: "1mo",
    soft_budget: 300,
    thresholds: [0.5, 0.8, 0.95],
    tpm_limit: 2_000_000,
  },
  { budget_id: "trial-week", max_budget: 1, budget_duration: "7d", max_parallel_requests: 2 },
  { budget_id: "partners", max_budget: 1500, budget_duration: "1mo", budget_enforcement: "soft" },
];

interface ShopCustomer extends PastCustomer {
  readonly alias: string | null;
  readonly tier: string | null;
}

const CUSTOMERS: readonly ShopCustomer[] = [
  { id: "northwind", alias: "Northwind Traders", tier: "partners", usdPerDay: 31, callsPerDay: 9 },
  { id: "acme-inc", alias: "Acme Inc.", tier: "scale", usdPerDay: 15.4, callsPerDay: 8 },
  { id: "globex", alias: "Globex Corporation", tier: "scale", usdPerDay: 11.5, callsPerDay: 6 },
  { id: "initech", alias: "Initech", tier: "scale", usdPerDay: 8.2, callsPerDay: 5 },
  { id: "umbrella-health", alias: "Umbrella Health", tier: "pro", usdPerDay: 2.05, callsPerDay: 4 },
  { id: "hooli", alias: "Hooli", tier: "pro", usdPerDay: 1.9, callsPerDay: 4 },
  { id: "stark-legal", alias: "Stark Legal", tier: "pro", usdPerDay: 1.2, callsPerDay: 3 },
  { id: "wonka-sweets", alias: "Wonka Sweets", tier: "pro", usdPerDay: 0.74, callsPerDay: 3 },
  { id: "vandelay", alias: "Vandelay Industries", tier: "my-free-tier", usdPerDay: 0.155, callsPerDay: 3 },
  { id: "krrish12", alias: null, tier: "my-free-tier", usdPerDay: 0.12, callsPerDay: 2 },
  { id: "ishaan3", alias: null, tier: "my-free-tier", usdPerDay: 0.09, callsPerDay: 2 },
  { id: "my-customer-id", alias: null, tier: "my-free-tier", usdPerDay: 0.04, callsPerDay: 2 },
  { id: "pied-piper", alias: "Pied Piper", tier: "trial-week", usdPerDay: 0.11, callsPerDay: 2 },
  { id: "oceanic", alias: "Oceanic Air", tier: null, usdPerDay: 0.62, callsPerDay: 2 },
];

const DAYS = 48;
const BLOCKED = "oceanic";

/** Fills the service with the shop, through its API where it has one; the last calls are made just now. */
export async function seedShop({ scene }: Dashboard): Promise<void> {
  const { stack } = scene;
  const post = async (target: string, body: object): Promise<void> => {
    const headers = { "content-type": "application/json" };
    const answer = await stack.fetch(target, { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${target}: ${answer.status} ${await answer.text()}`);
  };
  for (const tier of TIERS) await post("/budget/new", tier);
  for (const { id, alias, tier } of CUSTOMERS) {
    await post("/customer/new", { user_id: id, alias, budget_id: tier });
  }
  await writeHistory(stack.mongodbUrl, { days: DAYS, models: MODELS, customers: CUSTOMERS }, new Date());
  await post("/customer/block", { user_ids: [BLOCKED] });
  const openai = new OpenAI({ baseURL: `${stack.baseUrl}/v1`, apiKey: MASTER_KEY, maxRetries: 0 });
  for (const user of ["acme-inc", "northwind", "globex", "acme-inc", "my-customer-id"]) {
    await openai.chat.completions.create({
      model: "gpt-4o-mini",
      messages: [{ role: "user", content: "Hello!" }],
      user,
    });
  }
}
