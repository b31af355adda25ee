import { z } from "zod";
import { daySchema } from "./customers.ts";

const usd = z.number().nonnegative();
const count = z.int().nonnegative();
const total = z.strictObject({ spend: usd, calls: count });
const counts = z.record(z.string(), count);

const rankedSchema = z.strictObject({
  user_id: z.string(),
  alias: z.string().nullable(),
  spend: usd,
  max_budget: usd.nullable(),
  utilization: usd.nullable(),
});
export type RankedCustomer = z.infer<typeof rankedSchema>;

export const overviewSchema = z.strictObject({
  today: total,
  yesterday: total,
  range: total.extend({ prompt_tokens: count, completion_tokens: count }),
  /** The equally long range before. */
  previous: total,
  days: z.array(daySchema),
  top_customers: z.array(rankedSchema),
  near_budget: z.array(rankedSchema),
  near_count: count,
  over_count: count,
  refused: z.strictObject({ calls: count, usd, by_reason: counts }),
  unpriced: z.strictObject({ calls: count, models: counts }),
  webhooks: z.strictObject({
    pending: count,
    lag_seconds: z.number().nonnegative().nullable(),
    failing: z.array(z.strictObject({ id: z.string(), url: z.string(), reason: z.string() })),
  }),
});
export type Overview = z.infer<typeof overviewSchema>;

const perMillion = z.number().nonnegative().nullable();
export const modelSchema = z.strictObject({
  model_name: z.string(),
  deployment_id: z.string(),
  provider: z.string(),
  upstream_model: z.string(),
  region: z.string().nullable(),
  max_output_tokens: count.nullable(),
  /** USD per million tokens. */
  price: z
    .strictObject({
      input: perMillion,
      output: perMillion,
      cache_read: perMillion,
      cache_write: perMillion,
      reasoning: perMillion,
    })
    .nullable(),
  source: z.enum(["deployment", "genai-prices"]).nullable(),
  unpriced_calls: count,
});
export type Model = z.infer<typeof modelSchema>;
export const modelsSchema = z.strictObject({ data: z.array(modelSchema) });
