import { type ChatRequest, withMembers } from "./chat-request.ts";

/** Providers that refuse `max_tokens` for some models, and know `max_completion_tokens` for all. */
const NEWER_FIELD = new Set(["openai", "azure"]);

/** The same request with answers of at most `tokens` tokens each. */
export function capAnswer(request: ChatRequest, tokens: number, provider: string): ChatRequest {
  const usual = NEWER_FIELD.has(provider) ? "max_completion_tokens" : "max_tokens";
  const fields = request.limitFields.length > 0 ? request.limitFields : [usual];
  return {
    ...withMembers(
      request,
      fields.map((field) => [field, String(tokens)]),
    ),
    maxTokens: tokens,
  };
}
