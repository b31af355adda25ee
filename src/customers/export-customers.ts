import { type AdminDeps, showCustomers } from "./admin.ts";
import { type CustomerFilter, streamCustomers } from "./find-customers.ts";
import type { CustomerDoc } from "../store/documents.ts";

const COLUMNS = [
  "user_id",
  "alias",
  "blocked",
  "spend",
  "max_budget",
  "utilization",
  "budget_id",
  "effective_budget_id",
  "budget_reset_at",
  "lifetime_spend",
  "sequence",
  "last_call_at",
  "created_at",
] as const;
const CHUNK = 500;

/** Customers as CSV (RFC 4180) by id, a few hundred at a time: what is not yet taken is not yet read. */
export async function* exportCustomers(deps: AdminDeps, query: CustomerFilter): AsyncGenerator<string> {
  yield `${COLUMNS.join(",")}\r\n`;
  let chunk: CustomerDoc[] = [];
  for await (const row of await streamCustomers(deps, query, CHUNK)) {
    chunk.push(row);
    if (chunk.length < CHUNK) continue;
    yield await linesOf(deps, chunk);
    chunk = [];
  }
  if (chunk.length > 0) yield await linesOf(deps, chunk);
}

async function linesOf(deps: AdminDeps, customers: readonly CustomerDoc[]): Promise<string> {
  const rows = await showCustomers(deps, customers);
  return rows.map((row) => `${COLUMNS.map((column) => csvCell(row[column])).join(",")}\r\n`).join("");
}

/** What a spreadsheet would run as a formula is made text by a quote in front of it. */
export function csvCell(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return JSON.stringify(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
