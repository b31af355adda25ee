import * as fc from "fast-check";
import { expect, test } from "vitest";
import { collectIncoming } from "../../src/customers/import/incoming.ts";
import type { IncomingBudget } from "../../src/customers/import/litellm-budget.ts";
import { planBudget } from "../../src/customers/import/plan-budget.ts";
import { planCustomer } from "../../src/customers/import/plan-customer.ts";
import { placeText, readRows, UnreadableFile } from "../../src/customers/import/read-rows.ts";
import { createProgress } from "../../src/lib/progress.ts";
import { termsOf } from "../../src/spend/budget-terms.ts";
import { wild, wildString, wildText } from "../support/wild-json.ts";

const bytes = (text: string): Buffer => Buffer.from(text);

test.each([
  ["an array", '\n [{"a":1}, 2]', ["f[0]", "f[1]"]],
  ["an empty array", "[]", []],
  ["one object", '{"a":1}', ["f:1"]],
  ["lines", '{"a":1}\r\n\r\n{"a":2}\n', ["f:1", "f:3"]],
  ["lines after a byte order mark", '\ufeff{"a":1}\n{"a":2}', ["f:1", "f:2"]],
])("%s is read row by row", (_what, text, places) => {
  const rows = readRows("f", bytes(text));
  expect(rows.map(({ place }) => placeText(place))).toEqual(places);
  expect(rows.every(({ fault }) => fault === null)).toBe(true);
});

test("a line that is not JSON is a fault of its own, and so is what could not be worked with", () => {
  const deep = `{"a":${"[".repeat(5000)}${"]".repeat(5000)}}`;
  const rows = readRows("f", bytes(`{"a":1}\n{"a":\n${deep}\n{"a":{"__proto__":1}}`));
  expect(rows.map(({ fault }) => fault)).toEqual([
    null,
    "this line is not JSON",
    "it is nested too deeply",
    "it has a key named __proto__",
  ]);
});

test.each([
  ["nothing", "", "empty"],
  ["blanks", " \n ", "empty"],
  ["a web page", "<html>\n</html>", "not JSON"],
  ["half an array", '[{"a":1},', "not JSON"],
])("%s is no file to import", (_what, text, reason) => {
  expect(() => readRows("f", bytes(text))).toThrow(new RegExp(`^f: it is ${reason}`));
});

test("bytes that are not UTF-8 are no file to import", () => {
  expect(() => readRows("f", Buffer.from('{"a":"caf\xe9"}', "latin1"))).toThrow("f: it is not UTF-8");
});

test("whatever the rows are, each is taken or skipped with a reason, and what is taken can be written", () => {
  const field = fc.oneof(wild, wildString, fc.constantFrom(null, 0, 1, "1d", "x", []));
  const fields = (...names: string[]) =>
    fc.record(Object.fromEntries(names.map((name) => [name, field])), { requiredKeys: [] });
  const budget = fields(
    "budget_id",
    "max_budget",
    "budget_duration",
    "budget_reset_at",
    "model_max_budget",
    "tpm_limit",
  );
  const customer = fields(
    "user_id",
    "alias",
    "spend",
    "models",
    "object_permission",
    "budget_id",
    "default_model",
  );
  const nested = fc.tuple(customer, budget).map(([own, table]) => ({ ...own, litellm_budget_table: table }));
  fc.assert(
    fc.property(fc.array(fc.oneof(budget, customer, nested, wild), { maxLength: 6 }), (values) => {
      const text = ['{"user_id":"first"}', ...values.map(wildText)].join("\n");
      const rows = readRows("f", bytes(text));
      const { budgets, customers, skipped } = collectIncoming(rows, ["x"]);
      const now = new Date();
      for (const one of budgets) planBudget(one, null, { now, calendar });
      for (const one of customers) planCustomer(one, null, now);
      const own = skipped.filter(({ kind }) => kind !== "budget");
      expect(own.every(({ reason }) => reason.length > 0)).toBe(true);
      // A row of a budget may be skipped beside its customer's.
      expect(budgets.length + customers.length + skipped.length).toBeGreaterThanOrEqual(rows.length);
    }),
    { numRuns: 500 },
  );
});

test("a file of something else is no file to import", () => {
  expect(() => collectIncoming(readRows("f", bytes('{"detail":"no"}')), null)).toThrow(UnreadableFile);
  expect(collectIncoming(readRows("f", bytes("[]")), null)).toMatchObject({ budgets: [], customers: [] });
});

