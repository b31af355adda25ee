import type { Filter } from "mongodb";
import { usdJson } from "../lib/money.ts";
import { encodeCursor } from "../lib/cursor.ts";
import type { BudgetDoc } from "../store/documents.ts";
import { readInTime } from "../store/read-in-time.ts";
import { readCursor } from "./read-cursor.ts";
import { type AdminDeps, showCustomers, showing } from "./admin.ts";
import { budgetRowJson } from "./budget-json.ts";
import { budgetUsage } from "./budget-usage.ts";
import { type CustomerFilter, type CustomerOrder, findCustomers } from "./find-customers.ts";

export interface Page {
  readonly rows: Record<string, unknown>[];
  /** Null: this was the last page. */
  readonly nextCursor: string | null;
}

export interface CustomerQuery extends CustomerFilter, CustomerOrder {
  readonly limit: number;
  readonly cursor: string | null;
  /** With what calls in flight hold of each customer's budget. */
  readonly held?: boolean;
}

/** One page of customers, by an index at any size. Throws invalid_cursor and query_timeout. */
export async function listCustomers(deps: AdminDeps, query: CustomerQuery): Promise<Page> {
  const { rows, nextCursor } = await findCustomers(deps, query);
  return { rows: await showCustomers(deps, rows), nextCursor };
}

/** What calls in flight hold of these customers' budgets, in their order; null: nobody can say. */
export type ReadHeld = (customerIds: readonly string[]) => Promise<bigint[] | null>;

/** Rows with what calls in flight hold; null where nobody can say. */
export async function withHeld<Row extends Record<string, unknown>>(
  rows: readonly Row[],
  readHeld: ReadHeld,
): Promise<(Row & { held: number | null })[]> {
  const held = await readHeld(rows.map((row) => String(row["user_id"])));
  return rows.map((row, at) => {
    const nano = held?.[at];
    return { ...row, held: nano === undefined ? null : usdJson(nano) };
  });
}

/** One page of tiers, by id; private budgets of customers are not tiers. */
export async function listBudgets(
  deps: AdminDeps,
  query: { limit: number; cursor: string | null; usage: boolean },
): Promise<Page> {
  const after = readCursor(query.cursor, ["text"]);
  const filter: Filter<BudgetDoc> = {
    customerId: null,
    ...(after !== null && { _id: { $gt: String(after[0] ?? "") } }),
  };
  const { budgets } = deps.store.collections;
  const found = await readInTime((limit) =>
    budgets
      .find(filter, limit)
      .sort({ _id: 1 })
      .limit(query.limit + 1)
      .toArray(),
  );
  const rows = found.slice(0, query.limit);
  const last = found.length > query.limit ? rows.at(-1) : undefined;
  const show = showing(deps);
  const shown = rows.map((budget) => budgetRowJson(budget, show));
  return {
    rows: query.usage ? await withUsage(deps, shown) : shown,
    nextCursor: last === undefined ? null : encodeCursor([last._id]),
  };
}

async function withUsage(deps: AdminDeps, rows: readonly Record<string, unknown>[]): Promise<Page["rows"]> {
  const all: Page["rows"] = [];
  for (const row of rows) all.push({ ...row, ...(await budgetUsage(deps, String(row["budget_id"]))) });
  return all;
}

/** One page of changes, newest first. */
export async function listAudit(
  { store }: Pick<AdminDeps, "store">,
  query: { limit: number; cursor: string | null; targetId: string | null },
): Promise<Page> {
  const after = readCursor(query.cursor, ["integer", "text"]);
  const at = new Date(Number(after?.[0] ?? 0));
  const filter = {
    ...(query.targetId !== null && { targetId: query.targetId }),
    ...(after !== null && { $or: [{ at: { $lt: at } }, { at, _id: { $lt: String(after[1] ?? "") } }] }),
  };
  const { audit } = store.collections;
  const found = await readInTime((limit) =>
    audit
      .find(filter, limit)
      .sort({ at: -1, _id: -1 })
      .limit(query.limit + 1)
      .toArray(),
  );
  const rows = found.slice(0, query.limit);
  const last = found.length > query.limit ? rows.at(-1) : undefined;
  return {
    rows: rows.map((row) => ({
      id: row._id,
      at: row.at.toISOString(),
      actor: row.actor,
      action: row.action,
      target_id: row.targetId,
      before: row.before === null ? null : (JSON.parse(row.before) as unknown),
      after: row.after === null ? null : (JSON.parse(row.after) as unknown),
    })),
    nextCursor: last === undefined ? null : encodeCursor([last.at.getTime(), last._id]),
  };
}
