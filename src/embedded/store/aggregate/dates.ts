import { isDocument } from "../bson-codec.ts";
import { StoreError, notImplemented } from "../errors.ts";

const PARTS: Record<string, (date: Date) => string> = {
  Y: (date) => pad(date.getUTCFullYear(), 4),
  m: (date) => pad(date.getUTCMonth() + 1, 2),
  d: (date) => pad(date.getUTCDate(), 2),
  H: (date) => pad(date.getUTCHours(), 2),
  M: (date) => pad(date.getUTCMinutes(), 2),
  S: (date) => pad(date.getUTCSeconds(), 2),
  L: (date) => pad(date.getUTCMilliseconds(), 3),
  "%": () => "%",
};

const DEFAULT_FORMAT = "%Y-%m-%dT%H:%M:%S.%LZ";

/** `$dateToString` in UTC, from its evaluated arguments. */
export function dateToString(spec: unknown): string | null {
  if (!isDocument(spec)) throw new StoreError("FailedToParse", "$dateToString needs an object");
  for (const name of Object.keys(spec)) {
    if (name !== "date" && name !== "format") throw notImplemented(`${name} in $dateToString`);
  }
  const date: unknown = spec["date"];
  if (date === null || date === undefined) return null;
  if (!(date instanceof Date)) throw new StoreError("TypeMismatch", "$dateToString needs a date");
  const format = typeof spec["format"] === "string" ? spec["format"] : DEFAULT_FORMAT;
  return format.replaceAll(/%(.)/g, (_, letter: string) => {
    const part = PARTS[letter];
    if (part === undefined) throw notImplemented(`%${letter} in $dateToString`);
    return part(date);
  });
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, "0");
}
