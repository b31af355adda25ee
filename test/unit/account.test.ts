import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type Account, addCharge, NEW_ACCOUNT, reviewAccount } from "../../src/spend/account.ts";
import { type BudgetTerms, termsOf } from "../../src/spend/budget-terms.ts";
import type { BudgetDoc } from "../../src/store/documents.ts";

const USD = 1_000_000_000n;
const DEFAULTS = {
  calendar: { timeZone: "UTC", resetTime: "00:00:00" },
  enforcement: "hard",
} as const;

function budget(fields: Partial<BudgetDoc> = {}): BudgetTerms {
  const created = new Date("2026-01-01T00:00:00Z");
  const doc: BudgetDoc = {
    _id: "tier",
    maxBudgetNano: 10n * USD,
    softBudgetNano: null,
    maxParallelRequests: null,
    tpmLimit: null,
    rpmLimit: null,
    budgetDuration: null,
    firstResetAt: null,
    modelLimits: [],
    thresholds: null,
    enforcement: null,
    customerId: null,
    createdAt: created,
    createdBy: "k",
    updatedAt: created,
    updatedBy: "k",
    ...fields,
  };
  return termsOf(doc, DEFAULTS);
}

const at = (text: string): Date => new Date(text);

function charge(account: Account, usd: number, terms: BudgetTerms | null, when = "2026-05-10T12:00:00Z") {
  const costNano = BigInt(Math.round(usd * 1e9));
  return addCharge(account, { costNano, model: "m", occurredAt: at(when) }, terms, at(when));
}

const told = (change: {
  facts: readonly { type: string; resolved: boolean; share: number | null }[];
}): string[] =>
  change.facts.map(({ type, resolved, share }) => `${resolved ? "-" : "+"}${type}${share ?? ""}`);

test("each limit is told once, when the spend passes it", () => {
  const terms = budget({ softBudgetNano: 5n * USD });
  const first = charge(NEW_ACCOUNT, 4.999999999, terms);
  expect(told(first)).toEqual([]);
  const soft = charge(first.account, 0.000000001, terms);
  expect(told(soft)).toEqual(["+soft_budget_crossed"]);
  const most = charge(soft.account, 4.6, terms);
  expect(told(most)).toEqual(["+threshold_crossed0.85", "+threshold_crossed0.95"]);
  const all = charge(most.account, 0.4, terms);
  expect(told(all)).toEqual(["+budget_crossed"]);
  expect(told(charge(all.account, 1, terms))).toEqual([]);
});

test("a raise takes back what is no longer so, and the next passing is told again", () => {
  const spent = charge(NEW_ACCOUNT, 10, budget()).account;
  const raised = reviewAccount(spent, budget({ maxBudgetNano: 11n * USD }), at("2026-05-10T13:00:00Z"));
  expect(told(raised)).toEqual(["-threshold_crossed0.95", "-budget_crossed"]);
  expect(raised.account.spendNano).toBe(10n * USD);
  const again = charge(raised.account, 1, budget({ maxBudgetNano: 11n * USD }));
  expect(told(again)).toEqual(["+threshold_crossed0.95", "+budget_crossed"]);
  const gone = reviewAccount(again.account, null, at("2026-05-10T13:00:00Z"));
  expect(told(gone)).toEqual(["-threshold_crossed0.85", "-threshold_crossed0.95", "-budget_crossed"]);
});

test("a period that has ended begins anew, whoever looks first, and only once", () => {
  const terms = budget({ budgetDuration: "1mo" });
  const may = charge(NEW_ACCOUNT, 10, terms, "2026-05-10T12:00:00Z").account;
  const review = reviewAccount(may, terms, at("2026-06-01T00:00:00Z"));
  expect(told(review)).toEqual([
    "+budget_reset",
    "-threshold_crossed0.85",
    "-threshold_crossed0.95",
    "-budget_crossed",
  ]);
  expect(review.facts[0]?.spendNano).toBe(10n * USD);
  expect(review.account).toMatchObject({
    spendNano: 0n,
    lifetimeSpendNano: 10n * USD,
    spendFromSequence: 1n,
    periodStart: at("2026-06-01T00:00:00Z"),
    periodEnd: at("2026-07-01T00:00:00Z"),
  });
  expect(told(reviewAccount(review.account, terms, at("2026-06-02T00:00:00Z")))).toEqual([]);
  const charged = charge(may, 1, terms, "2026-06-05T00:00:00Z");
  expect(charged.account.spendNano).toBe(1n * USD);
  expect(told(charged)[0]).toBe("+budget_reset");
});

test("a charge of a period that has ended counts for life, and not in the new one", () => {
  const terms = budget({ budgetDuration: "1d" });
  const account = charge(NEW_ACCOUNT, 1, terms, "2026-05-11T00:00:01Z").account;
  const late = addCharge(
    account,
    { costNano: 2n * USD, model: "m", occurredAt: at("2026-05-10T23:59:59Z") },
    terms,
    at("2026-05-11T00:00:02Z"),
  );
  expect(late.late).toBe(true);
  expect(late.account).toMatchObject({ spendNano: 1n * USD, lifetimeSpendNano: 3n * USD, sequence: 2n });
});

