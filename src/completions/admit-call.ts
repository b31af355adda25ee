import type { CustomerTerms } from "../customers/customer-terms.ts";
import { AppError } from "../errors.ts";
import type { Account } from "../spend/account.ts";
import type { Verdict } from "../spend/admission.ts";
import type { Bucket, CallLimits } from "../spend/call-limits.ts";
import type { BudgetTerms } from "../spend/budget-terms.ts";
import { type HoldPlan, isFree, planHold } from "../spend/hold.ts";
import type { Rates } from "../spend/rates.ts";
import { capAnswer } from "./cap-answer.ts";
import type { Call } from "./charge-call.ts";
import type { ChatRequest } from "./chat-request.ts";
import type { CatalogEntry } from "./model-catalog.ts";
import { overBudget, tooMany, unavailable } from "./refusals.ts";
import type { TokenCounter } from "./tokens/token-counter.ts";

export interface AdmitDeps {
  readonly admit: (requestId: string, customerId: string, limits: CallLimits) => Promise<Verdict>;
  readonly ratesFor: (deployment: CatalogEntry) => Rates | null;
  readonly tokens: Pick<TokenCounter, "boundPrompt">;
  /** The customer's account as the store has it. */
  readonly loadAccount: (customerId: string) => Promise<Account | null>;
  readonly now: () => Date;
  readonly policy: AdmitPolicy;
}

export interface AdmitPolicy {
  readonly unpriced: "block" | "flag" | "block_budgeted";
  readonly exceededStatus: number;
  readonly failClosedWithoutRedis: boolean;
}

/** A call that may go upstream. */
export interface AdmittedCall {
  readonly call: Call;
  /** The answer's limit in tokens, where the budget made it shorter than the caller allows. */
  readonly cappedTokens: number | null;
  /** What was left of the budget before this call; null = no budget. */
  readonly remainingNano: bigint | null;
}

/**
 * Asks whether a customer's limits allow this call, before the upstream is touched. Throws model_unpriced,
 * rate_limited, budget_exceeded or budget_unavailable. A customer without limits is asked nothing.
 */
export async function admitCall(
  deps: AdmitDeps,
  call: Call,
  terms: CustomerTerms | null,
): Promise<AdmittedCall> {
  const rates = deps.ratesFor(call.deployment);
  const budget = terms?.budget ?? null;
  refuseUnpriced(deps.policy, call, { rates, budget });
  const { customerId } = call;
  if (budget === null || customerId === null) return { call, cappedTokens: null, remainingNano: null };
  const priced = rates === null || isFree(rates) ? null : rates;
  const plan = priced && holdFor(call, priced, call.request.bytes.length + unseenTokens(call.request));
  const limits = callLimits(budget, call.model, { plan, now: deps.now() });
  if (isUnlimited(limits)) return { call, cappedTokens: null, remainingNano: null };
  const isMoneyLimited = limits.buckets.length > 0;
  let verdict = await deps.admit(call.requestId, customerId, limits);
  let used = plan;
  // A soft limit that is reached refuses a call of whatever size.
  if (verdict.kind === "over_budget" && !verdict.bucket.soft && priced !== null) {
    // A byte is at most one token. Counting takes its time, so it is done only where it may decide.
    const counted = await deps.tokens.boundPrompt(call.request);
    used = holdFor(call, priced, counted + unseenTokens(call.request));
    const again = callLimits(budget, call.model, { plan: used, now: deps.now() });
    verdict = await deps.admit(call.requestId, customerId, again);
  }
  if (verdict.kind === "unknown") return admitWithoutRedis(deps, call, { budget, plan: used });
  if (verdict.kind !== "admitted") {
    throw refusal(deps, verdict, { customerId, budget });
  }
  return withCap(call, verdict, { budget, plan: isMoneyLimited ? used : null });
}

function refuseUnpriced(
  policy: AdmitPolicy,
  call: Call,
  { rates, budget }: { rates: Rates | null; budget: BudgetTerms | null },
): void {
  if (rates !== null || policy.unpriced === "flag") return;
  const limited = budget !== null && (budget.maxNano !== null || budget.models.length > 0);
  if (policy.unpriced === "block_budgeted" && !limited) return;
  throw new AppError(
    "model_unpriced",
    `The model '${call.model}' has no known price, so a budget cannot be kept; set its *_cost_per_token, or general_settings.unpriced_models: flag to serve it at no charge`,
    { param: "model" },
  );
}

function holdFor(call: Call, rates: Rates, promptTokens: number): HoldPlan {
  const { maxTokens, answers } = call.request;
  return planHold({
    rates,
    promptTokens,
    requestedTokens: maxTokens,
    modelTokens: call.deployment.maxOutputTokens,
    answers,
  });
}

