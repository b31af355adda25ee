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
  /** Where it runs ("eu", "us", or a provider's own name such as "westeurope"); null = not said. */
  readonly region: string | null;
  /** Names by which customers' lists of models may mean this one, among others. */
  readonly accessGroups: readonly string[];
  /** The most tokens the model can answer; null = not said. */
  readonly maxOutputTokens: number | null;
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

/** How budgets work unless one says otherwise. */
export interface BudgetConfig {
  /** The tier of customers that have none of their own. */
  readonly defaultBudgetId: string | null;
  readonly calendar: { readonly timeZone: string; readonly resetTime: string };
  readonly enforcement: "hard" | "soft";
  /** HTTP status of a call that is refused for its budget. */
  readonly exceededStatus: number;
  /** Customers with limits are refused while Redis is away; false: served by the store's number. */
  readonly failClosedWithoutRedis: boolean;
  /** Customers with limits are refused while the store is away, instead of charged to the spool. */
  readonly failClosedWithoutStore: boolean;
  /** Customers whose limits are not known are served without any while the store is away; false: refused. */
  readonly serveUnknownWithoutStore: boolean;
  /** Models without a price: refused, served at no charge, or by default refused to customers with a budget. */
  readonly unpriced: "block" | "flag" | "block_budgeted";
}

/** Where a call's customer id may stand, beside the places that are always looked at. */
export interface CustomerIdConfig {
  /** Headers that name the customer, in this order, lower case. */
  readonly headers: readonly string[];
  /** Of these, the one whose value the upstream gets as `user`. */
  readonly forwardedHeader: string | null;
  /** A call whose body has no `user` is refused. */
  readonly required: boolean;
  /** An id that no customer has is ignored. */
  readonly knownOnly: boolean;
}

/** How events are delivered. */
export interface WebhookConfig {
  /** Waits before attempt 1, 2, 3 …; the first is 0. */
  readonly retryWaitsMs: readonly number[];
  /** How long an endpoint that keeps failing is left alone at first. */
  readonly breakerOpenMs: number;
  /** An endpoint that has failed for so long, without one success, is switched off. */
  readonly disableAfterMs: number;
  /** How long deliveries are kept, whatever became of them. */
  readonly keepDeliveriesMs: number;
}

/** How much one process takes on at once. */
export interface LoadConfig {
  /** Calls in flight, streams among them. */
  readonly maxRequests: number;
  /** Bytes of the bodies of calls in flight, not counting small ones; one body of the largest size fits. */
  readonly maxBodyBytes: number;
  /** How long a call may wait for another one to end. */
  readonly maxQueueMs: number;
}

export type LogLevel = "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";

/** Everything the processes need to know, validated and frozen. Secrets in here are never logged. */
export interface Config {
  readonly configPath: string | null;
  readonly host: string;
  readonly port: number;
  /** CIDRs of the proxies in front, whose word on where a request comes from is taken. */
  readonly trustedProxies: readonly string[];
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
  readonly load: LoadConfig;
  readonly budgets: BudgetConfig;
  readonly customerIds: CustomerIdConfig;
  readonly webhooks: WebhookConfig;
  readonly deployments: readonly Deployment[];
}
