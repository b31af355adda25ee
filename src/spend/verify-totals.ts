import { formatNano } from "../lib/money.ts";
import type { DayModelTotal } from "./daily-totals.ts";
import type { LedgerRow } from "./verify-ledger.ts";

/** One day's roll-ups over all customers and the customers' own, as of one instant. */
export interface DayRecords {
  readonly totals: readonly DayModelTotal[];
  /** The customers' daily rows, summed by model. */
  readonly daily: readonly DayModelTotal[];
}

/** Adds up ledger rows by day and model as they come by. */
export class LedgerTotals {
  readonly #sums = new Map<string, DayModelTotal>();

  add(row: LedgerRow): void {
    const { day, model, usage } = row;
    const key = keyOf(row);
    const known = this.#sums.get(key);
    this.#sums.set(key, {
      day,
      model,
      costNano: (known?.costNano ?? 0n) + row.costNano,
      calls: (known?.calls ?? 0n) + 1n,
      promptTokens: (known?.promptTokens ?? 0n) + BigInt(usage.promptTokens),
      completionTokens: (known?.completionTokens ?? 0n) + BigInt(usage.completionTokens),
      unpricedCalls: (known?.unpricedCalls ?? 0n) + (row.unpriced ? 1n : 0n),
    });
  }

  /** Days on which these totals are not what has been added. */
  daysThatDiffer(totals: readonly DayModelTotal[]): string[] {
    const wrong = differing(totals, [...this.#sums.values()]);
    return [...new Set(wrong.map(({ day }) => day))].sort();
  }
}

/** Every difference between a day's totals and what its customers' days add up to. */
export function compareDay({ totals, daily }: DayRecords): string[] {
  return differing(totals, daily).map(
    ({ day, model, found, expected }) =>
      `daily total of ${day} for model ${JSON.stringify(model)} is ${show(found)}, the customers' days say ${show(expected)}`,
  );
}

interface Difference {
  readonly day: string;
  readonly model: string;
  readonly found: DayModelTotal | undefined;
  readonly expected: DayModelTotal | undefined;
}

function differing(found: readonly DayModelTotal[], expected: readonly DayModelTotal[]): Difference[] {
  const left = new Map(found.map((row) => [keyOf(row), row]));
  const right = new Map(expected.map((row) => [keyOf(row), row]));
  return [...new Map([...left, ...right])].flatMap(([key, { day, model }]) => {
    const pair = { found: left.get(key), expected: right.get(key) };
    return show(pair.found) === show(pair.expected) ? [] : [{ day, model, ...pair }];
  });
}

function show(sums: DayModelTotal | undefined): string {
  if (sums === undefined) return "nothing";
  const { costNano, calls, promptTokens, completionTokens, unpricedCalls } = sums;
  const tokens = `${promptTokens} and ${completionTokens} tokens`;
  return `${formatNano(costNano)} USD in ${calls} calls with ${tokens}, ${unpricedCalls} of them unpriced`;
}

function keyOf({ day, model }: { readonly day: string; readonly model: string }): string {
  return JSON.stringify([day, model]);
}
