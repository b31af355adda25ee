import { expect, test } from "vitest";
import { chooseDeployment } from "../../src/completions/choose-deployment.ts";
import { type CatalogEntry, createModelCatalog } from "../../src/completions/model-catalog.ts";
import type { CustomerTerms } from "../../src/customers/customer-terms.ts";
import { AppError } from "../../src/errors.ts";

const entry = (modelName: string, provider: string, more: Partial<CatalogEntry> = {}): CatalogEntry => ({
  id: `${modelName}-${provider}-${more.region ?? ""}`,
  modelName,
  provider,
  upstreamModel: "gpt-4o-mini",
  apiBase: "",
  apiKey: null,
  apiVersion: null,
  organization: null,
  mockResponse: null,
  refusedFields: [],
  prices: {},
  priceList: null,
  region: null,
  accessGroups: [],
  maxOutputTokens: null,
  timeoutMs: 1000,
  idleTimeoutMs: 1000,
  ...more,
});

const catalog = createModelCatalog(
  [
    entry("gpt-4o-mini", "openai"),
    entry("fast", "openai", { accessGroups: ["cheap", "beta*"] }),
    entry("fast", "mistral"),
    entry("openai/gpt-4o-mini", "openai"),
    entry("mistral/small", "openai"),
    entry("a.b", "openai"),
  ],
  () => 0,
);

function outcome(models: string[], model: string | null, more: Partial<CustomerTerms> = {}): string {
  const terms: CustomerTerms = {
    exists: true,
    blocked: false,
    models,
    defaultModel: null,
    region: null,
    budget: null,
    ...more,
  };
  const request = { model } as Parameters<typeof chooseDeployment>[1];
  try {
    return chooseDeployment(catalog, request, { id: "ada", terms }).model;
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

const DENIED = "customer_model_denied";

test.each<[models: string[], model: string, outcome: string]>([
  [[], "fast", "fast"],
  [["fast"], "fast", "fast"],
  [["fast"], "gpt-4o-mini", DENIED],
  [["*"], "fast", "fast"],
  // The name that is called, not where its deployment happens to be.
  [["openai/*"], "openai/gpt-4o-mini", "openai/gpt-4o-mini"],
  [["openai/*"], "fast", DENIED],
  [["openai/*"], "gpt-4o-mini", DENIED],
  [["openai/*"], "mistral/small", DENIED],
  [["mistral/*"], "mistral/small", "mistral/small"],
  [["mistral/*"], "fast", DENIED],
  [["openai"], "openai/gpt-4o-mini", DENIED],
  [["gpt-4o-mini"], "openai/gpt-4o-mini", DENIED],
  [["openai/gpt-4o-mini"], "gpt-4o-mini", DENIED],
  // A star stands for any text, anywhere; all else for itself.
  [["openai/gpt-*"], "openai/gpt-4o-mini", "openai/gpt-4o-mini"],
  [["*mini"], "openai/gpt-4o-mini", "openai/gpt-4o-mini"],
  [["*/*4o*"], "openai/gpt-4o-mini", "openai/gpt-4o-mini"],
  [["openai/gpt-4o-mini*"], "openai/gpt-4o-mini", "openai/gpt-4o-mini"],
  [["openai/gpt-3*"], "openai/gpt-4o-mini", DENIED],
  [["gpt-4o-mini*mini"], "gpt-4o-mini", DENIED],
  [["*4o*4o*"], "gpt-4o-mini", DENIED],
  [["a?b", "a.*c", "a+b"], "a.b", DENIED],
  [["*axb"], "a.b", DENIED],
  [["a.*"], "a.b", "a.b"],
  [[""], "fast", DENIED],
  // A group, by its whole name.
  [["cheap"], "fast", "fast"],
  [["beta*"], "fast", "fast"],
  [["che*"], "fast", DENIED],
  [["cheap"], "gpt-4o-mini", DENIED],
  [["Cheap"], "fast", DENIED],
  // One that is nowhere configured is no way to learn what is.
  [["openai/*"], "nope", DENIED],
  [["nope"], "nope", "model_not_found"],
])("of a customer with the models %j, a call to %s: %s", (models, model, expected) => {
  expect(outcome(models, model)).toBe(expected);
});

test("the default model of a customer is held against its list like any other", () => {
  expect(outcome(["openai/*"], null, { defaultModel: "fast" })).toBe(DENIED);
  expect(outcome(["cheap"], null, { defaultModel: "fast" })).toBe("fast");
  expect(outcome(["fast"], "gpt-4o-mini", { defaultModel: "fast" })).toBe(DENIED);
});

test("a long pattern of stars is as quick as a short one", () => {
  expect(outcome([`${"*a".repeat(4000)}*`], "gpt-4o-mini")).toBe(DENIED);
});
