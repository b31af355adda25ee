import { editMembers } from "../lib/json-members.ts";
import { ANSWER_LIMITS, type ChatRequest } from "./chat-request.ts";

/** Providers that refuse `max_tokens` for some models, and know `max_completion_tokens` for all. */
const NEWER_FIELD = new Set(["openai", "azure"]);

/** The same request with answers of at most `tokens` tokens each. */
export function capAnswer(request: ChatRequest, tokens: number, provider: string): ChatRequest {
  const body = JSON.parse(request.text) as Record<string, unknown>;
  const given = ANSWER_LIMITS.filter((field) => body[field] !== undefined && body[field] !== null);
  const usual = NEWER_FIELD.has(provider) ? "max_completion_tokens" : "max_tokens";
  const fields = given.length > 0 ? given : [usual];
  const edits = new Map(fields.map((field) => [field, String(tokens)]));
  return { ...request, text: editMembers(request.text, edits), maxTokens: tokens };
}
