import * as fc from "fast-check";

/** What `JSON.stringify` cannot write, by a text that nothing else has. */
const RAW = "\u0001raw:";
const PROTO = "\u0001proto";

/** A JSON text of a value from `wild`: with numbers no double holds, keys named __proto__, and deep nests. */
export function wildText(value: unknown): string {
  return (JSON.stringify(value) ?? "null")
    .replaceAll(/"\\u0001raw:([^"]*)"/g, "$1")
    .replaceAll("\\u0001proto", "__proto__");
}

const nest = (depth: number): string => `${RAW}${"[".repeat(depth)}${"]".repeat(depth)}`;
const RAW_VALUES = [
  ...["1e999", "-1e999", "1e-999", "-0", "123456789012345678901234567890", "0.1e1", "9007199254740993"].map(
    (text) => RAW + text,
  ),
  nest(10),
  nest(300),
  nest(20_000),
];

const ODD_TEXTS = [
  ..."\u0000 \ud800 \udc00x \ufeff \u202e $ $set a.b .. __proto__ constructor toString".split(" "),
  ..."NaN Infinity -1 1e999 0x10 1,5 30d 0s 1mo 99999999999d monthly".split(" "),
  ..."2027-01-01T00:00:00Z 0000-01-01T00:00:00Z 9999-12-31T23:59:59.999999999Z 2027-13-01".split(" "),
  "",
  " ",
  "9".repeat(2000),
  "é".repeat(600),
];

/** Any text, with what breaks stores and languages more often than chance has it. */
export const wildString: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...ODD_TEXTS),
  fc.string({ unit: "binary", maxLength: 12 }),
  fc
    .array(fc.constantFrom("\ud83d", "\ude00", "\u0000", "a", "é", "日", '"', "\\", "/"), { maxLength: 8 })
    .map((units) => units.join("")),
);

const wildNumber = fc.oneof(
  fc.constantFrom(0, -1, 1, 0.1, 1e-9, 1e-10, 2 ** 31, 2 ** 53, 1e21, 1e308, 5e-324),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.maxSafeInteger(),
);

const wildKey = fc.oneof(fc.constantFrom(PROTO, "constructor", "$where", "a.b", ""), wildString);

/** Any JSON value. */
export const wild: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.oneof(fc.constant(null), fc.boolean(), wildNumber, wildString, fc.constantFrom(...RAW_VALUES)),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(wildKey, tie("value"), { maxKeys: 4 }),
  ),
})).value;

/**
 * Bodies with the required and some of the other fields: as they should be, with one of them replaced by
 * anything, with fields that nobody knows, and now and then no object at all.
 */
export function wildBody(
  required: Record<string, fc.Arbitrary<unknown>>,
  optional: Record<string, fc.Arbitrary<unknown>> = {},
): fc.Arbitrary<string> {
  const fitting: fc.Arbitrary<Record<string, unknown>> = fc.record(
    { ...required, ...optional },
    { requiredKeys: Object.keys(required) },
  );
  const field = fc.constantFrom(...Object.keys(required), ...Object.keys(optional));
  const more = fc.dictionary(wildKey, wild, { minKeys: 1, maxKeys: 2 });
  return fc
    .oneof(
      { weight: 6, arbitrary: fitting },
      {
        weight: 6,
        arbitrary: fc.tuple(fitting, field, wild).map(([body, name, value]) => ({ ...body, [name]: value })),
      },
      { weight: 2, arbitrary: fc.tuple(fitting, more).map(([body, others]) => ({ ...others, ...body })) },
      { weight: 1, arbitrary: wild },
    )
    .map(wildText);
}
