import { type ChatSummary, inspectChat } from "./inspect-chat.ts";
import { gatherPrompt, type PromptText } from "./tokens/prompt-text.ts";

/**
 * A chat request: its bytes, and the few fields of it that we read. Everything else, known to us or not,
 * reaches the upstream as it came.
 */
export interface ChatRequest extends ChatSummary {
  /** The request's own bytes: one JSON object. */
  readonly bytes: Buffer;
  /** Members that the upstream gets with another value (JSON text), or not at all (undefined). */
  readonly edits: ReadonlyMap<string, string | undefined>;
  /** What of it is counted, when its tokens are. */
  readonly prompt: () => PromptText;
}

/**
 * Reads a chat completion's body on this thread, in time linear in its bytes. Throws invalid_json, or
 * invalid_request naming the field.
 */
export function parseChatRequest(body: Buffer): ChatRequest {
  const bytes = withoutMark(body);
  return asRequest(bytes, inspectChat(bytes), () => gatherPrompt(bytes, Math.random));
}

/** The request of a body that has been inspected. */
export function asRequest(bytes: Buffer, summary: ChatSummary, prompt: () => PromptText): ChatRequest {
  return { ...summary, bytes, edits: new Map<string, string | undefined>(), prompt };
}

/** Without the byte order mark, which is not JSON's but which some write. */
export function withoutMark(body: Buffer): Buffer {
  return body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? body.subarray(3) : body;
}

/** The same request with other values for these members, given as JSON text, or without them (undefined). */
export function withMembers(
  request: ChatRequest,
  edits: Iterable<readonly [string, string | undefined]>,
): ChatRequest {
  return { ...request, edits: new Map([...request.edits, ...edits]) };
}
