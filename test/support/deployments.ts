import type { CatalogEntry } from "../../src/completions/model-catalog.ts";

/** A deployment of the model `m`, as config.yaml resolves it, that nobody can reach. */
export const DEPLOYMENT: CatalogEntry = {
  id: "d",
  modelName: "m",
  provider: "openai",
  upstreamModel: "u",
  apiBase: "http://x",
  apiKey: null,
  apiVersion: null,
  organization: null,
  mockResponse: null,
  refusedFields: [],
  region: null,
  accessGroups: [],
  maxOutputTokens: null,
  timeoutMs: 1,
  idleTimeoutMs: 1,
  priceList: null,
  prices: {},
};
