import { z } from "zod";
import { budgetTermsSchema } from "./budgets.ts";

const usd = z.number().nonnegative();
const count = z.int().nonnegative();
const instant = z.iso.datetime();

/** A row of /customer/list. `spend` is that of the current period. */
export const customerSchema = z.strictObject({
  user_id: z.string(),
  blocked: z.boolean(),
  alias: z.string().nullable(),
  spend: usd,
  allowed_model_region: z.enum(["eu", "us"]).nullable(),
  default_model: z.string().nullable(),
  litellm_budget_table: budgetTermsSchema.nullable(),
  budget_id: z.string().nullable(),
  models: z.array(z.string()),
  object_permission_id: z.null(),
  object_permission: z.unknown(),
  lifetime_spend: usd,
  sequence: count,
  effective_budget_id: z.string().nullable(),
  budget_reset_at: instant.nullable(),
  model_spend: z.record(z.string(), usd),
  last_call_at: instant.nullable(),
  created_at: instant,
  updated_at: instant,
  /** Of the budget in force. */
  max_budget: usd.nullable(),
  /** 0.93 = 93 % of the budget; null without one. */
  utilization: usd.nullable(),
});

/** With held=true; null while Redis is away. */
export const heldCustomerSchema = customerSchema.extend({ held: usd.nullable() });
export type Customer = z.infer<typeof heldCustomerSchema>;

export const customerDetailSchema = heldCustomerSchema.extend({
  /** On the proxy's disk: spent, and not in the store yet. */
  spooled_charges: count,
  spooled_spend: usd,
  projected_spend: usd.nullable(),
  projected_exceeded_at: instant.nullable(),
});
export type CustomerDetail = z.infer<typeof customerDetailSchema>;

export const callSchema = z.strictObject({
  request_id: z.string(),
  event_id: z.string(),
  sequence: count,
  created_at: instant,
  model: z.string(),
  cost: usd,
  prompt_tokens: count,
  completion_tokens: count,
  estimated: z.boolean(),
  unpriced: z.boolean(),
});
export type Call = z.infer<typeof callSchema>;
export const callsSchema = z.strictObject({ data: z.array(callSchema), next_cursor: z.string().nullable() });

export const daySchema = z.strictObject({
  date: z.iso.date(),
  spend: usd,
  calls: count,
  models: z.record(z.string(), usd),
});
export type Day = z.infer<typeof daySchema>;
export const activitySchema = z.strictObject({ days: z.array(daySchema) });

export const movedSchema = z.strictObject({
  moved: count,
  previous: z.array(z.strictObject({ user_id: z.string(), budget_id: z.string().nullable() })),
});
export type Moved = z.infer<typeof movedSchema>;

const tokens = z.strictObject({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  cached_tokens: count,
  cache_write_tokens: count,
  reasoning_tokens: count,
});

/** A charge as its arithmetic. Amounts below the nano-dollar come as text. */
export const explanationSchema = z.strictObject({
  request_id: z.string(),
  event_id: z.string(),
  customer_id: z.string(),
  sequence: count,
  created_at: instant,
  model: z.string(),
  deployment_id: z.string(),
  upstream_model: z.string(),
  usage: tokens,
  estimated: z.boolean(),
  unpriced: z.boolean(),
  price_source: z.string().nullable(),
  parts: z.array(
    z.strictObject({ kind: z.string(), tokens: count, cost_per_token: z.string(), cost: z.string() }),
  ),
  unrounded_cost: z.string(),
  cost: usd,
  customer_spend_after: usd,
  lifetime_spend_after: usd,
});
export type Explanation = z.infer<typeof explanationSchema>;
