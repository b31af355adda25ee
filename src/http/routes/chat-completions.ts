import type { Charged } from "../../completions/charge-call.ts";
import { parseChatRequest } from "../../completions/chat-request.ts";
import type { Answer } from "../../completions/complete-chat.ts";
import type { IncomingChat, PreparedCall } from "../../completions/prepare-call.ts";
import { formatNano } from "../../lib/money.ts";
import { clientGone, clientSink } from "../client-sink.ts";
import type { AppContext, HttpDeps } from "../context.ts";
import { readBody } from "../read-body.ts";

export interface ChatCompletionsDeps extends Pick<HttpDeps, "maxBodyBytes"> {
  readonly prepareCall: (incoming: IncomingChat) => Promise<PreparedCall>;
  readonly completeChat: (prepared: PreparedCall, gone: AbortSignal) => Promise<Answer>;
}

/** POST /chat/completions: one call, charged before its last byte leaves. */
export function chatCompletions(deps: ChatCompletionsDeps) {
  return async (ctx: AppContext): Promise<void> => {
    const startedAt = performance.now();
    const { requestId, keyHash } = ctx.state;
    ctx.set("x-litellm-call-id", callId(ctx) ?? requestId);
    const request = parseChatRequest(await readBody(ctx.req, deps.maxBodyBytes));
    const gone = clientGone(ctx.res);
    const prepared = await deps.prepareCall({ requestId, keyHash, headers: ctx.req.headers, request });
    describeCall(ctx, prepared);
    const answer = await deps.completeChat(prepared, gone);
    if (answer.kind === "body") {
      ctx.status = answer.status;
      ctx.set(answer.headers);
      const overheadMs = performance.now() - startedAt - answer.upstreamMs;
      ctx.set("x-litellm-overhead-duration-ms", overheadMs.toFixed(1));
      if (answer.charged !== null) describeCharge(ctx, answer.charged, prepared);
      ctx.body = answer.body;
      return;
    }
    await sendStream(ctx, answer, gone);
  };
}

/** What is known of a call before its answer. */
function describeCall(ctx: AppContext, { call, cappedTokens, remainingNano, terms }: PreparedCall): void {
  const { customerId, model, deployment, request } = call;
  Object.assign(ctx.state.logFields, {
    customerId,
    model,
    deploymentId: deployment.id,
    stream: request.stream,
    ...(cappedTokens !== null && { cappedTokens }),
  });
  ctx.set("x-litellm-model-id", deployment.id);
  ctx.set("x-litellm-attempted-retries", "0");
  ctx.set("x-litellm-attempted-fallbacks", "0");
  if (terms?.region != null) ctx.set("x-litellm-model-region", terms.region);
  if (cappedTokens !== null) ctx.set("x-spendhook-max-tokens-capped", String(cappedTokens));
  if (remainingNano !== null) setRemaining(ctx, remainingNano);
  const resetAt = terms?.budget?.periodOf(new Date())?.end;
  if (resetAt !== undefined) ctx.set("x-spendhook-budget-reset", resetAt.toISOString());
}

function setRemaining(ctx: AppContext, nano: bigint): void {
  ctx.set("x-spendhook-budget-remaining", formatNano(nano > 0n ? nano : 0n));
}

async function sendStream(
  ctx: AppContext,
  answer: Extract<Answer, { kind: "stream" }>,
  gone: AbortSignal,
): Promise<void> {
  ctx.respond = false;
  ctx.set({ "cache-control": "no-cache", "x-accel-buffering": "no", ...answer.headers });
  ctx.res.statusCode = answer.status;
  ctx.res.flushHeaders();
  const announceCost = ctx.get("x-spendhook-stream-cost") === "true";
  const result = await answer.pipe(clientSink(ctx.res, gone), { announceCost });
  if (result.charged !== null) logCharge(ctx, result.charged);
  Object.assign(ctx.state.logFields, {
    outcome: result.outcome,
    ...(result.error !== null && { error: result.error.code }),
  });
}

function describeCharge(ctx: AppContext, charged: Charged, { terms }: PreparedCall): void {
  ctx.set("x-litellm-response-cost", formatNano(charged.costNano));
  if (charged.receipt?.state === "committed") {
    const { spendNano } = charged.receipt.totals;
    ctx.set("x-spendhook-customer-spend", formatNano(spendNano));
    const maxNano = terms?.budget?.maxNano ?? null;
    if (maxNano !== null) setRemaining(ctx, maxNano - spendNano);
  }
  logCharge(ctx, charged);
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
