import { MASTER_KEY } from "../support/stack.ts";
import type { Way } from "./plan.ts";

export interface ChatCall {
  readonly customerId: string;
  readonly model: string;
  readonly way: Way;
  readonly maxTokens: number | undefined;
  readonly prompt: string;
}

export interface CallOutcome {
  /** Of the answer's first line; null when there was none. */
  readonly status: number | null;
  readonly requestId: string | null;
  /** What the answer said it used; null unless it came to its last byte. */
  readonly usage: { readonly prompt: number; readonly completion: number } | null;
  /** The body of a refusal, or how the connection failed. */
  readonly told: string;
}

/** Clients are patient up to here; who has waited so long for a first byte or a next one leaves. */
const PATIENCE_MS = 6000;

interface WireUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
}

/** One chat call as a client makes it; "cut" leaves after the first piece of a stream. Never throws. */
export async function callOnce(baseUrl: string, call: ChatCall): Promise<CallOutcome> {
  const leaving = new AbortController();
  const timer = setTimeout(() => leaving.abort(), PATIENCE_MS);
  let status: number | null = null;
  let requestId: string | null = null;
  try {
    const answer = await fetch(`${baseUrl}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${MASTER_KEY}`, "content-type": "application/json" },
      body: bodyOf(call),
      signal: leaving.signal,
    });
    ({ status } = answer);
    requestId = answer.headers.get("x-request-id");
    if (status !== 200) return { status, requestId, usage: null, told: await answer.text() };
    if (call.way === "cut") {
      await answer.body?.getReader().read();
      leaving.abort();
      return { status, requestId, usage: null, told: "left" };
    }
    const text = await answer.text();
    const usage =
      call.way === "stream" ? streamUsage(text) : (JSON.parse(text) as { usage: WireUsage }).usage;
    const told = usage === null ? text.slice(-300) : "";
    return { status, requestId, usage: usage && tokensOf(usage), told };
  } catch (error) {
    return { status, requestId, usage: null, told: String(error) };
  } finally {
    clearTimeout(timer);
  }
}

function bodyOf({ customerId, model, way, maxTokens, prompt }: ChatCall): string {
  return JSON.stringify({
    model,
    user: customerId,
    messages: [{ role: "user", content: prompt }],
    max_tokens: maxTokens,
    ...(way !== "whole" && { stream: true, stream_options: { include_usage: true } }),
  });
}

function tokensOf(usage: WireUsage): CallOutcome["usage"] {
  return { prompt: usage.prompt_tokens, completion: usage.completion_tokens };
}

/** Null unless the stream came to its end. */
function streamUsage(text: string): WireUsage | null {
  const events = text.split("\n\n").filter((event) => event.startsWith("data: "));
  if (events.at(-1) !== "data: [DONE]") return null;
  const chunks = events.slice(0, -1).map((event) => JSON.parse(event.slice(6)) as { usage?: WireUsage });
  return chunks.findLast((chunk) => chunk.usage)?.usage ?? null;
}
