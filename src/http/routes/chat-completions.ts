import type { Call, Charged } from "../../completions/charge-call.ts";
import { parseChatRequest } from "../../completions/chat-request.ts";
import type { Answer } from "../../completions/complete-chat.ts";
import { pickCustomerId } from "../../completions/customer-id.ts";
import type { ModelCatalog } from "../../completions/model-catalog.ts";
import { formatNano } from "../../lib/money.ts";
import { clientGone, clientSink } from "../client-sink.ts";
import type { AppContext, HttpDeps } from "../context.ts";
import { readBody } from "../read-body.ts";

export interface ChatCompletionsDeps extends Pick<HttpDeps, "maxBodyBytes"> {
  readonly catalog: ModelCatalog;
  readonly completeChat: (call: Call, gone: AbortSignal) => Promise<Answer>;
}

/** POST /chat/completions: one call, charged before its last byte leaves. */
export function chatCompletions(deps: ChatCompletionsDeps) {
  return async (ctx: AppContext): Promise<void> => {
    const startedAt = performance.now();
    const request = parseChatRequest(await readBody(ctx.req, deps.maxBodyBytes));
    const customerId = pickCustomerId(ctx.req.headers, request);
    const { requestId, keyHash, logFields } = ctx.state;
    const deployment = deps.catalog.pick(request.model);
    Object.assign(logFields, {
      customerId,
      model: request.model,
      deploymentId: deployment.id,
      stream: request.stream,
    });
    ctx.set("x-litellm-call-id", callId(ctx) ?? requestId);
    ctx.set("x-litellm-model-id", deployment.id);
    ctx.set("x-litellm-attempted-retries", "0");
    ctx.set("x-litellm-attempted-fallbacks", "0");
    const gone = clientGone(ctx.res);
    const answer = await deps.completeChat({ requestId, keyHash, customerId, request, deployment }, gone);
    if (answer.kind === "body") {
      ctx.status = answer.status;
      ctx.set(answer.headers);
      const overheadMs = performance.now() - startedAt - answer.upstreamMs;
      ctx.set("x-litellm-overhead-duration-ms", overheadMs.toFixed(1));
      if (answer.charged !== null) describeCharge(ctx, answer.charged);
      ctx.body = answer.body;
      return;
    }
    await sendStream(ctx, answer, gone);
  };
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

function describeCharge(ctx: AppContext, charged: Charged): void {
  ctx.set("x-litellm-response-cost", formatNano(charged.costNano));
  if (charged.receipt?.state === "committed") {
    ctx.set("x-spendhook-customer-spend", formatNano(charged.receipt.totals.spendNano));
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
