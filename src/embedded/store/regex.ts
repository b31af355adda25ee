import { BSONRegExp } from "bson";
import { StoreError, notImplemented } from "./errors.ts";

export function isRegex(value: unknown): value is BSONRegExp | RegExp {
  return value instanceof BSONRegExp || value instanceof RegExp;
}

/** A MongoDB (PCRE) pattern as a JavaScript one. Inline options and possessive forms are refused. */
export function toRegExp(pattern: unknown, options: unknown): RegExp {
  let source: string;
  let flags = "";
  if (pattern instanceof BSONRegExp) {
    source = pattern.pattern;
    flags = pattern.options;
  } else if (pattern instanceof RegExp) {
    source = pattern.source;
    flags = pattern.flags;
  } else if (typeof pattern === "string") {
    source = pattern;
  } else {
    throw new StoreError("BadValue", "$regex has to be a string");
  }
  if (typeof options === "string") flags = options;
  for (const flag of flags)
    if (!"imsxu".includes(flag)) throw notImplemented(`regular expression option ${flag}`);
  if (flags.includes("x")) source = dropComments(source);
  try {
    return new RegExp(source, [...new Set(flags)].filter((flag) => "ims".includes(flag)).join(""));
  } catch {
    // What PCRE takes and JavaScript does not is not emulated.
    throw notImplemented(`regular expression /${source}/`);
  }
}

/** Option x: white space and #-comments outside character classes do not count. */
function dropComments(source: string): string {
  const token = /\\[\s\S]|\[(?:\\[\s\S]|[^\]])*\]|#[^\n]*|\s+|[^\\[#\s]+/g;
  return source.replaceAll(token, (part) => (/^(?:#|\s)/.test(part) ? "" : part));
}
