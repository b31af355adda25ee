import type { TokenUsage } from "../lib/token-usage.ts";
import type { Charge, ChargeReceipt } from "../spend/charge.ts";
import { applyRates, costOf, type Rates } from "../spend/rates.ts";
import type { ChatRequest } from "./chat-request.ts";
import type { CatalogEntry } from "./model-catalog.ts";
import type { TextSample } from "./tokens/sample-texts.ts";
import type { TokenCounter } from "./tokens/token-counter.ts";

export interface ChargeDeps {
  readonly ratesFor: (deployment: CatalogEntry) => Rates | null;
  readonly commit: (charge: Charge) => Promise<ChargeReceipt>;
  readonly tokens: Pick<TokenCounter, "estimatePrompt" | "estimateText">;
  readonly now: () => Date;
}

/** One call on its way through the proxy. */
export interface Call {
  readonly requestId: string;
  readonly keyHash: string;
  /** Null: nobody is charged. */
  readonly customerId: string | null;
  readonly request: ChatRequest;
  /** The name the caller used, or its customer's default. */
  readonly model: string;
  readonly deployment: CatalogEntry;
}

/** What a call cost, and where that left its customer. */
export interface Charged {
  readonly costNano: bigint;
  readonly usage: TokenUsage;
  readonly estimated: boolean;
  readonly unpriced: boolean;
  /** Null when the call named no customer. */
  readonly receipt: ChargeReceipt | null;
}

/**
 * Prices an answered call and records the charge; resolves when it is durable. Throws
 * ledger_unavailable.
 */
export async function chargeCall(
  deps: ChargeDeps,
  call: Call,
  counted: { usage: TokenUsage; estimated: boolean },
): Promise<Charged> {
  const { deployment, customerId } = call;
  const known = deps.ratesFor(deployment);
  const rates = known === null ? null : applyRates(known, counted.usage.promptTokens);
  const costNano = rates === null ? 0n : costOf(counted.usage, rates);
  const receipt =
    customerId === null
      ? null
      : await deps.commit({
          requestId: call.requestId,
          customerId,
          occurredAt: deps.now(),
          costNano,
          rates,
          model: call.model,
          deploymentId: deployment.id,
          upstreamModel: deployment.upstreamModel,
          usage: counted.usage,
          estimated: counted.estimated,
          keyHash: call.keyHash,
        });
  return { costNano, ...counted, unpriced: rates === null, receipt };
}

/** Usage counted here, for an answer whose upstream reported none. */
export async function estimateUsage(
  { tokens }: Pick<ChargeDeps, "tokens">,
  request: ChatRequest,
  generated: string | TextSample,
): Promise<TokenUsage> {
  const [promptTokens, completionTokens] = await Promise.all([
    tokens.estimatePrompt(request),
    tokens.estimateText(generated),
  ]);
  return {
    promptTokens,
    completionTokens,
    totalTokens: promptTokens + completionTokens,
    cachedTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
  };
}
