import { BACKSLASH, QUOTE } from "../../lib/check-json.ts";
import { endOfString, type Span } from "../../lib/json-members.ts";
import type { Texts } from "./count-steps.ts";

/** A part of a request whose tokens are to be counted. */
export interface Countable extends Span {
  /** A JSON string is counted as what it says, any other value as compact JSON text. */
  readonly isString: boolean;
}

/** Texts to be counted: all of them, or samples spread evenly over what is too long. */
export interface TextSample extends Texts {
  readonly sampledBytes: number;
  readonly totalBytes: number;
}

/** What is counted for one call at most, in bytes: about 120,000 tokens of English. */
export const MAX_COUNTED_BYTES = 512 * 1024;
/** So many samples: enough that none of a text's kinds is missed, each long enough that its edges do not count. */
const SAMPLES = 128;
const SAMPLE_BYTES = MAX_COUNTED_BYTES / SAMPLES;

/**
 * `random` decides where within its share of the text each sample lies, so that nobody can put cheap text
 * where it will be looked for.
 */
export function sampleSpans(
  bytes: Buffer,
  countables: readonly Countable[],
  random: () => number,
): TextSample {
  const totalBytes = countables.reduce((sum, { start, end }) => sum + end - start, 0);
  if (totalBytes <= MAX_COUNTED_BYTES) {
    return asSample(
      countables.map((one) => wholeText(bytes, one)),
      totalBytes,
      totalBytes,
    );
  }
  const parts: string[] = [];
  const windows = samplesOf(totalBytes, random);
  let window = windows.next();
  let before = 0;
  for (const { start, end } of countables) {
    const after = before + end - start;
    while (window.done !== true && window.value < after) {
      const from = Math.max(window.value, before) - before;
      const to = Math.min(window.value + SAMPLE_BYTES, after) - before;
      if (to > from) parts.push(partText(bytes, start + from, start + to));
      // The rest of this sample lies in the next text.
      if (window.value + SAMPLE_BYTES > after) break;
      window = windows.next();
    }
    before = after;
  }
  return asSample(parts, MAX_COUNTED_BYTES, totalBytes);
}

/** The same for one text. */
export function sampleText(text: string, random: () => number): TextSample {
  const totalBytes = Buffer.byteLength(text);
  if (totalBytes <= MAX_COUNTED_BYTES) return asSample([text], totalBytes, totalBytes);
  const bytes = Buffer.from(text);
  const parts = [...samplesOf(totalBytes, random)].map((at) => bytes.toString("utf8", at, at + SAMPLE_BYTES));
  return asSample(parts, MAX_COUNTED_BYTES, totalBytes);
}

/** Where the samples begin: one somewhere in each of as many equal shares. */
function* samplesOf(totalBytes: number, random: () => number): Generator<number, void, void> {
  const share = totalBytes / SAMPLES;
  for (let index = 0; index < SAMPLES; index++) {
    yield Math.floor(index * share + random() * (share - SAMPLE_BYTES));
  }
}

function asSample(parts: readonly string[], sampledBytes: number, totalBytes: number): TextSample {
  const ends = new Uint32Array(parts.length);
  let end = 0;
  for (const [index, part] of parts.entries()) ends[index] = end += part.length;
  return { text: parts.join(""), ends, sampledBytes, totalBytes };
}

function wholeText(bytes: Buffer, { start, end, isString }: Countable): string {
  if (isString) return JSON.parse(bytes.toString("utf8", start, end)) as string;
  return withoutEscapes(compactJson(bytes, start, end));
}

/** A part may begin and end within a character or an escape: that is a token or two in thousands. */
function partText(bytes: Buffer, start: number, end: number): string {
  return withoutEscapes(bytes.toString("utf8", start, end));
}

const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|([nrtbf"\\/]))/g;
const MEANINGS: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" };

function withoutEscapes(json: string): string {
  if (!json.includes("\\")) return json;
  return json.replace(ESCAPE, (_escape, code: string | undefined, letter: string | undefined) =>
    code === undefined
      ? (MEANINGS[letter ?? ""] ?? letter ?? "")
      : String.fromCharCode(Number.parseInt(code, 16)),
  );
}

/** Without the space between tokens: a model is not sent it. */
function compactJson(bytes: Buffer, start: number, end: number): string {
  const compact = Buffer.allocUnsafe(end - start);
  let length = 0;
  for (let at = start; at < end;) {
    const byte = bytes[at] ?? BACKSLASH;
    if (byte === QUOTE) {
      const after = endOfString(bytes, at);
      length += bytes.copy(compact, length, at, after);
      at = after;
      continue;
    }
    if (byte > 0x20) compact[length++] = byte;
    at++;
  }
  return compact.toString("utf8", 0, length);
}
