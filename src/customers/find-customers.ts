import type { Filter, FindCursor, Sort } from "mongodb";
import { type CursorShape, decodeCursor, encodeCursor } from "../lib/cursor.ts";
import { readCursor, refuseCursor } from "./read-cursor.ts";
import type { Store } from "../store/connect.ts";
import type { CustomerDoc } from "../store/documents.ts";
import { readInTime } from "../store/read-in-time.ts";

/** Which customers. */
export interface CustomerFilter {
  /** How the id begins, or the alias in any case. */
  readonly search: string | null;
  readonly budgetId: string | null;
  readonly blocked: boolean | null;
}

export type CustomerSort = "user_id" | "created_at" | "spend" | "utilization" | "last_call_at";

export interface CustomerOrder {
  readonly sort: CustomerSort;
  readonly order: "asc" | "desc";
}

export interface FindDeps {
  readonly store: Store;
  /** The tier of customers that have none of their own. */
  readonly defaultBudgetId: string | null;
}

type Value = string | number | bigint | Date | null;

interface SortField {
  readonly name: "_id" | "createdAt" | "spendNano" | "utilization" | "lastCallAt";
  /** Everything that is not null is at least this; absent: the field is never null. */
  readonly least?: number | Date;
  readonly encode: (value: CustomerDoc) => string | number | null;
  /** What a cursor holds of it. */
  readonly kind: CursorShape[number];
  /** Null for what `encode` did not write. */
  readonly decode: (part: string | number) => Value;
}

const FIELDS: Readonly<Record<CustomerSort, SortField>> = {
  user_id: { name: "_id", kind: "text", encode: (row) => row._id, decode: String },
  created_at: {
    name: "createdAt",
    kind: "integer",
    encode: (row) => row.createdAt.getTime(),
    decode: dateOf,
  },
  spend: { name: "spendNano", kind: "text", encode: (row) => String(row.spendNano), decode: nanoOf },
  utilization: {
    name: "utilization",
    least: 0,
    kind: "number",
    encode: (row) => row.utilization,
    decode: (part) => (typeof part === "number" ? part : null),
  },
  last_call_at: {
    name: "lastCallAt",
    least: new Date(0),
    kind: "integer",
    encode: (row) => row.lastCallAt?.getTime() ?? null,
    decode: dateOf,
  },
};

function dateOf(part: string | number): Date | null {
  const date = new Date(part);
  return Number.isNaN(date.getTime()) ? null : date;
}

function nanoOf(part: string | number): bigint | null {
  return /^\d{1,19}$/.test(String(part)) ? BigInt(part) : null;
}

/** As many matches of a search are looked up by their ids; where there are more, every order soon meets one. */
const FEW = 1000;

/**
 * Customers in an order, from where the cursor's page ended, each read by an index at any size. Throws
 * invalid_cursor and query_timeout.
 */
export async function findCustomers(
  deps: FindDeps,
  query: CustomerFilter & CustomerOrder & { readonly limit: number; readonly cursor: string | null },
): Promise<{ rows: CustomerDoc[]; nextCursor: string | null }> {
  const field = FIELDS[query.sort];
  const filter = plainFilter(deps, query);
  const branches = query.search === null ? [] : await searchBranches(deps, query.search);
  const parts = segments(field, query);
  const read = (more: Filter<CustomerDoc>[]): Promise<CustomerDoc[]> =>
    readSegments(deps, { parts, more: [filter, ...more], field, query });
  let found: CustomerDoc[];
  if (branches.length > 0 && query.sort === "user_id") {
    // Each branch is in the order of ids by itself; one condition for both would be read from the first id on.
    const both = await Promise.all(branches.map((branch) => read([branch])));
    found = mergeById(both.flat(), query.order);
  } else {
    found = await read(branches.length === 0 ? [] : [{ $or: branches }]);
  }
  const rows = found.slice(0, query.limit);
  const last = found.length > query.limit ? rows.at(-1) : undefined;
  return { rows, nextCursor: last === undefined ? null : cursorAfter(field, last) };
}

/** Every customer that fits, by id: the one order in which nobody moves while it is read. */
export async function streamCustomers(
  deps: FindDeps,
  query: CustomerFilter,
  batchSize: number,
): Promise<FindCursor<CustomerDoc>> {
  const branches = query.search === null ? [] : await searchBranches(deps, query.search);
  const filter = plainFilter(deps, query);
  return deps.store.collections.customers
    .find({ $and: [filter, ...(branches.length === 0 ? [] : [{ $or: branches }])] })
    .sort({ _id: 1 })
    .batchSize(batchSize);
}

