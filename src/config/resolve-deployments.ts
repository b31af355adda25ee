import { createHash } from "node:crypto";
import { HEADER_TEXT, HEADER_TEXT_RULE } from "../lib/header-text.ts";
import type { Deployment, DeploymentPrices } from "./config.ts";
import { ConfigError, nearestHint } from "./config-error.ts";
import type { Environment } from "./environment.ts";
import type { ConfigFile, DeploymentFile } from "./file-schema.ts";
import { type Provider, PROVIDERS } from "./providers.ts";

const DEFAULT_TIMEOUT_S = 600;
const DEFAULT_IDLE_TIMEOUT_S = 300;

/** Turns `model_list` into deployments: provider, address, key and prices resolved. Lists every fault. */
export function resolveDeployments(file: ConfigFile, env: Environment): readonly Deployment[] {
  const faults: string[] = [];
  const deployments = file.model_list.map((entry, index) => {
    const place = `model_list[${index}].litellm_params`;
    return resolveDeployment(entry, {
      env,
      fail: (fault) => faults.push(`${place}${fault}`),
      requestTimeout: file.litellm_settings?.request_timeout ?? DEFAULT_TIMEOUT_S,
    });
  });
  const seen = new Set<string>();
  for (const { id, modelName } of deployments) {
    if (seen.has(id))
      faults.push(`model_list: two deployments of "${modelName}" share the id ${id}; set model_info.id`);
    seen.add(id);
  }
  if (faults.length > 0) throw new ConfigError("model_list", faults);
  return Object.freeze(deployments);
}

interface Resolution {
  readonly env: Environment;
  readonly fail: (fault: string) => void;
  readonly requestTimeout: number;
}

function resolveDeployment(entry: DeploymentFile, { env, fail, requestTimeout }: Resolution): Deployment {
  const params = entry.litellm_params;
  const slash = params.model.indexOf("/");
  // LiteLLM reads a bare name as OpenAI's.
  const providerName = slash < 0 ? "openai" : params.model.slice(0, slash);
  const provider = PROVIDERS[providerName];
  if (provider === undefined) {
    fail(
      `.model: unknown provider "${providerName}"${nearestHint(providerName, Object.keys(PROVIDERS))}; ` +
        `any OpenAI-compatible upstream works as openai/<model> with api_base`,
    );
  }
  const { apiBase, apiKey } = resolveAddress(params, { providerName, provider, env, fail });
  return Object.freeze({
    id: entry.model_info?.id ?? deriveId(entry),
    modelName: entry.model_name,
    provider: providerName,
    upstreamModel: params.model.slice(slash + 1),
    apiBase,
    apiKey,
    apiVersion: params.api_version ?? null,
    organization: params.organization ?? null,
    mockResponse: params.mock_response ?? null,
    prices: resolvePrices(params),
    priceList: provider?.priceList ?? null,
    refusedFields: provider?.refusedFields ?? [],
    region: params.region_name ?? null,
    accessGroups: entry.model_info?.access_groups ?? [],
    maxOutputTokens: entry.model_info?.max_output_tokens ?? null,
    timeoutMs: (params.timeout ?? requestTimeout) * 1000,
    idleTimeoutMs: (params.stream_timeout ?? DEFAULT_IDLE_TIMEOUT_S) * 1000,
  });
}

/** Where the upstream is and with which key; a mock needs neither. */
function resolveAddress(
  params: DeploymentFile["litellm_params"],
  context: Pick<Resolution, "env" | "fail"> & { providerName: string; provider: Provider | undefined },
): { apiBase: string; apiKey: string | null } {
  const { providerName, provider, fail } = context;
  const mocked = params.mock_response !== undefined;
  const apiBase = params.api_base ?? provider?.apiBase ?? null;
  if (apiBase === null && !mocked) fail(`.api_base: required for ${providerName}/*`);
  if (providerName === "azure" && !mocked && params.api_version === undefined) {
    fail(".api_version: required for azure/*");
  }
  return { apiBase: (apiBase ?? "").replace(/\/+$/, ""), apiKey: resolveKey(params, context) };
}

function resolveKey(
  params: DeploymentFile["litellm_params"],
  { provider, env, fail }: Pick<Resolution, "env" | "fail"> & { provider: Provider | undefined },
): string | null {
  const variable = provider?.apiKeyVariable ?? null;
  const apiKey = params.api_key ?? (variable === null ? undefined : env[variable]) ?? null;
  const isMocked = params.mock_response !== undefined;
  // A private address often has no key; a public provider always has one.
  if (apiKey === null && !isMocked && params.api_base === undefined && variable !== null) {
    fail(`.api_key: missing; set it here or export ${variable}`);
  }
  if (apiKey !== null && !HEADER_TEXT.test(apiKey)) fail(`.api_key: ${HEADER_TEXT_RULE}`);
  return apiKey;
}

function resolvePrices(params: DeploymentFile["litellm_params"]): DeploymentPrices {
  return Object.freeze({
    ...(params.input_cost_per_token !== undefined && { input: params.input_cost_per_token }),
    ...(params.output_cost_per_token !== undefined && { output: params.output_cost_per_token }),
    ...(params.cache_read_input_token_cost !== undefined && {
      cacheRead: params.cache_read_input_token_cost,
    }),
    ...(params.cache_creation_input_token_cost !== undefined && {
      cacheWrite: params.cache_creation_input_token_cost,
    }),
    ...(params.output_cost_per_reasoning_token !== undefined && {
      reasoning: params.output_cost_per_reasoning_token,
    }),
  });
}

/** The same entry gets the same id on every start; keys and prices may change without changing it. */
function deriveId(entry: DeploymentFile): string {
  const { model, api_base, mock_response } = entry.litellm_params;
  return createHash("sha256")
    .update(JSON.stringify([entry.model_name, model, api_base ?? "", mock_response ?? ""]))
    .digest("hex")
    .slice(0, 16);
}
