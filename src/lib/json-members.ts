import {
  BACKSLASH,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COMMA,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  skipSpace,
} from "./check-json.ts";

/**
 * Reads and edits JSON text without building it: numbers beyond 2^53, key order and unknown fields reach
 * the other side as they came, and time and memory do not depend on what else is in it. The text must
 * already have passed `findJsonFlaw`: what is here trusts it.
 */

/** A part of the text. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Member extends Span {
  /** Null for a name that is longer than any we look for. */
  readonly key: string | null;
  readonly value: Span;
}

const LONGEST_KEY_BYTES = 256;

/** The members of the object there; of anything else, none. */
export function* membersOf(bytes: Buffer, { start: open }: Span): Generator<Member, void, void> {
  if (bytes[open] !== OPEN_OBJECT) return;
  let start = skipSpace(bytes, open + 1);
  while (bytes[start] === QUOTE) {
    const keyEnd = endOfString(bytes, start);
    const value = spanOfValue(bytes, skipSpace(bytes, skipSpace(bytes, keyEnd) + 1));
    yield { key: keyText(bytes, start, keyEnd), start, end: value.end, value };
    start = skipSpace(bytes, value.end);
    if (bytes[start] === COMMA) start = skipSpace(bytes, start + 1);
  }
}

/** The elements of the array there; of anything else, none. */
export function* elementsOf(bytes: Buffer, { start: open }: Span): Generator<Span, void, void> {
  if (bytes[open] !== OPEN_ARRAY) return;
  let start = skipSpace(bytes, open + 1);
  while (bytes[start] !== CLOSE_ARRAY) {
    const element = spanOfValue(bytes, start);
    yield element;
    start = skipSpace(bytes, element.end);
    if (bytes[start] === COMMA) start = skipSpace(bytes, start + 1);
  }
}

/** The value that begins at the first place from there on that is not white space. */
export function spanOfValue(bytes: Buffer, from: number): Span {
  const start = skipSpace(bytes, from);
  return { start, end: endOfValue(bytes, start) };
}

/** The value as JavaScript has it; only for values of a bounded size. */
export function parseSpan(bytes: Buffer, { start, end }: Span): unknown {
  return JSON.parse(bytes.toString("utf8", start, end));
}

/** True for the value `null`. */
export function isNull(bytes: Buffer, { start }: Span): boolean {
  return bytes[start] === 0x6e;
}

/**
 * The object of these members, each occurrence of the keys in `edits` left out, and those whose value is
 * not undefined, given as JSON text, appended.
 */
export function editMembers(
  bytes: Buffer,
  members: Iterable<Pick<Member, "key" | "start" | "end">>,
  edits: ReadonlyMap<string, string | undefined>,
): Buffer {
  const pieces: Buffer[] = [];
  const add = (piece: Buffer): void => {
    pieces.push(pieces.length === 0 ? OPEN : SEPARATOR, piece);
  };
  for (const { key, start, end } of members) {
    if (key === null || !edits.has(key)) add(bytes.subarray(start, end));
  }
  for (const [key, value] of edits) {
    if (value !== undefined) add(Buffer.from(`${JSON.stringify(key)}:${value}`));
  }
  return pieces.length === 0 ? EMPTY : Buffer.concat([...pieces, CLOSE]);
}

const OPEN = Buffer.from("{");
const SEPARATOR = Buffer.from(",");
const CLOSE = Buffer.from("}");
const EMPTY = Buffer.from("{}");

function keyText(bytes: Buffer, start: number, end: number): string | null {
  if (end - start > LONGEST_KEY_BYTES) return null;
  const text = bytes.toString("utf8", start + 1, end - 1);
  return text.includes("\\") ? (JSON.parse(`"${text}"`) as string) : text;
}

/** The place after the string that opens at `from`. */
export function endOfString(bytes: Uint8Array, from: number): number {
  let at = from + 1;
  for (;;) {
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    if (byte === undefined) throw new SyntaxError("A string of the JSON text does not end");
    at += byte === BACKSLASH ? 2 : 1;
  }
}

function endOfValue(bytes: Uint8Array, from: number): number {
  let depth = 0;
  let at = from;
  for (;;) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfString(bytes, at);
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth++;
      at++;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      depth--;
      at++;
    } else if (depth === 0) {
      return endOfWord(bytes, at);
    } else if (byte === undefined) {
      throw new SyntaxError("A value of the JSON text does not end");
    } else {
      at++;
    }
    if (depth === 0) return at;
  }
}

/** After a number, or `true`, `false` or `null`. */
function endOfWord(bytes: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    const byte = bytes[at] ?? COMMA;
    const isOver = byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY || byte <= 0x20;
    if (isOver) return at;
    at++;
  }
}
