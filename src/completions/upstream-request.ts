import { editMembers } from "../lib/json-members.ts";
import type { ChatRequest } from "./chat-request.ts";

/** What the upstream client needs to know of a deployment. */
export interface UpstreamTarget {
  readonly id: string;
  readonly modelName: string;
  readonly provider: string;
  readonly upstreamModel: string;
  readonly apiBase: string;
  readonly apiKey: string | null;
  readonly apiVersion: string | null;
  readonly organization: string | null;
  readonly mockResponse: string | null;
  readonly refusedFields: readonly string[];
  readonly timeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** Where a deployment's chat completions are posted. */
export function chatUrl(target: UpstreamTarget): URL {
  if (target.provider !== "azure") return new URL(`${target.apiBase}/chat/completions`);
  const url = new URL(
    `${target.apiBase}/openai/deployments/${encodeURIComponent(target.upstreamModel)}/chat/completions`,
  );
  if (target.apiVersion !== null) url.searchParams.set("api-version", target.apiVersion);
  return url;
}

/**
 * The only headers an upstream sees: its own key and the content type. Nothing of the caller's request
 * is forwarded, so no key, cookie or customer header can leak. Compression is declined because bytes are
 * passed through as they come.
 */
export function upstreamHeaders(target: UpstreamTarget, userAgent: string): Record<string, string> {
  return {
    "content-type": "application/json",
    accept: "*/*",
    "accept-encoding": "identity",
    "user-agent": userAgent,
    ...(target.apiKey !== null &&
      (target.provider === "azure"
        ? { "api-key": target.apiKey }
        : { authorization: `Bearer ${target.apiKey}` })),
    ...(target.organization !== null && { "openai-organization": target.organization }),
  };
}

/** What LiteLLM's clients say to the proxy, not to the model: no upstream knows these fields, and some refuse them. */
const PROXY_FIELDS = [
  "metadata",
  "litellm_metadata",
  "fallbacks",
  "num_retries",
  "mock_response",
  "caching",
  "tags",
  "guardrails",
  "drop_params",
  "router_settings_override",
] as const;

/**
 * The caller's own bytes with the deployment's model name, without what is meant for the proxy and what
 * this upstream refuses, and, for streams, asking for the usage chunk. Everything else is untouched.
 */
export function upstreamBody(request: ChatRequest, target: UpstreamTarget): Buffer {
  const edits = new Map<string, string | undefined>([
    ...request.edits,
    ["model", JSON.stringify(target.upstreamModel)],
  ]);
  for (const field of PROXY_FIELDS) edits.set(field, undefined);
  if (request.stream) edits.set("stream_options", request.usageOptions);
  for (const field of target.refusedFields) edits.set(field, undefined);
  return editMembers(request.bytes, request.members, edits);
}

const PASSED_HEADERS = /^(content-type|retry-after|openai-.*|x-ratelimit-.*)$/;
/** What Node takes as the value of a header; an upstream may send bytes that it does not. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * The upstream's response headers that reach the caller: content type, pacing and vendor facts. Its
 * request id comes as `llm_provider-x-request-id`, as in LiteLLM; cookies, hop-by-hop headers and values that cannot
 * be sent on do not.
 */
export function passedHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const text = Array.isArray(value) ? value.join(", ") : value;
    if (text === undefined || name === "openai-organization" || !HEADER_VALUE.test(text)) continue;
    if (PASSED_HEADERS.test(name)) passed[name] = text;
    if (name === "x-request-id") passed["llm_provider-x-request-id"] = text;
  }
  return passed;
}
