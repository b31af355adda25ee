import { usdJson } from "../lib/money.ts";
import type { DayModelTotal } from "../spend/daily-totals.ts";
import { addDays, type DayRange, dayOf, daysOf } from "../spend/days.ts";
import { NEAR_UTILIZATION, OVER_UTILIZATION } from "../spend/utilization.ts";
import { readInTime } from "../store/read-in-time.ts";
import { type AdminDeps, showCustomers } from "./admin.ts";
import type { ShownCustomer } from "./customer-json.ts";
import { findCustomers } from "./find-customers.ts";

export interface OverviewDeps extends AdminDeps {
  readonly totals: (range: DayRange) => Promise<readonly DayModelTotal[]>;
  readonly refusals: (
    range: DayRange,
  ) => Promise<readonly { readonly code: string; readonly calls: bigint; readonly usdNano: bigint }[]>;
  readonly webhookHealth: () => Promise<object>;
}

const TOP = 10;
const NEAR = 20;

/** All spend of a range of days, and who needs looking at; from roll-ups and indexes only. Throws query_timeout. */
export async function spendOverview(deps: OverviewDeps, range: DayRange): Promise<object> {
  const days = daysOf(range);
  const before = { from: addDays(range.from, -days.length), to: addDays(range.from, -1) };
  const today = dayOf(deps.now());
  const yesterday = addDays(today, -1);
  const [current, previous, recent, refused, customers, webhooks] = await Promise.all([
    deps.totals(range),
    deps.totals(before),
    deps.totals({ from: yesterday, to: today }),
    deps.refusals(range),
    customersOf(deps),
    deps.webhookHealth(),
  ]);
  const byDay = Map.groupBy(current, ({ day }) => day);
  return {
    today: spendOf(recent.filter(({ day }) => day === today)),
    yesterday: spendOf(recent.filter(({ day }) => day === yesterday)),
    range: {
      ...spendOf(current),
      prompt_tokens: Number(sum(current, ({ promptTokens }) => promptTokens)),
      completion_tokens: Number(sum(current, ({ completionTokens }) => completionTokens)),
    },
    previous: spendOf(previous),
    days: days.map((date) => {
      const rows = byDay.get(date) ?? [];
      return { date, ...spendOf(rows), models: byModel(rows, ({ costNano }) => usdJson(costNano)) };
    }),
    ...customers,
    refused: {
      calls: Number(sum(refused, ({ calls }) => calls)),
      usd: usdJson(sum(refused, ({ usdNano }) => usdNano)),
      by_reason: Object.fromEntries(
        [...Map.groupBy(refused, ({ code }) => code)].map(([code, rows]) => [
          code,
          Number(sum(rows, ({ calls }) => calls)),
        ]),
      ),
    },
    unpriced: unpricedCalls(current),
    webhooks,
  };
}

/** Calls whose model had no price, in all and by model. */
export function unpricedCalls(totals: readonly DayModelTotal[]): {
  calls: number;
  models: Record<string, number>;
} {
  const unpriced = totals.filter(({ unpricedCalls: calls }) => calls > 0n);
  const models = new Map<string, bigint>();
  for (const row of unpriced) models.set(row.model, (models.get(row.model) ?? 0n) + row.unpricedCalls);
  return {
    calls: Number(sum(unpriced, (row) => row.unpricedCalls)),
    models: Object.fromEntries([...models].map(([model, calls]) => [model, Number(calls)])),
  };
}

async function customersOf(deps: OverviewDeps): Promise<object> {
  const { customers } = deps.store.collections;
  const first = async (sort: "spend" | "utilization", limit: number): Promise<ShownCustomer[]> => {
    const all = { search: null, budgetId: null, blocked: null, cursor: null };
    const { rows } = await findCustomers(deps, { ...all, sort, order: "desc", limit });
    return showCustomers(
      deps,
      rows.filter(({ spendNano }) => spendNano > 0n),
    );
  };
  const countFrom = (least: number): Promise<number> =>
    readInTime((limit) => customers.countDocuments({ deletedAt: null, utilization: { $gte: least } }, limit));
  const [top, near, nearCount, overCount] = await Promise.all([
    first("spend", TOP),
    first("utilization", NEAR),
    countFrom(NEAR_UTILIZATION),
    countFrom(OVER_UTILIZATION),
  ]);
  return {
    top_customers: top.map(customerLine),
    near_budget: near.filter(({ utilization }) => (utilization ?? 0) >= NEAR_UTILIZATION).map(customerLine),
    near_count: nearCount,
    over_count: overCount,
  };
}

function customerLine(row: ShownCustomer): object {
  const { utilization } = row;
  return {
    user_id: row["user_id"],
    alias: row["alias"],
    spend: row["spend"],
    max_budget: row["max_budget"],
    utilization,
  };
}

function spendOf(rows: readonly DayModelTotal[]): { spend: number; calls: number } {
  return {
    spend: usdJson(sum(rows, ({ costNano }) => costNano)),
    calls: Number(sum(rows, ({ calls }) => calls)),
  };
}

function byModel(
  rows: readonly DayModelTotal[],
  value: (row: DayModelTotal) => number,
): Record<string, number> {
  return Object.fromEntries(rows.map((row) => [row.model, value(row)]));
}

function sum<T>(rows: readonly T[], value: (row: T) => bigint): bigint {
  return rows.reduce((total, row) => total + value(row), 0n);
}
