import { isUtf8 } from "node:buffer";
import { AppError } from "../errors.ts";
import { findJsonFlaw, type JsonFlaw, OPEN_OBJECT, skipSpace } from "../lib/check-json.ts";
import { editMembers, elementsOf, type Member, membersOf, type Span } from "../lib/json-members.ts";
import { MAX_JSON_DEPTH, MAX_JSON_VALUES } from "../lib/json-tree.ts";
import {
  describe,
  describeSpan,
  type Fields,
  given,
  invalid,
  pickFields,
  readCount,
  readId,
  readMemberId,
  readValue,
} from "./read-fields.ts";

/** What is read of a chat request; plain values of a bounded size, whatever the request is. */
export interface ChatSummary {
  /** All members of the request; every place is one of its bytes. */
  readonly members: readonly Member[];
  /** Null: the caller names none, and its customer's default is used. */
  readonly model: string | null;
  readonly stream: boolean;
  /** The caller asked for the usage chunk of a stream. */
  readonly includeUsage: boolean;
  /** `stream_options` as JSON text, asking for that chunk. */
  readonly usageOptions: string;
  /** The longest answer the caller allows, in tokens; null = it does not say. */
  readonly maxTokens: number | null;
  /** Which of the fields say so. */
  readonly limitFields: readonly AnswerLimit[];
  /** `n`: how many answers it asks for. */
  readonly answers: number;
  /** Who pays, by the places where a body may say so; null where it does not name anybody. */
  readonly user: string | null;
  readonly litellmMetadataUser: string | null;
  readonly metadataUserId: string | null;
  readonly safetyIdentifier: string | null;
  /** Prompt parts whose tokens are not in the request's text: images, sounds, files by reference. */
  readonly unseenParts: number;
}

/** The two fields that limit an answer: the newer one, and the one that most upstreams know. */
export const ANSWER_LIMITS = ["max_completion_tokens", "max_tokens"] as const;
export type AnswerLimit = (typeof ANSWER_LIMITS)[number];

/** What the most common integer holds: what is larger may mean something else to the upstream. */
export const MAX_ANSWER_TOKENS = 2 ** 31 - 1;
/** OpenAI's own limit. */
export const MAX_ANSWERS = 128;
/** Far more than all fields that any upstream knows. */
const MAX_MEMBERS = 1000;
const MAX_MODEL_BYTES = 1024;

const READ_FIELDS: ReadonlySet<string> = new Set([
  "model",
  "messages",
  "tools",
  "functions",
  "stream",
  "stream_options",
  ...ANSWER_LIMITS,
  "n",
  "user",
  "metadata",
  "litellm_metadata",
  "safety_identifier",
]);
const STREAM_OPTIONS: ReadonlySet<string> = new Set(["include_usage"]);
const MESSAGE_FIELDS: ReadonlySet<string> = new Set(["role", "content"]);
const PART_FIELDS: ReadonlySet<string> = new Set(["type", "text"]);

/** Reads a chat completion's body. Throws invalid_json, or invalid_request naming the field. */
export function inspectChat(bytes: Buffer): ChatSummary {
  const members = readMembers(bytes);
  const fields = pickFields(members, READ_FIELDS);
  const limitFields = ANSWER_LIMITS.filter((name) => given(bytes, fields, name) !== undefined);
  const limits = limitFields.flatMap((name) => readCount(bytes, fields, name, MAX_ANSWER_TOKENS) ?? []);
  return {
    members,
    model: readModel(bytes, fields),
    unseenParts: countUnseenParts(bytes, fields.get("messages")?.value),
    ...readStreaming(bytes, fields),
    limitFields,
    // With both fields given, the larger one: which of them an upstream obeys is its own affair.
    maxTokens: limits.length === 0 ? null : Math.max(...limits),
    answers: readCount(bytes, fields, "n", MAX_ANSWERS) ?? 1,
    user: readId(bytes, fields, "user"),
    litellmMetadataUser: readMemberId(bytes, fields, "litellm_metadata", "user"),
    metadataUserId: readMemberId(bytes, fields, "metadata", "user_id"),
    safetyIdentifier: readId(bytes, fields, "safety_identifier"),
  };
}

