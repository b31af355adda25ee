import { AppError, type AppErrorOptions } from "../errors.ts";
import { formatNano, usdJson } from "../lib/money.ts";

/** What a refused caller is told about its budget. */
export interface OverBudget {
  readonly customerId: string;
  readonly budgetId: string;
  /** The model whose own limit it is; null = the budget. */
  readonly model: string | null;
  readonly maxNano: bigint;
  readonly spentNano: bigint;
  readonly heldNano: bigint;
  /** The least that this call would need. */
  readonly neededNano: bigint;
  readonly resetAt: Date | null;
  readonly status: number;
}

/** A call that its customer's budget does not cover. */
export class OverBudgetError extends AppError {
  readonly neededNano: bigint;

  constructor(message: string, options: AppErrorOptions, neededNano: bigint) {
    super("budget_exceeded", message, options);
    this.neededNano = neededNano;
  }
}

/**
 * LiteLLM's sentence, and alone where the budget is used up, as its clients read it by its shape. Where something
 * is left, the sentence goes on with why that is not enough. The facts say all of it to programs.
 */
export function overBudget(facts: OverBudget): AppError {
  const { customerId, model, maxNano, spentNano, heldNano, neededNano, resetAt } = facts;
  const whose = model === null ? "over budget" : `over budget for model=${model}`;
  const sentence = `ExceededBudget: End User=${customerId} ${whose}. Spend=${formatNano(spentNano)}, Budget=${formatNano(maxNano)}`;
  const held = heldNano > 0n ? `, held for calls in flight=${formatNano(heldNano)}` : "";
  const reset = resetAt === null ? "it is not reset by itself" : `it is reset at ${resetAt.toISOString()}`;
  const why = `${held}; this call needs at least ${formatNano(neededNano)}, and ${reset}`;
  return new OverBudgetError(
    spentNano < maxNano ? sentence + why : sentence,
    {
      status: facts.status,
      facts: {
        budget: {
          budget_id: facts.budgetId,
          model,
          max_budget: usdJson(maxNano),
          spend: usdJson(spentNano),
          held: usdJson(heldNano),
          needed: usdJson(neededNano),
          reset_at: resetAt?.toISOString() ?? null,
        },
      },
    },
    neededNano,
  );
}

type TooMany =
  | { readonly kind: "too_many_parallel"; readonly limit: number }
  | {
      readonly kind: "too_many_requests" | "too_many_tokens";
      readonly limit: number;
      readonly used: number;
      readonly retryInMs: number;
    };

/** A customer's pace, in LiteLLM's sentence and headers. */
export function tooMany(customerId: string, verdict: TooMany, now: Date): AppError {
  if (verdict.kind === "too_many_parallel") {
    return new AppError(
      "rate_limited",
      `Rate limit exceeded for end_user: ${customerId}. Limit type: max_parallel_requests. Current limit: ${verdict.limit}, Remaining: 0. A call in flight has to end first.`,
      { headers: { "retry-after": "1", rate_limit_type: "max_parallel_requests" } },
    );
  }
  const type = verdict.kind === "too_many_requests" ? "requests" : "tokens";
  const remaining = Math.max(0, verdict.limit - verdict.used);
  // In whole seconds, and never too soon.
  const resetAt = new Date(Math.ceil((now.getTime() + verdict.retryInMs) / 1000) * 1000);
  const told = resetAt.toISOString().slice(0, 19).replace("T", " ");
  return new AppError(
    "rate_limited",
    `Rate limit exceeded for end_user: ${customerId}. Limit type: ${type}. Current limit: ${verdict.limit}, Remaining: ${remaining}. Limit resets at: ${told} UTC`,
    {
      headers: {
        "retry-after": String(Math.ceil(verdict.retryInMs / 1000)),
        rate_limit_type: type,
        reset_at: told,
      },
    },
  );
}

/** Nobody can say whether the customer's limits allow the call. */
export function unavailable(why: string): AppError {
  return new AppError(
    "budget_unavailable",
    `Budget enforcement unavailable: this customer has limits, and ${why}. Please try again`,
    { headers: { "retry-after": "1" } },
  );
}
