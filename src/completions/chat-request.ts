import { AppError } from "../errors.ts";
import { decodeUtf8, findJsonFault, MAX_JSON_DEPTH } from "../lib/json-tree.ts";

/**
 * The few fields of a chat request that we read. Everything else, known to us or not, reaches the
 * upstream as it came.
 */
export interface ChatRequest {
  /** The request's own text. */
  readonly text: string;
  /** Null: the caller names none, and its customer's default is used. */
  readonly model: string | null;
  readonly messages: readonly Record<string, unknown>[];
  readonly tools?: unknown;
  readonly stream: boolean;
  /** The caller asked for the usage chunk of a stream. */
  readonly includeUsage: boolean;
  readonly streamOptions: Record<string, unknown>;
  /** The longest answer the caller allows, in tokens; null = it does not say, or says nonsense. */
  readonly maxTokens: number | null;
  /** `n`: how many answers it asks for. */
  readonly answers: number;
  readonly user: unknown;
  readonly metadata: unknown;
  readonly litellmMetadata: unknown;
  readonly safetyIdentifier: unknown;
}

/** Reads a chat completion's body. Throws invalid_json, or invalid_request naming the field. */
export function parseChatRequest(bytes: Buffer): ChatRequest {
  if (bytes.length === 0) {
    throw new AppError("invalid_request", "The request has no body (with curl, the body goes in -d, not -D)");
  }
  const text = decodeUtf8(bytes);
  if (text === null) throw new AppError("invalid_json", "The request body is not valid UTF-8");
  const body = parseJson(text);
  if (!isObject(body)) throw new AppError("invalid_request", "The request body must be a JSON object");
  if (findJsonFault(body) === "too_deep") {
    throw new AppError("invalid_json", `The request body is nested deeper than ${MAX_JSON_DEPTH} levels`);
  }
  const { model, stream_options } = body;
  checkFields(body);
  return {
    text,
    model: typeof model === "string" ? model : null,
    messages: body["messages"] as Record<string, unknown>[],
    ...(body["tools"] !== undefined && { tools: body["tools"] }),
    stream: body["stream"] === true,
    includeUsage: isObject(stream_options) && stream_options["include_usage"] === true,
    streamOptions: isObject(stream_options) ? stream_options : {},
    maxTokens: longestAnswer(body),
    answers: count(body["n"]) ?? 1,
    user: body["user"],
    metadata: body["metadata"],
    litellmMetadata: body["litellm_metadata"],
    safetyIdentifier: body["safety_identifier"],
  };
}

/** Only what we read is checked; the rest is the upstream's to judge. */
function checkFields({ model, messages, stream, stream_options }: Record<string, unknown>): void {
  if (model !== undefined && model !== null && (typeof model !== "string" || model === "")) {
    throw invalid("model", "a non-empty string", model);
  }
  if (!Array.isArray(messages) || messages.length === 0 || !messages.every(isObject)) {
    throw invalid("messages", "a non-empty array of message objects", messages);
  }
  if (stream !== undefined && stream !== null && typeof stream !== "boolean") {
    throw invalid("stream", "a boolean", stream);
  }
  if (stream_options !== undefined && stream_options !== null && !isObject(stream_options)) {
    throw invalid("stream_options", "an object", stream_options);
  }
}

/** The two fields that limit an answer: the newer one, and the one that most upstreams know. */
export const ANSWER_LIMITS = ["max_completion_tokens", "max_tokens"] as const;

/** With both fields given, the larger one: which of them an upstream obeys is its own affair. */
function longestAnswer(body: Record<string, unknown>): number | null {
  const given = ANSWER_LIMITS.map((field) => count(body[field])).filter((limit) => limit !== null);
  return given.length === 0 ? null : Math.max(...given);
}

function count(value: unknown): number | null {
  return Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : null;
}

function parseJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    // V8 quotes the body around the fault; only the position is repeated, prompts stay out of messages.
    const position = error instanceof Error ? /position (\d+)/.exec(error.message)?.[1] : undefined;
    const where = position === undefined ? "" : ` (at character ${position} of ${text.length})`;
    throw new AppError("invalid_json", `The request body is not valid JSON${where}`);
  }
}

function invalid(param: string, expected: string, got: unknown): AppError {
  return new AppError("invalid_request", `'${param}' must be ${expected}, got ${describe(got)}`, { param });
}

function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  if (value === "") return "an empty string";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
