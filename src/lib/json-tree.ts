/** Deeper values would overflow the stack of whatever walks or prints them; no honest request is near it. */
export const MAX_JSON_DEPTH = 200;
/** More values than this in one body cost those who read it more than their bytes tell; no honest one has them. */
export const MAX_JSON_VALUES = 200_000;

/** What makes a parsed JSON value unfit to be worked with: its depth, or a key that JavaScript gives a meaning. */
export type JsonFault = "too_deep" | "proto_key";

/** Looks at the whole value without recursion, so that it stands any value that `JSON.parse` gives. */
export function findJsonFault(value: unknown): JsonFault | null {
  let level: unknown[] = [value];
  let hasProtoKey = false;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_JSON_DEPTH) return "too_deep";
    const next: unknown[] = [];
    for (const parent of level) {
      if (parent === null || typeof parent !== "object") continue;
      if (Object.hasOwn(parent, "__proto__")) hasProtoKey = true;
      for (const child of Array.isArray(parent) ? parent : Object.values(parent)) {
        if (child !== null && typeof child === "object") next.push(child);
      }
    }
    level = next;
  }
  return hasProtoKey ? "proto_key" : null;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** Null for bytes that are not UTF-8: replacing them would make two different texts one. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    // That it throws is how the decoder says so.
    return null;
  }
}