/** The customers of a tier; those without one have the default. */
export function tierFilter(deps: FindDeps, budgetId: string): Filter<CustomerDoc> {
  const budget = budgetId === deps.defaultBudgetId ? { $in: [budgetId, null] } : budgetId;
  return { budgetId: budget, deletedAt: null };
}

function plainFilter(deps: FindDeps, { budgetId, blocked }: CustomerFilter): Filter<CustomerDoc> {
  return {
    ...(budgetId === null ? { deletedAt: null } : tierFilter(deps, budgetId)),
    ...(blocked !== null && { blocked }),
  };
}

/** Conditions of which a customer that is searched for meets one. */
async function searchBranches({ store }: FindDeps, search: string): Promise<Filter<CustomerDoc>[]> {
  const branches: Filter<CustomerDoc>[] = [
    { _id: beginsWith(search) },
    { aliasKey: beginsWith(aliasKeyOf(search) ?? "") },
  ];
  return Promise.all(
    branches.map(async (branch) => {
      const found = await readInTime((limit) =>
        store.collections.customers
          .find(branch, limit)
          .limit(FEW + 1)
          .project<{ _id: string }>({ _id: 1 })
          .toArray(),
      );
      return found.length > FEW ? branch : { _id: { $in: found.map(({ _id }) => _id) } };
    }),
  );
}

/** What an alias is searched by. */
export function aliasKeyOf(alias: string | null): string | null {
  return alias === null ? null : alias.normalize("NFKC").toLowerCase();
}

/** Strings from the prefix up to here, exclusive, begin with it. */
function beginsWith(prefix: string): { $gte: string; $lt: string } {
  return { $gte: prefix, $lt: `${prefix}\u{10FFFF}` };
}

/**
 * What comes after the cursor, as conditions whose results follow each other. One condition for all would
 * make a page among many equal values read all of them.
 */
function segments(
  field: SortField,
  { cursor, order }: { cursor: string | null; order: "asc" | "desc" },
): Filter<CustomerDoc>[] {
  if (cursor === null) return [{}];
  const past = order === "asc" ? "$gt" : "$lt";
  // A page that ended among those without a value has only the id to tell.
  const among = field.least === undefined ? null : decodeCursor(cursor, ["text"]);
  const position = among ?? readCursor(cursor, field.name === "_id" ? ["text"] : [field.kind, "text"]) ?? [];
  const afterId = { _id: { [past]: String(position.at(-1)) } };
  if (field.name === "_id") return [afterId];
  if (among !== null && field.least !== undefined) {
    const ties = { [field.name]: null, ...afterId };
    return order === "asc" ? [ties, { [field.name]: { $gte: field.least } }] : [ties];
  }
  const value = field.decode(position[0] ?? "") ?? refuseCursor();
  const after = [{ [field.name]: value, ...afterId }, { [field.name]: { [past]: value } }];
  // Null sorts before everything.
  return order === "desc" && field.least !== undefined ? [...after, { [field.name]: null }] : after;
}

async function readSegments(
  { store }: FindDeps,
  what: {
    parts: Filter<CustomerDoc>[];
    more: Filter<CustomerDoc>[];
    field: SortField;
    query: CustomerOrder & { limit: number };
  },
): Promise<CustomerDoc[]> {
  const { field, query } = what;
  const direction = query.order === "asc" ? 1 : -1;
  const sort: Sort = field.name === "_id" ? { _id: direction } : { [field.name]: direction, _id: direction };
  const found: CustomerDoc[] = [];
  for (const part of what.parts) {
    const missing = query.limit + 1 - found.length;
    if (missing <= 0) break;
    const filter = { $and: [...what.more, part] };
    const rows = await readInTime((limit) =>
      store.collections.customers.find(filter, limit).sort(sort).limit(missing).toArray(),
    );
    found.push(...rows);
  }
  return found;
}

/** Ids are ordered by their bytes, as the store orders them. */
function mergeById(rows: readonly CustomerDoc[], order: "asc" | "desc"): CustomerDoc[] {
  const distinct = [...new Map(rows.map((row) => [row._id, row])).values()];
  const sign = order === "asc" ? 1 : -1;
  return distinct.sort((a, b) => sign * Buffer.compare(Buffer.from(a._id), Buffer.from(b._id)));
}

function cursorAfter(field: SortField, row: CustomerDoc): string {
  if (field.name === "_id") return encodeCursor([row._id]);
  const value = field.encode(row);
  return encodeCursor(value === null ? [row._id] : [value, row._id]);
}
