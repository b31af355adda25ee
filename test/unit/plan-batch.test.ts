import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Charge } from "../../src/spend/charge.ts";
import { decodeCharge, encodeCharge } from "../../src/spend/charge-json.ts";
import { NEW_ACCOUNT } from "../../src/spend/account.ts";
import { planBatch } from "../../src/spend/plan-batch.ts";
import { plainPlanner } from "../support/ledger-parts.ts";

const NOW = new Date("2026-11-24T10:00:00.000Z");

const count = fc.nat({ max: 1_000_000 });
const charges = fc
  .array(
    fc.record({
      customerId: fc.constantFrom("ada", "bob", "cyd", "😀", "a|b"),
      occurredAt: fc.constantFrom(new Date("2026-11-23T23:59:59.999Z"), new Date("2026-11-24T00:00:00.000Z")),
      costNano: fc.bigInt({ min: 0n, max: 10n ** 15n }),
      model: fc.constantFrom("m1", "m2"),
      keyHash: fc.constantFrom("k1", "k2"),
      usage: fc.record({
        promptTokens: count,
        completionTokens: count,
        totalTokens: count,
        cachedTokens: count,
        cacheWriteTokens: count,
        reasoningTokens: count,
      }),
      estimated: fc.boolean(),
    }),
    { maxLength: 40 },
  )
  .map((rows) =>
    rows.map((row, index): Charge => ({
      ...row,
      requestId: `req_${index}`,
      rates: { source: "deployment", input: 1n, output: 2n, cacheRead: 3n, cacheWrite: 4n, reasoning: 5n },
      deploymentId: "d",
      upstreamModel: "u",
    })),
  );

const planner = plainPlanner((customerId) => (customerId === "bob" ? [] : ["default", "second"]));

test("totals, sequences, roll-ups and deliveries of any batch add up to its charges", () => {
  fc.assert(
    fc.property(charges, (batch) => {
      const ada = { ...NEW_ACCOUNT, spendNano: 5n, lifetimeSpendNano: 50n, sequence: 3n };
      const before = new Map([["ada", { account: ada, terms: null }]]);
      const plan = planBatch(batch, before, planner, NOW);
      for (const customerId of new Set(batch.map((charge) => charge.customerId))) {
        const own = batch.filter((charge) => charge.customerId === customerId);
        const sum = own.reduce((total, charge) => total + charge.costNano, 0n);
        const start = before.get(customerId)?.account ?? NEW_ACCOUNT;
        const writes = plan.customers.filter((row) => row.customerId === customerId);
        expect(writes).toHaveLength(1);
        expect(writes[0]?.account).toMatchObject({
          spendNano: start.spendNano + sum,
          lifetimeSpendNano: start.lifetimeSpendNano + sum,
          sequence: start.sequence + BigInt(own.length),
        });
        const rows = plan.events.flatMap((row) =>
          row.type === "spend_tracked" && row.customerId === customerId ? [row] : [],
        );
        expect(rows.map((row) => row.sequence)).toEqual(
          own.map((_, index) => start.sequence + BigInt(index) + 1n),
        );
        expect(rows.at(-1)?.lifetimeAfterNano).toBe(start.lifetimeSpendNano + sum);
        expect(rows.at(-1)?.spendAfterNano).toBe(start.spendNano + sum);
        const daily = plan.daily.filter((row) => row.customerId === customerId);
        expect(daily.reduce((total, row) => total + row.costNano, 0n)).toBe(sum);
        expect(daily.reduce((total, row) => total + row.calls, 0n)).toBe(BigInt(own.length));
      }
      expect(new Set(plan.daily.map((row) => row._id)).size).toBe(plan.daily.length);
      expect(plan.totals).toHaveLength(batch.length);
      const wanted = plan.events.flatMap((row) => row.endpointIds.map((id) => `${row._id} ${id}`));
      expect(plan.deliveries.map((row) => `${row.eventId} ${row.endpointId}`)).toEqual(wanted);
      expect(new Set(plan.deliveries.map((row) => row._id)).size).toBe(plan.deliveries.length);
    }),
  );
});

test("planning twice gives the same writes", () => {
  fc.assert(
    fc.property(charges, (batch) => {
      expect(planBatch(batch, new Map(), planner, NOW)).toEqual(planBatch(batch, new Map(), planner, NOW));
    }),
  );
});

test("a charge goes into the day it happened on, and its ids come from the request's", () => {
  const [charge] =
    fc.sample(
      charges.filter((batch) => batch.length > 0),
      1,
    )[0] ?? [];
  if (charge === undefined) throw new Error("The sample is not empty");
  const plan = planBatch(
    [{ ...charge, customerId: "ada", occurredAt: new Date("2026-11-23T23:59:59Z") }],
    new Map(),
    planner,
    NOW,
  );
  expect(plan.events[0]).toMatchObject({ _id: "evt_0", day: "2026-11-23", createdAt: NOW });
  expect(plan.deliveries.map((row) => row._id)).toEqual(["dlv_0_default", "dlv_0_second"]);
});

test("a charge survives its way through the spool unchanged", () => {
  fc.assert(
    fc.property(charges, (batch) => {
      for (const charge of batch) expect(decodeCharge(encodeCharge(charge))).toEqual(charge);
    }),
  );
});

test.each(["", "{}", "null", '{"v":2}', "{"])("%j is no charge", (line) => {
  expect(() => decodeCharge(line)).toThrow();
});
