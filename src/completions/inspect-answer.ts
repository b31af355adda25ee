import { findJsonFlaw, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from "../lib/check-json.ts";
import { elementsOf, membersOf, parseSpan, type Span, spanOfValue } from "../lib/json-members.ts";
import type { TokenUsage } from "../lib/token-usage.ts";
import { GENERATED_FIELDS } from "./generated-text.ts";
import { type Countable, sampleSpans, type TextSample } from "./tokens/sample-texts.ts";
import { readUsage } from "./wire-usage.ts";

/** What is read of an upstream's whole answer. */
export interface AnswerFacts {
  readonly usage: TokenUsage | null;
  /** What the model generated, to be counted where the upstream did not; null where it did. */
  readonly generated: TextSample | null;
}

/** An upstream is believed more than a caller: only what would take memory of its own is bounded. */
const LIMITS = { depth: 10_000, values: Number.POSITIVE_INFINITY };
const MAX_USAGE_BYTES = 64 * 1024;

/** Reads an answer in time linear in its bytes; null for what is no JSON object or array. */
export function inspectAnswer(bytes: Buffer, random: () => number): AnswerFacts | null {
  if (findJsonFlaw(bytes, LIMITS) !== null) return null;
  const body = spanOfValue(bytes, 0);
  if (bytes[body.start] !== OPEN_OBJECT && bytes[body.start] !== OPEN_ARRAY) return null;
  let usage: TokenUsage | null = null;
  const choices: Span[] = [];
  for (const { key, value } of membersOf(bytes, body)) {
    if (key === "choices") choices.push(value);
    const isShort = value.end - value.start <= MAX_USAGE_BYTES;
    if (key === "usage") usage = isShort ? readUsage(parseSpan(bytes, value)) : null;
  }
  if (usage !== null) return { usage, generated: null };
  const countables = choices.flatMap((span) => generatedTexts(bytes, span));
  return { usage, generated: sampleSpans(bytes, countables, random) };
}

function generatedTexts(bytes: Buffer, choices: Span): Countable[] {
  const texts: Countable[] = [];
  const add = (span: Span): void => {
    if (bytes[span.start] === QUOTE) texts.push({ ...span, isString: true });
  };
  for (const choice of elementsOf(bytes, choices)) {
    for (const message of named(bytes, choice, ["message", "delta"])) {
      for (const text of named(bytes, message, GENERATED_FIELDS.message)) add(text);
      for (const calls of named(bytes, message, ["tool_calls"])) {
        for (const call of elementsOf(bytes, calls)) {
          for (const called of named(bytes, call, ["function"])) {
            for (const text of named(bytes, called, GENERATED_FIELDS.called)) add(text);
          }
        }
      }
    }
  }
  return texts;
}

function named(bytes: Buffer, object: Span, names: readonly string[]): Span[] {
  return [...membersOf(bytes, object)].flatMap(({ key, value }) =>
    key !== null && names.includes(key) ? [value] : [],
  );
}
