import { decodeUtf8, findJsonFault, type JsonFault } from "../../lib/json-tree.ts";

/** Where a row stands: in which file, and at which line, or which index of its array. */
export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly index?: number;
}

/** One row as it was read. With a fault it has no value. */
export interface Row {
  readonly place: Place;
  readonly value: unknown;
  readonly fault: string | null;
}

/** A file that cannot be imported at all. */
export class UnreadableFile extends Error {
  override readonly name = "UnreadableFile";
}

/** `customers.json[3]`, or `customers.ndjson:4`. */
export function placeText({ file, line, index }: Place): string {
  return line === undefined ? `${file}[${index ?? 0}]` : `${file}:${line}`;
}

/**
 * The rows of a file: a JSON array, or one JSON object a line. A line that is no JSON is a row with a fault;
 * a file without any JSON throws UnreadableFile.
 */
export function readRows(file: string, bytes: Uint8Array): Row[] {
  const text = decodeUtf8(bytes);
  if (text === null) throw new UnreadableFile(`${file}: it is not UTF-8`);
  if (text.trim() === "") throw new UnreadableFile(`${file}: it is empty`);
  if (text.trimStart().startsWith("[")) return readArray(file, text);
  const rows = readLines(file, text);
  if (rows.every(({ fault }) => fault === NOT_JSON)) throw new UnreadableFile(`${file}: it is not JSON`);
  return rows;
}

const NOT_JSON = "this line is not JSON";

const FAULTS: Readonly<Record<JsonFault, string>> = {
  too_deep: "it is nested too deeply",
  proto_key: "it has a key named __proto__",
};

function readArray(file: string, text: string): Row[] {
  const values = parse(text);
  // A text that begins like an array is one, or is broken.
  if (!Array.isArray(values)) throw new UnreadableFile(`${file}: it is not JSON`);
  return values.map((value: unknown, index) => asRow({ file, index }, value));
}

function readLines(file: string, text: string): Row[] {
  return text.split(/\r?\n/).flatMap((line, index): Row[] => {
    if (line.trim() === "") return [];
    const place = { file, line: index + 1 };
    const value = parse(line);
    return [value === undefined ? { place, value, fault: NOT_JSON } : asRow(place, value)];
  });
}

function asRow(place: Place, value: unknown): Row {
  const fault = findJsonFault(value);
  return fault === null ? { place, value, fault } : { place, value: null, fault: FAULTS[fault] };
}

/** Undefined for what is not JSON, which no JSON text gives. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // V8's message quotes the text; the place says enough.
    return undefined;
  }
}
