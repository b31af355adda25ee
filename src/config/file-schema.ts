import { z } from "zod";
import { HEADER_TEXT, HEADER_TEXT_RULE } from "../lib/header-text.ts";
import { type AmountFault, readUsd } from "../lib/money.ts";

const PICO_SCALE = 12;
const PRICE_FAULTS: Readonly<Record<AmountFault, string>> = {
  not_an_amount: "must be a non-negative USD amount per token",
  too_fine: "must not be finer than a pico-dollar (0.000000000001 USD) per token",
};

/** USD per token as LiteLLM writes it: a number or a numeric string, kept as it came. */
const pricePerToken = z.union([z.number(), z.string()]).superRefine((value, context) => {
  const read = readUsd(value, PICO_SCALE);
  if (typeof read === "bigint") return;
  context.addIssue({ code: "custom", message: PRICE_FAULTS[read] });
});

const headerText = z.string().min(1).max(4096).regex(HEADER_TEXT, HEADER_TEXT_RULE);

const seconds = z.number().positive().max(86_400);

/** One deployment's `litellm_params`. */
const deploymentParams = z.strictObject({
  model: z.string().min(1),
  api_key: headerText.optional(),
  api_base: z.url({ protocol: /^https?$/ }).optional(),
  api_version: z.string().min(1).optional(),
  organization: headerText.optional(),
  mock_response: z.string().optional(),
  input_cost_per_token: pricePerToken.optional(),
  output_cost_per_token: pricePerToken.optional(),
  cache_read_input_token_cost: pricePerToken.optional(),
  cache_creation_input_token_cost: pricePerToken.optional(),
  output_cost_per_reasoning_token: pricePerToken.optional(),
  timeout: seconds.optional(),
  stream_timeout: seconds.optional(),
  region_name: z.string().min(1).optional(),
});

const deployment = z.strictObject({
  model_name: z.string().min(1),
  litellm_params: deploymentParams,
  model_info: z
    .strictObject({
      id: headerText.optional(),
      max_output_tokens: z.int().positive().optional(),
      access_groups: z.array(z.string().min(1)).max(100).optional(),
    })
    .optional(),
});

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "must be a header's name");
const headerMapping = z.strictObject({ header_name: headerName, litellm_user_role: z.literal("customer") });
const timeZone = z.string().refine((name) => {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    // Intl throws for a name it does not know, and tells nothing else that way.
    return false;
  }
}, "must be an IANA time zone such as Europe/Berlin");
const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$/, "must be a time such as 06:30");

const LONGEST_WAIT_S = 7 * 24 * 3600;
const webhookSettings = z.strictObject({
  retry_seconds: z.array(z.number().nonnegative().max(LONGEST_WAIT_S)).max(50).optional(),
  breaker_seconds: z.number().positive().max(900).optional(),
  disable_after_hours: z
    .number()
    .positive()
    .max(24 * 365)
    .optional(),
  retention_days: z.number().positive().max(3650).optional(),
});

/** The shape of config.yaml. Every key is known; anything else is refused by name. */
export const fileSchema = z.strictObject({
  model_list: z.array(deployment).default([]),
  general_settings: z
    .strictObject({
      master_key: headerText.optional(),
      alerting: z.array(z.literal("webhook")).nullish(),
      max_request_size_mb: z.number().positive().max(1024).optional(),
      global_max_parallel_requests: z.int().positive().max(100_000).optional(),
      max_body_mb_in_flight: z.number().positive().max(1_048_576).optional(),
      max_queue_ms: z.int().nonnegative().max(60_000).optional(),
      unpriced_models: z.enum(["block", "flag"]).optional(),
      budget_enforcement: z.enum(["hard", "soft"]).optional(),
      limits_without_redis: z.enum(["fail_closed", "fail_open"]).optional(),
      fail_closed_budget_enforcement: z.boolean().optional(),
      unknown_customers_without_store: z.enum(["refuse", "serve"]).optional(),
      enforce_user_param: z.boolean().optional(),
      user_header_name: headerName.optional(),
      user_header_mappings: z.union([headerMapping, z.array(headerMapping)]).optional(),
      webhook_settings: webhookSettings.optional(),
    })
    .nullish(),
  litellm_settings: z
    .strictObject({
      request_timeout: seconds.optional(),
      max_end_user_budget_id: z.string().min(1).nullish(),
      validate_end_user_id_in_db: z.boolean().optional(),
      budget_exceeded_status_code: z.int().min(400).max(499).optional(),
      timezone: timeZone.optional(),
      budget_reset_time: timeOfDay.optional(),
    })
    .nullish(),
  environment_variables: z.record(z.string(), z.string()).nullish(),
});

export type ConfigFile = z.infer<typeof fileSchema>;
export type DeploymentFile = z.infer<typeof deployment>;

/** The keys an object of the file may have at `path`, for naming the nearest one in an error. */
export function knownKeysAt(path: readonly PropertyKey[]): string[] {
  let schema: unknown = fileSchema;
  for (const step of path) {
    schema = unwrap(schema);
    if (schema instanceof z.ZodArray) schema = schema.element;
    else if (schema instanceof z.ZodObject) schema = (schema.shape as Record<string, unknown>)[String(step)];
  }
  schema = unwrap(schema);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function unwrap(schema: unknown): unknown {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodNullable || inner instanceof z.ZodDefault) {
    inner = inner.unwrap();
  }
  return inner;
}
