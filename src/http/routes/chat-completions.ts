import type { Charged } from "../../completions/charge-call.ts";
import type { CallFacts, ChatClient } from "../../completions/chat-client.ts";
import type { ReadChat } from "../../completions/chat-reader.ts";
import type { Answer } from "../../completions/complete-chat.ts";
import type { IncomingChat } from "../../completions/prepare-call.ts";
import type { ClientSink } from "../../completions/relay-stream.ts";
import { formatNano } from "../../lib/money.ts";
import { clientGone, clientSink } from "../client-sink.ts";
import type { AppContext, HttpDeps } from "../context.ts";
import { readBody } from "../read-body.ts";

export interface ChatCompletionsDeps extends Pick<HttpDeps, "maxBodyBytes"> {
  readonly readChat: ReadChat;
  readonly serveChat: (incoming: IncomingChat, client: ChatClient) => Promise<Answer>;
}

/** POST /chat/completions: one call, charged before its last byte leaves. */
export function chatCompletions(deps: ChatCompletionsDeps) {
  return async (ctx: AppContext): Promise<void> => {
    const startedAt = performance.now();
    const { requestId, keyHash } = ctx.state;
    ctx.set("x-litellm-call-id", callId(ctx) ?? requestId);
    const bytes = await readBody(ctx.req, { maxBytes: deps.maxBodyBytes, grow: ctx.state.growBody });
    const request = await deps.readChat(bytes);
    const gone = clientGone(ctx.res);
    let maxNano: bigint | null = null;
    const answer = await deps.serveChat(
      { requestId, keyHash, headers: ctx.req.headers, request },
      {
        gone,
        announceCost: ctx.get("x-spendhook-stream-cost") === "true",
        admitted: (facts) => {
          maxNano = facts.maxNano;
          describeCall(ctx, facts);
        },
        startStream: (head) => startStream(ctx, head, gone),
      },
    );
    if (answer.charged !== null) logCharge(ctx, answer.charged);
    if (answer.kind === "stream") {
      const { outcome, error } = answer;
      Object.assign(ctx.state.logFields, { outcome, ...(error !== null && { error: error.code }) });
      return;
    }
    ctx.status = answer.status;
    ctx.set(answer.headers);
    const overheadMs = performance.now() - startedAt - answer.upstreamMs;
    ctx.set("x-litellm-overhead-duration-ms", overheadMs.toFixed(1));
    if (answer.charged !== null) describeCharge(ctx, answer.charged, maxNano);
    ctx.body = answer.body;
  };
}

/** What is known of a call before its answer. */
function describeCall(ctx: AppContext, facts: CallFacts): void {
  const { customerId, model, deploymentId, stream, cappedTokens } = facts;
  const capped = cappedTokens !== null && { cappedTokens };
  Object.assign(ctx.state.logFields, { customerId, model, deploymentId, stream, ...capped });
  ctx.set("x-litellm-model-id", deploymentId);
  ctx.set("x-litellm-attempted-retries", "0");
  ctx.set("x-litellm-attempted-fallbacks", "0");
  if (facts.region !== null) ctx.set("x-litellm-model-region", facts.region);
  if (cappedTokens !== null) ctx.set("x-spendhook-max-tokens-capped", String(cappedTokens));
  if (facts.remainingNano !== null) setRemaining(ctx, facts.remainingNano);
  if (facts.resetAt !== null) ctx.set("x-spendhook-budget-reset", facts.resetAt.toISOString());
}

function setRemaining(ctx: AppContext, nano: bigint): void {
  ctx.set("x-spendhook-budget-remaining", formatNano(nano > 0n ? nano : 0n));
}

/** From here on the response is written by hand: Koa neither sends nor ends it. */
function startStream(
  ctx: AppContext,
  { status, headers }: Parameters<ChatClient["startStream"]>[0],
  gone: AbortSignal,
): ClientSink {
  ctx.set({ "cache-control": "no-cache", "x-accel-buffering": "no", ...headers });
  ctx.respond = false;
  ctx.res.statusCode = status;
  ctx.res.flushHeaders();
  return clientSink(ctx.res, gone);
}

function describeCharge(ctx: AppContext, { costNano, receipt }: Charged, maxNano: bigint | null): void {
  ctx.set("x-litellm-response-cost", formatNano(costNano));
  if (receipt?.state !== "committed") return;
  const { spendNano } = receipt.totals;
  ctx.set("x-spendhook-customer-spend", formatNano(spendNano));
  if (maxNano !== null) setRemaining(ctx, maxNano - spendNano);
}

function logCharge(ctx: AppContext, charged: Charged): void {
  Object.assign(ctx.state.logFields, {
    cost: formatNano(charged.costNano),
    promptTokens: charged.usage.promptTokens,
    completionTokens: charged.usage.completionTokens,
    estimated: charged.estimated,
    unpriced: charged.unpriced,
    ledger: charged.receipt?.state ?? "no_customer",
  });
}

/** The caller's own call id is echoed when it is short and printable; it identifies nothing here. */
function callId(ctx: AppContext): string | null {
  const id = ctx.get("x-litellm-call-id");
  return /^[\x21-\x7e]{1,128}$/.test(id) ? id : null;
}