test("moving to another period keeps the spend of the running one", () => {
  const spent = charge(NEW_ACCOUNT, 3, budget({ budgetDuration: "1mo" })).account;
  const moved = reviewAccount(spent, budget({ budgetDuration: "1d" }), at("2026-05-10T13:00:00Z"));
  expect(moved.account).toMatchObject({ spendNano: 3n * USD, periodEnd: at("2026-05-11T00:00:00Z") });
  expect(told(moved)).toEqual([]);
});

test("a pace that would pass the limit is told once, from the second day or a tenth of the period on", () => {
  const terms = budget({ budgetDuration: "1mo" });
  const early = charge(NEW_ACCOUNT, 1, terms, "2026-06-01T12:00:00Z");
  expect(told(early)).toEqual([]);
  const fast = charge(early.account, 1, terms, "2026-06-03T00:00:00Z");
  expect(told(fast)).toEqual(["+projected_limit_exceeded"]);
  expect(fast.facts[0]).toMatchObject({
    projectedNano: 30n * USD,
    projectedExceededAt: at("2026-06-11T00:00:00Z"),
  });
  const slow = charge(fast.account, 0.1, terms, "2026-06-25T00:00:00Z");
  expect(told(slow)).toEqual([]);
  const raised = reviewAccount(
    slow.account,
    budget({ maxBudgetNano: 99n * USD }),
    at("2026-06-25T00:00:00Z"),
  );
  expect(told(raised)).toEqual(["-projected_limit_exceeded"]);
});

test("models with a limit have their own spend and their own period", () => {
  const terms = budget({
    modelLimits: [{ model: "m", maxBudgetNano: USD, budgetDuration: "1d" }],
  });
  const known = reviewAccount(NEW_ACCOUNT, terms, at("2026-05-10T10:00:00Z")).account;
  const one = charge(known, 0.5, terms, "2026-05-10T12:00:00Z").account;
  expect(one.modelSpend).toMatchObject([{ model: "m", spendNano: USD / 2n }]);
  const next = charge(one, 0.25, terms, "2026-05-11T12:00:00Z").account;
  expect(next.modelSpend).toMatchObject([{ model: "m", spendNano: USD / 4n }]);
  expect(next.spendNano).toBe((USD * 3n) / 4n);
});

test("over any history a limit is told, and taken back, by turns", () => {
  const step = fc.record({
    nano: fc.bigInt({ min: 0n, max: 4n * USD }),
    max: fc.constantFrom(1n, 5n, 10n, 20n),
    hours: fc.integer({ min: 0, max: 40 }),
    call: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(null, "1d", "7d"), (steps, duration) => {
      let account: Account = NEW_ACCOUNT;
      let ms = Date.parse("2026-05-01T00:00:00Z");
      const crossed = new Set<string>();
      for (const { nano, max, hours, call } of steps) {
        ms += hours * 3_600_000;
        const now = new Date(ms);
        const terms = budget({ maxBudgetNano: max * USD, budgetDuration: duration });
        const change = call
          ? addCharge(account, { costNano: nano, model: "m", occurredAt: now }, terms, now)
          : reviewAccount(account, terms, now);
        for (const fact of change.facts) {
          if (fact.type === "budget_reset") continue;
          const name = `${fact.type}${fact.share ?? ""}`;
          expect(crossed.has(name)).toBe(fact.resolved);
          if (fact.resolved) crossed.delete(name);
          else crossed.add(name);
        }
        account = change.account;
        expect(crossed.has("budget_crossed")).toBe(account.spendNano >= max * USD);
        expect(reviewAccount(account, terms, now)).toEqual({ account, facts: [] });
      }
    }),
  );
});

test("budget_reset_at ends the first period; without a duration there is no other after it", () => {
  const first = at("2026-05-10T13:00:00Z");
  const once = budget({ firstResetAt: first });
  expect(once.periodOf(at("2026-05-10T12:59:59Z"))?.end).toEqual(first);
  expect(once.periodOf(first)).toBeNull();
  const daily = budget({ firstResetAt: first, budgetDuration: "1d" });
  expect(daily.periodOf(at("2026-05-08T00:00:00Z"))?.end).toEqual(first);
  expect(daily.periodOf(first)).toEqual({ start: first, end: at("2026-05-11T00:00:00Z") });
  const { account } = charge(NEW_ACCOUNT, 3, once);
  const reset = charge(account, 1, once, "2026-05-10T13:00:00Z");
  expect(told(reset)).toEqual(["+budget_reset"]);
  expect(charge(reset.account, 1, once, "2099-01-01T00:00:00Z").account.spendNano).toBe(2n * USD);
});