const calendar = { timeZone: "Europe/Berlin", resetTime: "00:00:00" };
const defaults = { calendar, enforcement: "hard" } as const;
const at = (text: string): Date => new Date(text);

function incoming(duration: string | null, resetAt: string | null, createdAt: string | null): IncomingBudget {
  return {
    id: "tier",
    place: { file: "f", index: 0 },
    fields: { max_budget: 1, budget_duration: duration },
    resetAt: resetAt === null ? null : at(resetAt),
    createdAt: createdAt === null ? null : at(createdAt),
    createdBy: null,
  };
}

const NOW = "2026-03-10T12:00:00Z";

test.each<[string, string | null, string, string | null]>([
  ["the calendar's end needs no reset of its own", "1mo", "2026-03-31T22:00:00Z", null],
  ["another end is the first one", "1mo", "2026-04-01T00:00:00Z", "2026-04-01T00:00:00Z"],
  ["an end that has passed tells nothing", "1mo", "2026-03-01T00:00:00Z", null],
  ["without a duration the reset comes once", null, "2026-04-01T00:00:00Z", "2026-04-01T00:00:00Z"],
])("%s", (_what, duration, resetAt, firstReset) => {
  const row = incoming(duration, resetAt, "2024-05-01T00:00:00Z");
  const { budget } = planBudget(row, null, { now: at(NOW), calendar });
  expect(budget.firstResetAt).toEqual(firstReset === null ? null : at(firstReset));
});

test("a first period that the calendar does not end begins where it would have begun", () => {
  const row = incoming("1mo", "2026-04-01T00:00:00Z", "2024-05-01T00:00:00Z");
  const { budget } = planBudget(row, null, { now: at(NOW), calendar });
  expect(termsOf(budget, defaults).periodOf(at(NOW))).toEqual({
    start: at("2026-02-28T23:00:00Z"),
    end: at("2026-04-01T00:00:00Z"),
  });
});

test("periods of 14 days go on in LiteLLM's step", () => {
  const row = incoming("14d", "2026-03-17T23:00:00Z", "2024-05-01T00:00:00Z");
  const { budget } = planBudget(row, null, { now: at(NOW), calendar });
  const { periodOf } = termsOf(budget, defaults);
  expect(periodOf(at(NOW))).toEqual({ start: at("2026-03-03T23:00:00Z"), end: at("2026-03-17T23:00:00Z") });
  expect(periodOf(at("2026-03-18T12:00:00Z"))?.end).toEqual(at("2026-03-31T22:00:00Z"));
});

test("the running period ends when LiteLLM says, and a second import changes nothing until then", () => {
  const durations = ["45s", "30m", "5h", "48h", "1d", "3d", "7d", "2w", "30d", "1mo", "3mo", null];
  const instant = fc
    .integer({ min: 0, max: 400 * 86_400 })
    .map((seconds) => new Date(Date.UTC(2025, 0) + seconds * 1000));
  fc.assert(
    fc.property(
      fc.constantFrom(...durations),
      instant,
      instant,
      instant,
      (duration, createdAt, now, resetAt) => {
        const row = { ...incoming(duration, null, null), createdAt, resetAt };
        const { budget } = planBudget(row, null, { now, calendar });
        const period = termsOf(budget, defaults).periodOf(now);
        if (resetAt > now) expect(period?.end).toEqual(resetAt);
        expect(period === null || (period.start <= now && now < period.end)).toBe(true);
        const until = resetAt > now ? resetAt.getTime() - now.getTime() : 86_400_000;
        for (const share of [0, 0.3, 0.999]) {
          const later = new Date(now.getTime() + Math.floor(until * share));
          expect(planBudget(row, budget, { now: later, calendar }).outcome).toBe("unchanged");
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("on a terminal progress is a bar that is drawn over itself, elsewhere a line now and then", () => {
  let nowMs = 0;
  const shown = (isTty: boolean): string => {
    let text = "";
    const write = (more: string): void => void (text += more);
    const progress = createProgress({ name: "import", write, isTty, nowMs: () => nowMs });
    for (let done = 0; done <= 300; done += 100) {
      progress(done, 300);
      nowMs += 3000;
    }
    return text;
  };
  expect(shown(true).split("\r")).toEqual([
    "",
    "import [..............................] 0 of 300",
    "import [##########....................] 100 of 300",
    "import [####################..........] 200 of 300",
    "import [##############################] 300 of 300\n",
  ]);
  expect(shown(false)).toBe("import: 200 of 300\n");
});