/** The members of the one object that the body is. */
function readMembers(bytes: Buffer): Member[] {
  if (bytes.length === 0) {
    throw new AppError("invalid_request", "The request has no body (with curl, the body goes in -d, not -D)");
  }
  if (!isUtf8(bytes)) throw new AppError("invalid_json", "The request body is not valid UTF-8");
  const flaw = findJsonFlaw(bytes, { depth: MAX_JSON_DEPTH, values: MAX_JSON_VALUES });
  if (flaw !== null) throw new AppError("invalid_json", flawText(flaw, bytes.length));
  const start = skipSpace(bytes, 0);
  if (bytes[start] !== OPEN_OBJECT) {
    throw new AppError("invalid_request", "The request body must be a JSON object");
  }
  const members: Member[] = [];
  for (const member of membersOf(bytes, { start, end: bytes.length })) {
    if (members.push(member) > MAX_MEMBERS) {
      throw new AppError("invalid_request", `The request has more than ${MAX_MEMBERS} fields`);
    }
  }
  return members;
}

/** Only the place is told: prompts stay out of messages. */
export function flawText(flaw: JsonFlaw, length: number): string {
  if (flaw.kind === "too_deep") return `The request body is nested deeper than ${MAX_JSON_DEPTH} levels`;
  if (flaw.kind === "too_many") return `The request body has more than ${MAX_JSON_VALUES} values`;
  return `The request body is not valid JSON (at byte ${flaw.at} of ${length})`;
}

function readModel(bytes: Buffer, fields: Fields): string | null {
  const model = readValue(bytes, fields, "model");
  if (model === undefined) return null;
  if (typeof model !== "string" || model === "") {
    throw invalid("model", "a non-empty string", describe(model));
  }
  if (Buffer.byteLength(model) > MAX_MODEL_BYTES) {
    throw invalid("model", `at most ${MAX_MODEL_BYTES} bytes long`, `${Buffer.byteLength(model)}`);
  }
  return model;
}

function readStreaming(
  bytes: Buffer,
  fields: Fields,
): Pick<ChatSummary, "stream" | "includeUsage" | "usageOptions"> {
  const stream = readFlag(bytes, fields, "stream");
  const options = given(bytes, fields, "stream_options");
  if (options === undefined) return { stream, includeUsage: false, usageOptions: '{"include_usage":true}' };
  if (bytes[options.start] !== OPEN_OBJECT) {
    throw invalid("stream_options", "an object", describeSpan(bytes, options));
  }
  // It has a bounded size from here on.
  readValue(bytes, fields, "stream_options");
  const members = [...membersOf(bytes, options)];
  const includeUsage = readFlag(
    bytes,
    pickFields(members, STREAM_OPTIONS, "stream_options."),
    "include_usage",
    "stream_options.",
  );
  const usageOptions = editMembers(bytes, members, new Map([["include_usage", "true"]])).toString();
  return { stream, includeUsage, usageOptions };
}

function readFlag(bytes: Buffer, fields: Fields, name: string, path = ""): boolean {
  const value = readValue(bytes, fields, name, path);
  if (value === undefined || typeof value === "boolean") return value === true;
  throw invalid(path + name, "a boolean", describe(value));
}

/** Looks at every message and every part on the way. */
function countUnseenParts(bytes: Buffer, messages: Span | undefined): number {
  let messageCount = 0;
  let unseen = 0;
  for (const message of messages === undefined ? [] : elementsOf(bytes, messages)) {
    const path = `messages[${messageCount++}].`;
    if (bytes[message.start] !== OPEN_OBJECT) throw noMessages(bytes, messages);
    const fields = pickFields(membersOf(bytes, message), MESSAGE_FIELDS, path);
    const content = fields.get("content")?.value;
    for (const part of content === undefined ? [] : elementsOf(bytes, content)) {
      const type = pickFields(membersOf(bytes, part), PART_FIELDS, `${path}content.`).get("type")?.value;
      if (type === undefined || bytes.toString("latin1", type.start, type.end) !== '"text"') unseen++;
    }
  }
  if (messageCount === 0) throw noMessages(bytes, messages);
  return unseen;
}

function noMessages(bytes: Buffer, messages: Span | undefined): AppError {
  return invalid("messages", "a non-empty array of message objects", describeSpan(bytes, messages));
}
