/**
 * Edits the members of a JSON object's text without touching the rest: numbers beyond 2^53, key order
 * and unknown fields reach the other side as they came. The text must already have passed `JSON.parse`
 * as an object; this scanner trusts it.
 */

interface Member {
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

const SPACE = /\s/;

/**
 * Drops every occurrence of the keys in `edits` and appends those whose value is not undefined, given as
 * JSON text.
 */
export function editMembers(json: string, edits: ReadonlyMap<string, string | undefined>): string {
  const open = json.indexOf("{");
  const kept: string[] = [];
  for (const member of members(json, open + 1)) {
    if (!edits.has(member.key)) kept.push(json.slice(member.start, member.end));
  }
  for (const [key, value] of edits) {
    if (value !== undefined) kept.push(`${JSON.stringify(key)}:${value}`);
  }
  return `{${kept.join(",")}}`;
}

function* members(json: string, from: number): Generator<Member> {
  let at = skipSpace(json, from);
  while (json[at] === '"') {
    const keyEnd = endOfString(json, at);
    const colon = skipSpace(json, keyEnd);
    const end = endOfValue(json, skipSpace(json, colon + 1));
    yield { key: JSON.parse(json.slice(at, keyEnd)) as string, start: at, end };
    at = skipSpace(json, end);
    if (json[at] === ",") at = skipSpace(json, at + 1);
  }
}

function skipSpace(json: string, from: number): number {
  let at = from;
  while (at < json.length && SPACE.test(json.charAt(at))) at++;
  return at;
}

/** The index after the closing quote of the string that opens at `from`. */
function endOfString(json: string, from: number): number {
  let at = json.indexOf('"', from + 1);
  while (at > 0) {
    let slashes = 0;
    while (json[at - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return at + 1;
    at = json.indexOf('"', at + 1);
  }
  throw new SyntaxError("Unterminated string in JSON");
}

function endOfValue(json: string, from: number): number {
  const first = json[from];
  if (first === '"') return endOfString(json, from);
  if (first !== "{" && first !== "[") {
    let at = from;
    while (at < json.length && !/[\s,}\]]/.test(json.charAt(at))) at++;
    return at;
  }
  let depth = 0;
  let at = from;
  for (;;) {
    const char = json[at];
    if (char === undefined) throw new SyntaxError("Unterminated value in JSON");
    if (char === '"') {
      at = endOfString(json, at);
      continue;
    }
    if (char === "{" || char === "[") depth++;
    if (char === "}" || char === "]") depth--;
    at++;
    if (depth === 0) return at;
  }
}