/** Prompt parts whose tokens are not in the request's text: images, sounds, files by reference. */
const UNSEEN_PART_TOKENS = 5000;

function unseenTokens(request: ChatRequest): number {
  return request.unseenParts * UNSEEN_PART_TOKENS;
}

type LimitTerms = Pick<BudgetTerms["models"][number], "maxNano" | "periodOf">;
const modelBucket = (model: string): string => `model:${model}`;

function callLimits(
  budget: BudgetTerms,
  model: string,
  { plan, now }: { plan: HoldPlan | null; now: Date },
): CallLimits {
  const soft = budget.enforcement === "soft";
  const bucket = (name: string, { maxNano, periodOf }: LimitTerms): Bucket[] =>
    plan === null
      ? []
      : [
          {
            name,
            maxNano,
            needNano: plan.needNano,
            fallbackNano: plan.fallbackNano,
            minNano: plan.minNano,
            soft,
            periodEnd: periodOf(now)?.end ?? null,
          },
        ];
  const models = budget.models.filter((limit) => limit.model === model);
  return {
    rpm: budget.rpmLimit,
    tpm: budget.tpmLimit,
    parallel: budget.maxParallelRequests,
    buckets: [
      ...models.flatMap((limit) => bucket(modelBucket(limit.model), limit)),
      ...(budget.maxNano === null ? [] : bucket("", { maxNano: budget.maxNano, periodOf: budget.periodOf })),
    ],
  };
}

function isUnlimited({ rpm, tpm, parallel, buckets }: CallLimits): boolean {
  return rpm === null && tpm === null && parallel === null && buckets.length === 0;
}

/** `plan`: null where no limit of money was asked about, so that nothing was granted; pace does not cap. */
function withCap(
  call: Call,
  verdict: Extract<Verdict, { kind: "admitted" }>,
  { budget, plan }: { budget: BudgetTerms; plan: HoldPlan | null },
): AdmittedCall {
  const remainingNano =
    budget.maxNano === null ? null : budget.maxNano - verdict.spentNano - verdict.heldNano;
  const isWhole = plan === null || budget.enforcement === "soft" || verdict.grantedNano >= plan.needNano;
  if (isWhole) return { call, cappedTokens: null, remainingNano };
  const cappedTokens = plan.tokensFor(verdict.grantedNano);
  const request = capAnswer(call.request, cappedTokens, call.deployment.provider);
  return { call: { ...call, request }, cappedTokens, remainingNano };
}

/** Redis is away: the store's number decides, where the operator has chosen that over refusing. */
async function admitWithoutRedis(
  deps: AdmitDeps,
  call: Call,
  { budget, plan }: { budget: BudgetTerms; plan: HoldPlan | null },
): Promise<AdmittedCall> {
  if (deps.policy.failClosedWithoutRedis) throw unavailable("the counters of its limits do not answer");
  const customerId = call.customerId ?? "";
  const account = await deps.loadAccount(customerId).catch(() => {
    throw unavailable("neither the counters of its limits nor the store answer");
  });
  let remainingNano: bigint | null = null;
  for (const bucket of callLimits(budget, call.model, { plan, now: deps.now() }).buckets) {
    const spentNano = spentOf(account, bucket.name);
    if (spentNano >= bucket.maxNano) {
      const verdict = { kind: "over_budget", bucket, spentNano, heldNano: 0n } as const;
      throw refusal(deps, verdict, { customerId, budget });
    }
    if (bucket.name === "") remainingNano = bucket.maxNano - spentNano;
  }
  return { call, cappedTokens: null, remainingNano };
}

function spentOf(account: Account | null, bucket: string): bigint {
  if (bucket === "") return account?.spendNano ?? 0n;
  return account?.modelSpend.find(({ model }) => modelBucket(model) === bucket)?.spendNano ?? 0n;
}

function refusal(
  deps: AdmitDeps,
  verdict: Exclude<Verdict, { kind: "admitted" | "unknown" }>,
  { customerId, budget }: { customerId: string; budget: BudgetTerms },
): AppError {
  if (verdict.kind !== "over_budget") return tooMany(customerId, verdict, deps.now());
  const model = verdict.bucket.name === "" ? null : verdict.bucket.name.slice("model:".length);
  const periodOf = budget.models.find((limit) => limit.model === model)?.periodOf ?? budget.periodOf;
  return overBudget({
    customerId,
    budgetId: budget.id,
    model,
    maxNano: verdict.bucket.maxNano,
    spentNano: verdict.spentNano,
    heldNano: verdict.heldNano,
    neededNano: verdict.bucket.minNano,
    resetAt: periodOf(deps.now())?.end ?? null,
    status: deps.policy.exceededStatus,
  });
}
