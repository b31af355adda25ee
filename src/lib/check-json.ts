/** What a text may be, apart from JSON at all. */
export interface JsonLimits {
  /** Of objects and arrays within each other. */
  readonly depth: number;
  /** All values there are, those of members and elements included. */
  readonly values: number;
}

/** Why bytes are not taken for JSON; `at` is where they stop to be it. */
export type JsonFlaw =
  | { readonly kind: "syntax"; readonly at: number }
  | { readonly kind: "too_deep" }
  | { readonly kind: "too_many" };

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
export const OPEN_ARRAY = 0x5b;
export const CLOSE_ARRAY = 0x5d;
const COLON = 0x3a;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
/** Read after the last byte: it is none of those that JSON knows. */
const NOTHING = -1;

/**
 * Looks whether valid UTF-8 is one JSON text within the limits: the same texts that `JSON.parse` takes, in
 * time linear in the bytes and without building anything from them.
 */
export function findJsonFlaw(bytes: Uint8Array, limits: JsonLimits): JsonFlaw | null {
  /** For each open container, what closes it. */
  const closers = new Uint8Array(limits.depth);
  let depth = 0;
  let values = 0;
  let at = skipSpace(bytes, 0);
  for (;;) {
    if (++values > limits.values) return { kind: "too_many" };
    const first = bytes[at];
    const isContainer = first === OPEN_OBJECT || first === OPEN_ARRAY;
    if (isContainer) {
      if (depth === limits.depth) return { kind: "too_deep" };
      const closer = first === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY;
      closers[depth++] = closer;
      at = skipSpace(bytes, at + 1);
      if (bytes[at] !== closer) {
        if (closer === CLOSE_OBJECT) at = endOfKey(bytes, at);
        if (at < 0) return { kind: "syntax", at: ~at };
        continue;
      }
    } else {
      at = endOfScalar(bytes, at);
      if (at < 0) return { kind: "syntax", at: ~at };
    }
    at = skipSpace(bytes, at);
    while (depth > 0 && bytes[at] === closers[depth - 1]) {
      depth--;
      at = skipSpace(bytes, at + 1);
    }
    if (depth === 0) return at === bytes.length ? null : { kind: "syntax", at };
    if (bytes[at] !== COMMA) return { kind: "syntax", at };
    at = skipSpace(bytes, at + 1);
    if (closers[depth - 1] === CLOSE_OBJECT) at = endOfKey(bytes, at);
    if (at < 0) return { kind: "syntax", at: ~at };
  }
}

/** The first place from there on that is not white space. */
export function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    at++;
  }
}

// The functions below return the place after what they read, or the complement of the place of the fault.

/** A key and its colon: the place where the value begins. */
function endOfKey(bytes: Uint8Array, from: number): number {
  if (bytes[from] !== QUOTE) return ~from;
  const end = endOfString(bytes, from);
  if (end < 0) return end;
  const colon = skipSpace(bytes, end);
  return bytes[colon] === COLON ? skipSpace(bytes, colon + 1) : ~colon;
}

function endOfScalar(bytes: Uint8Array, from: number): number {
  const first = bytes[from];
  if (first === QUOTE) return endOfString(bytes, from);
  if (first === 0x74) return endOfWord(bytes, from, "true");
  if (first === 0x66) return endOfWord(bytes, from, "false");
  if (first === 0x6e) return endOfWord(bytes, from, "null");
  return endOfNumber(bytes, from);
}

function endOfString(bytes: Uint8Array, from: number): number {
  let at = from + 1;
  for (;;) {
    const byte = bytes[at] ?? NOTHING;
    if (byte === QUOTE) return at + 1;
    if (byte < 0x20) return ~at;
    if (byte !== BACKSLASH) {
      at++;
      continue;
    }
    const length = escapeLength(bytes, at);
    if (length === 0) return ~at;
    at += length;
  }
}

const SIMPLE_ESCAPES = new Set(Buffer.from('"\\/bfnrt'));

/** 0 = none that JSON knows. */
function escapeLength(bytes: Uint8Array, at: number): number {
  const kind = bytes[at + 1] ?? NOTHING;
  if (kind !== 0x75) return SIMPLE_ESCAPES.has(kind) ? 2 : 0;
  for (let digit = at + 2; digit < at + 6; digit++) {
    const byte = bytes[digit] ?? NOTHING;
    const letter = byte | 0x20;
    if (!isDigit(byte) && !(letter >= 0x61 && letter <= 0x66)) return 0;
  }
  return 6;
}

function endOfWord(bytes: Uint8Array, from: number, word: string): number {
  for (let index = 0; index < word.length; index++) {
    if (bytes[from + index] !== word.charCodeAt(index)) return ~(from + index);
  }
  return from + word.length;
}

function endOfNumber(bytes: Uint8Array, from: number): number {
  let at = bytes[from] === MINUS ? from + 1 : from;
  const whole = at;
  at = skipDigits(bytes, at);
  if (at === whole || (bytes[whole] === ZERO && at > whole + 1)) return ~whole;
  if (bytes[at] === POINT) {
    const fraction = at + 1;
    at = skipDigits(bytes, fraction);
    if (at === fraction) return ~at;
  }
  if (((bytes[at] ?? 0) | 0x20) === 0x65) {
    const sign = bytes[at + 1];
    const exponent = sign === PLUS || sign === MINUS ? at + 2 : at + 1;
    at = skipDigits(bytes, exponent);
    if (at === exponent) return ~at;
  }
  return at;
}

function skipDigits(bytes: Uint8Array, from: number): number {
  let at = from;
  while (isDigit(bytes[at] ?? NOTHING)) at++;
  return at;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= 0x39;
}
