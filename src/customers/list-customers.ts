import type { Filter } from "mongodb";
import { AppError } from "../errors.ts";
import { type CursorShape, decodeCursor, encodeCursor } from "../lib/cursor.ts";
import type { BudgetDoc, CustomerDoc } from "../store/documents.ts";
import { type AdminDeps, showCustomers, showing } from "./admin.ts";
import { budgetRowJson } from "./budget-json.ts";

export interface Page {
  readonly rows: Record<string, unknown>[];
  /** Null: this was the last page. */
  readonly nextCursor: string | null;
}

export interface CustomerQuery {
  readonly limit: number;
  readonly cursor: string | null;
  /** How the customer's id begins. */
  readonly search: string | null;
  readonly sort: "user_id" | "created_at";
  readonly order: "asc" | "desc";
}

const FIELDS = { user_id: "_id", created_at: "createdAt" } as const;

/** Where the last page ended; null = there was none. Throws invalid_cursor for what no page has given out. */
function readCursor(cursor: string | null, shape: CursorShape): (string | number)[] | null {
  if (cursor === null) return null;
  const position = decodeCursor(cursor, shape);
  if (position === null) {
    throw new AppError(
      "invalid_cursor",
      "The cursor is not one of this list: it comes from the page before, asked for with the same sort",
      { param: "cursor" },
    );
  }
  return position;
}

/** One page of customers, by an index at any size. Throws invalid_cursor. */
export async function listCustomers(deps: AdminDeps, query: CustomerQuery): Promise<Page> {
  const field = FIELDS[query.sort];
  const direction = query.order === "asc" ? 1 : -1;
  const conditions: Filter<CustomerDoc>[] = [{ deletedAt: null }];
  if (query.search !== null) conditions.push({ _id: { $gte: query.search, $lt: endOfPrefix(query.search) } });
  const after = readCursor(query.cursor, field === "_id" ? ["text"] : ["instant", "text"]);
  if (after !== null) conditions.push(beyond(field, direction, after));
  const found = await deps.store.collections.customers
    .find({ $and: conditions })
    .sort(field === "_id" ? { _id: direction } : { createdAt: direction, _id: direction })
    .limit(query.limit + 1)
    .toArray();
  const rows = found.slice(0, query.limit);
  const last = found.length > query.limit ? rows.at(-1) : undefined;
  return {
    rows: await showCustomers(deps, rows),
    nextCursor:
      last === undefined
        ? null
        : encodeCursor(field === "_id" ? [last._id] : [last.createdAt.getTime(), last._id]),
  };
}

function beyond(
  field: "_id" | "createdAt",
  direction: 1 | -1,
  after: readonly (string | number)[],
): Filter<CustomerDoc> {
  const past = direction === 1 ? "$gt" : "$lt";
  const id = String(after.at(-1) ?? "");
  if (field === "_id") return { _id: { [past]: id } };
  const createdAt = new Date(Number(after[0] ?? 0));
  return { $or: [{ createdAt: { [past]: createdAt } }, { createdAt, _id: { [past]: id } }] };
}

/** Strings from the prefix up to here, exclusive, begin with it. */
function endOfPrefix(prefix: string): string {
  return `${prefix}\u{10FFFF}`;
}

/** One page of tiers, by id; private budgets of customers are not tiers. */
export async function listBudgets(
  deps: AdminDeps,
  query: { limit: number; cursor: string | null },
): Promise<Page> {
  const after = readCursor(query.cursor, ["text"]);
  const filter: Filter<BudgetDoc> = {
    customerId: null,
    ...(after !== null && { _id: { $gt: String(after[0] ?? "") } }),
  };
  const found = await deps.store.collections.budgets
    .find(filter)
    .sort({ _id: 1 })
    .limit(query.limit + 1)
    .toArray();
  const rows = found.slice(0, query.limit);
  const last = found.length > query.limit ? rows.at(-1) : undefined;
  const show = showing(deps);
  return {
    rows: rows.map((budget) => budgetRowJson(budget, show)),
    nextCursor: last === undefined ? null : encodeCursor([last._id]),
  };
}

/** One page of changes, newest first. */
export async function listAudit(
  deps: AdminDeps,
  query: { limit: number; cursor: string | null; targetId: string | null },
): Promise<Page> {
  const after = readCursor(query.cursor, ["instant", "text"]);
  const at = new Date(Number(after?.[0] ?? 0));
  const found = await deps.store.collections.audit
    .find({
      ...(query.targetId !== null && { targetId: query.targetId }),
      ...(after !== null && { $or: [{ at: { $lt: at } }, { at, _id: { $lt: String(after[1] ?? "") } }] }),
    })
    .sort({ at: -1, _id: -1 })
    .limit(query.limit + 1)
    .toArray();
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
