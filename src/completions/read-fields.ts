import { AppError } from "../errors.ts";
import { findJsonFlaw } from "../lib/check-json.ts";
import { type Member, isNull, membersOf, parseSpan, type Span } from "../lib/json-members.ts";
import { MAX_JSON_DEPTH, MAX_JSON_VALUES } from "../lib/json-tree.ts";

/** An object's members by name, of those that are asked for. */
export type Fields = ReadonlyMap<string, Member>;

/**
 * The members with these names. A name that is there twice, or in another spelling of its letters, is
 * refused: some parsers take the first, some the last, some any case, and what we read must be what the
 * upstream reads. `path` is put before the name in errors ("" for the request itself).
 */
export function pickFields(members: Iterable<Member>, names: ReadonlySet<string>, path: string = ""): Fields {
  const fields = new Map<string, Member>();
  for (const member of members) {
    const { key } = member;
    if (key === null) continue;
    const name = foldCase(key);
    if (!names.has(name)) continue;
    const param = path + name;
    if (key !== name) {
      throw new AppError("invalid_request", `'${path}${key}' must be spelled '${param}'`, { param });
    }
    if (fields.has(name)) {
      throw new AppError("invalid_request", `'${param}' is given more than once`, { param });
    }
    fields.set(name, member);
  }
  return fields;
}

/** Go's parser compares by Unicode's simple folding: the long s and the Kelvin sign are letters of names, too. */
function foldCase(key: string): string {
  return key.toUpperCase().toLowerCase();
}

/** The field's value as it is in the text; undefined where it is absent or null. */
export function given(bytes: Buffer, fields: Fields, name: string): Span | undefined {
  const span = fields.get(name)?.value;
  return span === undefined || isNull(bytes, span) ? undefined : span;
}

/** Values that are read whole are no longer than this: no honest one is near it. */
const MAX_VALUE_BYTES = 64 * 1024;

/** The field's value, undefined where it is absent or null. Throws invalid_request for a very long one. */
export function readValue(bytes: Buffer, fields: Fields, name: string, path = ""): unknown {
  const span = given(bytes, fields, name);
  if (span === undefined) return undefined;
  const param = path + name;
  if (span.end - span.start > MAX_VALUE_BYTES) {
    throw new AppError("invalid_request", `'${param}' is longer than ${MAX_VALUE_BYTES} bytes`, { param });
  }
  return parseSpan(bytes, span);
}

/** A whole number from 1 to `max` in plain digits; null where it is absent or null. */
export function readCount(bytes: Buffer, fields: Fields, name: string, max: number): number | null {
  const span = given(bytes, fields, name);
  if (span === undefined) return null;
  const text = bytes.toString("latin1", span.start, Math.min(span.end, span.start + 20));
  // Not 1.0 or 1e3: what some parsers take for an integer others refuse or cut.
  const value = /^[1-9]\d*$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= max) return value;
  const got = /^[-\d]/.test(text) ? text : describe(parseShort(bytes, span));
  throw invalid(name, `a whole number from 1 to ${max}`, got);
}

/**
 * An id as text: strings, true, false, and numbers that are written as JavaScript writes them. Null for
 * everything else.
 */
export function readId(bytes: Buffer, fields: Fields, name: string, path = ""): string | null {
  const value = readValue(bytes, fields, name, path);
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "number") return null;
  const span = given(bytes, fields, name);
  const text = span === undefined ? "" : bytes.toString("latin1", span.start, span.end);
  // 18446744073709551615 and 18446744073709551614 are one number to JavaScript, and would be one customer.
  if (String(value) !== text)
    throw invalid(path + name, "text, or a number that is exact", text.slice(0, 40));
  return text;
}

/** The same of an object's member; the object may be given as JSON text. */
export function readMemberId(bytes: Buffer, fields: Fields, name: string, member: string): string | null {
  const span = given(bytes, fields, name);
  if (span === undefined) return null;
  const path = `${name}.`;
  const names = new Set([member]);
  if (bytes[span.start] !== 0x22) {
    return readId(bytes, pickFields(membersOf(bytes, span), names, path), member, path);
  }
  const inner = Buffer.from(parseSpan(bytes, span) as string);
  // Metadata is free text to us: what is not JSON names no customer.
  if (findJsonFlaw(inner, { depth: MAX_JSON_DEPTH, values: MAX_JSON_VALUES }) !== null) return null;
  const start = inner.indexOf("{");
  if (start < 0 || inner.subarray(0, start).toString("latin1").trim() !== "") return null;
  const fieldsInside = pickFields(membersOf(inner, { start, end: inner.length }), names, path);
  return readId(inner, fieldsInside, member, path);
}

export function invalid(param: string, expected: string, got: string): AppError {
  return new AppError("invalid_request", `'${param}' must be ${expected}, got ${got}`, { param });
}

/** What kind of value it is, in words. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  if (value === "") return "an empty string";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** The kind of a value by its first byte, so that a long one need not be built. */
export function describeSpan(bytes: Buffer, span: Span | undefined): string {
  return span === undefined ? "nothing" : describe(parseShort(bytes, span));
}

function parseShort(bytes: Buffer, span: Span): unknown {
  const { start, end } = span;
  if (end - start <= 64) return parseSpan(bytes, span);
  const first = bytes[start];
  if (first === 0x22) return "a long one";
  if (first === 0x7b) return {};
  return first === 0x5b ? [null] : 1;
}
