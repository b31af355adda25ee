/** One entry of `model_list`, resolved: where it lives, its key, its own prices. */
export interface Deployment {
  /** Stable across restarts: `model_info.id`, else derived from the entry. */
  readonly id: string;
  /** The name callers use. */
  readonly modelName: string;
  /** LiteLLM's prefix: openai, azure, mistral … */
  readonly provider: string;
  /** The upstream's own name for the model. */
  readonly upstreamModel: string;
  readonly apiBase: string;
  readonly apiKey: string | null;
  readonly apiVersion: string | null;
  readonly organization: string | null;
  /** Answers without an upstream when set. */
  readonly mockResponse: string | null;
  readonly prices: DeploymentPrices;
  /** Provider id in the public price list, null = none. */
  readonly priceList: string | null;
  /** Fields that are left out of requests because this upstream refuses them. */
  readonly refusedFields: readonly string[];
  /** Time to the response headers. */
  readonly timeoutMs: number;
  /** Longest silence inside a response body. */
  readonly idleTimeoutMs: number;
}

/** USD per token as written in the file; absent = not set there. */
export interface DeploymentPrices {
  readonly input?: string | number;
  readonly output?: string | number;
  readonly cacheRead?: string | number;
  readonly cacheWrite?: string | number;
  readonly reasoning?: string | number;
}

export type LogLevel = "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";

/** Everything the processes need to know, validated and frozen. Secrets in here are never logged. */
export interface Config {
  readonly configPath: string | null;
  readonly host: string;
  readonly port: number;
  readonly masterKey: string;
  readonly masterKeyIsDefault: boolean;
  /** True when the store is the embedded one: development defaults apply. */
  readonly embedded: boolean;
  readonly mongodbUrl: string | null;
  readonly redisUrl: string | null;
  readonly webhookUrl: string | null;
  readonly webhookSecret: string | null;
  readonly webhookAllowPrivate: boolean;
  readonly webhookAllowCidrs: readonly string[];
  /** `alerting: ["webhook"]`: events are delivered to the default endpoint. */
  readonly webhookAlerting: boolean;
  /** 32 bytes, base64; null = a file in dataDir. */
  readonly secretsKey: string | null;
  readonly dataDir: string;
  readonly logLevel: LogLevel;
  readonly maxBodyBytes: number;
  readonly deployments: readonly Deployment[];
}
