import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { curlGet, curlPost } from "../../../src/dashboard/format/curl.ts";
import { formatAgo, formatDay, formatSpan } from "../../../src/dashboard/format/dates.ts";
import { formatDuration, periodStart } from "../../../src/dashboard/format/durations.ts";
import { eventText } from "../../../src/dashboard/format/event-text.ts";
import { axisMoney, exactMoney, formatMoney } from "../../../src/dashboard/format/money.ts";
import { formatChange, formatShare, plural } from "../../../src/dashboard/format/numbers.ts";
import { reasonText } from "../../../src/dashboard/format/reasons.ts";

test.each([
  [0, "$0.00", "$0.00"],
  [4, "$4.00", "$4.00"],
  [0.01, "$0.01", "$0.01"],
  [0.005, "$0.005", "$0.005"],
  [0.001112, "$0.0011", "$0.001112"],
  [0.0000034, "$0.0000034", "$0.0000034"],
  [0.000000001, "$0.000000001", "$0.000000001"],
  [1234.5, "$1,234.50", "$1,234.50"],
  [1234567.891234567, "$1,234,567.89", "$1,234,567.891234567"],
  [-2.5, "−$2.50", "−$2.50"],
])("%d USD reads %s, and exactly %s", (usd, shown, exact) => {
  expect(formatMoney(usd)).toBe(shown);
  expect(exactMoney(usd)).toBe(exact);
});

test.each([
  [0, "$0"],
  [0.5, "$0.5"],
  [0.000002, "$0.000002"],
  [250, "$250"],
  [1500, "$1.5K"],
])("on an axis %d USD is %s", (usd, shown) => {
  expect(axisMoney(usd)).toBe(shown);
});

test.each([
  [0, "0 %"],
  [0.0004, "< 0.1 %"],
  [0.29, "29 %"],
  [0.075, "7.5 %"],
  [0.9996, "99.9 %"],
  [1, "100 %"],
  [1.07, "107 %"],
])("a share of %d is %s, and no limit is reached by rounding", (share, shown) => {
  expect(formatShare(share)).toBe(shown);
});

test.each([
  [12, 10, "+20 %"],
  [9, 10, "−10 %"],
  [10, 10, "+0 %"],
  [5, 0, null],
  [400, 10, "× 40"],
])("from %d now and %d before the change is %s", (now, before, shown) => {
  expect(formatChange(now, before)).toBe(shown);
});

test("a count agrees with its noun", () => {
  expect([plural(1, "customer"), plural(1200, "customer"), plural(0, "delivery", "deliveries")]).toEqual([
    "1 customer",
    "1,200 customers",
    "0 deliveries",
  ]);
});

test.each([
  [0, "0 s"],
  [59_999, "59 s"],
  [61_000, "1 min 1 s"],
  [3_600_000, "1 h"],
  [90_000_000, "1 d 1 h"],
])("a span of %d ms is %s", (ms, shown) => {
  expect(formatSpan(ms)).toBe(shown);
});

test("an instant is told by its age, and by its date when it is long ago", () => {
  const now = Date.parse("2026-11-24T12:00:00Z");
  expect(formatAgo("2026-11-24T11:59:58Z", now)).toBe("just now");
  expect(formatAgo("2026-11-24T11:56:00Z", now)).toBe("4 min ago");
  expect(formatAgo("2026-08-01T12:00:00Z", now)).toBe("1 Aug 2026");
  expect(formatDay("2026-11-01")).toBe("1 Nov");
});

test.each([
  [null, "never"],
  ["1mo", "monthly"],
  ["30d", "monthly"],
  ["12h", "every 12 hours"],
  ["2w", "every 2 weeks"],
  ["1h", "every hour"],
])("a budget that lasts %s resets %s", (duration, shown) => {
  expect(formatDuration(duration)).toBe(shown);
});

test.each([
  ["1mo", "2026-12-01T00:00:00.000Z", "2026-11-01T00:00:00.000Z"],
  ["30d", "2026-03-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"],
  ["7d", "2026-11-30T00:00:00.000Z", "2026-11-23T00:00:00.000Z"],
  ["12h", "2026-11-24T12:00:00.000Z", "2026-11-24T00:00:00.000Z"],
])("a period of %s that ends %s began %s", (duration, end, start) => {
  expect(new Date(periodStart(duration, Date.parse(end)) ?? 0).toISOString()).toBe(start);
});

test("a budget that is never reset has no period", () => {
  expect(periodStart(null, 0)).toBeNull();
});

test("a curl line is one that a shell hands to curl as it was meant", () => {
  const printed = (line: string): string[] =>
    execFileSync("sh", ["-c", line.replace(/^curl/, "printf '%s\\n'")], {
      encoding: "utf8",
      env: { MASTER_KEY: "sk-key" },
    })
      .trimEnd()
      .split("\n");
  const body = { user_id: "O'Hara $HOME `id`" };
  expect(printed(curlPost("http://localhost/customer/new", body))).toEqual([
    "http://localhost/customer/new",
    "-H",
    "Authorization: Bearer sk-key",
    "-H",
    "Content-Type: application/json",
    "-d",
    JSON.stringify(body),
  ]);
  expect(printed(curlGet("http://localhost/a?b=c&d"))[0]).toBe("http://localhost/a?b=c&d");
});

test.each([
  ["spend_tracked", {}, "Charged $0.0011"],
  ["threshold_crossed", { threshold: 0.85 }, "Passed 85 % of the budget"],
  ["threshold_crossed", { threshold: 0.85, resolved: true }, "Below 85 % of the budget again"],
  ["budget_crossed", { limit: 4 }, "Passed the budget of $4.00"],
  ["soft_budget_crossed", { limit: 3 }, "Passed the soft budget of $3.00"],
  ["budget_reset", {}, "New period; $0.0011 was spent in the last"],
  ["something_new", {}, "something new"],
])("the event %s with %j reads: %s", (type, more, text) => {
  const event = {
    id: "evt_1",
    type,
    timestamp: "2026-11-24T12:00:00Z",
    sequence: 1,
    customer_id: "acme",
    spend: 0.001112,
    event_message: "",
    ...more,
  };
  expect(eventText(event).text).toBe(text);
});

test("codes read as words, unknown ones too", () => {
  expect(["http_503", "connection_refused", "brand_new"].map(reasonText)).toEqual([
    "answered 503",
    "connection refused",
    "brand new",
  ]);
});
