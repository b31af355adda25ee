import type { ChatRequest } from "./chat-request.ts";

/** Tokens that the chat format adds around each message, and before the answer. */
const PER_MESSAGE = 3;
const ANSWER_PRIMER = 3;
/** Text longer than this is not tokenised in full: its tail is counted at the head's rate. */
const MAX_TOKENIZED_CHARS = 400_000;

/** Counts tokens of plain text with the o200k vocabulary: an estimate for other vendors' models. */
export type CountTokens = (text: string) => number;

/** The tokenizer is large and rarely needed, so it is loaded when first asked for. */
export async function loadTokenizer(): Promise<CountTokens> {
  const { countTokens } = await import("gpt-tokenizer/encoding/o200k_base");
  return (text) => {
    // Text that spells a special token is plain text to the model as well.
    const head = countTokens(text.slice(0, MAX_TOKENIZED_CHARS), { disallowedSpecial: new Set() });
    return text.length <= MAX_TOKENIZED_CHARS ? head : Math.ceil((head * text.length) / MAX_TOKENIZED_CHARS);
  };
}

/** Estimated prompt tokens of a chat request: message texts, tools and the format's own tokens. */
export function countPromptTokens(request: ChatRequest, countTokens: CountTokens): number {
  let total = ANSWER_PRIMER;
  for (const message of request.messages) {
    total += PER_MESSAGE;
    for (const [name, value] of Object.entries(message)) {
      if (typeof value === "string") total += countTokens(value);
      else if (name === "content" && Array.isArray(value)) total += countParts(value, countTokens);
      else if (value !== null && typeof value === "object") total += countTokens(JSON.stringify(value));
    }
  }
  if (request.tools !== undefined) total += countTokens(JSON.stringify(request.tools));
  return total;
}

/** What an image costs depends on the vendor; OpenAI's low-detail figure is the floor that all share. */
const IMAGE_TOKENS = 85;

function countParts(parts: readonly unknown[], countTokens: CountTokens): number {
  let total = 0;
  for (const part of parts) {
    const text = part !== null && typeof part === "object" ? (part as { text?: unknown }).text : undefined;
    total += typeof text === "string" ? countTokens(text) : IMAGE_TOKENS;
  }
  return total;
}
