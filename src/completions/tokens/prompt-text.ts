import { OPEN_ARRAY, OPEN_OBJECT, QUOTE } from "../../lib/check-json.ts";
import { elementsOf, membersOf, type Span, spanOfValue } from "../../lib/json-members.ts";
import { type Countable, sampleSpans, type TextSample } from "./sample-texts.ts";

/** What of a chat request is counted: message texts, tools, and what the chat format adds. */
export interface PromptText {
  readonly sample: TextSample;
  /** Tokens that are in no text: those around each message, and an image's least. */
  readonly formatTokens: number;
  /** Bytes of the request's other fields, whose tokens (those of a schema, say) nobody counts. */
  readonly otherBytes: number;
}

/** Tokens that the chat format adds around each message, and before the answer. */
const PER_MESSAGE = 3;
const ANSWER_PRIMER = 3;
/** What an image costs depends on the vendor; OpenAI's low-detail figure is the floor that all share. */
const IMAGE_TOKENS = 85;

/** Gathers it from a request that has been inspected. */
export function gatherPrompt(bytes: Buffer, random: () => number): PromptText {
  const countables: Countable[] = [];
  let formatTokens = ANSWER_PRIMER;
  let otherBytes = 0;
  for (const { key, value } of membersOf(bytes, spanOfValue(bytes, 0))) {
    if (key === "messages") {
      for (const message of elementsOf(bytes, value)) {
        formatTokens += PER_MESSAGE + addMessage(bytes, message, countables);
      }
    } else if (key === "tools" || key === "functions") {
      addValue(bytes, value, countables);
    } else {
      otherBytes += value.end - value.start;
    }
  }
  return { sample: sampleSpans(bytes, countables, random), formatTokens, otherBytes };
}

/** The tokens of what is not text in the message. */
function addMessage(bytes: Buffer, message: Span, countables: Countable[]): number {
  let tokens = 0;
  for (const { key, value } of membersOf(bytes, message)) {
    if (key === "content" && bytes[value.start] === OPEN_ARRAY) tokens += addParts(bytes, value, countables);
    else addValue(bytes, value, countables);
  }
  return tokens;
}

function addParts(bytes: Buffer, parts: Span, countables: Countable[]): number {
  let tokens = 0;
  for (const part of elementsOf(bytes, parts)) {
    const text = [...membersOf(bytes, part)].find(({ key }) => key === "text")?.value;
    if (text !== undefined && bytes[text.start] === QUOTE) countables.push({ ...text, isString: true });
    else tokens += IMAGE_TOKENS;
  }
  return tokens;
}

/** Numbers and words are nobody's text. */
function addValue(bytes: Buffer, { start, end }: Span, countables: Countable[]): void {
  const first = bytes[start];
  if (first === QUOTE) countables.push({ start, end, isString: true });
  else if (first === OPEN_OBJECT || first === OPEN_ARRAY) countables.push({ start, end, isString: false });
}
