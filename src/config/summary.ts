import type { Config } from "./config.ts";

/** What is said at start-up: every setting, secrets only as set or unset, URLs without their passwords. */
export function configSummary(config: Config): Record<string, unknown> {
  return {
    config: config.configPath ?? "none",
    listen: `${config.host}:${config.port}`,
    trustedProxies: config.trustedProxies.length === 0 ? "none" : config.trustedProxies,
    store: config.embedded ? "embedded" : withoutCredentials(config.mongodbUrl),
    redis: config.redisUrl === null ? "embedded" : withoutCredentials(config.redisUrl),
    masterKey: config.masterKeyIsDefault ? "default" : "set",
    webhookUrl: config.webhookUrl === null ? "unset" : originOf(config.webhookUrl),
    webhookAlerting: config.webhookAlerting,
    webhookSecret: config.webhookSecret === null ? "generated" : "set",
    webhookAllowPrivate: config.webhookAllowPrivate,
    secretsKey: config.secretsKey === null ? "file in DATA_DIR" : "set",
    dataDir: config.dataDir,
    maxBodyBytes: config.maxBodyBytes,
    load: config.load,
    defaultBudget: config.budgets.defaultBudgetId ?? "none",
    models: config.deployments.map(
      (deployment) =>
        `${deployment.modelName} → ${deployment.provider}/${deployment.upstreamModel}${deployment.mockResponse === null ? "" : " (mock)"}`,
    ),
  };
}

function withoutCredentials(url: string | null): string {
  return (url ?? "unset").replace(/\/\/[^@/]*@/, "//***@");
}

/** Paths and queries of webhook URLs often hold a token: only the origin is shown. */
function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : "invalid";
}
