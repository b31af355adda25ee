import * as fc from "fast-check";
import { expect, test } from "vitest";
import { findJsonFlaw } from "../../src/lib/check-json.ts";
import { editMembers, elementsOf, membersOf, parseSpan, spanOfValue } from "../../src/lib/json-members.ts";

const LIMITS = { depth: 200, values: 100_000 };

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function isTaken(text: string): boolean {
  return findJsonFlaw(Buffer.from(text), LIMITS) === null;
}

test.each(
  [
    ..."0 -0 1 -1 01 00 1. .5 1.5 1e5 1E+5 1e-5 1e 1e+ - -- + +1 0x1 1_0 NaN Infinity -Infinity 1.0.0 1e5.5".split(
      " ",
    ),
    ..."true false null True tru truex nul nulls undefined".split(" "),
    '""',
    '"',
    '"a',
    '"a"b',
    '"\\"',
    '"\\""',
    '"\\\\"',
    '"\\u12"',
    '"\\u12G4"',
    '"\\uD800"',
    '"\\x"',
    '"\n"',
    '"\t"',
    '"\u007f"',
    '"\u2028"',
    "'a'",
    "[]",
    "[",
    "]",
    "[,]",
    "[1,]",
    "[1,2]",
    "[1 2]",
    "[[]",
    "[]]",
    "[1]]",
    "{}",
    "{",
    "}",
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    "{a:1}",
    '{"a":1 "b":2}',
    '{"a":1,"a":2}',
    "{1:2}",
    '{"a"::1}',
    "",
    " ",
    " 1 ",
    "\t\r\n1",
    "\f1",
    "\u00a01",
    "\ufeff1",
    "1 2",
    "//1",
    "1//",
    "[}",
    "{]",
    '{"a":[1}',
    '[{"a":1]}',
  ].map((text) => [text]),
)("%j is taken where JSON.parse takes it", (text) => {
  expect(isTaken(text)).toBe(isJson(text));
});

test("any JSON, and any JSON with a piece changed, is taken where JSON.parse takes it", () => {
  const piece = fc.constantFrom(...'[]{},:"\\0-1.eE+ tnu\n\u0001é'.split(""), "", "null", "\\u00e9", "\\u00");
  const change = fc.tuple(fc.nat(), fc.nat(2), piece);
  fc.assert(
    fc.property(fc.json(), fc.nat(2), change, (json, indent, [at, cut, put]) => {
      const text = JSON.stringify(JSON.parse(json), null, indent);
      expect(isTaken(text)).toBe(true);
      const place = at % (text.length + 1);
      const changed = text.slice(0, place) + put + text.slice(place + cut);
      expect(isTaken(changed)).toBe(isJson(changed));
    }),
    { numRuns: 3000 },
  );
});

test("the place of the fault is told", () => {
  expect(findJsonFlaw(Buffer.from('{"é":1,}'), LIMITS)).toEqual({ kind: "syntax", at: 8 });
  expect(findJsonFlaw(Buffer.from('{"a":"b'), LIMITS)).toEqual({ kind: "syntax", at: 7 });
});

test("values and levels are counted", () => {
  const flaw = (text: string) => findJsonFlaw(Buffer.from(text), { depth: 3, values: 5 })?.kind ?? null;
  expect(["[1,2,3,4]", '{"a":1,"b":{"c":[]}}', "[[[]]]"].map(flaw)).toEqual([null, null, null]);
  expect(["[1,2,3,4,5]", '{"a":1,"b":2,"c":3,"d":4,"e":5}'].map(flaw)).toEqual(["too_many", "too_many"]);
  expect(["[[[[]]]]", '{"a":{"b":{"c":{}}}}'].map(flaw)).toEqual(["too_deep", "too_deep"]);
});

test("members and elements are those of the parsed value, for any JSON", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(2), (value, indent) => {
      const bytes = Buffer.from(` ${JSON.stringify(value, null, indent)}\n`);
      const span = spanOfValue(bytes, 0);
      const plain = JSON.parse(JSON.stringify(value)) as unknown;
      expect(parseSpan(bytes, span)).toEqual(plain);
      expect([...elementsOf(bytes, span)].map((one) => parseSpan(bytes, one))).toEqual(
        Array.isArray(plain) ? plain : [],
      );
      const members = [...membersOf(bytes, span)].map((one) => [one.key, parseSpan(bytes, one.value)]);
      const isObject = plain !== null && typeof plain === "object" && !Array.isArray(plain);
      expect(members).toEqual(isObject ? Object.entries(plain) : []);
    }),
  );
});

function edited(text: string, edits: ReadonlyMap<string, string | undefined>): string {
  const bytes = Buffer.from(text);
  return editMembers(bytes, membersOf(bytes, spanOfValue(bytes, 0)), edits).toString();
}

test("editing members equals editing the parsed object, for any JSON", () => {
  const key = fc.oneof(fc.constantFrom("model", "a", 'q"uo\\te', "__proto__x"), fc.string());
  const object = fc.dictionary(key, fc.jsonValue());
  fc.assert(
    fc.property(
      object,
      fc.array(fc.tuple(key, fc.option(fc.jsonValue(), { nil: undefined }))),
      fc.nat(2),
      (source, edits, indent) => {
        const map = new Map(
          edits.map(([name, value]) => [name, value === undefined ? undefined : JSON.stringify(value)]),
        );
        const expected = new Map(Object.entries(JSON.parse(JSON.stringify(source)) as object));
        for (const [name, value] of map) {
          expected.delete(name);
          if (value !== undefined) expected.set(name, JSON.parse(value) as unknown);
        }
        const result = JSON.parse(edited(JSON.stringify(source, null, indent), map)) as object;
        expect(new Map(Object.entries(result))).toEqual(expected);
      },
    ),
  );
});

test("every occurrence of a repeated member goes", () => {
  expect(edited('{"a":1,"b":2,"a":3}', new Map([["a", undefined]]))).toBe('{"b":2}');
});
