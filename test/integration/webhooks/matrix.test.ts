import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

/** Where a way to fail is tried, or why it is not. */
type Row = { readonly in: readonly string[] } | { readonly not: string };

const attempt: Row = { in: ["attempt.test.ts"] };
const addresses: Row = { in: ["addresses.test.ts"] };
const deliveries: Row = { in: ["deliveries.test.ts"] };

/** Every way to fail that is known, by number and name. A title in the file names the row. */
const MATRIX: readonly (readonly [number, string, Row])[] = [
  [1, "the receiver never accepts", attempt],
  [2, "it refuses", attempt],
  [3, "it accepts and never answers", attempt],
  [4, "headers that drip, early hints without end", attempt],
  [5, "200 and a body without end", attempt],
  [6, "500 and a slow body", attempt],
  [7, "a body of a gigabyte", attempt],
  [8, "a gzip bomb", attempt],
  [9, "headers too long, no status line, HTTP/0.9", attempt],
  [10, "a reset before, in and after the headers", attempt],
  [11, "a body shorter than its length", attempt],
  [12, "an idle connection that is closed", attempt],
  [13, "redirects", attempt],
  [14, "odd statuses", attempt],
  [15, "410", deliveries],
  [16, "Retry-After", { in: ["attempt.test.ts", "deliveries.test.ts"] }],
  [17, "a receiver that flaps", deliveries],
  [18, "addresses in every spelling", addresses],
  [19, "a name with public and private addresses", addresses],
  [20, "a name that changes", addresses],
  [21, "private IPv6", addresses],
  [22, "an egress proxy that is down", { not: "the service has no egress proxy: it dials receivers itself" }],
  [23, "TLS faults", attempt],
  [24, "refused ports", addresses],
  [25, "bad custom headers", { in: ["../webhook-api/endpoints.test.ts"] }],
  [26, "kill -9 at each step", { in: ["claims.test.ts", "../../e2e/kill.test.ts"] }],
  [27, "kill -9 five times", { not: "needs worker processes: belongs beside test/e2e/kill.test.ts" }],
  [28, "a worker that wakes up as a zombie", { in: ["claims.test.ts"] }],
  [29, "Redis restarted, wiped, full", { in: ["../../e2e/delivery.test.ts"] }],
  [30, "the store steps down after the POST", { in: ["claims.test.ts"] }],
  [31, "the same event twice", { in: ["claims.test.ts"] }],
  [32, "500 after the work was done", deliveries],
  [33, "secrets rotated between tries", deliveries],
  [34, "endpoint changed between tries", deliveries],
  [35, "resends", deliveries],
  [36, "black holes beside healthy receivers at full load", { not: "a load test: belongs to the benchmark" }],
  [37, "a burst of one tenant", deliveries],
  [38, "a clock that jumps", { not: "the service trusts the machine's clock and does not check it" }],
  [39, "many recoveries at once", deliveries],
  [40, "a graceful stop", { in: ["drain.test.ts"] }],
  [41, "odd bytes", deliveries],
  [42, "a blocked event loop", { in: ["claims.test.ts"] }],
  [43, "the stock verifiers", { in: ["../webhook-api/signatures.test.ts"] }],
];

test("the matrix has every row once", () => {
  expect(MATRIX.map(([number]) => number)).toEqual(Array.from({ length: 43 }, (_, index) => index + 1));
});

const TRIED = MATRIX.flatMap(([number, name, row]) =>
  "in" in row ? row.in.map((file) => [number, name, file] as const) : [],
);
test.each(TRIED)("row %i (%s) is tried in %s", (number, _name, file) => {
  const text = readFileSync(path.join(import.meta.dirname, file), "utf8");
  // Tests of whole processes have titles of their own.
  if (file.includes("/e2e/")) return;
  expect(text).toMatch(new RegExp(`rows? (?:\\d+ and )?${number}\\b`));
});
