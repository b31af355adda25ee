import { z } from "zod";
import { budgetFields } from "./budget-fields.ts";
import { wellFormedText } from "./field-text.ts";
import { usd } from "./usd-field.ts";

const MAX_ID_BYTES = 1024;
const MAX_MODELS = 1000;

/** A customer's id: any well-formed text up to 1 KiB of UTF-8. */
export const customerId = z
  .string()
  .min(1, "Input should not be empty")
  // A call whose `user` is blank names nobody.
  .refine((id) => id === "" || id.trim() !== "", "Input should not be blank")
  .refine((id) => id.isWellFormed(), "Input should be well-formed Unicode")
  .refine(
    (id) => Buffer.byteLength(id) <= MAX_ID_BYTES,
    `Input should be at most ${MAX_ID_BYTES} bytes of UTF-8`,
  );

/** The id of a tier, or of a private budget. */
export const budgetId = wellFormedText(255).min(1, "Input should not be empty");
const ids = z.strictObject({ user_ids: z.array(customerId).max(1000) });

/** LiteLLM's clients have the field, and send it as null. */
const tokensPerDay = z.null("Input should be null: tokens per day are not limited here").optional();

const settings = {
  alias: wellFormedText(1024).nullish(),
  allowed_model_region: z.enum(["eu", "us"]).nullish(),
  default_model: wellFormedText(8192).min(1, "Input should not be empty").nullish(),
  models: z.array(wellFormedText(8192)).max(MAX_MODELS).nullish(),
  object_permission: z.record(z.string(), z.unknown()).nullish(),
  budget_id: budgetId.nullish(),
  tpd_limit: tokensPerDay,
  ...budgetFields,
} as const;

const EITHER = {
  message: "Set either 'max_budget' or 'budget_id', not both.",
  path: ["max_budget"],
  params: { contradiction: true },
  // Also where other fields are wrong: all of it is said at once.
  when: ({ value }: { value: unknown }) => typeof value === "object" && value !== null,
};

/** POST /customer/new. `metadata` is taken and not kept, as in LiteLLM. */
export const newCustomerSchema = z
  .strictObject({
    user_id: customerId,
    blocked: z.boolean().nullish(),
    spend: usd.nullish(),
    metadata: z.unknown().optional(),
    ...settings,
  })
  .refine((body) => body.max_budget == null || body.budget_id == null, EITHER);

/** POST /customer/update: what is absent stays; `null` clears a value, never `blocked` or `models`. */
export const updateCustomerSchema = z.strictObject({
  user_id: customerId,
  metadata: z.unknown().optional(),
  ...settings,
  blocked: z.boolean().nullish().describe("null leaves it as it is"),
  models: settings.models.describe("null leaves the list as it is; an empty one allows all models"),
});

export const customerIdsSchema = ids;

/** POST /customer/move; `null` takes the customers' own budget away. */
export const moveCustomersSchema = z.strictObject({
  user_ids: z.array(customerId).min(1, "Input should name a customer").max(1000),
  budget_id: budgetId.nullable(),
});

export type NewCustomer = z.infer<typeof newCustomerSchema>;
export type UpdateCustomer = z.infer<typeof updateCustomerSchema>;

/** POST /budget/new. */
export const newBudgetSchema = z.strictObject({
  budget_id: budgetId.nullish(),
  tpd_limit: tokensPerDay,
  ...budgetFields,
});
/** POST /budget/update. LiteLLM answers a missing id itself, so it is optional here. */
export const updateBudgetSchema = newBudgetSchema;
export const budgetIdsSchema = z.strictObject({ budgets: z.array(z.string()).max(1000) });
export const deleteBudgetSchema = z.strictObject({ id: z.string() });

/** POST /budget/preview. */
export const previewBudgetSchema = z.strictObject({
  budget_id: budgetId,
  max_budget: usd.nullable(),
});

export type NewBudget = z.infer<typeof newBudgetSchema>;
